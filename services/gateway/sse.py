"""GraphQL over SSE, distinct connections mode: one request, one operation, its results as `next` events.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md.  What is no GraphQL request at all is refused by its
HTTP status before the stream begins; a document that cannot run is told in a `next` event.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.types import Receive, Send

from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway.browsers import SECURITY_HEADERS
from services.gateway.documents import Refused
from services.gateway.execution import MASK, Operation, remote_parent
from services.gateway.gateway import Gateway
from services.gateway.incoming import Incoming
from services.gateway.requests import (
    context,
    errors_of,
    freshness,
    lasting_context,
    priced,
    read_operation,
    unknown_document,
)
from services.gateway.security import Principal, Unauthenticated
from services.gateway.sender import Sender, admit

#: How often a line goes out on an idle stream, so that nothing between takes it for dead.
HEARTBEAT_SECONDS: Final = 12.0
#: How long one event may take to leave; who reads slower is disconnected.
SEND_SECONDS: Final = 10.0

_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
    *SECURITY_HEADERS,
)
_COMPLETE: Final = b"event: complete\ndata:\n\n"

log = logger(__name__)


class Stream:
    """One operation of one client.  `run` returns when the stream is over and nothing of it is left running."""

    def __init__(self, gateway: Gateway, request: Incoming, receive: Receive, send: Send) -> None:
        self._gateway = gateway
        self._request = request
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()

    async def run(self, body: bytes) -> None:
        """Answer; raises what is wrong with the request before the stream begins, nothing after."""
        gateway, request = self._gateway, self._request
        sender = await admit(gateway, request.authorization(), request.scope)
        at_least = freshness(request.headers)
        try:
            operation = read_operation(request.members(body), gateway.trusted)
        except Refused as refused:
            return await self._stream(_single({"errors": unknown_document(gateway, sender, refused)}), sender)
        async with gateway.admission.place():
            kind = gateway.engine.kind(operation)
            if kind is OperationType.MUTATION:
                request.refuse_unless_posted()
            if kind is not OperationType.SUBSCRIPTION:
                asking = context(gateway, sender, at_least)
                result = await gateway.engine.execute(operation, asking, remote_parent(request.headers))
                results = _single(priced(result))
            else:
                results = self._subscribe(operation, sender, at_least)
        return await self._stream(results, sender)

    async def _subscribe(
        self, operation: Operation, sender: Sender, at_least: dict[str, int] | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        asking = lasting_context(self._gateway, sender, at_least)
        try:
            async with aclosing(self._gateway.engine.subscribe(operation, asking)) as results:
                async for result in results:
                    yield result.body
        except DomainError as refusal:
            self._gateway.engine.observer.refused(refusal.code)
            yield {"errors": errors_of(refusal)}
        except Exception as error:
            logged_as = uuid7()
            log.error("subscription_failed", error_id=logged_as, exc_info=error)
            yield {"errors": [{"message": MASK, "extensions": {"code": "INTERNAL", "id": logged_as}}]}

    async def _stream(self, results: AsyncGenerator[dict[str, Any], None], sender: Sender) -> None:
        limits = [(name.lower().encode(), value.encode()) for name, value in sender.allowance.headers().items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *limits]})
        with self._gateway.drain.lasting():
            producing = asyncio.ensure_future(self._produce(results))
            over = asyncio.ensure_future(self._over(sender.principal))
            await _first(producing, over, self._gone(), self._beat(), self._gateway.drain.wait_begun())
            if _ended(producing):
                await self._write(_COMPLETE, last=True)
            elif _ended(over):
                await self._write(_next({"errors": errors_of(Unauthenticated())}) + _COMPLETE, last=True)
            elif self._gateway.drain.begun:
                await self._write(b"", last=True)  # not complete: clients come back to another process

    async def _produce(self, results: AsyncGenerator[dict[str, Any], None]) -> None:
        async with aclosing(results):
            async for result in results:
                await self._write(_next(result))

    async def _over(self, principal: Principal | None) -> None:
        """Return when the sender ceases to count; nobody in particular never does."""
        if principal is None:
            await asyncio.Event().wait()
        else:
            await self._gateway.principals.over(principal)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._write(b":\n\n")

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _write(self, chunk: bytes, *, last: bool = False) -> None:
        async with asyncio.timeout(SEND_SECONDS), self._sending:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": not last})


async def _single(body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    yield body


def _next(result: dict[str, Any]) -> bytes:
    return b"event: next\ndata: " + orjson.dumps(result) + b"\n\n"


def _ended(work: asyncio.Future[None]) -> bool:
    """Whether it came to its end by itself."""
    return work.done() and not work.cancelled() and work.exception() is None


async def _first(*ends: Awaitable[None]) -> None:
    """Return when one of these has ended in any way; the others are cancelled then."""
    tasks = [asyncio.ensure_future(end) for end in ends]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
