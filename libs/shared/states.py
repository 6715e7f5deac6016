"""What a process remembers of aggregates: their states, from snapshots and the log, in a bounded cache."""

import asyncio
import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec
from msgspec import Struct

from libs.shared.domain import Command, Decider, DomainError, Event
from libs.shared.event_store import CorruptEvent, EventStore, Snapshot, Subject
from libs.shared.logs import logger
from libs.shared.persistent import decode_hook, encode_hook
from libs.shared.recorded import Recorded

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

#: How many commands an aggregate remembers, so that a repeat of one of them returns its first outcome.
REMEMBERED_COMMANDS = 1_000

_SNAPSHOT_BYTES_PER_EVENT = 64

_log = logger(__name__)


class Known(Generic[S]):
    """An aggregate's state up to and with the message at `sequence`.

    `accepted` holds the ids of the last commands that changed it, with the sequences of their commits.
    `unsaved` counts the events since its snapshot, which had `saved_bytes`.
    """

    __slots__ = ("accepted", "saved_bytes", "sequence", "state", "unsaved")

    def __init__(self, state: S, sequence: int, accepted: dict[str, int], saved_bytes: int = 0) -> None:
        self.state = state
        self.sequence = sequence
        self.accepted = accepted
        self.unsaved = 0
        self.saved_bytes = saved_bytes

    def advance(self, state: S, sequence: int, causes: Sequence[str]) -> None:
        """Go on to the next commit; `causes` has the command's id of each of its events."""
        self.state = state
        self.sequence = sequence
        self.unsaved += len(causes)
        for command_id in causes:
            self.accepted[command_id] = sequence
        while len(self.accepted) > REMEMBERED_COMMANDS:
            del self.accepted[next(iter(self.accepted))]


class _Saved(Struct, frozen=True):
    rules: str
    accepted: dict[str, int]
    state: msgspec.Raw


class States(Generic[S, C, E]):
    """The states of one kind of aggregate: the most recently used ones in memory, all others from the store."""

    def __init__(self, decider: Decider[S, C, E], store: EventStore, *, cache_size: int, snapshot_every: int) -> None:
        store.codec.register(decider.events)
        self._decider = decider
        self._store = store
        self._cache_size = cache_size
        self._snapshot_every = snapshot_every
        self._cache: OrderedDict[Subject, Known[S]] = OrderedDict()
        self._snapshots = _Snapshots(decider)
        self._distrusted: set[Subject] = set()
        self._saving: set[asyncio.Task[None]] = set()

    def new(self) -> Known[S]:
        """Return what is known of an aggregate that does not exist."""
        return Known(self._decider.initial, 0, {})

    def remembered(self, subject: Subject) -> Known[S] | None:
        """Return what is in memory of the aggregate; it may be older than the log's end."""
        known = self._cache.get(subject)
        if known is not None:
            self._cache.move_to_end(subject)
        return known

    async def current(self, subject: Subject) -> Known[S]:
        """Return what is in memory of the aggregate, else what the store has; it may be older than the log's end."""
        return self.remembered(subject) or self._remember(subject, await self._load(subject))

    async def refresh(self, subject: Subject, known: Known[S]) -> None:
        """Bring `known` up to the log's end, through the stream's leader."""
        before = known.sequence
        tail = await self._store.load(subject, after=before, leader=True)
        if not tail and known.sequence == before and before > await self._store.head(subject):
            # The log was restored to an earlier point: nothing that was remembered or saved after it holds.
            self.forget(subject)
            self._distrusted.add(subject)
            return
        self._fold(known, tail)

    async def is_current(self, subject: Subject, sequence: int) -> bool:
        """Say whether the log of the aggregate ends at this sequence, asking the stream's leader."""
        return await self._store.head(subject) == sequence

    def advance(self, subject: Subject, base: int, state: S, sequence: int, causes: Sequence[str]) -> None:
        """Remember the commit that was stored at `sequence` on top of `base`."""
        known = self._cache.get(subject)
        if known is None and base == 0:
            known = self._remember(subject, self.new())
        if known is None or known.sequence != base:
            return  # evicted, or another task has read the new commit already
        known.advance(state, sequence, causes)
        self._save_if_due(subject, known)

    def forget(self, subject: Subject) -> None:
        """Read the aggregate from the store the next time."""
        self._cache.pop(subject, None)

    async def settle(self) -> None:
        """Wait until the snapshots that are being saved are saved, or have failed."""
        await asyncio.gather(*self._saving)

    def _remember(self, subject: Subject, known: Known[S]) -> Known[S]:
        known = self._cache.setdefault(subject, known)  # another task may have loaded it meanwhile
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return known

    async def _load(self, subject: Subject) -> Known[S]:
        known = await self._restore(subject) or self.new()
        self._fold(known, await self._store.load(subject, after=known.sequence))
        self._save_if_due(subject, known)
        return known

    async def _restore(self, subject: Subject) -> Known[S] | None:
        if not self._snapshots.usable or subject in self._distrusted:
            return None
        snapshot = await self._store.load_snapshot(subject)
        return None if snapshot is None else self._snapshots.decode(subject, snapshot)

    def _fold(self, known: Known[S], tail: Iterable[Recorded[Event]]) -> None:
        by_sequence: dict[int, list[Recorded[Event]]] = {}
        for recorded in tail:
            if recorded.sequence > known.sequence:
                by_sequence.setdefault(recorded.sequence, []).append(recorded)
        for sequence, commit in by_sequence.items():
            state = known.state
            for recorded in commit:
                state = self._decider.evolve(state, _of_decider(self._decider, recorded))
            known.advance(state, sequence, [recorded.causation_id for recorded in commit])

    def _save_if_due(self, subject: Subject, known: Known[S]) -> None:
        # A large state is saved less often, so that saving stays a small part of the work.
        due = known.unsaved >= max(self._snapshot_every, known.saved_bytes // _SNAPSHOT_BYTES_PER_EVENT)
        if not due or not self._snapshots.usable:
            return
        snapshot = self._snapshots.encode(known)
        known.unsaved, known.saved_bytes = 0, len(snapshot.data)
        task = asyncio.ensure_future(self._save_now(subject, snapshot))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save_now(self, subject: Subject, snapshot: Snapshot) -> None:
        try:
            await self._store.save_snapshot(subject, snapshot)
        except DomainError as error:
            _log.info("snapshot not saved", subject=str(subject), reason=error.message)


class _Snapshots(Generic[S, C, E]):
    """States as bytes.  A snapshot holds only for the rules that made it: the source text of the aggregate's module."""

    def __init__(self, decider: Decider[S, C, E]) -> None:
        self._encoder = msgspec.msgpack.Encoder(enc_hook=encode_hook)
        self._saved = msgspec.msgpack.Decoder(_Saved)
        self._rules = ""
        if not decider.snapshots:
            return
        try:
            kind = get_type_hints(decider.evolve).get("return", type(decider.initial))
            self._state: msgspec.msgpack.Decoder[S] = msgspec.msgpack.Decoder(kind, dec_hook=decode_hook)
            if self._state.decode(self._encoder.encode(decider.initial)) != decider.initial:
                raise TypeError("a state is not read back as it was written")
            self._rules = _source_of(decider)
        except (TypeError, NotImplementedError, OSError, NameError) as error:
            _log.warning("no snapshots", aggregate=decider.aggregate, reason=str(error))

    @property
    def usable(self) -> bool:
        """Whether states of this kind can be written and read, and their rules be told apart."""
        return self._rules != ""

    def encode(self, known: Known[Any]) -> Snapshot:
        """Write a state with what it remembers."""
        state = msgspec.Raw(self._encoder.encode(known.state))
        return Snapshot(known.sequence, self._encoder.encode(_Saved(self._rules, known.accepted, state)))

    def decode(self, subject: Subject, snapshot: Snapshot) -> Known[S] | None:
        """Read what `encode` wrote; None if other rules wrote it or it cannot be read."""
        try:
            saved = self._saved.decode(snapshot.data)
            if saved.rules != self._rules:
                return None
            return Known(self._state.decode(saved.state), snapshot.sequence, saved.accepted, len(snapshot.data))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            _log.info("snapshot ignored", subject=str(subject), reason=str(error))
            return None


def _of_decider(decider: Decider[S, C, E], recorded: Recorded[Event]) -> E:
    event = recorded.event
    if not isinstance(event, decider.events):
        reason = f"{event.wire_name} is no event of {decider.aggregate}"
        raise CorruptEvent(recorded.stream, recorded.sequence, reason)
    return event


def _source_of(decider: Decider[S, C, E]) -> str:
    modules: Mapping[str, object] = {
        function.__module__: inspect.getmodule(function) for function in (decider.evolve, type(decider.initial))
    }
    sources = [inspect.getsource(module) for _, module in sorted(modules.items()) if inspect.ismodule(module)]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]
