"""Deciding commands in turn on one state before anything is stored: what would be appended and answered.  Pure."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Generic, NamedTuple, TypeVar

from libs.shared.domain import Accepted, Command, Decider, Event, Invalid
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.states import Known
from libs.shared.telemetry import current_traceparent, trace_id

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)


class Waiting(Generic[C]):
    """A command whose caller waits for its `answer`, and the trace that it belongs to."""

    __slots__ = ("answer", "command", "correlation_id", "traceparent")

    def __init__(self, command: C, answer: "asyncio.Future[Accepted]") -> None:
        self.command = command
        self.answer = answer
        self.traceparent = current_traceparent()
        self.correlation_id = trace_id() or command.command_id

    def accept(self, accepted: Accepted) -> None:
        """Answer the caller, if it still waits."""
        if not self.answer.done():
            self.answer.set_result(accepted)

    def fail(self, error: Exception) -> None:
        """Raise at the caller, if it still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Outcome(NamedTuple):
    """What a command comes to: a refusal, or an acceptance.

    `sequence` is where its effect stands already; None where this plan's commit will stand.  `changes` says whether
    it has events in this plan.
    """

    refusal: Exception | None = None
    sequence: int | None = None
    repeated: bool = False
    changes: bool = False


class Plan(Generic[S]):
    """What the commands come to, decided in turn on the state at sequence `base`."""

    __slots__ = ("base", "outcomes", "pending", "size_bytes", "state")

    def __init__(self, base: int, state: S) -> None:
        self.base = base
        self.state = state
        self.pending: list[Pending] = []
        self.outcomes: list[Outcome] = []
        self.size_bytes = 0

    @property
    def causes(self) -> list[str]:
        """The command's id of each event."""
        return [pending.causation_id for pending in self.pending]

    @property
    def is_certain(self) -> bool:
        """Whether every answer rests on what the log is known to hold, and none on its being no longer than that."""
        return all(outcome.sequence is not None for outcome in self.outcomes)


class Limits(NamedTuple):
    """What one commit of several commands may hold.  A single command's events are never divided."""

    events: int = 500
    size_bytes: int = 512 * 1024


def make_plan(
    decider: Decider[S, C, E],
    subject: Subject,
    known: Known[S],
    queue: Iterable[Waiting[C]],
    *,
    limits: Limits,
    size: Callable[[Sequence[Pending]], int],
    joint: bool = False,
) -> Plan[S]:
    """Decide on the commands in turn, each on the state that the ones before it lead to, as far as the limits allow.

    The plan has an outcome for each command that it took from the start of the queue.  `size` tells how many bytes
    events take in a message.  A command id that came before is a repeat, unless the commands are `joint`: steps of
    one call, which share its id.
    """
    plan = Plan(known.sequence, known.state)
    accepted: set[str] = set()
    for waiting in queue:
        outcome, events, state = _decide(decider, plan.state, known, accepted, waiting)
        if events:
            pending = to_pending(subject, waiting, events)
            if plan.pending:
                before = plan.size_bytes or size(plan.pending)
                plan.size_bytes = before + size(pending)
                if len(plan.pending) + len(pending) > limits.events or plan.size_bytes > limits.size_bytes:
                    break
            if not joint:
                accepted.add(waiting.command.command_id)
            plan.pending += pending
            plan.state = state
        plan.outcomes.append(outcome)
        if len(plan.outcomes) >= limits.events:
            break
    return plan


def to_pending(
    subject: Subject, waiting: Waiting[C], events: Sequence[Event], ids: Sequence[str] | None = None
) -> list[Pending]:
    """Give a command's events all that the log records about them; `ids` are theirs, else new ones."""
    command = waiting.command
    time = command.now.astimezone(UTC)
    return [
        Pending(
            event=event,
            id=ids[index] if ids else uuid7(),
            brand=subject.brand,
            aggregate=subject.aggregate,
            aggregate_id=subject.id,
            actor=command.actor,
            time=time,
            causation_id=command.command_id,
            correlation_id=waiting.correlation_id,
            traceparent=waiting.traceparent,
        )
        for index, event in enumerate(events)
    ]


def check_time(command: Command) -> None:
    """Refuse a command that does not say which instant it means."""
    if command.now.tzinfo is None:
        raise Invalid("a time has a time zone", ("now",))


def _decide(
    decider: Decider[S, C, E], state: S, known: Known[S], accepted: set[str], waiting: Waiting[C]
) -> tuple[Outcome, list[E], S]:
    command = waiting.command
    stored = known.accepted.get(command.command_id)
    if waiting.answer.done():
        return Outcome(sequence=known.sequence), [], state  # whoever asked has gone
    if stored is not None:
        return Outcome(sequence=stored, repeated=True), [], state
    if command.command_id in accepted:
        return Outcome(repeated=True), [], state
    try:
        events = decider.decide(state, command)
        for event in events:
            state = decider.evolve(state, event)
    except Exception as refusal:  # a defect in the rule of one command is not the others' affair
        return Outcome(refusal=refusal), [], state
    return Outcome(changes=bool(events)), events, state
