"""The process that ends what has an end: it keeps the timetable as the log says, and takes roles and lifts suspensions.

What it schedules follows from the member's state, not from the event alone, so that any event may come again.  The
command that ends something names the end that it is for, so that one that was changed meanwhile stays.
"""

from datetime import datetime
from typing import ClassVar

import msgspec
from msgspec import Struct

from libs.access.roles import held_as
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Event
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.recorded import Recorded
from libs.shared.schedules import Due
from libs.shared.service import App
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.standing.facts import EndSuspension, ExpireRole

_ROLE, _SUSPENSION = "role_ends", "suspension_ends"


class RoleGranted(Event, frozen=True, kw_only=True):
    """A role was granted, perhaps with an end."""

    wire_name: ClassVar[str] = "role_granted"

    role: str
    space_id: str | None = None


class RoleRevoked(Event, frozen=True, kw_only=True):
    """A role was taken."""

    wire_name: ClassVar[str] = "role_revoked"

    role: str
    space_id: str | None = None


class MemberSuspended(Event, frozen=True, kw_only=True):
    """A member was suspended, perhaps until a time."""

    wire_name: ClassVar[str] = "member_suspended"


class MemberReinstated(Event, frozen=True, kw_only=True):
    """A suspension is over."""

    wire_name: ClassVar[str] = "member_reinstated"


class Term(Struct, frozen=True, kw_only=True):
    """What ends when.  A suspension has no `role`."""

    brand: str
    member_id: str
    role: str = ""
    space_id: str | None = None
    ends_at: datetime


class Terms:
    """Keeps the timetable, and does what is due."""

    def __init__(self, app: App, members: CommandHandler[Member, MemberCommand, MemberEvent]) -> None:
        self._app = app
        self._members = members
        app.on_due(_ROLE, self._end_role)
        app.on_due(_SUSPENSION, self._end_suspension)
        events = (RoleGranted, RoleRevoked, MemberSuspended, MemberReinstated)
        follower = Follower("terms", "MEMBERS", ("evt.members.*.member.*",), events, self.handle)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))

    async def handle(self, recorded: Recorded[Event]) -> bool:
        """Let the timetable say of what the event is about what the member's state says now."""
        match recorded.event:
            case RoleGranted(role=role, space_id=space) | RoleRevoked(role=role, space_id=space):
                await self._keep_role(recorded.brand, recorded.aggregate_id, role, space)
            case _:
                await self._keep_suspension(recorded.brand, recorded.aggregate_id)
        return True

    async def _keep_role(self, brand: str, member: str, role: str, space: str | None) -> None:
        state = await self._members.state(brand, member, fresh=True)
        held = held_as(role, space)
        id_ = derived_id("role", brand, member, held)
        ends_at = state.grants.get(held)
        if ends_at is None:
            await self._app.timetable.cancel(_ROLE, id_)
            return
        term = Term(brand=brand, member_id=member, role=role, space_id=space, ends_at=ends_at)
        await self._app.timetable.reschedule(_ROLE, id_, ends_at, msgspec.json.encode(term))

    async def _keep_suspension(self, brand: str, member: str) -> None:
        state = await self._members.state(brand, member, fresh=True)
        id_ = derived_id("suspension", brand, member)
        suspension = state.standing.suspension
        if suspension is None or suspension.until is None:
            await self._app.timetable.cancel(_SUSPENSION, id_)
            return
        term = Term(brand=brand, member_id=member, ends_at=suspension.until)
        await self._app.timetable.reschedule(_SUSPENSION, id_, suspension.until, msgspec.json.encode(term))

    async def _end_role(self, due: Due) -> None:
        term = msgspec.json.decode(due.data, type=Term)
        command = {**self._envelope(term), "role": term.role, "space_id": term.space_id, "expires_at": term.ends_at}
        await self._members.handle(msgspec.convert(command, ExpireRole))
        # A process that was behind may have put an earlier end in place of a later one.
        await self._keep_role(term.brand, term.member_id, term.role, term.space_id)

    async def _end_suspension(self, due: Due) -> None:
        term = msgspec.json.decode(due.data, type=Term)
        await self._members.handle(msgspec.convert({**self._envelope(term), "until": term.ends_at}, EndSuspension))
        await self._keep_suspension(term.brand, term.member_id)

    def _envelope(self, term: Term) -> dict[str, object]:
        """The same command id for the same end, however often it is handed over."""
        about = (term.brand, term.member_id, held_as(term.role, term.space_id), term.ends_at.isoformat())
        return {
            "command_id": derived_id("term", *about),
            "brand": term.brand,
            "actor": SYSTEM,
            "now": self._app.clock.now(),
            "member_id": term.member_id,
        }
