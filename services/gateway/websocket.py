"""GraphQL over WebSocket: the protocol graphql-transport-ws, of which the whole state of one connection lives here.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.  The token comes in the payload of `connection_init`
(`{"Authorization": "Bearer …"}`) or in the HTTP header; the socket is closed with 4403 for a bad one, and with 4401
when a good one expires.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from libs.shared.domain import DomainError, Unavailable
from libs.shared.logs import logger
from services.gateway import consistency
from services.gateway.browsers import is_foreign
from services.gateway.documents import Refused
from services.gateway.execution import Operation, Result
from services.gateway.gateway import Gateway
from services.gateway.rates import RateLimited
from services.gateway.requests import (
    BadRequest,
    context,
    errors_of,
    lasting_context,
    priced,
    read_operation,
    unknown_document,
)
from services.gateway.security import Principal, Unauthenticated
from services.gateway.sender import Sender, address, admit

PROTOCOL: Final = "graphql-transport-ws"
#: How long a client may take to introduce itself.
INIT_SECONDS: Final = 5.0
#: Operations that one connection may have running.
MAX_OPERATIONS: Final = 50
#: How long one message may take to leave; who reads slower is disconnected.
SEND_SECONDS: Final = 10.0

log = logger(__name__)


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """One client.  `run` returns when the connection is over and nothing of it is left running."""

    def __init__(self, socket: WebSocket, gateway: Gateway) -> None:
        self._socket = socket
        self._gateway = gateway
        self._principal: Principal | None = None
        self._at_least: dict[str, int] | None = None
        self._acknowledged = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._subscriptions: set[str] = set()
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Speak the protocol until either side closes."""
        headers = self._socket.headers
        await self._gateway.origins.learn(headers.get("origin", ""))
        if is_foreign(headers, self._gateway.origins):
            log.info("foreign_origin_refused")
            await self._socket.close(1008)  # before it is accepted, that is answered 403 (RFC 6455 §10.2)
            return
        if PROTOCOL not in self._socket.scope.get("subprotocols", []):
            await self._socket.accept()
            await self._close(_Close(4406, "Subprotocol not acceptable"))
            return
        await self._socket.accept(subprotocol=PROTOCOL)
        with self._gateway.drain.lasting():
            draining = asyncio.create_task(self._drain())
            try:
                await self._introduce()
                await self._serve()
            except _Close as close:
                await self._close(close)
            except WebSocketDisconnect:
                pass
            finally:
                await self._stop(draining, *self._operations.values())

    async def _drain(self) -> None:
        """When the process is to end: drop the subscriptions, let the rest finish, and say good-bye.

        A subscription that were told to be complete would be over; by 1001 clients subscribe again at another process.
        """
        await self._gateway.drain.wait_begun()
        with suppress(WebSocketDisconnect, RuntimeError):
            for key in tuple(self._subscriptions):
                await self._complete(key)
            while self._operations:
                await asyncio.wait(self._operations.values())
            await self._close(_Close(1001, "Going away"))

    async def _introduce(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                while not self._acknowledged:
                    await self._receive()
        except TimeoutError:
            raise _Close(4408, "Connection initialisation timeout") from None

    async def _serve(self) -> None:
        if self._principal is None:
            await self._receive_all()
            return
        principals = self._gateway.principals
        receiving = asyncio.create_task(self._receive_all())
        revoked = asyncio.create_task(principals.revoked(self._principal))
        try:
            remaining = principals.remaining(self._principal)
            await asyncio.wait({receiving, revoked}, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                await receiving
            elif revoked.done():
                raise _Close(4403, "Forbidden")
            else:
                raise _Close(4401, "Token expired")
        finally:
            await self._stop(receiving, revoked)

    async def _receive_all(self) -> None:
        while True:
            await self._receive()

    async def _receive(self) -> None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        try:
            document = orjson.loads(message.get("text") or b"")
        except orjson.JSONDecodeError:
            raise _Close(4400, "Invalid message: not JSON text") from None
        if not isinstance(document, dict):
            raise _Close(4400, "Invalid message: not an object")
        match document.get("type"):
            case "connection_init":
                await self._init(document.get("payload"))
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(_id(document), document.get("payload"))
            case "complete":
                await self._complete(_id(document))
            case _:
                raise _Close(4400, "Invalid message: unknown type")

    async def _complete(self, key: str) -> None:
        self._subscriptions.discard(key)
        task = self._operations.pop(key, None)
        if task is not None:
            await self._stop(task)

    async def _init(self, payload: object) -> None:
        if self._acknowledged:
            raise _Close(4429, "Too many initialisation requests")
        given = payload if payload is not None else {}
        if not isinstance(given, dict):
            raise _Close(4400, "Invalid connection init payload")
        authorization = given.get(
            "Authorization", given.get("authorization", self._socket.headers.get("authorization"))
        )
        token = given.get(consistency.HEADER, self._socket.headers.get(consistency.HEADER))
        try:
            given_authorization = str(authorization) if authorization is not None else None
            self._principal = (await admit(self._gateway, given_authorization, self._socket.scope)).principal
            if token is not None:
                self._at_least = consistency.decode(str(token))
        except Unauthenticated:
            raise _Close(4403, "Forbidden") from None
        except (Unavailable, RateLimited):
            raise _Close(1013, "Try again later") from None
        except DomainError as refusal:
            raise _Close(4400, refusal.message) from None
        self._acknowledged = True
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, key: str, payload: object) -> None:
        if not self._acknowledged:
            raise _Close(4401, "Unauthorized")
        if key in self._operations:
            raise _Close(4409, f"Subscriber for {key} already exists")
        if not isinstance(payload, dict):
            raise _Close(4400, "Invalid message: no payload")
        try:
            self._check_room()
            sender = self._sender()
            operation = read_operation(payload, self._gateway.trusted)
        except BadRequest as problem:
            raise _Close(4400, problem.message) from None
        except DomainError as refusal:
            self._gateway.engine.observer.refused(refusal.code)
            await self._send({"id": key, "type": "error", "payload": errors_of(refusal)})
        except Refused as refused:
            errors = unknown_document(self._gateway, sender, refused)
            await self._send({"id": key, "type": "error", "payload": errors})
        else:
            self._operations[key] = asyncio.create_task(self._operate(key, operation, sender))

    def _check_room(self) -> None:
        if len(self._operations) >= MAX_OPERATIONS:
            raise DomainError("TOO_MANY_OPERATIONS", "too many operations on this connection")
        if self._gateway.drain.begun:
            raise Unavailable("this process is about to end; connect again")

    async def _operate(self, key: str, operation: Operation, sender: Sender) -> None:
        try:
            async with aclosing(self._results(key, operation, sender)) as results:
                async for result, body in results:
                    if not result.executed:
                        await self._finish(key, {"id": key, "type": "error", "payload": body["errors"]})
                        return
                    await self._send({"id": key, "type": "next", "payload": body})
            await self._finish(key, {"id": key, "type": "complete"})
        except DomainError as refusal:
            self._gateway.engine.observer.refused(refusal.code)
            await self._finish(key, {"id": key, "type": "error", "payload": errors_of(refusal)})
        except (WebSocketDisconnect, RuntimeError):
            log.debug("subscriber_gone")

    async def _results(
        self, key: str, operation: Operation, sender: Sender
    ) -> AsyncGenerator[tuple[Result, dict[str, Any]], None]:
        gateway, at_least = self._gateway, self._at_least
        result = None
        async with gateway.admission.place():
            if gateway.engine.kind(operation) is not OperationType.SUBSCRIPTION:
                result = await gateway.engine.execute(operation, context(gateway, sender, at_least))
        if result is not None:
            yield result, priced(result)
            return
        self._subscriptions.add(key)
        asking = lasting_context(gateway, sender, at_least)
        async with aclosing(gateway.engine.subscribe(operation, asking)) as results:
            async for result in results:
                yield result, result.body

    def _sender(self) -> Sender:
        """The same sender for each operation, which each draws on the quota anew; raises `RateLimited`."""
        allowance = self._gateway.rates.of(self._principal, address(self._socket.scope))
        allowance.check()
        return Sender(self._principal, allowance)

    async def _finish(self, key: str, message: dict[str, Any]) -> None:
        # The id is free again before the client hears of it, so that it may use it at once.
        self._operations.pop(key, None)
        self._subscriptions.discard(key)
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS), self._sending:
                await self._socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            raise WebSocketDisconnect(1006, "the client does not read") from None
        except RuntimeError:  # uvicorn has closed it already, for a message that is not UTF-8
            raise WebSocketDisconnect(1006, "closed meanwhile") from None

    async def _close(self, close: _Close) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            # RFC 6455 §5.5: a control frame holds 125 bytes, two of them the code.
            await self._socket.close(close.code, close.reason.encode()[:123].decode(errors="ignore"))

    @staticmethod
    async def _stop(*tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _id(document: dict[str, Any]) -> str:
    key = document.get("id")
    if not isinstance(key, str) or not 0 < len(key) <= 200:
        raise _Close(4400, "Invalid message: id must be a string")
    return key
