"""The process behind directories: keeps what follows from users and groups true whatever else happens to members.

It gives members the roles of their groups, holds those without access out, and ends what belonged to users who are
gone.  It looks at how things are, not at what happened, so it may begin again anywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from libs.access.roles import Role
from libs.access.view import MemberJoined, MemberReinstated  # without what is personal, which followers cannot read
from libs.shared.domain import SYSTEM, DomainError
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.insisting import Insisting, Send
from libs.shared.logs import logger
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members.member import MemberErasureRequested
from services.members.provisioning.group import GroupDeprovisioned, GroupMembersChanged, GroupRoleMapped
from services.members.provisioning.user import UserDeprovisioned
from services.members.provisioning.views.groups import GroupsOfUsers, ProvisionedGroupMembers, ProvisionedGroupsView
from services.members.provisioning.views.users import ProvisionedUsersView

_SUBJECTS: Final = ("evt.members.*.provisioned_group.*", "evt.members.*.provisioned_user.*", "evt.members.*.member.*")
_EVENTS: Final = (
    GroupMembersChanged,
    GroupRoleMapped,
    GroupDeprovisioned,
    UserDeprovisioned,
    MemberJoined,
    MemberReinstated,
    MemberErasureRequested,
)
#: Returns when the views show a position.
Shown = Callable[[Mapping[str, int]], Awaitable[None]]

_WAIT_SECONDS: Final = 30.0
_TOGETHER: Final = 50

_log = logger(__name__)


class Upkeep:
    """Follows groups, users and members."""

    def __init__(self, users: ProvisionedUsersView, groups: ProvisionedGroupsView, shown: Shown, send: Send) -> None:
        self._users = users
        self._groups = groups
        self._shown = shown
        self._insisting = Insisting(send)

    @classmethod
    def register(cls, app: App, users: ProvisionedUsersView, groups: ProvisionedGroupsView) -> None:
        """Let the service do this for as long as it runs."""

        async def shown(position: Mapping[str, int]) -> None:
            for view in (users, groups):
                await app.positions.wait(view, position, _WAIT_SECONDS)

        async def follow() -> None:
            process = cls(users, groups, shown, app.bus.command)
            await Follower("provisioning", "MEMBERS", _SUBJECTS, _EVENTS, process.handle).run(app.nats, app.db)

        app.background("provisioning", follow)

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """Bring about what follows from an event; False when nothing does."""
        brand, id_, event = recorded.brand, recorded.aggregate_id, recorded.event
        if isinstance(event, MemberErasureRequested):
            await self._send(recorded, "members.provisioned_user.remove_user", id_, user_id=id_)
            return True
        await self._shown({recorded.stream: recorded.sequence})
        if isinstance(event, UserDeprovisioned):
            return await self._take_out(recorded)
        held_out = isinstance(event, MemberJoined | MemberReinstated) and await self._hold_out(recorded)
        users = await self._whose_roles(recorded) if await self._groups.gives_roles(brand) else []
        for start in range(0, len(users), _TOGETHER):
            await self._settle(recorded, users[start : start + _TOGETHER])
        return held_out or bool(users)

    async def _hold_out(self, recorded: Recorded[Any]) -> bool:
        """Of who came in or was reinstated, have the directory's word on access hold; False for who is not in it."""
        user = recorded.aggregate_id
        if not await self._users.known(recorded.brand, [user]):
            return False
        await self._send(recorded, "members.provisioned_user.settle_access", user, user_id=user)
        return True

    async def _whose_roles(self, recorded: Recorded[Any]) -> Sequence[str]:
        """The users whose roles an event may change."""
        event, id_ = recorded.event, recorded.aggregate_id
        match event:
            case GroupMembersChanged():
                return [*event.added, *event.removed]
            case GroupDeprovisioned():
                members: list[str] = event.members
                return members
            case GroupRoleMapped():
                question = ProvisionedGroupMembers(brand=recorded.brand, viewer=SYSTEM, group_id=id_)
                return await self._groups.provisioned_group_members(question)
            case _:
                return [id_]

    async def _settle(self, recorded: Recorded[Any], users: Sequence[str]) -> None:
        roles = await self._roles(recorded.brand, users)
        to = "members.provisioned_user.settle_group_roles"
        await asyncio.gather(*(self._send(recorded, to, user, user_id=user, group_roles=roles[user]) for user in users))

    async def _roles(self, brand: str, users: Sequence[str]) -> Mapping[str, list[Role]]:
        """The roles that users have by the groups that they are in."""
        found = await self._groups.groups_of_users(GroupsOfUsers(brand=brand, viewer=SYSTEM, user_ids=list(users)))
        return {one.user_id: sorted({group.role for group in one.groups if group.role}) for one in found}

    async def _take_out(self, recorded: Recorded[Any]) -> bool:
        """Take a user who is no more out of the groups that they were in."""
        user = recorded.aggregate_id
        [found] = await self._groups.groups_of_users(
            GroupsOfUsers(brand=recorded.brand, viewer=SYSTEM, user_ids=[user])
        )
        for group in found.groups:
            to = "members.provisioned_group.change_group"
            await self._send(recorded, to, group.id, group_id=group.id, remove=[user])
        return bool(found.groups)

    async def _send(self, recorded: Recorded[Any], to: str, about: str, **fields: Any) -> None:
        """A command that follows from the event, and so is the same one when it is sent again."""
        command_id = derived_id("provisioning", recorded.id, to, about)
        answer = await self._insisting.send(to, command_id, recorded.brand, recorded.recorded_at, fields)
        if isinstance(answer, DomainError) and answer.code != "NOT_FOUND":
            _log.warning("not done for a directory", brand=recorded.brand, to=to, code=answer.code)
