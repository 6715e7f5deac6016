"""Answers the commands and queries of one service: FastStream subscribers over NATS request/reply.

FastStream subscribes, runs the pipeline and publishes the replies; messages are read and written by msgspec, so its
injection, its guessing of content types and its decoding are switched off (they cost more than all the rest).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from faststream import AckPolicy, BaseMiddleware, ContextRepo
from faststream.message import StreamMessage
from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from faststream.nats.subscriber.usecases import CoreSubscriber
from faststream.response import PublishCommand
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from opentelemetry.trace import SpanKind

from libs.shared import telemetry
from libs.shared.bus import BODY_LIMIT_BYTES, DEADLINE, ERROR, ErrorReply, Timeout, TooLarge, invalid
from libs.shared.connection import NotReachable
from libs.shared.domain import DomainError, Invalid
from libs.shared.logs import logger

#: How long a request without a deadline may take.
_DEFAULT_SECONDS = 30.0

_JSON = {"content-type": "application/json"}

_log = logger(__name__)
_duration = telemetry.meter().create_histogram(
    "archipel.request.duration", unit="s", description="How long requests took in the service, by subject and code."
)

M = TypeVar("M")


class Responder:
    """The server side of the bus for one service.  Replicas of a service share its requests as a queue group.

    `concurrent` requests are handled at the same time; further ones wait where NATS delivered them.
    """

    def __init__(self, service: str, servers: str, *, concurrent: int = 256) -> None:
        self._service = service
        self._subscribers: list[CoreSubscriber] = []
        self._connection: Client | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(concurrent)
        self._broker = NatsBroker(
            servers.split(","),
            name=f"{service} requests",
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is only slept for
            ping_interval=10,
            apply_types=False,
            serializer=None,
            parser=_parse,
            decoder=_body,
            ack_policy=AckPolicy.MANUAL,
            middlewares=[_middleware],
            logger=logging.getLogger(__name__),
            log_level=logging.DEBUG,
        )

    @property
    def connected(self) -> bool:
        """Whether requests can reach this process."""
        return self._connection is not None and self._connection.is_connected

    @property
    def closed(self) -> bool:
        """Whether the server ended the connection for good; only a new process helps."""
        return self._connection is not None and self._connection.is_closed

    def serve(self, subject: str, message: type[M], handle: Callable[[M], Awaitable[object]]) -> None:
        """Answer requests to `subject` with what `handle` makes of the message, or with the `DomainError` it raises."""
        decode = msgspec.json.Decoder(message).decode
        encode = msgspec.json.Encoder().encode

        async def endpoint(body: bytes) -> NatsResponse:
            try:
                request = decode(body)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise invalid(error) from None
            reply = encode(await handle(request))
            if len(reply) > BODY_LIMIT_BYTES:
                raise TooLarge("reply", len(reply))
            return NatsResponse(reply, headers=_JSON)

        subscriber = self._broker.subscriber(subject, queue=self._service)
        subscriber(endpoint)
        self._subscribers.append(subscriber)
        # A core subscriber of FastStream works off one message at a time; its own remedy, max_workers, passes every
        # message through a stream and a task group, which halves the throughput.  One plain task a message does not.
        setattr(subscriber, "consume", self._concurrently(subscriber.consume))  # noqa: B010

    async def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Connect and begin to take requests; raises NotReachable."""
        try:
            async with asyncio.timeout(timeout_seconds):
                self._connection = await self._broker.connect()
                await self._broker.start()
        except TimeoutError:
            raise NotReachable(f"NATS does not answer within {timeout_seconds:g} s") from None

    async def stop(self, *, grace_seconds: float = 4.0) -> None:
        """Take no more requests, finish those that were delivered, cut off what takes longer than `grace_seconds`."""
        subscriptions = [subscriber.subscription for subscriber in self._subscribers]
        for subscriber in self._subscribers:
            subscriber.subscription = None  # FastStream would end it a second time, which fails
        try:
            async with asyncio.timeout(grace_seconds):
                if self.connected:
                    await asyncio.gather(*map(_drain, subscriptions))
                while self._running:
                    await asyncio.wait(self._running)
        except TimeoutError:
            _log.warning("requests cut off", requests=len(self._running))
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        if self.connected:
            await self._broker.stop()
        elif self._connection is not None:
            await self._connection.close()

    def _concurrently(self, consume: Callable[[Msg], Coroutine[Any, Any, None]]) -> Callable[[Msg], Awaitable[None]]:
        async def begin(message: Msg) -> None:
            await self._places.acquire()
            task = asyncio.create_task(consume(message))
            self._running.add(task)
            task.add_done_callback(self._done)

        return begin

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._places.release()


class _Request(BaseMiddleware[PublishCommand, Msg | None]):
    """One span, one measurement and one reply a request, whatever happens; bounded by the request's deadline."""

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Msg]) -> NatsResponse:
        subject = msg.raw_message.subject
        started = time.perf_counter()
        code = "OK"
        try:
            parent = telemetry.extract(msg.headers)
            with telemetry.span(subject, parent=parent, kind=SpanKind.SERVER):
                return await _answer(call_next, msg, subject)
        except DomainError as error:
            code = error.code
            return _refuse(error)
        except Exception:
            code = "INTERNAL"
            return _refuse(DomainError(code, "the service failed; its logs say why"))
        finally:
            _duration.record(time.perf_counter() - started, {"subject": subject, "code": code})


def _middleware(message: Msg | None, /, *, context: ContextRepo) -> BaseMiddleware[Any, Any]:
    return _Request(message, context=context)


async def _drain(subscription: object) -> None:
    if isinstance(subscription, Subscription):
        await subscription.drain()  # type: ignore[no-untyped-call]


async def _answer(
    call_next: Callable[[Any], Awaitable[NatsResponse]], msg: StreamMessage[Msg], subject: str
) -> NatsResponse:
    if len(msg.body) > BODY_LIMIT_BYTES:
        raise TooLarge("request", len(msg.body))
    scope = asyncio.timeout(_remaining_seconds(msg.headers.get(DEADLINE)))
    try:
        async with scope:
            return await call_next(msg)
    except DomainError:
        raise
    except Exception as error:
        if scope.expired():
            raise Timeout from None
        _log.exception("request failed", subject=subject, error=type(error).__name__)
        raise


def _remaining_seconds(deadline: str | None) -> float:
    if deadline is None:
        return _DEFAULT_SECONDS
    if not (deadline.isascii() and deadline.isdecimal() and len(deadline) <= 15):
        raise Invalid(f"{DEADLINE} is a time in Unix milliseconds")
    remaining = int(deadline) / 1000 - time.time()
    if remaining <= 0:
        raise Timeout("the deadline had passed when the request came")
    return remaining


def _refuse(error: DomainError) -> NatsResponse:
    body = msgspec.json.encode(ErrorReply(error.code, error.message, error.path))
    return NatsResponse(body, headers={**_JSON, ERROR: error.code})


async def _parse(message: Msg) -> NatsMessage:
    headers = message.headers or {}
    return NatsMessage(
        raw_message=message,
        body=message.data,
        reply_to=message.reply,
        headers=headers,
        correlation_id=headers.get(telemetry.TRACEPARENT) or message.reply or "-",
    )


async def _body(message: StreamMessage[Msg]) -> bytes:
    body: bytes = message.body
    return body
