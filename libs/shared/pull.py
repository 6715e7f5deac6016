"""Reads a stream in order from a position: an ephemeral pull consumer with an inbox of its own.

It delivers each message once and in order, or ends with `ReaderLost`; the reader then starts anew after the last
message it has dealt with.  Server statuses are those of the JetStream pull protocol
(https://docs.nats.io/reference/reference-protocols/nats_api_reference).
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from libs.shared.event_store import StoredMessage

_NANOSECONDS = 1_000_000_000
_EXPIRES_SECONDS = 30
_HEARTBEAT_SECONDS = 1
_SILENCE_SECONDS = 3.0
_INACTIVE_SECONDS = 60.0
_MAX_BATCH_BYTES = 4 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReaderLost(Exception):
    """The consumer is gone, silent or has skipped a message: start a new one."""


class StreamReader:
    """The messages of a stream after a sequence, under `subjects` (none = all); enter it, then `take`."""

    def __init__(self, nats: Nats, stream: str, subjects: Sequence[str], *, after: int, batch: int = 1_000) -> None:
        self._nats = nats
        self._js = nats.jetstream()
        self._stream = stream
        self._subjects = subjects
        self._after = after
        self._batch = batch
        self._inbox = nats.new_inbox()
        self._buffer: deque[StoredMessage] = deque()
        self._requested = 0
        self._consumer = ""
        self._delivered = 0
        self._in_stream = 0
        self._last = after
        self._seen = 0.0
        self._arrived = asyncio.Event()
        self._failure: BaseException | None = None
        self._subscription: Subscription | None = None

    def left(self, sequence: int) -> int:
        """Return how many messages there are after `sequence`, as far as the server has told; at least 1 if any."""
        waiting = self._in_stream + len(self._buffer)
        return waiting if sequence >= self._last else max(1, waiting)

    async def __aenter__(self) -> Self:
        """Make the consumer and begin to pull.  Raises what nats-py raises, `NotFoundError` for a missing stream."""
        loop = asyncio.get_running_loop()
        self._subscription = await self._nats.subscribe(self._inbox, cb=self._receive, pending_bytes_limit=1 << 30)
        try:
            consumer = await self._js.add_consumer(
                self._stream,
                ConsumerConfig(
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=self._after + 1,
                    filter_subjects=list(self._subjects) or None,
                    ack_policy=AckPolicy.NONE,
                    mem_storage=True,
                    inactive_threshold=_INACTIVE_SECONDS,
                ),
            )
        except BaseException:
            await self._unsubscribe()
            raise
        self._consumer = consumer.name
        self._in_stream = consumer.num_pending or 0
        self._seen = loop.time()
        await self._pull()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the consumer; a server that is away forgets it by itself."""
        await self._unsubscribe()
        with suppress(NatsError, TimeoutError, OSError):
            if self._nats.is_connected:
                await self._js.delete_consumer(self._stream, self._consumer)

    async def take(self, timeout_seconds: float) -> list[StoredMessage]:
        """Return what has arrived, in order, at most one batch; empty when nothing did in time.

        Raises `ReaderLost`, or what `interrupt` was given.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while not self._buffer and self._failure is None:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_HEARTBEAT_SECONDS, max(0.0, deadline - loop.time()))):
                    await self._arrived.wait()
            if self._buffer or self._failure is not None:
                break
            if loop.time() - self._seen > _SILENCE_SECONDS:
                raise ReaderLost(f"{self._stream}: silence")
            if loop.time() >= deadline:
                return []
        if self._failure is not None:
            raise self._failure
        taken = self._next_batch()
        await self._pull()
        return taken

    def interrupt(self, reason: BaseException) -> None:
        """Make the running and the next `take` raise `reason`."""
        self._failure = self._failure or reason
        self._arrived.set()

    def _next_batch(self) -> list[StoredMessage]:
        taken: list[StoredMessage] = []
        size = 0
        while self._buffer and len(taken) < self._batch and size < _MAX_BATCH_BYTES:
            message = self._buffer.popleft()
            size += len(message.data)
            taken.append(message)
        return taken

    async def _pull(self) -> None:
        if self._requested + len(self._buffer) > self._batch:
            return
        if not self._requested:
            self._seen = asyncio.get_running_loop().time()
        self._requested += self._batch
        request = {
            "batch": self._batch,
            "expires": _EXPIRES_SECONDS * _NANOSECONDS,
            "idle_heartbeat": _HEARTBEAT_SECONDS * _NANOSECONDS,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._nats.publish(subject, json.dumps(request).encode(), reply=self._inbox)

    async def _receive(self, message: Msg) -> None:
        self._seen = asyncio.get_running_loop().time()
        if message.reply.startswith("$JS.ACK."):
            self._deliver(message)
        else:
            await self._handle_status(message.headers or {})

    def _deliver(self, message: Msg) -> None:
        # $JS.ACK[.<domain>.<account>].<stream>.<consumer>.<deliveries>.<sequence>.<consumer's>.<ns>.<pending>[.…]
        tokens = message.reply.split(".")
        start = 2 if len(tokens) == 9 else 4
        sequence, delivered, nanoseconds, pending = (int(token) for token in tokens[start + 3 : start + 7])
        if delivered != self._delivered + 1:
            self.interrupt(ReaderLost(f"{self._stream}: message {self._delivered + 1} of the consumer is missing"))
            return
        self._delivered = delivered
        self._in_stream = pending
        self._last = sequence
        self._requested = max(0, self._requested - 1)
        recorded_at = _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
        self._buffer.append(StoredMessage(message.subject, self._stream, sequence, recorded_at, message.data))
        self._arrived.set()

    async def _handle_status(self, headers: dict[str, str]) -> None:
        status = headers.get("Status", "")
        if status == "100":
            return
        if status not in {"404", "408"}:
            self.interrupt(ReaderLost(f"{self._stream}: {status} {headers.get('Description', '')}"))
            return
        self._requested = max(0, self._requested - int(headers.get("Nats-Pending-Messages", self._batch)))
        await self._pull()

    async def _unsubscribe(self) -> None:
        if self._subscription is not None:
            with suppress(NatsError, OSError):
                await self._subscription.unsubscribe()


async def head(js: JetStreamContext, stream: str) -> int:
    """Return the sequence of the stream's last message, from its leader; 0 if there is none."""
    return (await js.stream_info(stream)).state.last_seq


async def is_next_within(js: JetStreamContext, stream: str, subjects: Sequence[str], *, after: int, until: int) -> bool:
    """Say whether the stream holds a message under `subjects` (none = all) in (after, until]; asks the leader."""
    if until <= after:
        return False
    if not subjects:
        return True
    for subject in subjects:
        try:
            found = await js.get_msg(stream, seq=after + 1, subject=subject, next=True)
        except NotFoundError:
            continue
        if (found.seq or 0) <= until:
            return True
    return False
