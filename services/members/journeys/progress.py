"""How far one member has come on the journey of the brand: its facts and what they add up to.

The decisions stand in `progress_decisions.py`.  Nothing here is personal: ids, times, and the brand's own steps.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.shared.domain import Command, Event, Id
from libs.shared.text import Slug
from services.members.journeys.journey import Completer, Step, StepKind


class Absence(StrEnum):
    """Why a member is away: the journey stands still for as long as there is one reason."""

    LEFT = "left"
    SUSPENDED = "suspended"
    BANNED = "banned"


class PlannedStep(Struct, frozen=True, kw_only=True):
    """What of a step is needed to lead somebody through it, without its words."""

    id: str
    kind: StepKind
    after_hours: int
    space_id: str | None = None
    completed_by: Completer | None = None


def planned(steps: Sequence[Step]) -> tuple[PlannedStep, ...]:
    """The steps of an edition without their words."""
    return tuple(
        PlannedStep(
            id=step.id,
            kind=step.kind,
            after_hours=step.after_hours,
            space_id=step.space_id,
            completed_by=step.completed_by,
        )
        for step in steps
    )


# Events


class JourneyStarted(Event, frozen=True, kw_only=True):
    """The member set out; a step is due so many hours after `origin`.

    `fact` is the place in the log (`membership.place`) up to which the membership's own facts are taken into account.
    """

    wire_name: ClassVar[str] = "journey_started"

    edition: int
    steps: tuple[PlannedStep, ...]
    origin: datetime
    fact: int


class JourneyRevised(Event, frozen=True, kw_only=True):
    """The member goes on in a newer edition; what they have completed or skipped, and reminders, stay."""

    wire_name: ClassVar[str] = "journey_revised"

    edition: int
    steps: tuple[PlannedStep, ...]


class StepReminded(Event, frozen=True, kw_only=True):
    """The step became due before it was done: the member is told, this once."""

    wire_name: ClassVar[str] = "step_reminded"

    step_id: str
    due_at: datetime


class StepCompleted(Event, frozen=True, kw_only=True):
    """The step is done, `after_seconds` on the journey.

    `fact` is the wire name of the event that did it and `fact_id` its id, None for what was so already when the step
    came; of a custom step both are None, and the event's actor said so.
    """

    wire_name: ClassVar[str] = "step_completed"

    step_id: str
    after_seconds: int
    fact: str | None = None
    fact_id: str | None = None


class StepSkipped(Event, frozen=True, kw_only=True):
    """The member goes on without this step."""

    wire_name: ClassVar[str] = "step_skipped"

    step_id: str


class JourneyPaused(Event, frozen=True, kw_only=True):
    """The member is away, for one reason (more), since then."""

    wire_name: ClassVar[str] = "journey_paused"

    reason: Absence
    since: datetime
    fact: int


class JourneyResumed(Event, frozen=True, kw_only=True):
    """These reasons to be away have ended.

    With the last one the journey goes on, and `origin` has moved by the time away; None while another one holds.
    """

    wire_name: ClassVar[str] = "journey_resumed"

    reasons: tuple[Absence, ...]
    origin: datetime | None
    fact: int


class JourneyFinished(Event, frozen=True, kw_only=True):
    """Every step is done or skipped.  No later edition begins it again."""

    wire_name: ClassVar[str] = "journey_finished"


ProgressEvent = (
    JourneyStarted
    | JourneyRevised
    | StepReminded
    | StepCompleted
    | StepSkipped
    | JourneyPaused
    | JourneyResumed
    | JourneyFinished
)

# State


class Progress(Struct, frozen=True, kw_only=True):
    """What a member's journey must remember to decide.  Before it starts, `edition` is 0 and there is no `origin`.

    `closed` are the steps that are done or skipped, `away_since` is when the first of the `absences` began.
    """

    edition: int = 0
    steps: tuple[PlannedStep, ...] = ()
    started_at: datetime | None = None
    origin: datetime | None = None
    fact: int = 0
    closed: frozenset[str] = frozenset()
    reminded: frozenset[str] = frozenset()
    absences: frozenset[Absence] = frozenset()
    away_since: datetime | None = None
    finished: bool = False

    @property
    def started(self) -> bool:
        """Whether the member ever set out."""
        return self.edition > 0

    @property
    def under_way(self) -> bool:
        """Whether the member is on the journey now."""
        return self.started and not self.finished and not self.absences

    @property
    def complete(self) -> bool:
        """Whether no step is left, of at least one."""
        return bool(self.steps) and all(step.id in self.closed for step in self.steps)

    def open_steps(self) -> Iterator[PlannedStep]:
        """The steps that are neither done nor skipped, in their order; none of who is not under way."""
        return (step for step in self.steps if self.under_way and step.id not in self.closed)

    def due_at(self, step: PlannedStep) -> datetime:
        """When a step is due, of a journey that was started."""
        assert self.origin is not None
        return self.origin + timedelta(hours=step.after_hours)

    def to_remind(self, shut: Collection[str]) -> list[tuple[datetime, PlannedStep]]:
        """The steps of which the member is still to be reminded, and when; not those in modules that are `shut`."""
        return [
            (self.due_at(step), step)
            for step in self.open_steps()
            if step.id not in self.reminded and step.kind.module not in shut
        ]


def evolve(state: Progress, event: ProgressEvent) -> Progress:
    """The progress after `event`."""
    match event:
        case JourneyStarted():
            return Progress(
                edition=event.edition,
                steps=event.steps,
                started_at=event.origin,
                origin=event.origin,
                fact=event.fact,
            )
        case JourneyRevised():
            return structs.replace(state, edition=event.edition, steps=event.steps)
        case StepReminded():
            return structs.replace(state, reminded=state.reminded | {event.step_id})
        case StepCompleted() | StepSkipped():
            return structs.replace(state, closed=state.closed | {event.step_id})
        case JourneyPaused():
            since = state.away_since if state.absences else event.since
            return structs.replace(state, absences=state.absences | {event.reason}, away_since=since, fact=event.fact)
        case JourneyResumed():
            origin = state.origin if event.origin is None else event.origin
            left = state.absences.difference(event.reasons)
            return structs.replace(state, absences=left, origin=origin, fact=event.fact)
        case JourneyFinished():
            return structs.replace(state, finished=True)
        case _:
            assert_never(event)


# Commands


class StartJourney(Command, frozen=True, kw_only=True):
    """Set out, or go on after having left.  The process sends it when somebody joins; `BeginJourney` becomes one.

    Who never set out, and joined (`now`) before `newcomers_from`, is no newcomer.
    """

    wire_name: ClassVar[str] = "start_journey"

    member_id: Id
    fact: int
    edition: int
    steps: tuple[PlannedStep, ...]
    newcomers_from: datetime | None


class PauseJourney(Command, frozen=True, kw_only=True):
    """Stand still: the member is away from now on.  The process sends it."""

    wire_name: ClassVar[str] = "pause_journey"

    member_id: Id
    reason: Absence
    fact: int


class ResumeJourney(Command, frozen=True, kw_only=True):
    """These reasons to be away, as far as they held, have ended now.  The process sends it."""

    wire_name: ClassVar[str] = "resume_journey"

    member_id: Id
    reasons: frozenset[Absence]
    fact: int


class ReviseJourney(Command, frozen=True, kw_only=True):
    """Go on in a newer edition.  The process sends it."""

    wire_name: ClassVar[str] = "revise_journey"

    member_id: Id
    edition: int
    steps: tuple[PlannedStep, ...]


class RemindMember(Command, frozen=True, kw_only=True):
    """Remind of what is due now, but for what is done in modules that are `shut`.  The process sends it."""

    wire_name: ClassVar[str] = "remind_member"

    member_id: Id
    shut: frozenset[str] = frozenset()


class RecordFact(Command, frozen=True, kw_only=True):
    """The member did something that completes a step of this kind.  The process sends it; `now` is when they did.

    `space_id` is where; `fact_id` is None for what is so already.
    """

    wire_name: ClassVar[str] = "record_fact"

    member_id: Id
    kind: StepKind
    fact: str
    fact_id: str | None = None
    space_id: str | None = None


class BeginJourney(Command, frozen=True, kw_only=True):
    """Set out by oneself: for who was there before the journey.  The member only."""

    wire_name: ClassVar[str] = "begin_journey"

    member_id: Id


class CompleteStep(Command, frozen=True, kw_only=True):
    """Say that a custom step is done: the member, where the step leaves it to them, or an owner or builder."""

    wire_name: ClassVar[str] = "complete_step"

    member_id: Id
    step_id: Slug


class SkipStep(Command, frozen=True, kw_only=True):
    """Go on without a step, whatever its kind but ACCEPT_RULES.  The member only."""

    wire_name: ClassVar[str] = "skip_step"

    member_id: Id
    step_id: Slug


ProgressCommand = (
    StartJourney | PauseJourney | ResumeJourney | ReviseJourney | RemindMember | RecordFact | CompleteStep | SkipStep
)
