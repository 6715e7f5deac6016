"""Running commands: decide on the remembered state, append with its sequence, answer when the log has it."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

from libs.shared.domain import Accepted, Command, Decider, DomainError, Erased, Event, Invalid
from libs.shared.event_store import CommitTooLarge, EventStore, Pending, Subject, WrongExpectation, is_token
from libs.shared.ids import derived_id
from libs.shared.lanes import Lanes
from libs.shared.plan import Limits, Plan, Waiting, check_time, make_plan, to_pending
from libs.shared.states import Known, States

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

#: How often a decision is made again because the aggregate has gone on meanwhile.
ATTEMPTS = 5

_LIMITS = Limits()
_UNLIMITED = Limits(events=1_000_000, size_bytes=1 << 40)


class ConcurrencyConflict(DomainError):
    """Others changed the aggregate each time that the command was decided; it may be sent again.  Code `CONFLICT`."""

    def __init__(self) -> None:
        super().__init__("CONFLICT", "too many changes at the same time; try again")


class CommandHandler(Generic[S, C, E]):
    """Runs the commands of one kind of aggregate.

    A success is proven by the append, which expects the sequence that the decision was made on.  A refusal, or
    "nothing to do", is only answered when the aggregate's last sequence, asked of the stream's leader, is the one
    that it was decided on.  Commands for one aggregate that arrive while an append is under way are decided in turn
    and leave together as the next commit.  A command id that the aggregate remembers is answered with its first
    outcome.  Different aggregates do not wait for each other.
    """

    def __init__(
        self,
        decider: Decider[S, C, E],
        store: EventStore,
        service: str,
        *,
        cache_size: int = 10_000,
        snapshot_every: int = 200,
        attempts: int = ATTEMPTS,
        limits: Limits = _LIMITS,
    ) -> None:
        self.decider = decider
        self.store = store
        self.service = service
        self.attempts = attempts
        self.states = States(decider, store, cache_size=cache_size, snapshot_every=snapshot_every)
        self._limits = limits
        self._lanes = Lanes[C](self._run, limits.events)

    async def handle(self, command: C) -> Accepted:
        """Run the command and return where its outcome stands in the log.

        Raises `DomainError`: a refusal of the decider, `ConcurrencyConflict`, `CommitTooLarge`, `Invalid` for ids
        that cannot be, or `Unavailable` when it is not known whether the command took effect; sent again with the
        same id it has its effect once.
        """
        check_time(command)
        subject = self.subject_of(command)
        waiting = Waiting(command, asyncio.get_running_loop().create_future())
        self._lanes.add(subject, waiting)
        return await waiting.answer

    async def state(self, brand: str, id: str, *, fresh: bool = False) -> S:  # noqa: A002 – the interface's word
        """Return the aggregate's state; with `fresh`, as the stream's leader has it now."""
        subject = self.subject(brand, id)
        if fresh:
            await self.refresh(subject)
        return (await self.states.current(subject)).state

    async def refresh(self, subject: Subject) -> None:
        """Remember the aggregate as the stream's leader has it now."""
        known = await self.states.current(subject)
        if not await self.states.is_current(subject, known.sequence):
            await self.states.refresh(subject, known)

    async def rehearse(self, command: C, *, fresh: bool = False) -> bool:
        """Whether the command would change something, as far as the aggregate is remembered; nothing is stored.

        With `fresh`, as the stream's leader has it now.  Raises `DomainError`: a refusal of the decider.
        """
        subject = self.subject_of(command)
        if fresh:
            await self.refresh(subject)
        known = await self.states.current(subject)
        return bool(self.decider.decide(known.state, command))

    def subject_of(self, command: C) -> Subject:
        """Return where the events of the aggregate stand that a command is for; raises as `subject`."""
        return self.subject(command.brand, self.decider.identify(command))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._lanes.settle()
        await self.states.settle()

    def subject(self, brand: str, id: str) -> Subject:  # noqa: A002 – the interface's word
        """Return where the aggregate's events stand; raises `Invalid` for what cannot be an id."""
        return _subject(self.service, brand, self.decider.aggregate, id)

    def plan(self, subject: Subject, known: Known[S], commands: Iterable[Waiting[C]]) -> Plan[S]:
        """Decide on commands without any effect."""
        return make_plan(self.decider, subject, known, commands, limits=self._limits, size=self._size)

    def turn(self, subject: Subject) -> AbstractAsyncContextManager[None]:
        """Keep this handler's other work on the aggregate waiting for as long as the context lasts."""
        return self._lanes.turn(subject)

    async def _run(self, subject: Subject, waiting: Sequence[Waiting[C]]) -> None:
        """Answer the first of these commands, and as many more as fit with it in one commit."""
        try:
            if not await self._commit(subject, waiting):
                _refuse(waiting, ConcurrencyConflict())
        except Exception as error:
            # If the commit was stored nevertheless, what is remembered is behind; the next append or proof finds out.
            _refuse(waiting, error)

    async def _commit(self, subject: Subject, waiting: Sequence[Waiting[C]]) -> bool:
        proven = False
        for attempt in range(self.attempts):
            known, plan = await self._decide(subject, waiting)
            if not plan.pending:
                if proven or plan.is_certain or await self.states.is_current(subject, plan.base):
                    _answer(subject, waiting, plan, plan.base)
                    return True
            else:
                try:
                    sequence = await self.store.append(subject, plan.pending, expected=plan.base)
                except CommitTooLarge as error:
                    self._make_smaller(waiting, plan, error)
                    return True
                except Erased as error:
                    _refuse_erased(waiting, plan, error)
                    return True
                except WrongExpectation:
                    pass
                else:
                    self.states.advance(subject, plan.base, plan.state, sequence, plan.causes)
                    _answer(subject, waiting, plan, sequence)
                    return True
            await back_off(attempt)
            if known is None:
                await self.states.current(subject)
            else:
                await self.states.refresh(subject, known)
                # What is decided next is decided on what the leader had after these commands had come.
                proven = self.states.remembered(subject) is known
        return False

    async def _decide(self, subject: Subject, waiting: Sequence[Waiting[C]]) -> tuple[Known[S] | None, Plan[S]]:
        known = self.states.remembered(subject)
        if known is None:
            # Most aggregates that are not remembered are new ones.  When all commands are accepted as if this were
            # one, the append proves it, and nothing needs to be read; None says that this was only supposed.
            plan = self.plan(subject, self.states.new(), waiting)
            if all(outcome.changes for outcome in plan.outcomes):
                return None, plan
            known = await self.states.current(subject)
        return known, self.plan(subject, known, waiting)

    def _make_smaller(self, waiting: Sequence[Waiting[C]], plan: Plan[S], error: CommitTooLarge) -> None:
        """Let fewer commands share a commit from now on, or refuse the one that is too large alone."""
        changing = [one for one, outcome in zip(waiting, plan.outcomes, strict=False) if outcome.changes]
        if len(changing) > 1:
            self._limits = self._limits._replace(size_bytes=error.limit_bytes)
        else:
            _refuse(changing, error)

    def _size(self, events: Sequence[Pending]) -> int:
        return self.store.codec.size(events)


class OpenSetHandler(Generic[S, C, E]):
    """Runs commands whose order does not matter, such as votes: no state, no expectation, no conflict.

    The decider gets its initial state each time.  The ids of the events are derived from the command's, so that a
    repeat is stored once for as long as the store remembers ids, and readers can tell it later on.
    """

    def __init__(self, decider: Decider[S, C, E], store: EventStore, service: str) -> None:
        store.codec.register(decider.events)
        self.decider = decider
        self.store = store
        self.service = service

    async def handle(self, command: C) -> Accepted:
        """Run the command; raises as `CommandHandler.handle` does, but never a conflict."""
        check_time(command)
        subject = _subject(self.service, command.brand, self.decider.aggregate, self.decider.identify(command))
        events = self.decider.decide(self.decider.initial, command)
        if not events:
            return Accepted(id=subject.id, position={})
        waiting = Waiting(command, asyncio.get_running_loop().create_future())
        ids = [derived_id(str(subject), command.command_id, str(index)) for index in range(len(events))]
        # A caller that is cancelled leaves; its event does not stay half sent.
        append = self.store.append(subject, to_pending(subject, waiting, events, ids), expected=None)
        sequence = await asyncio.shield(append)
        return Accepted(id=subject.id, position={subject.stream: sequence})

    async def rehearse(self, command: C) -> bool:
        """Whether the command would be stored; nothing is.  Raises `DomainError`: a refusal of the decider."""
        return bool(self.decider.decide(self.decider.initial, command))


class _Part(Generic[S, C, E]):
    """What `handle_together` does to one aggregate."""

    def __init__(self, handler: CommandHandler[S, C, E], subject: Subject) -> None:
        self.handler = handler
        self.subject = subject
        self.waiting: list[Waiting[C]] = []

    async def decide(self) -> tuple["_Part[S, C, E]", Known[S], Plan[S]]:
        known = await self.handler.states.current(self.subject)
        decider, subject = self.handler.decider, self.subject
        plan = make_plan(decider, subject, known, self.waiting, limits=_UNLIMITED, size=lambda _: 0, joint=True)
        return self, known, plan


async def handle_together(*steps: tuple[CommandHandler[Any, Any, Any], Command]) -> Accepted:
    """Run commands for several aggregates of one service as one atomic commit: all take effect, or none.

    The steps are decided in order, those for one aggregate in turn.  Returns the id of the first step's aggregate
    and the position of the batch.  When an aggregate remembers the id of one of its steps, the whole is a repeat:
    a command id stands for one call.  Raises what a refused step raises, or as `CommandHandler.handle` does.

    A step with nothing to do is proven right before the others are stored, not in the same instant.
    """
    parts: dict[Subject, _Part[Any, Any, Any]] = {}
    for handler, command in steps:
        check_time(command)
        subject = handler.subject(command.brand, handler.decider.identify(command))
        part = parts.setdefault(subject, _Part(handler, subject))
        part.waiting.append(Waiting(command, asyncio.get_running_loop().create_future()))
    first = next(iter(parts.values()))
    if any(part.handler.store is not first.handler.store for part in parts.values()):
        raise ValueError("what is to be atomic stands in one store")
    async with AsyncExitStack() as turns:
        for subject in sorted(parts):  # always in the same order, so that two callers cannot wait for each other
            await turns.enter_async_context(parts[subject].handler.turn(subject))
        for attempt in range(first.handler.attempts):
            accepted = await _try_together(list(parts.values()))
            if accepted is not None:
                return accepted
            await back_off(attempt)
        raise ConcurrencyConflict


async def _try_together(parts: Sequence[_Part[Any, Any, Any]]) -> Accepted | None:
    """Store all or nothing; None when an aggregate has gone on, which is then brought up to date."""
    decided = await asyncio.gather(*(part.decide() for part in parts))
    first = parts[0]
    stream, store = first.subject.stream, first.handler.store
    outcomes = [outcome for _, _, plan in decided for outcome in plan.outcomes]
    repeats = [outcome.sequence for outcome in outcomes if outcome.repeated and outcome.sequence is not None]
    if repeats:
        # What an aggregate would still do it did in the same commit, unless it is remembered from before that.
        if await _brought_up_to_date((part, known, plan) for part, known, plan in decided if plan.pending):
            return None
        return Accepted(id=first.subject.id, position={stream: max(repeats)}, repeated=True)
    refusal = next((outcome.refusal for outcome in outcomes if outcome.refusal is not None), None)
    unproven = (
        (part, known, plan)
        for part, known, plan in decided
        if not plan.pending or any(outcome.refusal is not None for outcome in plan.outcomes)
    )
    if await _brought_up_to_date(unproven):
        return None
    if refusal is not None:
        raise refusal
    changes = [(part, plan) for part, _, plan in decided if plan.pending]
    if not changes:
        return Accepted(id=first.subject.id, position={stream: max(plan.base for _, _, plan in decided)})
    try:
        commits = [(part.subject, plan.pending, plan.base) for part, plan in changes]
        sequences = await store.append_together(commits)
    except WrongExpectation:
        for part, known, plan in decided:
            if plan.pending:
                await part.handler.states.refresh(part.subject, known)
        return None
    for (part, plan), sequence in zip(changes, sequences, strict=True):
        part.handler.states.advance(part.subject, plan.base, plan.state, sequence, plan.causes)
    return Accepted(id=first.subject.id, position={stream: max(sequences)})


async def _brought_up_to_date(decided: Iterable[tuple[_Part[Any, Any, Any], Known[Any], Plan[Any]]]) -> bool:
    """Bring the first of these aggregates that has gone on up to date; False when none has."""
    for part, known, plan in decided:
        if not await part.handler.states.is_current(part.subject, plan.base):
            await part.handler.states.refresh(part.subject, known)
            return True
    return False


async def back_off(attempt: int) -> None:
    """Wait after a conflict: not at all after the first, then up to 5, 10, 20 … ms, at random."""
    await asyncio.sleep(random.uniform(0, 0.0025 * 2**attempt) if attempt else 0)  # noqa: S311 – jitter


def _subject(service: str, brand: str, aggregate: str, id_: str) -> Subject:
    for field, value in (("brand", brand), ("id", id_)):
        if not is_token(value):
            raise Invalid(f"not an id: {value[:100]!r}", (field,))
    return Subject(service, brand, aggregate, id_)


def _answer(subject: Subject, waiting: Sequence[Waiting[C]], plan: Plan[S], sequence: int) -> None:
    for one, outcome in zip(waiting, plan.outcomes, strict=False):
        if outcome.refusal is not None:
            one.fail(outcome.refusal)
        else:
            position = {subject.stream: sequence if outcome.sequence is None else outcome.sequence}
            one.accept(Accepted(id=subject.id, position=position, repeated=outcome.repeated))


def _refuse_erased(waiting: Sequence[Waiting[C]], plan: Plan[S], error: Erased) -> None:
    """Refuse the commands of who was erased, not those of others that shared a commit with them."""
    changing = [one for one, outcome in zip(waiting, plan.outcomes, strict=False) if outcome.changes]
    _refuse([one for one in changing if one.command.actor == error.member] or changing, error)


def _refuse(waiting: Sequence[Waiting[C]], error: Exception) -> None:
    for one in waiting:
        one.fail(error)
