"""Leads members through the journey: brings facts to their progress, and reminds them of what is due, once."""

from datetime import datetime
from typing import Any

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from libs.access.authorizer import Authorizer
from libs.access.roles import Role, require
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Accepted, Forbidden, NotFound, Unavailable
from libs.shared.event_store import Subject
from libs.shared.ids import derived_id
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members.journeys import membership
from services.members.journeys.facts import Deed
from services.members.journeys.journey import Journey, JourneyEvent, PublishJourney, StepKind
from services.members.journeys.membership import ProfileCompleted, RulesAccepted
from services.members.journeys.progress import (
    Absence,
    BeginJourney,
    PauseJourney,
    Progress,
    ProgressCommand,
    ProgressEvent,
    RecordFact,
    RemindMember,
    ResumeJourney,
    ReviseJourney,
    StartJourney,
    planned,
)
from services.members.journeys.timers import Alarm, Timers, is_quiet
from services.members.member import Member, MemberCommand, MemberEvent


class Guide:
    """Sends what follows from the facts of members to their progress, as the platform.

    What it sends has an id that is derived from the fact, so that a fact that comes again changes nothing.
    """

    def __init__(
        self,
        app: App,
        authorizer: Authorizer,
        journeys: CommandHandler[Journey, PublishJourney, JourneyEvent],
        progress: CommandHandler[Progress, ProgressCommand, ProgressEvent],
        members: CommandHandler[Member, MemberCommand, MemberEvent],
    ) -> None:
        self._nats = app.nats
        self._clock = app.clock
        self._authorizer = authorizer
        self._journeys = journeys
        self._progress = progress
        self._members = members
        self._timers = Timers(app, "journey", self._remind)

    async def begin(self, command: BeginJourney) -> Accepted:
        """Answer the command.  Raises FORBIDDEN, NOT_FOUND."""
        return await self._progress.handle(await self._start(command))

    async def would_begin(self, command: BeginJourney) -> bool:
        """Whether somebody would set out, or go on.  Raises as `begin`."""
        return await self._progress.rehearse(await self._start(command), fresh=True)

    async def _start(self, command: BeginJourney) -> StartJourney:
        require(command.roles, Role.MEMBER)
        if command.actor not in (command.member_id, SYSTEM):
            raise Forbidden("only the member sets out")
        journey = await self._journey(command.brand)
        if not journey.steps:
            raise NotFound("this brand has no journey")
        return StartJourney(
            command_id=command.command_id,
            brand=command.brand,
            actor=command.actor,
            now=command.now,
            member_id=command.member_id,
            fact=membership.end_of(await self.last_fact(command.brand, command.member_id)),
            edition=journey.edition,
            steps=planned(journey.steps),
            newcomers_from=command.now,
        )

    async def joined(self, recorded: Recorded[Any]) -> None:
        """Let a newcomer set out, and who came back go on."""
        journey = await self._journey(recorded.brand)
        start = StartJourney(
            **_caused(recorded, "start_journey"),
            fact=membership.place(recorded),
            edition=journey.edition,
            steps=planned(journey.steps),
            newcomers_from=journey.newcomers_from,
        )
        await self._progress.handle(start)

    async def away(self, recorded: Recorded[Any], reason: Absence) -> None:
        """Let the journey of a member stand still."""
        fact = membership.place(recorded)
        await self._progress.handle(PauseJourney(**_caused(recorded, "pause_journey"), reason=reason, fact=fact))

    async def reinstated(self, recorded: Recorded[Any]) -> None:
        """Let who was suspended go on; who was banned goes on when they join again."""
        reasons, fact = frozenset({Absence.SUSPENDED, Absence.BANNED}), membership.place(recorded)
        await self._progress.handle(ResumeJourney(**_caused(recorded, "resume_journey"), reasons=reasons, fact=fact))

    async def record(self, recorded: Recorded[Any], deed: Deed) -> bool:
        """Complete the step that a deed completes, if any; False for who never set out."""
        await self._progress.handle(
            RecordFact(
                **_caused(recorded, "record_fact", deed.member),
                kind=deed.kind,
                fact=recorded.event.wire_name,
                fact_id=recorded.id,
                space_id=deed.space_id,
            )
        )
        return (await self._progress.state(recorded.brand, deed.member)).started

    async def set_out(self, recorded: Recorded[Any]) -> None:
        """Follow a start or a new edition: complete what is so already, and set the timer."""
        brand, member = recorded.brand, recorded.aggregate_id
        journey = await self._journey(brand)
        if journey.edition > recorded.event.edition:  # it was published while they set out
            await self.revise(brand, member, journey)
        state = await self._members.state(brand, member, fresh=True)
        gate = await self._authorizer.gate(brand, proven=True)
        if state.accepted_rules >= gate.rules_version:
            await self._is_so_already(recorded, StepKind.ACCEPT_RULES, RulesAccepted.wire_name)
        if state.profile.completed:
            await self._is_so_already(recorded, StepKind.COMPLETE_PROFILE, ProfileCompleted.wire_name)
        await self.set_timer(brand, member)

    async def revise(self, brand: str, member: str, journey: Journey) -> None:
        """Take a member to a newer edition."""
        await self._progress.handle(
            ReviseJourney(
                command_id=derived_id("revise_journey", brand, member, str(journey.edition)),
                brand=brand,
                actor=SYSTEM,
                now=self._clock.now(),
                member_id=member,
                edition=journey.edition,
                steps=planned(journey.steps),
            )
        )

    async def set_timer(self, brand: str, member: str) -> None:
        """Look at the member again when the next step is due, if any is."""

        async def next_due() -> datetime | None:
            gate = await self._authorizer.gate(brand, proven=True)
            state = await self._progress.state(brand, member, fresh=True)
            due = [] if is_quiet(gate) else state.to_remind(gate.modules_off)
            return min((at for at, _ in due), default=None)

        await self._timers.settle(brand, member, next_due)

    async def last_fact(self, brand: str, member: str) -> int:
        """Return the sequence of the member's own last event; 0 without any.  Raises UNAVAILABLE."""
        subject = str(Subject("members", brand, "member", member))
        try:
            last = await self._nats.jetstream().get_msg("MEMBERS", subject=subject)
        except NotFoundError:
            return 0
        except (NatsError, OSError) as error:
            raise Unavailable("the members stream does not answer") from error
        return last.seq or 0

    async def _remind(self, alarm: Alarm) -> None:
        gate = await self._authorizer.gate(alarm.brand, proven=True)
        if not is_quiet(gate):
            await self._progress.handle(
                RemindMember(
                    command_id=derived_id("remind_member", alarm.brand, alarm.member, alarm.at.isoformat()),
                    brand=alarm.brand,
                    actor=SYSTEM,
                    now=max(alarm.at, self._clock.now()),
                    member_id=alarm.member,
                    shut=gate.modules_off,
                )
            )
        await self.set_timer(alarm.brand, alarm.member)

    async def _is_so_already(self, recorded: Recorded[Any], kind: StepKind, fact: str) -> None:
        caused = _caused(recorded, f"record_{kind.value}")
        await self._progress.handle(RecordFact(**caused, kind=kind, fact=fact))

    async def _journey(self, brand: str) -> Journey:
        return await self._journeys.state(brand, brand, fresh=True)


def _caused(recorded: Recorded[Any], command: str, member: str | None = None) -> dict[str, Any]:
    """The envelope of a command that follows from a fact about its aggregate, or about another member."""
    return {
        "command_id": derived_id(command, recorded.id),
        "brand": recorded.brand,
        "actor": SYSTEM,
        "now": recorded.time,
        "member_id": member or recorded.aggregate_id,
    }
