"""The process that lets go of attendees: who leaves a brand, or is let in no longer, gives up what they have.

It looks at how things are, not only at what happened, so it may begin again anywhere: who was let go has nothing left,
and a command that is sent once more is the same command.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from libs.access.audience import Viewer
from libs.access.audiences import MembershipsView, SegmentLeft
from libs.access.view import AccessView, MemberLeft, Rights, RoleRevoked
from libs.shared.app import App
from libs.shared.domain import DomainError
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.insisting import Insisting
from libs.shared.projection import View
from libs.shared.pull import head
from libs.shared.recorded import Recorded
from libs.shared.times import to_ms
from services.events.views.attendance_sheet import AttendanceSheetView, Stake
from services.events.views.guests import let_in

_SUBJECTS: Final = ("evt.members.*.member.*", "evt.members.*.segment_part.*")
_EVENTS: Final = (MemberLeft, RoleRevoked, SegmentLeft)
_WAIT_SECONDS: Final = 30.0


class PartingFailed(Exception):
    """A command was not understood or ended in a fault: it is sent again, and what follows waits."""


class Partings:
    """Follows members and segments."""

    def __init__(self, app: App, sheet: AttendanceSheetView, access: AccessView, memberships: MembershipsView) -> None:
        self._app = app
        self._sheet = sheet
        self._access = access
        self._memberships = memberships
        self._insisting = Insisting(app.bus.command)
        follower = Follower("partings", "MEMBERS", _SUBJECTS, _EVENTS, self.handle)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """Bring about what follows from an event; False when nothing does.  Raises `PartingFailed`."""
        match recorded.event:
            case MemberLeft():
                gone = await self._of_who_left(recorded)
            case RoleRevoked(space_id=None):
                gone = await self._of_who_is_not_let_in(recorded, [recorded.aggregate_id])
            case SegmentLeft(member_ids=members):
                gone = await self._of_who_is_not_let_in(recorded, members)
            case _:
                return False
        left_brand = isinstance(recorded.event, MemberLeft)
        for event_id, member in sorted({(one.event_id, one.member_id) for one in gone}):
            await self._let_go(recorded, event_id, member, left_brand=left_brand)
        return bool(gone)

    async def _of_who_left(self, recorded: Recorded[Any]) -> Sequence[Stake]:
        """What somebody had when they left: whoever came back meanwhile keeps what they got since."""
        brand, member = recorded.brand, recorded.aggregate_id
        await self._caught_up(recorded, self._access)
        stakes = await self._sheet.stakes(brand, [member])
        if member not in await self._access.rights_of_many(brand, [member]):
            return stakes
        return [one for one in stakes if one.since_ms <= to_ms(recorded.time)]

    async def _of_who_is_not_let_in(self, recorded: Recorded[Any], members: Sequence[str]) -> Sequence[Stake]:
        """What these have at events that do not let them in any more."""
        brand = recorded.brand
        await self._caught_up(recorded, self._access, self._memberships)
        stakes = await self._sheet.stakes(brand, members)
        ways_in = await self._sheet.ways_in(brand, {one.event_id for one in stakes})
        if not ways_in:
            return []
        viewers = await self._viewers(brand, members)
        return [
            one
            for one in stakes
            if one.event_id in ways_in and not let_in(brand, ways_in[one.event_id], viewers[one.member_id])
        ]

    async def _viewers(self, brand: str, members: Sequence[str]) -> Mapping[str, Viewer]:
        """Who these are to audiences; a suspension takes no seat away."""
        rights = await self._access.rights_of_many(brand, members)
        segments = await self._memberships.segments_of_many(brand, members)
        now_ms = to_ms(self._app.clock.now())
        return {
            one: Viewer(replace(rights.get(one, Rights()), suspended=False).roles(now_ms), segments[one])
            for one in members
        }

    async def _caught_up(self, recorded: Recorded[Any], *views: View) -> None:
        """Return when these views show the event, and the sheet all that was accepted at events until now."""
        for view in views:
            await self._app.positions.wait(view, {recorded.stream: recorded.sequence}, _WAIT_SECONDS)
        stream = self._sheet.stream
        end = await head(self._app.nats.jetstream(), stream)
        await self._app.positions.wait(self._sheet, {stream: end}, _WAIT_SECONDS)

    async def _let_go(self, recorded: Recorded[Any], event_id: str, member: str, *, left_brand: bool) -> None:
        answer = await self._insisting.send(
            "events.event.release_attendee",
            derived_id("release_attendee", recorded.id, event_id, member),
            recorded.brand,
            recorded.time,
            {"event_id": event_id, "member_id": member, "left_brand": left_brand},
        )
        if isinstance(answer, DomainError):
            raise PartingFailed(f"{recorded.stream} {recorded.sequence}: {answer.code}")
