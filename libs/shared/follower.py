"""Work that follows from events: each is handled in the order of its stream, at least once, from a kept checkpoint."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from nats.aio.client import Client as Nats

from libs.shared.codec import Codec, Upcaster
from libs.shared.domain import Event
from libs.shared.event_store import StoredMessage
from libs.shared.logs import logger
from libs.shared.mongo import Database
from libs.shared.pull import ReaderLost, StreamReader
from libs.shared.recorded import Recorded

_WAIT_SECONDS = 30.0
_NONE: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})

_log = logger(__name__)


class _Following(ABC):
    """Reads a stream from a kept checkpoint, for ever; what is done with it is the subclass's."""

    def __init__(
        self,
        name: str,
        stream: str,
        subjects: Sequence[str],
        events: Sequence[type[Event]],
        upcasters: Mapping[tuple[str, int], Upcaster],
    ) -> None:
        self.name = name
        self._stream = stream
        self._subjects = subjects
        self._codec = Codec(stream.lower(), events, upcasters, skip_unknown=True)

    async def checkpoint(self, database: Database) -> int:
        """Return how far some process has come: everything up to that sequence was handled."""
        kept = await database["followers"].find_one({"_id": self.name})
        return int(kept["sequence"]) if kept else 0

    async def run(self, nats: Nats, database: Database) -> None:
        """Follow until cancelled; raises what `handle` raises, and `CorruptEvent`."""
        checkpoints = database["followers"]

        async def reached(sequence: int) -> None:
            await checkpoints.update_one({"_id": self.name}, {"$max": {"sequence": sequence}}, upsert=True)

        while True:
            after = await self.checkpoint(database)
            try:
                async with StreamReader(nats, self._stream, self._subjects, after=after) as reader:
                    while True:
                        if messages := await reader.take(_WAIT_SECONDS):
                            await self._take(messages, reached)
                            after = messages[-1].sequence
                        await reached(after)
            except ReaderLost as lost:
                _log.info("follower_reads_anew", follower=self.name, reason=str(lost))

    @abstractmethod
    async def _take(self, messages: Sequence[StoredMessage], reached: Callable[[int], Awaitable[None]]) -> None:
        """Handle a batch; its end is a checkpoint."""


class Follower(_Following):
    """Hands events of some types to `handle`, one after the other; for `App.background`.

    The checkpoint moves on after a commit in which `handle` has returned True for an event, as it does for one that it
    acted on, and after each batch.
    What was handled after it comes again when the process ends, and to each process that follows under the same
    `name`: `handle` must be safe to repeat.  What it raises is tried again from the checkpoint.
    """

    def __init__(
        self,
        name: str,
        stream: str,
        subjects: Sequence[str],
        events: Sequence[type[Event]],
        handle: Callable[[Recorded[Any]], Awaitable[bool]],
        *,
        upcasters: Mapping[tuple[str, int], Upcaster] = _NONE,
    ) -> None:
        super().__init__(name, stream, subjects, events, upcasters)
        self._handle = handle

    async def _take(self, messages: Sequence[StoredMessage], reached: Callable[[int], Awaitable[None]]) -> None:
        for message in messages:
            acted = [await self._handle(recorded) for recorded in self._codec.decode(message)]
            if any(acted):
                await reached(message.sequence)


class BatchFollower(_Following):
    """As `Follower`, for work that is cheaper done together: hands on at once what came together, in order.

    A batch is at most 1,000 messages; the checkpoint moves on after each.
    """

    def __init__(
        self,
        name: str,
        stream: str,
        subjects: Sequence[str],
        events: Sequence[type[Event]],
        handle: Callable[[Sequence[Recorded[Any]]], Awaitable[None]],
        *,
        upcasters: Mapping[tuple[str, int], Upcaster] = _NONE,
    ) -> None:
        super().__init__(name, stream, subjects, events, upcasters)
        self._handle = handle

    async def _take(self, messages: Sequence[StoredMessage], _: Callable[[int], Awaitable[None]]) -> None:
        if events := [recorded for message in messages for recorded in self._codec.decode(message)]:
            await self._handle(events)
