"""The process behind directories: which commands follow from an event, and that the same ones follow from it again."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from libs.access.roles import Role
from libs.access.view import MemberJoined, MemberReinstated
from libs.shared.domain import Accepted, BrandId, DomainError, Event
from libs.shared.recorded import Recorded
from libs.shared.testing.views import NOON, ViewBench, view_bench
from services.members.member import MemberErasureRequested
from services.members.provisioning.group import (
    GroupDeprovisioned,
    GroupMembersChanged,
    GroupProvisioned,
    GroupRoleMapped,
)
from services.members.provisioning.tests.builders import PROVISIONED
from services.members.provisioning.upkeep import Upkeep
from services.members.provisioning.user import UserDeprovisioned
from services.members.provisioning.views.groups import ProvisionedGroupsView
from services.members.provisioning.views.users import ProvisionedUsersView

GROUP = GroupProvisioned(display_name="Guides", external_id=None, name="h")


class World:
    """The process over a view of its own, and what it sent."""

    def __init__(self, bench: ViewBench[ProvisionedGroupsView], users: ViewBench[ProvisionedUsersView]) -> None:
        self.bench = bench
        self.users = users
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.refusal: DomainError | None = None
        self.process = Upkeep(users.view, bench.view, self._shown, self._send)

    async def _shown(self, position: Mapping[str, int]) -> None:
        assert position == {"MEMBERS": 9}

    async def _send(self, service: str, aggregate: str, name: str, message: dict[str, Any]) -> Accepted:
        assert (service, message["actor"]) == ("members", "system")
        self.sent.append((f"{aggregate}.{name}", message))
        if self.refusal is not None:
            raise self.refusal
        return Accepted(id="x", position={})

    async def after(self, event: Event, about: str) -> tuple[bool, list[tuple[str, dict[str, Any]]]]:
        """What is sent for an event: handled twice, as after a crash, it is the same."""
        recorded = Recorded(
            event=event, id="e9", brand=BrandId("b1"), aggregate="x", aggregate_id=about, actor="a", time=NOON,
            recorded_at=NOON, causation_id="c", correlation_id="c", stream="MEMBERS", sequence=9,
        )  # fmt: skip
        handled = await self.process.handle(recorded)
        first, self.sent = sorted(self.sent, key=_key), []
        await self.process.handle(recorded)
        again, self.sent = sorted(self.sent, key=_key), []
        assert again == first
        assert len({message["command_id"] for _, message in first}) == len(first)
        kept = ("user_id", "group_id", "group_roles", "remove")
        return handled, [(to, {name: message[name] for name in kept if name in message}) for to, message in first]


def _key(sent: tuple[str, dict[str, Any]]) -> str:
    return f"{sent[0]}{sent[1].get('user_id')}{sent[1].get('group_id')}"


def roles(user: str, *given: Role) -> tuple[str, dict[str, Any]]:
    return "provisioned_user.settle_group_roles", {"user_id": user, "group_roles": list(given)}


@pytest.fixture
async def world(mongo_url: str) -> AsyncIterator[World]:
    async with (
        view_bench(ProvisionedGroupsView(), mongo_url) as bench,
        view_bench(ProvisionedUsersView(), mongo_url) as users,
    ):
        for group, members in (("g1", ["m1", "m2"]), ("g2", ["m2"])):
            await bench.given(GROUP, GroupMembersChanged(added=members, removed=[]), id=group)
        yield World(bench, users)


async def mapped(world: World) -> None:
    await world.bench.given(GroupRoleMapped(role=Role.MODERATOR), id="g1")
    await world.bench.given(GroupRoleMapped(role=Role.BUILDER), id="g2")


async def test_without_roles_nothing_follows(world: World) -> None:
    assert await world.after(GroupMembersChanged(added=["m1"], removed=[]), "g1") == (False, [])
    assert await world.after(MemberJoined(), "m1") == (False, [])


async def test_members_of_a_group_get_the_roles_of_all_of_theirs(world: World) -> None:
    await mapped(world)
    both = roles("m2", Role.BUILDER, Role.MODERATOR)
    assert await world.after(GroupRoleMapped(role=Role.MODERATOR), "g1") == (True, [roles("m1", Role.MODERATOR), both])
    changed = GroupMembersChanged(added=["m2"], removed=["m9"])
    assert await world.after(changed, "g1") == (True, [both, roles("m9")])
    assert await world.after(MemberJoined(), "m2") == (True, [both])


@pytest.mark.parametrize("event", [MemberJoined(), MemberReinstated()], ids=["joined", "reinstated"])
async def test_what_the_directory_says_of_access_holds(world: World, event: Event) -> None:
    await world.users.given(PROVISIONED, id="m1")
    access = ("provisioned_user.settle_access", {"user_id": "m1"})
    assert await world.after(event, "m1") == (True, [access])
    assert await world.after(event, "m2") == (False, []), "who is not the directory's"
    await mapped(world)
    assert await world.after(event, "m1") == (True, [access, roles("m1", Role.MODERATOR)])


async def test_what_a_group_gave_ends_with_it(world: World) -> None:
    await mapped(world)
    await world.bench.given(GroupDeprovisioned(members=["m1", "m2"]), id="g1")
    expected = [roles("m1"), roles("m2", Role.BUILDER)]
    assert await world.after(GroupDeprovisioned(members=["m1", "m2"]), "g1") == (True, expected)


async def test_who_is_let_go_is_taken_out_of_groups(world: World) -> None:
    taken = [("provisioned_group.change_group", {"group_id": group, "remove": ["m2"]}) for group in ("g1", "g2")]
    assert await world.after(UserDeprovisioned(), "m2") == (True, taken)
    assert await world.after(UserDeprovisioned(), "m9") == (False, [])


async def test_of_who_is_erased_the_directory_keeps_nothing(world: World) -> None:
    gone = (True, [("provisioned_user.remove_user", {"user_id": "m1"})])
    assert await world.after(MemberErasureRequested(), "m1") == gone
    world.refusal = DomainError("NOT_FOUND", "there is no such resource")
    assert await world.after(MemberErasureRequested(), "m1") == gone
