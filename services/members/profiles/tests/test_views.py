"""What profiles show after given events, and to whom, on a real database."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.access.erasure import ErasureRecorded
from libs.access.roles import ALL_ROLES, Role
from libs.shared.domain import SYSTEM, DomainError
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.brand import BrandCreated, BrandKind
from services.members.home import LocaleChosen
from services.members.member import MemberAddressChanged, MemberLeft, ProfileChanged
from services.members.profiles.audience import EVERYONE, ONESELF, Audience, BuiltIn, Reach, Viewer
from services.members.profiles.fields import FieldType
from services.members.profiles.form import (
    FieldAudienceChosen,
    ProfileFieldDefined,
    ProfileFieldRestored,
    ProfileFieldRetired,
    ProfileFieldsOrdered,
)
from services.members.profiles.profile import (
    AvatarChosen,
    ExternalIdAssigned,
    ExternalIdFreed,
    MemberLocaleChosen,
    ProfileCompleted,
    ProfileFieldsHidden,
    ProfileFieldsSet,
)
from services.members.profiles.tests.builders import JOINED, field
from services.members.profiles.views.profiles import (
    Avatar,
    MemberByExternalId,
    MemberFound,
    ProfileFormOfBrand,
    ProfilesGetMany,
    ProfilesView,
    ProfileView,
)

Bench = ViewBench[ProfilesView]
LEADERS_ONLY = Audience(reach=Reach.ROLES, roles=[Role.BUILDER, Role.OWNER])
MODERATORS = Audience(reach=Reach.ROLES, roles=[Role.MODERATOR])
CREATED = BrandCreated(network_id="n1", slug="b", name="B", kind=BrandKind.CLUB, locale="fr")

#: One field for each reach, and what the member m1 says in each of their fields.
FIELDS = {"open": EVERYONE, "leaders": LEADERS_ONLY, "moderators": MODERATORS, "private": ONESELF}
SAID = {
    "bio": "Sails", "avatar": Avatar(url="https://example.org/m.png", alt="At sea"), "email": "marie@example.org",
    "time_zone": "Europe/Paris", "language": "fr-CA", "external_id": "crm-7",
    **{key: f"value of {key}" for key in FIELDS},
}  # fmt: skip
HISTORY = (
    JOINED,
    ProfileChanged(display_name="Mimi", bio="Sails"),
    AvatarChosen(url="https://example.org/m.png", alt="At sea"),
    MemberLocaleChosen(time_zone="Europe/Paris", language="fr-CA"),
    ExternalIdAssigned(external_id="crm-7", token="t7"),
    ProfileFieldsSet(values="{" + ",".join(f'"{key}":"value of {key}"' for key in FIELDS) + "}", edition=4),
    ProfileCompleted(edition=4),
)


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[Bench]:
    async with view_bench(ProfilesView(), mongo_url) as made:
        yield made


async def defined(bench: Bench, *events: Any, brand: str = "b1") -> None:
    await bench.given(*events, brand=brand, aggregate="profile_form", id=brand)


async def furnished(bench: Bench) -> None:
    await defined(bench, *(ProfileFieldDefined(field=field(key, audience=who)) for key, who in FIELDS.items()))
    await bench.given(*HISTORY, aggregate="member", id="m1")


async def profile(bench: Bench, viewer: str, *roles: Role, member: str = "m1", brand: str = "b1") -> ProfileView | None:
    query = ProfilesGetMany(brand=brand, viewer=viewer, ids=[member])
    [found] = await bench.view.profiles_get_many(query, Viewer(viewer, frozenset(roles)))
    return found


async def seen(bench: Bench, viewer: str, *roles: Role) -> set[str]:
    """The fields that a viewer sees of m1, each with exactly what the member said."""
    shown = await profile(bench, viewer, *roles)
    assert shown is not None
    there = {name: getattr(shown, name) for name in ("bio", "avatar", "email", "time_zone", "language", "external_id")}
    there |= {one.field.key: one.value for one in shown.fields}
    visible = {name: value for name, value in there.items() if value not in (None, "")}
    assert visible == {name: SAID[name] for name in visible}
    assert (shown.completeness is None) is (shown.hidden is None) is (viewer not in ("m1", SYSTEM))
    return set(visible)


#: What each viewer sees where the brand said nothing of the built-in fields.
BY_DEFAULT = {"bio", "avatar", "open"}
MATRIX: list[tuple[str, tuple[Role, ...], set[str]]] = [
    ("m1", (Role.MEMBER,), set(SAID)),
    (SYSTEM, tuple(ALL_ROLES), set(SAID)),
    ("m2", (Role.MEMBER,), BY_DEFAULT),
    ("m2", (Role.MEMBER, Role.AMBASSADOR), BY_DEFAULT),
    ("m2", (Role.MEMBER, Role.MODERATOR), BY_DEFAULT | {"moderators"}),
    ("m2", (Role.MEMBER, Role.BUILDER), BY_DEFAULT | {"leaders", "external_id"}),
    ("m2", (Role.MEMBER, Role.OWNER), BY_DEFAULT | {"leaders", "external_id"}),
    ("sa_1", (), BY_DEFAULT | {"external_id"}),
]


async def test_who_sees_which_field(bench: Bench) -> None:
    await furnished(bench)
    for viewer, roles, visible in MATRIX:
        assert await seen(bench, viewer, *roles) == visible, (viewer, roles)


async def test_what_the_member_hides_nobody_else_sees(bench: Bench) -> None:
    await furnished(bench)
    for hidden in ([*FIELDS, *BuiltIn], ["open"], ["bio", "leaders"]):
        await bench.given(ProfileFieldsHidden(fields=[str(one) for one in hidden]), aggregate="member", id="m1")
        for viewer, roles, visible in MATRIX:
            expected = visible if viewer in ("m1", SYSTEM) else visible - set(hidden)
            assert await seen(bench, viewer, *roles) == expected, (hidden, viewer, roles)


async def test_the_brand_decides_about_every_built_in_field(bench: Bench) -> None:
    await furnished(bench)
    built_in = {"bio", "avatar", "email", "time_zone", "language"}
    for audience in (EVERYONE, MODERATORS, LEADERS_ONLY, ONESELF):
        await defined(bench, *(FieldAudienceChosen(field=one, audience=audience) for one in BuiltIn))
        for viewer, roles, _ in MATRIX:
            own = viewer in ("m1", SYSTEM)
            expected = built_in if own or audience.admits(frozenset(roles)) else set()
            assert await seen(bench, viewer, *roles) & built_in == expected, (audience, viewer, roles)


async def test_the_address_is_the_newest_one(bench: Bench) -> None:
    async def address(viewer: str, member: str = "m1", brand: str = "b1") -> str | None:
        shown = await profile(bench, viewer, member=member, brand=brand)
        assert shown is not None
        return shown.email

    for brand, member in ("b1", "m1"), ("b1", "m3"), ("b2", "m1"):
        await bench.given(JOINED, brand=brand, id=member)
    for email in ("m.curie@example.com", None, "marie@example.com"):
        await bench.given(MemberAddressChanged(email=email), id="m1")
        assert (await address("m1"), await address("m2")) == (email, None)
    assert await address("m3", "m3") == await address("m1", brand="b2") == "marie@example.org"
    await bench.given(MemberLeft(), MemberAddressChanged(email="late@example.com"), id="m1")
    assert await profile(bench, "m1") is None
    assert "@example.com" not in str(await bench.documents("profiles"))
    await bench.given(JOINED, id="m1")
    assert await address("m1") == "marie@example.org"


async def test_completeness_is_that_of_the_form_of_the_moment(bench: Bench) -> None:
    async def percent() -> int | None:
        shown = await profile(bench, "m1", Role.MEMBER)
        assert shown is not None
        return shown.completeness

    await bench.given(JOINED, id="m1")
    assert await percent() == 33, "a name, of name, bio and avatar"
    company, town = field(required=True), field("town", required=True)
    await defined(bench, ProfileFieldDefined(field=company), ProfileFieldDefined(field=town))
    assert await percent() == 20
    await bench.given(ProfileChanged(display_name="M", bio="Sails"), id="m1")
    await bench.given(ProfileFieldsSet(values='{"company":"Acme"}', edition=2), id="m1")
    assert await percent() == 60
    await defined(bench, ProfileFieldRetired(key="town"))
    assert await percent() == 75
    await bench.given(AvatarChosen(url="https://example.org/m.png", alt="M"), id="m1")
    assert await percent() == 100
    await defined(bench, ProfileFieldRestored(key="town"))
    assert await percent() == 80
    await defined(bench, ProfileFieldDefined(field=field("town")))
    assert await percent() == 100, "it is asked for no more"
    await bench.given(ProfileFieldsSet(values='{"company":null}', edition=5), id="m1")
    assert await percent() == 75


async def test_a_retired_field_is_shown_to_nobody_and_comes_back_with_its_values(bench: Bench) -> None:
    await furnished(bench)
    await defined(bench, ProfileFieldRetired(key="open"))
    for viewer in ("m1", "m2"):
        assert "open" not in await seen(bench, viewer, Role.MEMBER)
    form = ProfileFormOfBrand(brand="b1", viewer="m2")
    for roles, keys in (({"member"}, []), ({"member", "builder"}, ["open"])):
        found = await bench.view.profile_form_of_brand(form, Viewer("m2", roles))
        assert [one.field.key for one in found.fields if one.retired] == keys
    await defined(bench, ProfileFieldRestored(key="open"))
    assert "open" in await seen(bench, "m2", Role.MEMBER)


async def test_a_form_in_its_order(bench: Bench) -> None:
    await defined(bench, *(ProfileFieldDefined(field=field(key, FieldType.NUMBER)) for key in ("aa", "bb", "cc")))
    await defined(
        bench, ProfileFieldsOrdered(keys=["cc", "aa", "bb"]), ProfileFieldDefined(field=field("bb", required=True))
    )
    query = ProfileFormOfBrand(brand="b1", viewer="m2")
    found = await bench.view.profile_form_of_brand(query, Viewer("m2", frozenset()))
    assert found.edition == 5
    assert [one.field for one in found.fields] == [
        field("cc", FieldType.NUMBER), field("aa", FieldType.NUMBER), field("bb", required=True)
    ]  # fmt: skip
    assert {rule.field: rule.audience.reach for rule in found.rules} == {
        "bio": "everyone", "avatar": "everyone", "email": "oneself", "time-zone": "oneself", "language": "oneself",
    }  # fmt: skip
    other = await bench.view.profile_form_of_brand(ProfileFormOfBrand(brand="b2", viewer="x"), Viewer("x", frozenset()))
    assert (other.edition, other.fields) == (0, [])


async def test_a_member_sees_the_fields_that_have_no_value_yet(bench: Bench) -> None:
    await furnished(bench)
    await defined(bench, ProfileFieldDefined(field=field("new")))
    own, others = await profile(bench, "m1"), await profile(bench, "m2")
    assert own is not None and [one.field.key for one in own.fields] == [*FIELDS, "new"]
    assert others is not None and [one.field.key for one in others.fields] == ["open"]


async def test_language_and_zone_are_the_brands_until_they_are_chosen(bench: Bench) -> None:
    await bench.given(CREATED, aggregate="brand", id="b1")
    await bench.given(JOINED, id="m1")
    own = await profile(bench, "m1")
    assert own is not None and (own.language, own.time_zone) == ("fr", "UTC")
    await bench.given(LocaleChosen(locale="de"), aggregate="home", id="b1")
    own = await profile(bench, "m1")
    assert own is not None and own.language == "de"
    await bench.given(MemberLocaleChosen(time_zone="Asia/Tokyo", language="ja"), id="m1")
    own = await profile(bench, "m1")
    assert own is not None and (own.language, own.time_zone) == ("ja", "Asia/Tokyo")


async def test_who_has_an_external_id(bench: Bench) -> None:
    await furnished(bench)

    async def found(external_id: str, brand: str = "b1") -> MemberFound:
        query = MemberByExternalId(brand=brand, viewer="m2", external_id=external_id)
        return await bench.view.member_by_external_id(query)

    assert await found("crm-7") == MemberFound(member_id="m1")
    for external_id, brand in (("crm-8", "b1"), ("crm-7", "b2"), ("CRM-7", "b1")):
        with pytest.raises(DomainError) as refusal:
            await found(external_id, brand)
        assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", ("external_id",))
    await bench.given(ExternalIdAssigned(external_id="crm-8", token="t8"), id="m1")
    assert await found("crm-8") == MemberFound(member_id="m1")
    await bench.given(ExternalIdFreed(token="t8"), id="m1")
    with pytest.raises(DomainError):
        await found("crm-8")


async def test_what_segments_may_know(bench: Bench) -> None:
    await furnished(bench)
    await bench.given(JOINED, aggregate="member", id="m2")

    async def told() -> dict[str, list[str]]:
        found = await bench.view.told_to_leaders("b1", ["m1", "m2", "m3"], [*FIELDS, "bio"])
        return {who: sorted(values) for who, values in found.items()}

    assert await told() == {"m1": ["leaders", "open"], "m2": []}
    assert (await bench.view.told_to_leaders("b1", ["m1"], ["open"])) == {"m1": {"open": "value of open"}}
    await bench.given(ProfileFieldsHidden(fields=["open"]), aggregate="member", id="m1")
    assert (await told())["m1"] == ["leaders"]
    await defined(bench, ProfileFieldRetired(key="leaders"))
    assert (await told())["m1"] == []
    await bench.given(ProfileFieldsHidden(fields=[]), aggregate="member", id="m1")
    await defined(
        bench, ProfileFieldRestored(key="leaders"), ProfileFieldDefined(field=field("open", audience=ONESELF))
    )
    assert (await told())["m1"] == ["leaders"]
    assert await bench.view.with_value("b1", "open") == ["m1"]
    assert (await bench.view.with_value("b2", "open"), await bench.view.with_value("b1", "boat")) == ([], [])


@pytest.mark.parametrize("end", ["leaving", "erasure"])
async def test_of_who_has_gone_nothing_is_kept(bench: Bench, end: str) -> None:
    await furnished(bench)
    if end == "leaving":
        await bench.given(MemberLeft(), id="m1")
    else:
        await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1")
    assert await profile(bench, "m1") is None
    assert await bench.documents("profiles") == []


async def test_another_brand_sees_nothing(bench: Bench) -> None:
    await furnished(bench)
    assert await profile(bench, "m1", *ALL_ROLES, brand="b2") is None


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    form = [ProfileFieldDefined(field=field(key)) for key in FIELDS]
    contents = set()
    for together in (True, False):
        async with view_bench(ProfilesView(), mongo_url) as bench:
            for events, place in ((form, ("profile_form", "b1")), (HISTORY, ("member", "m1"))):
                for part in [events] if together else [[event] for event in events]:
                    await bench.given(*part, aggregate=place[0], id=place[1])
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
