"""What is to happen later: JetStream keeps it (NATS ADR-51) and hands it over when it is due, whoever lives then."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from libs.shared.domain import Unavailable
from libs.shared.event_store import is_token
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream_api import ANSWER_SECONDS, WRONG_EXPECTATION, Patience, decode_ack
from libs.shared.logs import logger
from libs.shared.streams import SCHEDULES

_ACK_SECONDS = 60.0
_WAIT_SECONDS = 5.0  # for the next one; after a lost connection this is how late it may be
_MOST_DELAY_SECONDS = 300.0
_RECONNECT_SECONDS = 0.5
_END_SECONDS = 0.1

_log = logger(__name__)


class Due(NamedTuple):
    """Something whose time has come.  `attempt` counts its deliveries from 1."""

    kind: str
    id: str
    data: bytes
    attempt: int


class Timetable(Protocol):
    """What is to happen later in one service; `Schedules` keeps it, tests may turn a clock instead."""

    async def create(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """See `Schedules.create`."""

    async def reschedule(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """See `Schedules.reschedule`."""

    async def cancel(self, kind: str, id: str) -> None:  # noqa: A002
        """See `Schedules.cancel`."""

    async def deliver(self, handle: Callable[[Due], Awaitable[None]]) -> None:
        """See `Schedules.deliver`."""


class Schedules:
    """The schedules of one service.  Each has a kind and an id, both of A–Z a–z 0–9 _ -, unique together.

    The server is late by a quarter of a second at most when idle; what came due while it was down is handed over
    when it is back.  All methods raise `Unavailable` when the server does not answer.
    """

    def __init__(self, connection: Client, service: str) -> None:
        self._js: JetStreamContext = connection.jetstream()
        self._inbox = Inbox(connection)
        self._service = service

    async def create(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """Schedule once: one with this kind and id that waits already is left as it is."""
        await self._publish(kind, id, at, data, {"Nats-Expected-Last-Subject-Sequence": "0"})

    async def reschedule(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """Schedule in place of what waits under this kind and id, if anything does."""
        await self._publish(kind, id, at, data, {})

    async def cancel(self, kind: str, id: str) -> None:  # noqa: A002
        """Take a schedule back; one that is due already is still handed over."""
        patience = Patience()
        while True:
            try:
                await self._js.purge_stream(SCHEDULES, subject=f"sched.{self._service}.{kind}.{id}")
                return
            except NatsError as error:
                await patience.pause(repr(error))

    async def deliver(self, handle: Callable[[Due], Awaitable[None]], *, concurrency: int = 8) -> None:
        """Hand over what is due until cancelled: each at least once, to one of all processes that deliver.

        `handle` must be safe to repeat and end within a minute.  When it raises, the same comes again after a delay
        that doubles from 2 s to 5 min.
        """
        workers = {asyncio.create_task(self._work(handle)) for _ in range(concurrency)}
        try:
            await asyncio.gather(*workers)
        finally:
            # nats-py waits with asyncio.wait_for, which before Python 3.12 may swallow a cancellation.
            while workers:
                for worker in workers:
                    worker.cancel()
                _, workers = await asyncio.wait(workers, timeout=_END_SECONDS)

    async def _publish(self, kind: str, id_: str, at: datetime, data: bytes, headers: dict[str, str]) -> None:
        if at.tzinfo is None:
            raise ValueError("a time has a time zone")
        if not (is_token(kind) and is_token(id_)):
            raise ValueError(f"not the name of a schedule: {kind!r} {id_!r}")
        place = f"{self._service}.{kind}.{id_}"
        when = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        headers = headers | {"Nats-Schedule": f"@at {when}", "Nats-Schedule-Target": f"due.{place}"}
        patience = Patience()
        while True:
            try:
                reply = await self._inbox.request(f"sched.{place}", data, ANSWER_SECONDS, headers)
            except NotAnswered as problem:
                reason = str(problem)
            else:
                error = decode_ack(reply.data).error
                if error is None or error.err_code in WRONG_EXPECTATION:
                    return
                error.raise_if_final()
                reason = error.description
            await patience.pause(reason)

    async def _work(self, handle: Callable[[Due], Awaitable[None]]) -> None:
        while True:
            try:
                await self._receive(handle)
            except (NatsError, Unavailable) as error:
                _log.warning("schedules interrupted", service=self._service, error=repr(error))
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _receive(self, handle: Callable[[Due], Awaitable[None]]) -> None:
        name = f"due_{self._service}"
        config = ConsumerConfig(
            durable_name=name,
            filter_subject=f"due.{self._service}.>",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_SECONDS,
            max_deliver=-1,
        )
        await self._js.add_consumer(SCHEDULES, config)
        subscription = await self._js.pull_subscribe_bind(name, SCHEDULES)
        try:
            while True:
                try:
                    [message] = await subscription.fetch(1, timeout=_WAIT_SECONDS)
                except NatsTimeoutError:
                    await self._js.consumer_info(SCHEDULES, name)  # raises when someone took the consumer away
                    continue
                await self._hand_over(message, handle)
        finally:
            await subscription.unsubscribe()

    async def _hand_over(self, message: Msg, handle: Callable[[Due], Awaitable[None]]) -> None:
        _, _, kind, id_ = message.subject.split(".", 3)
        attempt = message.metadata.num_delivered or 1
        try:
            await handle(Due(kind, id_, message.data, attempt))
        except Exception as error:
            delay = min(2.0**attempt, _MOST_DELAY_SECONDS)
            _log.warning("due but not done", kind=kind, id=id_, attempt=attempt, error=repr(error), again_in=delay)
            await message.nak(delay)
            return
        await message.ack_sync()
        with suppress(NotFoundError):  # when another process had it too, and was first
            await self._js.delete_msg(SCHEDULES, message.metadata.sequence.stream)
