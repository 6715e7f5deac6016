"""Requests over one NATS connection, answered into one wildcard subscription by one message or by several."""

import asyncio
from collections.abc import Mapping
from itertools import count

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, ConnectionDrainingError, OutboundBufferLimitError

from libs.shared.connection import Connection
from libs.shared.domain import Unavailable

_STATUS = "Status"
_NO_RESPONDERS = "503"


class NotAnswered(Exception):
    """No answer came.  `maybe_done` says whether the request may have had its effect nevertheless."""

    def __init__(self, reason: str, *, maybe_done: bool) -> None:
        super().__init__(reason)
        self.maybe_done = maybe_done


class _Answer:
    """What came back so far; `last` is the first message, or, of `several`, the one that carries a status."""

    __slots__ = ("last", "messages", "several")

    def __init__(self, *, several: bool) -> None:
        self.last: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self.messages: list[Msg] = []
        self.several = several

    def take(self, message: Msg) -> None:
        if self.several and (message.headers is None or _STATUS not in message.headers):
            self.messages.append(message)
        elif not self.last.done():
            self.last.set_result(message)

    def fail(self, reason: str) -> None:
        if not self.last.done():
            self.last.set_exception(NotAnswered(reason, maybe_done=True))


class Inbox:
    """Requests with less work per request than nats-py's own, and with answers of several messages.

    A reconnect keeps the subscription; answers that were under way are lost and show as `NotAnswered`, at once when
    the connection is one that tells.  The connection may be opened later.
    """

    def __init__(self, connection: Client) -> None:
        self.connection = connection
        self._prefix = ""
        self._tokens = count()
        self._waiting: dict[str, _Answer] = {}
        self._subscribed: asyncio.Task[object] | None = None
        if isinstance(connection, Connection):
            connection.on_loss(self.lose)

    async def request(
        self, subject: str, data: bytes, timeout_seconds: float, headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Send and return the one answer; raises `NotAnswered`, and `Unavailable` when the connection is closed."""
        answer = _Answer(several=False)
        return await self._exchange(answer, subject, data, timeout_seconds, headers)

    async def collect(self, subject: str, data: bytes, timeout_seconds: float) -> tuple[list[Msg], Msg]:
        """Send and return all answers up to the one that carries a status, and that one; raises as `request` does."""
        answer = _Answer(several=True)
        last = await self._exchange(answer, subject, data, timeout_seconds, None)
        return answer.messages, last

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send without waiting; raises as `request` does."""
        try:
            await self.connection.publish(subject, data, reply, dict(headers) if headers else None)
        except OutboundBufferLimitError as error:
            raise NotAnswered("too much waits for the connection", maybe_done=False) from error
        except (ConnectionClosedError, ConnectionDrainingError) as error:
            raise Unavailable("the connection to NATS is closed") from error

    def lose(self) -> None:
        """End every request under way with `NotAnswered`: the connection is gone, and their answers with it."""
        for answer in self._waiting.values():
            answer.fail("the connection to NATS was lost")

    async def _exchange(
        self, answer: _Answer, subject: str, data: bytes, timeout_seconds: float, headers: Mapping[str, str] | None
    ) -> Msg:
        if self._subscribed is None or not self._subscribed.done():
            await self._subscribe()
        token = str(next(self._tokens))
        self._waiting[token] = answer
        timer = asyncio.get_running_loop().call_later(timeout_seconds, answer.fail, f"no answer from {subject}")
        try:
            await self.publish(subject, data, headers, self._prefix + token)
            message = await answer.last
        finally:
            timer.cancel()
            del self._waiting[token]
        if message.headers is not None and message.headers.get(_STATUS) == _NO_RESPONDERS:
            raise NotAnswered(f"nobody listens on {subject}", maybe_done=False)
        return message

    async def _subscribe(self) -> None:
        """Subscribe once, whoever comes first; a caller that is cancelled meanwhile harms nobody else."""
        if self._subscribed is None:
            self._prefix = self.connection.new_inbox() + "."
            subscribe = self.connection.subscribe(self._prefix + "*", cb=self._receive)
            self._subscribed = asyncio.ensure_future(subscribe)
        try:
            await asyncio.shield(self._subscribed)
        except (ConnectionClosedError, ConnectionDrainingError) as error:
            self._subscribed = None
            raise Unavailable("the connection to NATS is closed") from error

    async def _receive(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject[len(self._prefix) :])
        if answer is not None:
            answer.take(message)
