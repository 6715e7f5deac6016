"""The process that follows the members themselves: who comes and goes, sets out, and wants nudges."""

from typing import Any, Final

from libs.shared.domain import Event
from libs.shared.follower import Follower
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members.journeys import membership
from services.members.journeys.facts import Deed
from services.members.journeys.guide import Guide
from services.members.journeys.journey import StepKind
from services.members.journeys.membership import (
    MemberBanned,
    MemberJoined,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
    ProfileCompleted,
    RulesAccepted,
)
from services.members.journeys.nudge import NudgesWelcomed
from services.members.journeys.nudger import Nudger
from services.members.journeys.progress import (
    Absence,
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
)

SUBJECTS: Final = (membership.SUBJECT, "evt.members.*.progress.*", "evt.members.*.nudge.*")

_EVENTS: Final[tuple[type[Event], ...]] = (
    *membership.EVENTS,
    JourneyStarted,
    JourneyRevised,
    JourneyPaused,
    JourneyResumed,
    JourneyFinished,
    NudgesWelcomed,
)


class Following:
    """Hands each fact about a member to the guide and the nudger, in the order of the stream."""

    def __init__(self, guide: Guide, nudger: Nudger) -> None:
        self._guide = guide
        self._nudger = nudger

    @classmethod
    def register(cls, app: App, guide: Guide, nudger: Nudger) -> Follower:
        """Follow for as long as the service runs; returns what tells how far that has come."""
        handle = cls(guide, nudger).handle
        follower = Follower("journeys", "MEMBERS", SUBJECTS, _EVENTS, handle)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))
        return follower

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """What follows from one fact."""
        brand, member = recorded.brand, recorded.aggregate_id
        # Who was brought in by an import has been there for the platform since then.
        since = max(recorded.time, recorded.recorded_at)
        match recorded.event:
            case MemberJoined():
                await self._guide.joined(recorded)
                await self._nudger.expect(brand, member, since)
            case MemberReinstated():
                await self._guide.reinstated(recorded)
                await self._nudger.expect(brand, member, since)
            case MemberLeft():
                await self._gone(recorded, Absence.LEFT)
            case MemberSuspended():
                await self._gone(recorded, Absence.SUSPENDED)
            case MemberBanned():
                await self._gone(recorded, Absence.BANNED)
            case RulesAccepted():
                await self._guide.record(recorded, Deed(member, StepKind.ACCEPT_RULES))
            case ProfileCompleted():
                await self._guide.record(recorded, Deed(member, StepKind.COMPLETE_PROFILE))
            case JourneyStarted() | JourneyRevised():
                await self._guide.set_out(recorded)
            case JourneyPaused() | JourneyResumed() | JourneyFinished():
                await self._guide.set_timer(brand, member)
            case NudgesWelcomed():
                await self._nudger.expect(brand, member, recorded.time)
        return True

    async def _gone(self, recorded: Recorded[Any], why: Absence) -> None:
        await self._guide.away(recorded, why)
        await self._nudger.forget(recorded.brand, recorded.aggregate_id)
