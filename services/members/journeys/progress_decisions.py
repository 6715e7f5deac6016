"""What happens on a member's journey: the decisions on the commands of `progress.py`."""

from datetime import datetime, timedelta
from typing import assert_never

from libs.access.roles import LEADERS, Role, require
from libs.shared.domain import SYSTEM, Decider, Forbidden, Invalid, NotFound
from services.members.journeys.journey import Completer, StepKind
from services.members.journeys.progress import (
    Absence,
    CompleteStep,
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
    PauseJourney,
    PlannedStep,
    Progress,
    ProgressCommand,
    ProgressEvent,
    RecordFact,
    RemindMember,
    ResumeJourney,
    ReviseJourney,
    SkipStep,
    StartJourney,
    StepCompleted,
    StepReminded,
    StepSkipped,
    evolve,
)


def decide(state: Progress, command: ProgressCommand) -> list[ProgressEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, INVALID."""
    match command:
        case StartJourney():
            return _start(state, command)
        case PauseJourney():
            return _pause(state, command)
        case ResumeJourney():
            return _resume(state, command.reasons, command.fact, command.now)
        case ReviseJourney():
            return _revise(state, command)
        case RemindMember():
            due = [(at, step) for at, step in state.to_remind(command.shut) if at <= command.now]
            return [StepReminded(step_id=step.id, due_at=at) for at, step in due]
        case RecordFact():
            return _record(state, command)
        case CompleteStep():
            return _complete(state, command)
        case SkipStep():
            return _skip(state, command)
        case _:
            assert_never(command)


def _start(state: Progress, command: StartJourney) -> list[ProgressEvent]:
    if state.started:
        return _resume(state, frozenset({Absence.LEFT}), command.fact, command.now)
    if not command.steps or command.newcomers_from is None or command.now < command.newcomers_from:
        return []
    return [JourneyStarted(edition=command.edition, steps=command.steps, origin=command.now, fact=command.fact)]


def _pause(state: Progress, command: PauseJourney) -> list[ProgressEvent]:
    if not state.started or state.finished or command.fact <= state.fact or command.reason in state.absences:
        return []
    return [JourneyPaused(reason=command.reason, since=command.now, fact=command.fact)]


def _resume(state: Progress, reasons: frozenset[Absence], fact: int, now: datetime) -> list[ProgressEvent]:
    ended = state.absences & reasons
    if fact <= state.fact or not ended:
        return []
    assert state.origin is not None and state.away_since is not None
    back = ended == state.absences
    origin = state.origin + max(now - state.away_since, timedelta()) if back else None
    return _then_finish(state, [JourneyResumed(reasons=tuple(sorted(ended)), origin=origin, fact=fact)])


def _revise(state: Progress, command: ReviseJourney) -> list[ProgressEvent]:
    if not state.started or state.finished or command.edition <= state.edition:
        return []
    return _then_finish(state, [JourneyRevised(edition=command.edition, steps=command.steps)])


def _record(state: Progress, command: RecordFact) -> list[ProgressEvent]:
    if state.started_at is None or command.now < state.started_at:
        return []
    for step in state.open_steps():  # one fact, one step: who is to reply twice replies twice
        if step.kind is command.kind and step.space_id in (None, command.space_id):
            return _done(state, step, command.now, fact=command.fact, fact_id=command.fact_id)
    return []


def _complete(state: Progress, command: CompleteStep) -> list[ProgressEvent]:
    require(command.roles, Role.MEMBER)
    if command.actor != command.member_id:
        require(command.roles, *LEADERS)
    step = _find(state, command.step_id)
    if step.kind is not StepKind.CUSTOM:
        raise Invalid("this step is completed by what the member does", ("step_id",))
    if step.completed_by is Completer.LEADER:
        require(command.roles, *LEADERS)
    return [] if step.id in state.closed else _done(state, step, command.now)


def _skip(state: Progress, command: SkipStep) -> list[ProgressEvent]:
    require(command.roles, Role.MEMBER)
    if command.actor not in (command.member_id, SYSTEM):
        raise Forbidden("only the member skips a step")
    step = _find(state, command.step_id)
    if step.kind is StepKind.ACCEPT_RULES:
        raise Invalid("rules are accepted, not skipped", ("step_id",))
    return [] if step.id in state.closed else _then_finish(state, [StepSkipped(step_id=step.id)])


def _find(state: Progress, step_id: str) -> PlannedStep:
    if not state.started:
        raise NotFound("this member is not on the journey", ("member_id",))
    for step in state.steps:
        if step.id == step_id:
            return step
    raise NotFound("the journey has no such step", ("step_id",))


def _done(
    state: Progress, step: PlannedStep, now: datetime, *, fact: str | None = None, fact_id: str | None = None
) -> list[ProgressEvent]:
    assert state.origin is not None
    after = max(0, int((now - state.origin).total_seconds()))
    return _then_finish(state, [StepCompleted(step_id=step.id, after_seconds=after, fact=fact, fact_id=fact_id)])


def _then_finish(state: Progress, events: list[ProgressEvent]) -> list[ProgressEvent]:
    """These events, and that the journey is finished when no step is left after them."""
    for event in events:
        state = evolve(state, event)
    return [*events, JourneyFinished()] if state.under_way and state.complete else events


DECIDER: Decider[Progress, ProgressCommand, ProgressEvent] = Decider(
    aggregate="progress",
    initial=Progress(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(
        StartJourney,
        PauseJourney,
        ResumeJourney,
        ReviseJourney,
        RemindMember,
        RecordFact,
        CompleteStep,
        SkipStep,
    ),
    events=(
        JourneyStarted,
        JourneyRevised,
        StepReminded,
        StepCompleted,
        StepSkipped,
        JourneyPaused,
        JourneyResumed,
        JourneyFinished,
    ),
)
