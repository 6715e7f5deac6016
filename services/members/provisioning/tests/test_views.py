"""What the read models of directories show, and that they show the same when they are made anew."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.domain import ERASED, DomainError
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.provisioning.directory import DirectoryConfigured, ShownName, SubjectSource
from services.members.provisioning.group import (
    GroupDeprovisioned,
    GroupMembersChanged,
    GroupProvisioned,
    GroupRoleMapped,
    ProvisionedGroupRenamed,
)
from services.members.provisioning.profile import EmailAddress, Profile, to_text
from services.members.provisioning.tests.builders import PROVISIONED
from services.members.provisioning.user import (
    GroupRolesSettled,
    ProvisionedUserChanged,
    UserDeactivated,
    UserDeprovisioned,
    UserProvisioned,
    UserReactivated,
)
from services.members.provisioning.views.directories import DirectoriesView, DirectoryOfBrand
from services.members.provisioning.views.filters import Clause, Condition, Operator
from services.members.provisioning.views.groups import (
    GroupsOfUsers,
    ProvisionedGroupMembers,
    ProvisionedGroupPage,
    ProvisionedGroupRange,
    ProvisionedGroupsGetMany,
    ProvisionedGroupsView,
)
from services.members.provisioning.views.users import (
    ProvisionedUserPage,
    ProvisionedUsersGetMany,
    ProvisionedUsersView,
)


@pytest.fixture
async def users(mongo_url: str) -> AsyncIterator[ViewBench[ProvisionedUsersView]]:
    async with view_bench(ProvisionedUsersView(), mongo_url) as bench:
        yield bench


@pytest.fixture
async def groups(mongo_url: str) -> AsyncIterator[ViewBench[ProvisionedGroupsView]]:
    async with view_bench(ProvisionedGroupsView(), mongo_url) as bench:
        yield bench


def provisioned(name: str, **changes: Any) -> UserProvisioned:
    said = Profile(
        display_name=name.title(), emails=[EmailAddress(value=f"{name}@Mail.org", type="Work", primary=True)]
    )
    fields: dict[str, Any] = {"user_name": name, "external_id": f"e-{name}", "profile": to_text(said)}
    return structs.replace(PROVISIONED, **{**fields, **changes})


async def page(bench: ViewBench[ProvisionedUsersView], brand: str = "b1", **asked: Any) -> tuple[list[str], int]:
    found = await bench.view.provisioned_user_page(ProvisionedUserPage(brand=brand, viewer="sa_1", **asked))
    return [one.user_name for one in found.items], found.total_count


async def test_a_user_as_the_directory_has_them(users: ViewBench[ProvisionedUsersView]) -> None:
    changed = ProvisionedUserChanged(user_name="Ada", external_id=None, profile="{}", names=["n"])
    events = (provisioned("ada"), changed, UserDeactivated(), GroupRolesSettled(roles=[Role.MODERATOR]))
    await users.given(*events, id="m1")
    query = ProvisionedUsersGetMany(brand="b1", viewer="sa_1", ids=["m1", "m2"])
    found, missing = await users.view.provisioned_users_get_many(query)
    assert missing is None
    assert found is not None
    assert (found.user_name, found.external_id, found.active, found.version) == ("Ada", None, False, 3)
    assert (found.created_at.second, found.modified_at.second) == (1, 3)
    await users.given(UserReactivated(), id="m1")
    assert await users.view.known("b1", ["m1", "m2"]) == {"m1"}
    [other] = await users.view.provisioned_users_get_many(structs.replace(query, brand="b2", ids=["m1"]))
    assert other is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_every_page_has_its_own(users: ViewBench[ProvisionedUsersView], size: int) -> None:
    ids = [f"{first}{second}{number}" for first in "abz" for second in "a7" for number in range(3)]
    for id_ in ids:
        await users.given(provisioned(id_), id=id_)
        await users.given(provisioned(f"other-{id_}"), id=id_, brand="b2")
    await users.given(UserDeprovisioned(), id=ids[4])
    seen: list[str] = []
    for offset in range(0, 25, size):
        names, total = await page(users, offset=offset, size=size)
        assert total == 17
        seen += names
    assert seen == sorted({*ids} - {ids[4]})
    assert await page(users, offset=17) == ([], 17)
    assert await page(users, size=0) == ([], 17)
    assert await page(users, brand="b3") == ([], 0)


def one(field: str, **compared: Any) -> Clause:
    return Clause(conditions=[Condition(field=field, **compared)])


def of_address(*conditions: tuple[str, Operator, Any]) -> Clause:
    kinds = {field: "flag" if field == "primary" else "text" for field, _, _ in conditions}
    return Clause(
        entries=[
            [Condition(field=f"emails.{field}", op=op, **{kinds[field]: value}) for field, op, value in conditions]
        ]
    )


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ([one("username", text="ADA")], ["ada"]),
        ([one("username", op="sw", text="B")], ["bob", "bo"]),
        ([one("externalid", text="e-bob")], ["bob"]),
        ([one("externalid", text="E-BOB")], []),
        ([one("id", text="m2")], ["bob"]),
        ([one("displayname", text="bob")], ["bob"]),
        ([one("active", flag=False)], ["bo"]),
        ([one("emails.value", text="ADA@mail.org")], ["ada"]),
        ([of_address(("type", "eq", "work"), ("value", "eq", "bob@mail.org"))], ["bob"]),
        ([of_address(("type", "eq", "home"), ("value", "eq", "bob@mail.org"))], []),
        ([of_address(("value", "sw", "b"), ("value", "eq", "bob@mail.org"))], ["bob"]),
        ([of_address(("primary", "eq", False))], []),
        ([one("meta.lastmodified", op="gt", at=NOON.replace(second=2))], ["bo"]),
        ([one("meta.created", op="le", at=NOON.replace(second=2))], ["ada", "bob"]),
        ([Clause(conditions=[*one("active", flag=True).conditions, *one("username", text="bob").conditions])], ["bob"]),
        ([one("username", text="ada"), one("id", text="m3")], ["ada", "bo"]),
    ],
)
async def test_filters_find_what_matches(
    users: ViewBench[ProvisionedUsersView], clauses: list[Clause], expected: list[str]
) -> None:
    await users.given(provisioned("ada"), id="m1")
    await users.given(provisioned("bob"), id="m2")
    await users.given(provisioned("bo", active=False), id="m3")
    await users.given(provisioned("ada"), id="m1", brand="b2")
    assert await page(users, where=clauses) == (expected, len(expected))
    assert await page(users, where=clauses, offset=1) == (expected[1:], len(expected))


@pytest.mark.parametrize(
    "condition",
    [
        Condition(field="title", text="x"),
        Condition(field="active", op="sw", flag=True),
        Condition(field="username", op="gt", text="x"),
        Condition(field="username", flag=True),
        Condition(field="id", op="sw", text="m"),
        Condition(field="meta.created", op="sw", at=NOON),
    ],
)
async def test_what_no_field_answers_is_refused(users: ViewBench[ProvisionedUsersView], condition: Condition) -> None:
    with pytest.raises(DomainError) as refusal:
        await page(users, where=[Clause(conditions=[condition])])
    assert (refusal.value.code, refusal.value.path) == ("INVALID", ("where",))


async def test_one_field_of_an_address_is_compared_once_in_a_way(users: ViewBench[ProvisionedUsersView]) -> None:
    with pytest.raises(DomainError):
        await page(users, where=[of_address(("value", "eq", "a"), ("value", "eq", "b"))])


async def test_of_who_is_erased_nothing_is_kept(users: ViewBench[ProvisionedUsersView]) -> None:
    await users.given(provisioned("ada"), id="m1")
    await users.given(ErasureRecorded(key_destroyed_at=datetime(2026, 1, 1, tzinfo=UTC)), aggregate="erasure", id="m1")
    scrubbed = await canonical(users.view)
    assert b"ada" not in scrubbed.lower()
    await users.given(UserDeprovisioned(), id="m1")
    assert await page(users) == ([], 0)


async def test_a_view_made_after_the_erasure_is_the_same(mongo_url: str) -> None:
    unreadable = structs.replace(PROVISIONED, identity=ERASED, user_name=ERASED, external_id=None, profile=ERASED)
    recorded = ErasureRecorded(key_destroyed_at=datetime(2026, 1, 1, tzinfo=UTC))
    async with (
        view_bench(ProvisionedUsersView(), mongo_url) as one,
        view_bench(ProvisionedUsersView(), mongo_url) as two,
    ):
        for bench, event in ((one, provisioned("ada")), (two, unreadable)):
            await bench.given(event, id="m1")
            await bench.given(recorded, aggregate="erasure", id="m1")
        assert await canonical(one.view) == await canonical(two.view)


async def test_groups_and_who_is_in_them(groups: ViewBench[ProvisionedGroupsView]) -> None:
    first = GroupProvisioned(display_name="Helpers", external_id="x", name="h1")
    await groups.given(first, GroupMembersChanged(added=["m1", "m2"], removed=[]), id="g1")
    await groups.given(structs.replace(first, display_name="Guides", external_id=None), id="g2")
    await groups.given(GroupMembersChanged(added=["m1"], removed=[]), id="g2")
    await groups.given(GroupMembersChanged(added=["m3"], removed=["m2"]), id="g1")
    assert not await groups.view.gives_roles("b1")
    await groups.given(GroupRoleMapped(role=Role.MODERATOR), id="g1")
    assert await groups.view.gives_roles("b1")
    assert not await groups.view.gives_roles("b2")
    asked: dict[str, Any] = {"brand": "b1", "viewer": "sa_1"}
    one, none = await groups.view.provisioned_groups_get_many(ProvisionedGroupsGetMany(**asked, ids=["g1", "g9"]))
    assert none is None
    assert one is not None
    assert (one.display_name, one.role, one.member_count, one.version) == ("Helpers", Role.MODERATOR, 2, 3)
    assert await groups.view.provisioned_group_members(ProvisionedGroupMembers(**asked, group_id="g1")) == ["m1", "m3"]
    of_users = await groups.view.groups_of_users(GroupsOfUsers(**asked, user_ids=["m2", "m1"]))
    assert [(found.user_id, [group.id for group in found.groups]) for found in of_users] == [
        ("m2", []),
        ("m1", ["g1", "g2"]),
    ]
    by_name = [Clause(conditions=[Condition(field="displayname", text="guides")])]
    found = await groups.view.provisioned_group_range(ProvisionedGroupRange(**asked, where=by_name))
    assert ([group.id for group in found.items], found.total_count) == (["g2"], 1)
    newest = await groups.view.provisioned_group_page(ProvisionedGroupPage(**asked))
    assert ([group.id for group in newest.items], newest.total_count) == (["g2", "g1"], 2)
    await groups.given(ProvisionedGroupRenamed(display_name="Old", external_id=None, name="h3"), id="g1")
    await groups.given(GroupDeprovisioned(members=["m1", "m3"]), id="g1")
    left = await groups.view.provisioned_group_range(ProvisionedGroupRange(**asked))
    assert ([group.id for group in left.items], left.total_count) == (["g2"], 1)
    assert await groups.view.provisioned_group_members(ProvisionedGroupMembers(**asked, group_id="g1")) == []


async def test_how_a_directory_is_read(mongo_url: str) -> None:
    async with view_bench(DirectoriesView(), mongo_url) as bench:
        query = DirectoryOfBrand(brand="b1", viewer="m1")
        at_first = await bench.view.directory_of_brand(query)
        assert (at_first.subject, at_first.shown_name) == (SubjectSource.EXTERNAL_ID, ShownName.NICK_NAME)
        said = DirectoryConfigured(subject=SubjectSource.USER_NAME, shown_name=ShownName.DISPLAY_NAME)
        await bench.given(said, id="b1")
        found = await bench.view.directory_of_brand(query)
        assert (found.subject, found.shown_name) == (SubjectSource.USER_NAME, ShownName.DISPLAY_NAME)
