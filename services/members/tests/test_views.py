"""What the views of members show after given events, on a real database."""

from datetime import UTC, datetime
from typing import Any

import pytest

from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.domain import NO_BRAND, SYSTEM, DomainError
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, view_bench
from services.members.brand import BrandCreated, BrandKind
from services.members.member import (
    MemberErased,
    MemberErasureRequested,
    MemberJoined,
    MemberLeft,
    ProfileChanged,
    RoleGranted,
    RoleRevoked,
    ScrubbedService,
)
from services.members.network import NetworkCreated
from services.members.service_account import (
    ApiKeyIssued,
    ApiKeyRevoked,
    ServiceAccountClosed,
    ServiceAccountCreated,
)
from services.members.views.brands import BrandBySlug, BrandPages, BrandsGetMany, BrandsView, BrandView
from services.members.views.erasures import ErasuresGetMany, ErasuresView, ErasureView
from services.members.views.member_list import (
    MemberListView,
    MemberPage,
    MembersGetMany,
    Membership,
    MembershipsOfIdentity,
    MemberView,
)
from services.members.views.networks import (
    NetworkAdmins,
    NetworkBySlug,
    NetworkPage,
    NetworksGetMany,
    NetworksView,
    NetworkView,
)
from services.members.views.service_accounts import (
    ApiKeyOwner,
    ApiKeyView,
    OwnerOfApiKey,
    ServiceAccountPage,
    ServiceAccountsGetMany,
    ServiceAccountsView,
    ServiceAccountView,
)

EARLY = datetime(1996, 5, 17, 8, 30, 0, 125_000, tzinfo=UTC)
JOINED = MemberJoined(identity="i1", display_name="Marie", email="marie@example.org")
ANYBODY: dict[str, Any] = {"brand": NO_BRAND, "viewer": "anybody"}


def brand_created(slug: str, network_id: str = "n1") -> BrandCreated:
    return BrandCreated(network_id=network_id, slug=slug, name=slug.title(), kind=BrandKind.CLUB, locale="fr")


async def test_networks(mongo_url: str) -> None:
    async with view_bench(NetworksView(), mongo_url) as bench:
        view = bench.view
        for id_, time in (("n1", EARLY), ("n2", NOON)):
            event = NetworkCreated(name=id_.upper(), slug=f"net-{id_}", admin="i1")
            await bench.given(event, brand=NO_BRAND, aggregate="network", id=id_, time=time)
        for id_, network_id in (("b1", "n1"), ("b2", "n2"), ("b3", "n1")):
            await bench.given(brand_created(id_, network_id), brand=id_, aggregate="brand", id=id_)
        first = NetworkView(id="n1", name="N1", slug="net-n1", created_at=EARLY, brand_count=2)
        assert await view.network_by_slug(NetworkBySlug(**ANYBODY, slug="net-n1")) == first
        many = await view.networks_get_many(NetworksGetMany(**ANYBODY, ids=["n1", "n9", "n2"]))
        assert many == [first, None, NetworkView(id="n2", name="N2", slug="net-n2", created_at=NOON, brand_count=1)]
        found = await view.network_page(NetworkPage(**ANYBODY, page=PageRequest(first=1)))
        assert ([item.id for item in found.items], found.total_count, found.has_next) == (["n2"], 2, True)
        for viewer, see_all, shown in (("i1", False, True), ("i2", False, False), ("i2", True, True)):
            asked = NetworkAdmins(brand=NO_BRAND, viewer=viewer, ids=["n9", "n2", "n1"])
            admins = await view.network_admins(asked, see_all=see_all)
            assert [[one.identity for one in each] if each else each for each in admins] == (
                [None, ["i1"], ["i1"]] if shown else [None, None, None]
            )
        with pytest.raises(DomainError) as refused:
            await view.network_by_slug(NetworkBySlug(**ANYBODY, slug="net-n9"))
        assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("slug",))


async def test_brands(mongo_url: str) -> None:
    async with view_bench(BrandsView(), mongo_url) as bench:
        view = bench.view
        for id_, network_id, time in (("b1", "n1", EARLY), ("b2", "n2", NOON), ("b3", "n1", NOON)):
            await bench.given(brand_created(id_, network_id), brand=id_, aggregate="brand", id=id_, time=time)
        await bench.given(JOINED, RoleGranted(role=Role.OWNER), aggregate="member", id="m1")
        await bench.given(JOINED, MemberLeft(), JOINED, ProfileChanged(display_name="X", bio=""), id="m2")
        await bench.given(JOINED, MemberLeft(), id="m3")
        await bench.given(JOINED, brand="b2", id="m4")
        first = BrandView(
            id="b1",
            network_id="n1",
            slug="b1",
            name="B1",
            kind=BrandKind.CLUB,
            locale="fr",
            created_at=EARLY,
            member_count=2,
        )
        assert await view.brand_by_slug(BrandBySlug(**ANYBODY, slug="b1")) == first
        many = await view.brands_get_many(BrandsGetMany(**ANYBODY, ids=["b3", "b9", "b1", "b2"]))
        assert [brand and (brand.id, brand.member_count) for brand in many] == [("b3", 0), None, ("b1", 2), ("b2", 1)]
        pages = await view.brand_pages(BrandPages(**ANYBODY, ids=["n9", "n1", "n1"]))
        shown = [([item.id for item in found.items], found.total_count) for found in pages]
        assert shown == [([], 0), (["b3", "b1"], 2), (["b3", "b1"], 2)]
        with pytest.raises(DomainError) as refused:
            await view.brand_by_slug(BrandBySlug(**ANYBODY, slug="b9"))
        assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("slug",))


async def test_a_member_as_everybody_in_the_brand_sees_them(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        await bench.given(JOINED, id="m1", time=EARLY)
        await bench.given(
            ProfileChanged(display_name="Mimi", bio="Sails"),
            RoleGranted(role=Role.OWNER),
            RoleGranted(role=Role.AMBASSADOR),
            RoleGranted(role=Role.MODERATOR),
            RoleRevoked(role=Role.MODERATOR),
            id="m1",
        )
        seen = MemberView(
            id="m1",
            display_name="Mimi",
            roles=["ambassador", "member", "owner"],
            joined_at=EARLY,
            left_at=None,
        )
        for viewer in ("m2", "m1"):
            assert await bench.view.members_get_many(MembersGetMany(brand="b1", viewer=viewer, ids=["m1"])) == [seen]
        listed = await bench.view.member_page(MemberPage(brand="b1", viewer="m2"))
        assert listed.items == [seen]


async def test_who_left_keeps_a_name_and_nothing_else(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        history = (JOINED, ProfileChanged(display_name="Mimi", bio="Sails"), RoleGranted(role=Role.BUILDER))
        await bench.given(*history, id="m1", time=EARLY)
        await bench.given(MemberLeft(), id="m1", time=NOON)
        left = MemberView(id="m1", display_name="Mimi", roles=[], joined_at=EARLY, left_at=NOON)
        for viewer in ("m1", "m2"):
            assert await bench.view.members_get_many(MembersGetMany(brand="b1", viewer=viewer, ids=["m1"])) == [left]
        listed = await bench.view.member_page(MemberPage(brand="b1", viewer="m2"))
        assert (listed.items, listed.total_count) == ([], 0)
        mine = MembershipsOfIdentity(brand=NO_BRAND, viewer="i1", identity="i1")
        assert (await bench.view.memberships_of_identity(mine)).items == []
        stored = str(await bench.documents("members"))
        assert not any(word in stored for word in ("Sails", "marie@example.org", "i1"))
        await bench.given(JOINED, id="m1", time=NOON)
        [again] = await bench.view.members_get_many(MembersGetMany(brand="b1", viewer="m2", ids=["m1"]))
        assert again == MemberView(id="m1", display_name="Marie", roles=["member"], joined_at=NOON, left_at=None)


async def test_pages_of_a_brand_newest_first(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        for id_ in ("m1", "m2", "m3", "m4"):
            await bench.given(JOINED, id=id_)
        await bench.given(JOINED, id="m5", time=EARLY)
        await bench.given(MemberLeft(), id="m2")
        await bench.given(JOINED, brand="b2", id="m9")
        first = await bench.view.member_page(MemberPage(brand="b1", viewer="m1", page=PageRequest(first=2)))
        assert ([item.id for item in first.items], first.total_count, first.has_next) == (["m4", "m3"], 4, True)
        rest = PageRequest(first=9, after=first.cursors[-1])
        second = await bench.view.member_page(MemberPage(brand="b1", viewer="m1", page=rest))
        assert ([item.id for item in second.items], second.has_next) == (["m1", "m5"], False)


async def test_another_brand_sees_nothing(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        await bench.given(JOINED, id="m1")
        await bench.given(JOINED, brand="b2", id="m2")
        many = await bench.view.members_get_many(MembersGetMany(brand="b2", viewer="m2", ids=["m1", "m2"]))
        assert [member and member.id for member in many] == [None, "m2"]
        listed = await bench.view.member_page(MemberPage(brand="b2", viewer="m2"))
        assert ([item.id for item in listed.items], listed.total_count) == (["m2"], 1)


async def test_the_memberships_of_an_identity(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        await bench.given(JOINED, RoleGranted(role=Role.OWNER), brand="b1", id="m1", time=NOON)
        await bench.given(JOINED, brand="b2", id="m2", time=EARLY)
        await bench.given(MemberJoined(identity="i2", display_name="Paul"), brand="b2", id="m3")
        mine = MembershipsOfIdentity(brand=NO_BRAND, viewer="i1", identity="i1")
        assert (await bench.view.memberships_of_identity(mine)).items == [
            Membership(brand_id="b2", member_id="m2", display_name="Marie", roles=["member"], joined_at=EARLY),
            Membership(brand_id="b1", member_id="m1", display_name="Marie", roles=["member", "owner"], joined_at=NOON),
        ]


BOT = ServiceAccountCreated(name="Bot", scopes=[Scope.FEEDBACK_WRITE])
LEADER: dict[str, Any] = {"brand": "b1", "viewer": "m1"}


def key(id_: str, digit: str) -> ApiKeyIssued:
    return ApiKeyIssued(key_id=id_, key_hash=digit * 64, last_four=digit * 4, expires_at=LATE)


LATE = datetime(2026, 9, 1, tzinfo=UTC)


async def test_service_accounts(mongo_url: str) -> None:
    async with view_bench(ServiceAccountsView(), mongo_url) as bench:
        view = bench.view
        await bench.given(BOT, key("k1", "1"), key("k2", "2"), aggregate="service_account", id="sa_a", time=NOON)
        await bench.given(ApiKeyRevoked(key_id="k1"), aggregate="service_account", id="sa_a", time=LATE)
        await bench.given(BOT, ServiceAccountClosed(), aggregate="service_account", id="sa_b", time=LATE)
        await bench.given(BOT, aggregate="service_account", id="sa_c", brand="b2")
        keys = [
            ApiKeyView(
                id=id_, last_four=digit * 4, issued_at=NOON, issued_by="m1", expires_at=LATE, revoked_at=revoked_at
            )
            for id_, digit, revoked_at in (("k1", "1", LATE), ("k2", "2", None))
        ]
        first = ServiceAccountView(
            id="sa_a", name="Bot", scopes=BOT.scopes, created_at=NOON, created_by="m1", closed_at=None, keys=keys
        )
        second = ServiceAccountView(
            id="sa_b", name="Bot", scopes=BOT.scopes, created_at=LATE, created_by="m1", closed_at=LATE, keys=[]
        )
        found = await view.service_account_page(ServiceAccountPage(**LEADER))
        assert (found.items, found.total_count) == ([second, first], 2)
        many = await view.service_accounts_get_many(ServiceAccountsGetMany(**LEADER, ids=["sa_a", "sa_c", "sa_b"]))
        assert many == [first, None, second]


async def test_whose_an_api_key_is(mongo_url: str) -> None:
    async with view_bench(ServiceAccountsView(), mongo_url) as bench:

        async def owner(id_: str, digit: str) -> ApiKeyOwner | None:
            query = OwnerOfApiKey(brand=NO_BRAND, viewer=SYSTEM, key_id=id_, key_hash=digit * 64)
            try:
                return await bench.view.owner_of_api_key(query)
            except DomainError as refusal:
                assert (refusal.code, refusal.path) == ("NOT_FOUND", ("key_id",))
                return None

        bot: dict[str, Any] = {"aggregate": "service_account", "id": "sa_a"}
        await bench.given(BOT, key("k1", "1"), key("k2", "2"), **bot)
        mine = ApiKeyOwner(brand="b1", account_id="sa_a", expires_at=LATE)
        assert await owner("k1", "1") == mine
        assert await owner("k1", "2") is None
        assert await owner("k9", "1") is None
        await bench.given(BOT, key("k1", "3"), aggregate="service_account", id="sa_b", brand="b2")
        assert await owner("k1", "1") == mine, "another brand took the key over"
        assert await owner("k1", "3") is None
        await bench.given(ApiKeyRevoked(key_id="k1"), aggregate="service_account", id="sa_b", brand="b2")
        assert await owner("k1", "1") == mine, "another brand revoked the key"
        await bench.given(ApiKeyRevoked(key_id="k1"), **bot)
        assert await owner("k1", "1") is None
        assert await owner("k2", "2") == mine
        await bench.given(ServiceAccountClosed(), **bot)
        assert await owner("k2", "2") is None


async def test_a_service_account_is_no_member_and_has_a_name(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        view = bench.view
        await bench.given(JOINED, id="m1")
        await bench.given(BOT, aggregate="service_account", id="sa_a")
        page = await view.member_page(MemberPage(**LEADER))
        assert ([item.id for item in page.items], page.total_count) == (["m1"], 1)
        [bot] = await view.members_get_many(MembersGetMany(**LEADER, ids=["sa_a"]))
        assert bot is not None
        assert (bot.display_name, bot.roles, bot.left_at) == ("Bot", [], None)


async def test_the_identity_behind_a_member_who_is_there(mongo_url: str) -> None:
    async with view_bench(MemberListView(), mongo_url) as bench:
        await bench.given(JOINED, id="m1")
        await bench.given(JOINED, MemberLeft(), id="m2")
        await bench.given(BOT, aggregate="service_account", id="sa_a")
        assert await bench.view.identity_of("b1", "m1") == "i1"
        for brand, nobody in (("b1", "m2"), ("b1", "m9"), ("b1", "sa_a"), ("b2", "m1")):
            with pytest.raises(DomainError) as refused:
                await bench.view.identity_of(brand, nobody)
            assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("member_id",))


async def test_how_far_erasures_are(mongo_url: str) -> None:
    async with view_bench(ErasuresView(), mongo_url) as bench:
        scrubbed = (ScrubbedService(service="members", sequence=7, views=("member_list",)),)
        for id_, actor, brand in (("m1", "m1", "b1"), ("m2", "o1", "b1"), ("m1", "m1", "b2")):
            given: dict[str, Any] = {"aggregate": "member", "id": id_, "actor": actor, "brand": brand}
            await bench.given(JOINED, MemberLeft(), MemberErasureRequested(), time=EARLY, **given)
        certified = MemberErased(key_destroyed_at=EARLY, services=scrubbed)
        await bench.given(certified, aggregate="member", id="m2", actor=SYSTEM, time=NOON)
        first = ErasureView(
            member_id="m1", requested_by="m1", requested_at=EARLY, key_destroyed_at=None, certified_at=None, services=[]
        )
        second = ErasureView(
            member_id="m2", requested_by="o1", requested_at=EARLY, key_destroyed_at=EARLY, certified_at=NOON,
            services=[*scrubbed],
        )  # fmt: skip
        for viewer, see_all, shown in (
            ("o1", True, [second, None, first]),
            ("m1", False, [None, None, first]),
            ("o1", False, [None, None, None]),
        ):
            asked = ErasuresGetMany(brand="b1", viewer=viewer, ids=["m2", "m3", "m1"])
            assert await bench.view.erasures_get_many(asked, see_all=see_all) == shown
