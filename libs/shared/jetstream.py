"""The event store on NATS JetStream: appends with expectations, atomic batches, loads, snapshots."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.shared.codec import CONTENT_TYPE, Codec
from libs.shared.domain import Event, Owner, Unavailable
from libs.shared.event_store import (
    CommitTooLarge,
    Pending,
    Snapshot,
    StoredMessage,
    Subject,
    stream_name,
)
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream_api import ANSWER_SECONDS, Found, Get, Patience, decode_ack
from libs.shared.recorded import Recorded
from libs.shared.stream_client import Message, StreamClient
from libs.shared.streams import SNAPSHOTS
from libs.shared.vault import Vault

_HEADER_BYTES = 1024  # kept free in a message for its headers; the limit counts them
_PAGE_MESSAGES = 500
_READS_PER_CONNECTION = 16

_SEQUENCE = "Archipel-Sequence"


class JetStreamEventStore:
    """The `EventStore` of one service.  Its stream and that of the snapshots exist already (`ensure_streams`).

    The server answers direct reads inside the connection that asks, so a long read holds up what follows it: give
    `readers`, connections of their own for loads, where that matters.  With a `vault` the personal fields of events
    are encrypted; a member who was erased raises `Erased` on append.
    """

    def __init__(
        self, connection: Client, codec: Codec, *, vault: Vault | None = None, readers: Sequence[Client] = ()
    ) -> None:
        self._codec = codec
        self._vault = vault
        self._connection = connection
        self._inbox = Inbox(connection)
        self._readers = [Inbox(reader) for reader in readers] or [self._inbox]
        self._reads = 0
        self._reading = asyncio.Semaphore(_READS_PER_CONNECTION * len(self._readers))
        self._stream = stream_name(codec.service)
        self._client = StreamClient(self._inbox, self._stream)

    @property
    def codec(self) -> Codec:
        """What translates this service's events."""
        return self._codec

    async def append(self, subject: Subject, events: Sequence[Pending], *, expected: int | None) -> int:
        """Store one commit; see `EventStore.append`."""
        [sequence] = await self._client.store([await self._commit(subject, events, expected)])
        return sequence

    async def append_together(self, commits: Sequence[tuple[Subject, Sequence[Pending], int]]) -> list[int]:
        """Store several commits or none; see `EventStore.append_together`."""
        return await self._client.store(
            [await self._commit(subject, events, expected) for subject, events, expected in commits]
        )

    async def load(self, subject: Subject, *, after: int = 0, leader: bool = False) -> list[Recorded[Event]]:
        """Read an aggregate's events; see `EventStore.load`."""
        end = await self.head(subject) if leader else 0
        if leader and end <= after:
            return []
        messages: list[StoredMessage] = []
        more = True
        while more:
            page, more = await self._page(str(subject), messages[-1].sequence if messages else after)
            messages.extend(page)
        while leader and (last := messages[-1].sequence if messages else after) < end:
            # The replica that answered lags behind what the leader has acknowledged.
            found = await self._client.ask_leader(Get(seq=last + 1, next_by_subj=str(subject)))
            if found is None:
                break
            messages.append(_stored(self._stream, found))
        keys = None if self._vault is None else await self._vault.to_read(self._codec.readers_need(messages))
        return [recorded for message in messages for recorded in self._codec.decode(message, keys)]

    async def head(self, subject: Subject) -> int:
        """Return the last sequence of the subject; see `EventStore.head`."""
        found = await self._client.ask_leader(Get(last_by_subj=str(subject)))
        return 0 if found is None else found.seq

    async def save_snapshot(self, subject: Subject, snapshot: Snapshot) -> None:
        """Keep a snapshot; see `EventStore.save_snapshot`."""
        if len(snapshot.data) > self._limit_bytes:
            return
        headers = {_SEQUENCE: str(snapshot.sequence)}
        try:
            reply = await self._inbox.request(subject.snapshot, snapshot.data, ANSWER_SECONDS, headers)
        except NotAnswered as problem:
            raise Unavailable(f"the snapshot was not kept: {problem}") from problem
        error = decode_ack(reply.data).error
        if error is not None:
            raise Unavailable(f"the snapshot was not kept: {error.description}")

    async def load_snapshot(self, subject: Subject) -> Snapshot | None:
        """Read a snapshot; see `EventStore.load_snapshot`."""
        patience = Patience()
        while True:
            try:
                address = f"$JS.API.DIRECT.GET.{SNAPSHOTS}.{subject.snapshot}"
                reply = await self._reader().request(address, b"", ANSWER_SECONDS)
            except NotAnswered as problem:
                await patience.pause(str(problem))
                continue
            headers = reply.headers or {}
            sequence = headers.get(_SEQUENCE, "")
            return Snapshot(int(sequence), reply.data) if sequence.isdecimal() else None

    @property
    def _limit_bytes(self) -> int:
        return self._connection.max_payload - _HEADER_BYTES

    async def _commit(self, subject: Subject, events: Sequence[Pending], expected: int | None) -> Message:
        # Encrypted once: what is sent again after an ambiguous answer has the same bytes.
        keys = None
        if self._vault is not None:
            needed = self._codec.writers_need(events)
            keys = self._vault.at_hand(needed)
            if keys is None:
                # A new member's key is as new as the member.
                new = expected == 0 and all(pending.event.owner is Owner.AGGREGATE for pending in events)
                keys = await self._vault.to_write(needed, likely_new=new)
        data = self._codec.encode(events, keys)
        if len(data) > self._limit_bytes:
            raise CommitTooLarge(len(data), self._limit_bytes)
        return Message(str(subject), events[0].id, data, expected, CONTENT_TYPE)

    async def _page(self, subject: str, after: int) -> tuple[list[StoredMessage], bool]:
        """Read up to 500 messages after a sequence (NATS ADR-31); True says that there are more."""
        request = Get(seq=after + 1, next_by_subj=subject, batch=_PAGE_MESSAGES).encode()
        patience = Patience()
        while True:
            try:
                async with self._reading:
                    address = f"$JS.API.DIRECT.GET.{self._stream}"
                    messages, end = await self._reader().collect(address, request, ANSWER_SECONDS)
            except NotAnswered as problem:
                reason = str(problem)
            else:
                headers = end.headers or {}
                if headers["Status"] in {"204", "404"}:
                    return [_received(message) for message in messages], headers.get("Nats-Num-Pending", "0") != "0"
                reason = headers.get("Description", headers["Status"])
            await patience.pause(reason)

    def _reader(self) -> Inbox:
        self._reads += 1
        return self._readers[self._reads % len(self._readers)]


def _received(message: Msg) -> StoredMessage:
    headers = message.headers or {}
    return StoredMessage(
        headers["Nats-Subject"],
        headers["Nats-Stream"],
        int(headers["Nats-Sequence"]),
        datetime.fromisoformat(headers["Nats-Time-Stamp"]),
        message.data,
    )


def _stored(stream: str, found: Found) -> StoredMessage:
    return StoredMessage(found.subject, stream, found.seq, found.time, base64.b64decode(found.data))
