"""Applies a batch of messages to one generation of a view: decode, project, and commit with the checkpoint, once."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from pymongo.errors import PyMongoError

from libs.shared.codec import Codec
from libs.shared.domain import Unavailable
from libs.shared.event_store import CorruptEvent, StoredMessage
from libs.shared.generations import Generation, Generations, NotOpen
from libs.shared.mongo import Database, Session, described, is_transient, transaction
from libs.shared.projection import Change, Planner, View, set_ids
from libs.shared.pull import ReaderLost, StreamReader, head, is_next_within
from libs.shared.sessions import Turns
from libs.shared.telemetry import meter
from libs.shared.vault import Vault

_MESSAGES_AT_ONCE = 100
#: Larger batches wait for smaller ones, which are what somebody waits for.
_LARGE_BATCH = 50
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0
_ENDING_SECONDS = 5.0

_log = structlog.get_logger(__name__)
_events = meter().create_counter("archipel.projection.events", "{event}", "events projected into views")
_batches = meter().create_counter("archipel.projection.batches", "{batch}", "transactions committed by projectors")
_retries = meter().create_counter("archipel.projection.retries", "{retry}", "transactions that had to be repeated")


class ProjectionFailed(Exception):
    """A view cannot take a message: a corrupt event, a fault in `project`, or writes that the database refuses.

    Nothing is skipped: the projector stands before `sequence` until the code or the log is mended.
    """

    def __init__(self, view: str, stream: str, sequence: int, reason: str) -> None:
        super().__init__(f"view {view} stops before {stream} {sequence}: {reason}")
        self.view = view
        self.stream = stream
        self.sequence = sequence
        self.reason = reason


class Fenced(Exception):
    """The checkpoint is not where this projector left it: another process projects this generation."""


class Projected(NamedTuple):
    """What a batch does to a view: `changes` of `events` events up to `sequence`, then `failure` if it stops there."""

    sequence: int
    changes: list[Change]
    events: int
    brands: frozenset[str]
    failure: ProjectionFailed | None = None


def backoff(attempt: int) -> float:
    """Return how many seconds to wait before a retry (attempt 0, 1, …): doubling up to 2 s, with jitter."""
    seconds: float = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(attempt, 10))
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311


class Applier:
    """One writer to one generation; `sequence` is how far it has come, `owner` names it in the checkpoint.

    `vault` has the keys to personal fields; a view that reads none needs none.  `session` is for its commits alone, one
    is opened if there is none.
    """

    def __init__(
        self,
        view: View,
        generation: Generation,
        sequence: int,
        database: Database,
        owner: str,
        *,
        session: Session | None = None,
        vault: Vault | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.view = view
        self.generation = generation
        self.sequence = sequence
        self._owner = owner
        self._vault = vault
        self._turns = turns or Turns()
        self._database = database
        self._generations = Generations(database)
        self._collections = self._generations.collections(view, generation)
        self._codec = Codec(view.stream.lower(), view.events, view.upcasters, skip_unknown=view.foreign)
        self._planner = Planner(view.collections)
        self._ending = False
        self._session = session
        #: Whether a write was interrupted: its session may be in use still.
        self.interrupted = False

    async def take_over(self) -> None:
        """Become the writer; a conflict with one that is just writing is raised."""
        await self._generations.claim(self.generation, await self._open_session(), owner=self._owner)

    def end(self) -> None:
        """Give up retrying: a commit that cannot be made now raises."""
        self._ending = True

    async def project(self, messages: Sequence[StoredMessage]) -> Projected:
        """Decode and project a batch; what comes before a message that cannot be taken is still good.

        Raises `Unavailable` when the keys of those it is about cannot be read now.
        """
        keys = None if self._vault is None else await self._vault.to_read(self._codec.readers_need(messages))
        changes: list[Change] = []
        brands: set[str] = set()
        sequence, events = self.sequence, 0
        for number, message in enumerate(messages, start=1):
            if number % _MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)  # requests are served meanwhile
            ready: list[Change] = []
            try:
                commit = self._codec.decode(message, keys)
                for recorded in commit:
                    ready.extend(self.view.project(recorded))
            except Exception as error:
                reason = error.reason if isinstance(error, CorruptEvent) else f"{type(error).__name__}: {error}"
                failure = ProjectionFailed(self.view.name, message.stream, message.sequence, reason)
                failure.__cause__ = error
                return Projected(sequence, changes, events, frozenset(brands), failure)
            changes.extend(ready)
            brands.update(recorded.brand for recorded in commit)
            sequence, events = message.sequence, events + len(commit)
        return Projected(sequence, changes, events, frozenset(brands))

    async def commit(self, batch: Projected) -> None:
        """Write a batch and the checkpoint in one transaction, repeated until it is done or cannot be.

        Raises `Fenced`, or `ProjectionFailed` when the database refuses the writes themselves.
        """
        attempt = 0
        while True:
            try:
                await self._commit_once(batch)
            except Fenced:
                if not await self._is_done(batch):
                    raise
            except Exception as error:
                if not is_transient(error):
                    failed = ProjectionFailed(self.view.name, self.view.stream, self.sequence + 1, described(error))
                    raise failed from None if isinstance(error, PyMongoError) else error
                if self._ending:
                    raise
                _retries.add(1, {"view": self.view.name})
                _log.warning("projection_retried", view=self.view.name, attempt=attempt, error=described(error)[:300])
                await asyncio.sleep(backoff(attempt))
                attempt += 1
                continue
            break
        self.sequence = batch.sequence
        _batches.add(1, {"view": self.view.name})
        _events.add(batch.events, {"view": self.view.name})

    async def _commit_once(self, batch: Projected) -> None:
        async with self._turns.turn(large=batch.events > _LARGE_BATCH):
            session = await self._open_session()
            # Only who moves the checkpoint writes these: if it still stands where it stood, they are as they were.
            present = await self._present(batch.changes, session)
            await self._write(batch, present, session)

    async def _write(self, batch: Projected, present: Mapping[str, frozenset[str]], session: Session) -> None:
        async with transaction(self._database, session):
            # The checkpoint first: of two writers one conflicts here, before it has written anything else.
            moved = await self._generations.advance(
                self.generation, session, previous=self.sequence, sequence=batch.sequence, owner=self._owner
            )
            if not moved:
                raise Fenced(self.generation.checkpoint)
            for name, operations in self._planner.plan(batch.changes, present).items():
                await self._collections[name].bulk_write(operations, ordered=True, session=session)

    async def _open_session(self) -> Session:
        if self._session is None:
            self._session = await self._database.client.start_session()
        return self._session

    async def _present(self, changes: Sequence[Change], session: Session) -> dict[str, frozenset[str]]:
        present: dict[str, frozenset[str]] = {}
        for name, ids in set_ids(changes).items():
            found: Any = self._collections[name].find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
            present[name] = frozenset([document["_id"] async for document in found])
        return present

    async def _is_done(self, batch: Projected) -> bool:
        """Say whether it was this writer that moved the checkpoint: a commit whose answer was lost."""
        attempt = 0
        while True:
            try:
                return await self._generations.checkpoint(self.generation) == (batch.sequence, self._owner)
            except Exception as error:
                if self._ending or not is_transient(error):
                    raise
                await asyncio.sleep(backoff(attempt))
                attempt += 1


async def apply_stream(
    applier: Applier,
    reader: StreamReader,
    *,
    on_commit: Callable[[Projected, int], Awaitable[None]],
    on_idle: Callable[[], Awaitable[None]],
    idle_seconds: float,
) -> None:
    """Apply what the reader gives, for ever: the next batch is projected while the last one is written.

    `on_commit` gets the batch and the sequence before it; `on_idle` runs, with nothing being written, whenever all
    that is there has been applied and nothing came for `idle_seconds`.  Ends with an exception only.
    """

    async def write(batch: Projected) -> None:
        previous = applier.sequence
        await applier.commit(batch)
        await on_commit(batch, previous)

    async with _one_at_a_time(applier, reader) as (start, finished):
        while True:
            end_if_cancelled()
            messages = await reader.take(idle_seconds)
            batch = await applier.project(messages)
            await finished()
            if batch.sequence > applier.sequence:
                start(write(batch))
            if batch.failure is not None:
                await finished()
                raise batch.failure
            if not messages:
                await on_idle()


async def advance_to_head(applier: Applier, js: JetStreamContext) -> bool:
    """Move past messages that the view's subjects leave out; False when there is nothing to pass or something to read.

    Only a view with subjects needs it: all others meet every message.
    """
    view, end = applier.view, await head(js, applier.view.stream)
    if end <= applier.sequence or await is_next_within(
        js, view.stream, view.subjects, after=applier.sequence, until=end
    ):
        return False
    await applier.commit(Projected(end, [], 0, frozenset()))
    return True


def passes(error: BaseException) -> bool:
    """Say whether a projector may try again: a server or a key is away, or the consumer has to be made anew."""
    return isinstance(error, NatsError | OSError | ReaderLost | NotOpen | Unavailable) or is_transient(error)


def end_if_cancelled() -> None:
    """Raise `CancelledError` if this task was cancelled and something that it called swallowed that.

    `asyncio.wait_for` of Python 3.11 does when its answer comes at the same moment, and what fails while it cleans up
    raises its own error instead.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@asynccontextmanager
async def _one_at_a_time(
    applier: Applier, reader: StreamReader
) -> AsyncIterator[tuple[Callable[[Any], None], Callable[[], Awaitable[None]]]]:
    """Give `start` and `finished` for the one write in flight; its failure wakes the reader.

    At the end the write in flight gets a few seconds: an interrupted driver call would go on in its thread.
    """
    running: asyncio.Task[None] | None = None

    def start(work: Any) -> None:
        nonlocal running
        running = asyncio.create_task(work)
        running.add_done_callback(wake)

    def wake(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            reader.interrupt(error)

    async def finished() -> None:
        if running is not None:
            await asyncio.shield(running)

    try:
        yield start, finished
    finally:
        applier.end()
        if running is not None:
            await asyncio.wait({running}, timeout=_ENDING_SECONDS)
            applier.interrupted = running.cancel()
