"""The process behind groups: gives members the roles of their groups, and ends what belonged to users who are gone.

It looks at how things are, not at what happened: whatever it follows, the roles of a member are made those of the
groups that they are in by then.  So it may begin again anywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from libs.access.roles import Role
from libs.access.view import MemberJoined  # without what is personal, which a follower cannot read
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

_SUBJECTS: Final = ("evt.members.*.provisioned_group.*", "evt.members.*.provisioned_user.*", "evt.members.*.member.*")
_EVENTS: Final = (
    GroupMembersChanged,
    GroupRoleMapped,
    GroupDeprovisioned,
    UserDeprovisioned,
    MemberJoined,
    MemberErasureRequested,
)
#: Returns when the view shows a position.
Shown = Callable[[Mapping[str, int]], Awaitable[None]]

_WAIT_SECONDS: Final = 30.0
_TOGETHER: Final = 50

_log = logger(__name__)


class GroupRoles:
    """Follows groups, users and members."""

    def __init__(self, view: ProvisionedGroupsView, shown: Shown, send: Send) -> None:
        self._view = view
        self._shown = shown
        self._insisting = Insisting(send)

    @classmethod
    def register(cls, app: App, view: ProvisionedGroupsView) -> None:
        """Let the service do this for as long as it runs."""

        async def shown(position: Mapping[str, int]) -> None:
            await app.positions.wait(view, position, _WAIT_SECONDS)

        async def follow() -> None:
            process = cls(view, shown, app.bus.command)
            await Follower("group_roles", "MEMBERS", _SUBJECTS, _EVENTS, process.handle).run(app.nats, app.db)

        app.background("group_roles", follow)

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """Bring about what follows from an event; False when nothing does."""
        brand, id_, event = recorded.brand, recorded.aggregate_id, recorded.event
        if isinstance(event, MemberErasureRequested):
            await self._send(recorded, "members.provisioned_user.remove_user", id_, user_id=id_)
            return True
        await self._shown({recorded.stream: recorded.sequence})
        if isinstance(event, UserDeprovisioned):
            return await self._take_out(recorded)
        if not await self._view.gives_roles(brand):
            return False
        match event:
            case GroupMembersChanged():
                users = [*event.added, *event.removed]
            case GroupDeprovisioned():
                users = event.members
            case GroupRoleMapped():
                question = ProvisionedGroupMembers(brand=brand, viewer=SYSTEM, group_id=id_)
                users = await self._view.provisioned_group_members(question)
            case _:
                users = [id_]
        for start in range(0, len(users), _TOGETHER):
            await self._settle(recorded, users[start : start + _TOGETHER])
        return bool(users)

    async def _settle(self, recorded: Recorded[Any], users: Sequence[str]) -> None:
        roles = await self._roles(recorded.brand, users)
        to = "members.provisioned_user.settle_group_roles"
        await asyncio.gather(*(self._send(recorded, to, user, user_id=user, group_roles=roles[user]) for user in users))

    async def _roles(self, brand: str, users: Sequence[str]) -> Mapping[str, list[Role]]:
        """The roles that users have by the groups that they are in."""
        found = await self._view.groups_of_users(GroupsOfUsers(brand=brand, viewer=SYSTEM, user_ids=list(users)))
        return {one.user_id: sorted({group.role for group in one.groups if group.role}) for one in found}

    async def _take_out(self, recorded: Recorded[Any]) -> bool:
        """Take a user who is no more out of the groups that they were in."""
        user = recorded.aggregate_id
        [found] = await self._view.groups_of_users(GroupsOfUsers(brand=recorded.brand, viewer=SYSTEM, user_ids=[user]))
        for group in found.groups:
            to = "members.provisioned_group.change_group"
            await self._send(recorded, to, group.id, group_id=group.id, remove=[user])
        return bool(found.groups)

    async def _send(self, recorded: Recorded[Any], to: str, about: str, **fields: Any) -> None:
        """A command that follows from the event, and so is the same one when it is sent again."""
        command_id = derived_id("group_roles", recorded.id, about)
        answer = await self._insisting.send(to, command_id, recorded.brand, recorded.recorded_at, fields)
        if isinstance(answer, DomainError) and answer.code != "NOT_FOUND":
            _log.warning("not done for a group", brand=recorded.brand, to=to, code=answer.code)
