"""Commands and queries between processes: subjects, headers and error replies, and the client that sends them.

NATS request/reply.  A command goes to `cmd.<service>.<aggregate>.<name>`, a query to `qry.<service>.<name>`, as JSON.
The header `Archipel-Deadline` (Unix milliseconds) says until when the answer is of use, `traceparent` whose trace it
is.  A refusal comes back with the header `Archipel-Error: <CODE>` and the body `{"code", "message", "path"}`.
"""

import re
import time
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct
from opentelemetry.trace import SpanKind

from libs.shared import telemetry
from libs.shared.connection import Connection
from libs.shared.domain import Accepted, DomainError, Erased, Forbidden, Invalid, NotFound, Unavailable
from libs.shared.inbox import Inbox, NotAnswered

DEADLINE = "Archipel-Deadline"
ERROR = "Archipel-Error"

#: A request or reply has at most this many bytes; NATS itself allows 1 MiB with the headers.
BODY_LIMIT_BYTES = 1_000_000

_RECONNECT_SECONDS = 2.0
_TIMER_SECONDS = 0.01  # timers and the time of day need not agree to the last millisecond

T = TypeVar("T")


class ErrorReply(Struct, frozen=True):
    """The body of a refusal."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()

    def as_error(self) -> DomainError:
        """The refusal as the exception that the other side raised."""
        match self.code:
            case "NOT_FOUND":
                return NotFound(self.message, self.path)
            case "FORBIDDEN":
                return Forbidden(self.message, self.path)
            case "INVALID":
                return Invalid(self.message, self.path)
            case "UNAVAILABLE":
                return Unavailable(self.message, self.path)
            case "ERASED":
                return Erased(path=self.path)
            case _:
                return DomainError(self.code, self.message, self.path)


class Timeout(DomainError):
    """The deadline passed; whether a command had its effect is unknown, and sending it again is safe."""

    def __init__(self, message: str = "no answer in time") -> None:
        super().__init__("TIMEOUT", message)


class TooLarge(DomainError):
    """A request or a reply does not fit in a message."""

    def __init__(self, what: str, size_bytes: int) -> None:
        super().__init__("TOO_LARGE", f"the {what} has {size_bytes} bytes, at most {BODY_LIMIT_BYTES} fit")


def command_subject(service: str, aggregate: str, name: str) -> str:
    """Where a command is sent."""
    return f"cmd.{service}.{aggregate}.{name}"


def query_subject(service: str, name: str) -> str:
    """Where a query is sent."""
    return f"qry.{service}.{name}"


_TYPE_AT = re.compile(r" - at `(?:key` in `)?\$([^`]*)`\Z")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\.\.\.\]")
_FIELD = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


def invalid(error: Exception) -> Invalid:
    """What msgspec said of a message as a refusal; its path leads to the field, `[...]` (any item) left out."""
    message = str(error)
    path: list[str | int] = []
    if at := _TYPE_AT.search(message):
        for name, index in _STEP.findall(at[1]):
            if name or index:
                path.append(name or int(index))
        message = message[: at.start()]
    if field := _FIELD.search(message):
        path.append(field[1])
    return Invalid(message, tuple(path))


class BusClient:
    """Sends commands and queries; all answers come back through one subscription.

    Every method raises `DomainError`: what the service refused with its own code; `Unavailable` when nobody serves
    the subject or the connection is lost; `Timeout` when the deadline passed; `TooLarge`.  To send a command again
    with the same `command_id` is safe after any of them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = Inbox(connection)

    async def command(
        self,
        service: str,
        aggregate: str,
        name: str,
        payload: Struct | Mapping[str, Any],
        *,
        timeout_seconds: float = 10,
    ) -> Accepted:
        """Send a command and return what it did."""
        subject = command_subject(service, aggregate, name)
        return _decode(await self._request(subject, payload, timeout_seconds), Accepted, subject)

    async def query(
        self,
        service: str,
        name: str,
        payload: Struct | Mapping[str, Any],
        reply: type[T],
        *,
        timeout_seconds: float = 5,
    ) -> T:
        """Ask a query and return the answer, read as `reply`."""
        subject = query_subject(service, name)
        return _decode(await self._request(subject, payload, timeout_seconds), reply, subject)

    async def _request(self, subject: str, payload: Struct | Mapping[str, Any], timeout_seconds: float) -> bytes:
        body = msgspec.json.encode(payload)
        if len(body) > BODY_LIMIT_BYTES:
            raise TooLarge("request", len(body))
        deadline = time.time() + timeout_seconds
        with telemetry.span(subject, kind=SpanKind.CLIENT):
            headers = {DEADLINE: str(int(deadline * 1000))}
            telemetry.inject(headers)
            if not await self._connection.wait_connected(min(timeout_seconds, _RECONNECT_SECONDS)):
                raise Unavailable("there is no connection to NATS")
            try:
                reply = await self._inbox.request(subject, body, deadline - time.time(), headers)
            except NotAnswered as problem:
                if problem.maybe_done and time.time() >= deadline - _TIMER_SECONDS:
                    raise Timeout(f"{subject} did not answer within {timeout_seconds:g} s") from None
                raise Unavailable(str(problem)) from None
            if reply.headers is not None and ERROR in reply.headers:
                raise _decode(reply.data, ErrorReply, subject).as_error()
            return reply.data


@lru_cache(1_000)
def _decoder(reply: Hashable) -> msgspec.json.Decoder[Any]:
    """What reads a type; to analyse one that is no struct takes as long as to read with it."""
    return msgspec.json.Decoder(reply)


def _decode(body: bytes, reply: type[T], subject: str) -> T:
    try:
        found: T = _decoder(cast(Hashable, reply)).decode(body)
        return found
    except msgspec.MsgspecError as error:
        raise DomainError("INTERNAL", f"the reply of {subject} cannot be read: {error}") from error
