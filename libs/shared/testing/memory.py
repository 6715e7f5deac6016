"""The event store in memory: the same answers as JetStream's, for tests of what stands on the port."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import (
    CommitTooLarge,
    Pending,
    Snapshot,
    StoredMessage,
    Subject,
    WrongExpectation,
    stream_name,
)
from libs.shared.recorded import Recorded


class MemoryEventStore:
    """An `EventStore` that lives as long as the object.  It gives way to other tasks wherever a real one would.

    `messages` is the whole stream; `limit_bytes` is what fits in one message.
    """

    def __init__(self, codec: Codec, *, limit_bytes: int = 1024 * 1024) -> None:
        self._codec = codec
        self._limit_bytes = limit_bytes
        self._stored_ids: dict[str, int] = {}
        self._heads: dict[str, int] = {}
        self._snapshots: dict[Subject, Snapshot] = {}
        self.messages: list[StoredMessage] = []

    @property
    def codec(self) -> Codec:
        """What translates this service's events."""
        return self._codec

    async def append(self, subject: Subject, events: Sequence[Pending], *, expected: int | None) -> int:
        """Store one commit; see `EventStore.append`."""
        [sequence] = await self._store([(subject, events, expected)])
        return sequence

    async def append_together(self, commits: Sequence[tuple[Subject, Sequence[Pending], int]]) -> list[int]:
        """Store several commits or none; see `EventStore.append_together`."""
        return await self._store(commits)

    async def load(self, subject: Subject, *, after: int = 0, leader: bool = False) -> list[Recorded[Event]]:  # noqa: ARG002
        """Read an aggregate's events; see `EventStore.load`."""
        await asyncio.sleep(0)
        found = [message for message in self.messages if message.subject == str(subject) and message.sequence > after]
        return [recorded for message in found for recorded in self._codec.decode(message)]

    async def head(self, subject: Subject) -> int:
        """Return the last sequence of the subject; see `EventStore.head`."""
        await asyncio.sleep(0)
        return self._heads.get(str(subject), 0)

    async def save_snapshot(self, subject: Subject, snapshot: Snapshot) -> None:
        """Keep a snapshot; see `EventStore.save_snapshot`."""
        await asyncio.sleep(0)
        if len(snapshot.data) <= self._limit_bytes:
            self._snapshots[subject] = snapshot

    async def load_snapshot(self, subject: Subject) -> Snapshot | None:
        """Read a snapshot; see `EventStore.load_snapshot`."""
        await asyncio.sleep(0)
        return self._snapshots.get(subject)

    def restore(self, sequence: int) -> None:
        """Go back to an earlier point of the stream, as an older backup would; snapshots stay."""
        del self.messages[sequence:]
        self._stored_ids = {id_: stored for id_, stored in self._stored_ids.items() if stored <= sequence}
        self._heads = {message.subject: message.sequence for message in self.messages}

    async def _store(self, commits: Sequence[tuple[Subject, Sequence[Pending], int | None]]) -> list[int]:
        encoded = [
            (str(subject), self._encode(events), events[0].id, expected) for subject, events, expected in commits
        ]
        await asyncio.sleep(0)
        if len(encoded) > 1 and all(id_ in self._stored_ids for _, _, id_, _ in encoded):
            return [self._stored_ids[id_] for _, _, id_, _ in encoded]
        for subject, _, _, expected in encoded:
            if expected is not None and self._heads.get(subject, 0) != expected:
                raise WrongExpectation(f"{subject}: {self._heads.get(subject, 0)}, not {expected}")
        sequences = [self._add(subject, data, id_) for subject, data, id_, _ in encoded]
        await asyncio.sleep(0)
        return sequences

    def _encode(self, events: Sequence[Pending]) -> bytes:
        data = self._codec.encode(events)
        if len(data) > self._limit_bytes:
            raise CommitTooLarge(len(data), self._limit_bytes)
        return data

    def _add(self, subject: str, data: bytes, id_: str) -> int:
        if id_ in self._stored_ids:
            return self._stored_ids[id_]
        sequence = len(self.messages) + 1
        stream = stream_name(self._codec.service)
        self.messages.append(StoredMessage(subject, stream, sequence, datetime.now(UTC), data))
        self._stored_ids[id_] = self._heads[subject] = sequence
        return sequence
