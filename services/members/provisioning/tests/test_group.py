"""The specification of a provisioned group."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.access.roles import Role
from libs.shared.testing.bdd import given
from services.members.provisioning.group import (
    DECIDER,
    MAX_MEMBERS,
    ChangeNamedGroup,
    GroupCommand,
    GroupDeprovisioned,
    GroupEvent,
    GroupMembersChanged,
    GroupRoleMapped,
    MapGroupToRole,
    ProvisionedGroupRenamed,
)
from services.members.provisioning.tests.builders import GROUP, add_group, change_group, envelope, remove_group

BOTH = GroupMembersChanged(added=["m1", "m2"], removed=[])


def map_role(role: Role | None, **changes: Any) -> MapGroupToRole:
    owner = {"actor": "olga", "roles": frozenset({"member", "owner"})}
    return MapGroupToRole(**envelope(**{"group_id": "g1", "role": role, **owner, **changes}))


def test_a_group_is_provisioned_with_its_members() -> None:
    given(DECIDER).when(add_group()).then(GROUP)
    given(DECIDER).when(add_group(members=["m2", "m1", "m2"])).then(GROUP, BOTH)


def test_an_id_is_used_once() -> None:
    given(DECIDER, GROUP).when(add_group()).then_raises("ID_TAKEN")
    given(DECIDER, GROUP, GroupDeprovisioned(members=[])).when(add_group()).then_raises("ID_TAKEN")


@pytest.mark.parametrize("command", [add_group(), change_group(), remove_group()], ids=lambda one: one.wire_name)
def test_only_a_directory_says_anything(command: GroupCommand) -> None:
    given(DECIDER, GROUP).when(structs.replace(command, roles=frozenset({"owner"}))).then_raises("FORBIDDEN")


def test_a_group_is_renamed() -> None:
    renamed = ProvisionedGroupRenamed(display_name="Guides", external_id="x", name="h2")
    given(DECIDER, GROUP).when(change_group(display_name="Guides", external_id="x", name="h2")).then(renamed)
    given(DECIDER, GROUP).when(change_group(display_name="Helpers")).then_nothing()
    dropped = ProvisionedGroupRenamed(display_name="Guides", external_id=None, name="h1")
    given(DECIDER, GROUP, renamed).when(change_group(drop_external_id=True, name_before="h2")).then(dropped)
    given(DECIDER, GROUP).when(change_group(name="h2", name_before="h0")).then_raises("CONFLICT")


@pytest.mark.parametrize(
    ("change", "added", "removed"),
    [
        ({"add": ["m3", "m1"]}, ["m3"], []),
        ({"remove": ["m1", "m9"]}, [], ["m1"]),
        ({"members": ["m2", "m3"]}, ["m3"], ["m1"]),
        ({"members": []}, [], ["m1", "m2"]),
        ({"members": ["m1"], "add": ["m4"], "remove": ["m1"]}, ["m4"], ["m1", "m2"]),
    ],
)
def test_members_come_and_go(change: dict[str, list[str]], added: list[str], removed: list[str]) -> None:
    given(DECIDER, GROUP, BOTH).when(change_group(**change)).then(GroupMembersChanged(added=added, removed=removed))


@pytest.mark.parametrize("change", [{"add": ["m1"]}, {"remove": ["m9"]}, {"members": ["m2", "m1"]}, {}])
def test_what_is_so_already_changes_nothing(change: dict[str, list[str]]) -> None:
    given(DECIDER, GROUP, BOTH).when(change_group(**change)).then_nothing()


def test_a_group_has_an_end() -> None:
    full = GroupMembersChanged(added=[f"u{number}" for number in range(MAX_MEMBERS)], removed=[])
    given(DECIDER, GROUP, full).when(change_group(add=["one-more"])).then_raises("TOO_MANY_MEMBERS")
    given(DECIDER, GROUP, full).when(change_group(add=["u0"])).then_nothing()


def test_only_what_was_seen_is_changed() -> None:
    seen = given(DECIDER, GROUP, BOTH)
    seen.when(change_group(version=1, add=["m3"])).then_raises("VERSION_MISMATCH")
    seen.when(change_group(version=2, add=["m3"])).then(GroupMembersChanged(added=["m3"], removed=[]))
    seen.when(remove_group(version=1)).then_raises("VERSION_MISMATCH")


def test_a_group_is_let_go_once() -> None:
    given(DECIDER, GROUP, BOTH).when(remove_group()).then(GroupDeprovisioned(members=["m1", "m2"]))
    given(DECIDER, GROUP, GroupDeprovisioned(members=[])).when(remove_group()).then_raises("NOT_FOUND")
    given(DECIDER).when(change_group()).then_raises("NOT_FOUND")


def test_owners_say_which_role_it_gives() -> None:
    moderates = GroupRoleMapped(role=Role.MODERATOR)
    given(DECIDER, GROUP).when(map_role(Role.MODERATOR)).then(moderates)
    given(DECIDER, GROUP, moderates).when(map_role(Role.MODERATOR)).then_nothing()
    given(DECIDER, GROUP, moderates).when(map_role(None)).then(GroupRoleMapped(role=None))
    assert given(DECIDER, GROUP, moderates).state.version == 1, "what the directory sees is the same"


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
def test_no_group_makes_owners(role: Role) -> None:
    given(DECIDER, GROUP).when(map_role(role)).then_raises("INVALID", ("role",))


def test_nobody_else_says_it() -> None:
    for roles in ({"builder"}, {"provisioner"}):
        given(DECIDER, GROUP).when(map_role(Role.MODERATOR, roles=frozenset(roles))).then_raises("FORBIDDEN")
    given(DECIDER).when(map_role(Role.MODERATOR)).then_raises("NOT_FOUND", ("group_id",))


USERS = some.lists(some.sampled_from(["m1", "m2", "m3", "m4"]), max_size=4)
CHANGES = some.lists(
    some.builds(
        lambda members, add, remove: change_group(members=members, add=add, remove=remove),
        some.one_of(some.none(), USERS),
        USERS,
        USERS,
    ),
    max_size=6,
)


@for_all(CHANGES)
def test_a_change_twice_changes_nothing_the_second_time(changes: list[ChangeNamedGroup]) -> None:
    events: list[GroupEvent] = [GROUP]
    expected: set[str] = set()
    for change in changes:
        base = expected if change.members is None else set(change.members)
        expected = (base | set(change.add)) - set(change.remove)
        events += DECIDER.decide(given(DECIDER, *events).state, change)
        state = given(DECIDER, *events).state
        assert set(state.members) == expected
        assert DECIDER.decide(state, change) == []
    assert state_version(events) == len(events)


def state_version(events: list[GroupEvent]) -> int:
    return given(DECIDER, *events).state.version
