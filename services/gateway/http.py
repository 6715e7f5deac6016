"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): how requests are answered.

Whatever is wrong with a request is answered as `{"errors": [{"message", "extensions": {"code"}}]}` with the status that
says so.  A client that accepts `application/json` only gets 200 for any well-formed request, as the draft asks; others
get 4xx as `application/graphql-response+json` when the document could not run.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from graphql import OperationType
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway import sse
from services.gateway.browsers import SECURITY_HEADERS, is_foreign
from services.gateway.documents import Refused
from services.gateway.execution import MASK, Operation, Result, remote_parent
from services.gateway.gateway import Gateway
from services.gateway.incoming import Gone, Incoming
from services.gateway.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON, accepted
from services.gateway.rates import RateLimited
from services.gateway.requests import (
    BadRequest,
    context,
    freshness,
    priced,
    read_operation,
    unknown_document,
)
from services.gateway.sender import admit

log = logger(__name__)

_METHODS: Final = "GET, HEAD, POST"

#: What a refusal of the whole request has for a status.
_STATUSES: Final[dict[str, tuple[int, dict[str, str]]]] = {
    "UNAUTHENTICATED": (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}),  # RFC 6750 §3
    "UNAVAILABLE": (503, {"Retry-After": "1"}),
    "OVERLOADED": (503, {"Retry-After": "1"}),
}
#: What a document that did not run has for a status, for clients that understand one; else it is 400.
_DOCUMENT_STATUSES: Final = {"DOCUMENT_NOT_TRUSTED": 403, "DOCUMENT_NOT_FOUND": 404, "INTROSPECTION_DISABLED": 403}

#: What an answer to GET depends on beside the address.
_VARY: Final = "Accept, Accept-Encoding, Authorization, Archipel-Consistency-Token, Origin"


class Answer(Struct, frozen=True):
    """A whole HTTP response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    kind: str = JSON

    async def send(self, send: Send) -> None:
        """Send it, with the security headers that it does not set itself."""
        headers = [(b"content-type", self.kind.encode()), (b"content-length", b"%d" % len(self.body))]
        if self.status == 304:
            headers.clear()
        if self.headers:
            headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
            own = {name for name, _ in headers}
            headers += [pair for pair in SECURITY_HEADERS if pair[0] not in own]
        else:
            headers += SECURITY_HEADERS
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error response of the documented shape."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Answer(status, orjson.dumps(body), headers or {})


class GraphQL:
    """The ASGI application that answers `/graphql` over HTTP; never raises for anything that a client sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        observer = self._gateway.engine.observer
        try:
            answer = await self._answer(Incoming(scope, receive), receive, send)
        except BadRequest as problem:
            observer.refused(problem.code)
            answer = failure(problem.status, problem.code, problem.message, problem.headers)
        except RateLimited as limited:
            observer.refused(limited.code)
            answer = failure(429, limited.code, limited.message, limited.headers)
        except DomainError as refusal:
            observer.refused(refusal.code)
            status, headers = _STATUSES.get(refusal.code, (400, {}))
            answer = failure(status, refusal.code, refusal.message, headers)
        except Gone:
            return
        except Exception as error:
            logged_as = uuid7()
            log.error("request_failed", error_id=logged_as, exc_info=error)
            answer = failure(500, "INTERNAL", f"{MASK} ({logged_as})")
        if answer is not None:
            await answer.send(send)

    async def _answer(self, request: Incoming, receive: Receive, send: Send) -> Answer | None:
        """None when the answer was a stream of events and has been sent."""
        if request.method not in {"GET", "HEAD", "POST"}:
            raise BadRequest(405, "METHOD_NOT_ALLOWED", f"use one of {_METHODS}", {"Allow": _METHODS})
        if _is_browser(request):
            return Answer(303, headers={"Location": "/"})
        kind = accepted(request.headers.get("accept", ""))
        if kind == EVENT_STREAM:
            await self._gateway.origins.learn(request.headers.get("origin", ""))
            if is_foreign(request.headers, self._gateway.origins):
                raise BadRequest(403, "FOREIGN_ORIGIN", "pages of this origin may not ask here")
        body = await request.body() if request.posted else b""
        if kind == EVENT_STREAM:
            await sse.Stream(self._gateway, request, receive, send).run(body)
            return None
        async with self._gateway.admission.place():
            return await self._execute(request, body, kind)

    async def _execute(self, request: Incoming, body: bytes, kind: str) -> Answer:
        gateway = self._gateway
        members = request.members(body)
        sender = await admit(gateway, request.authorization(), request.scope)
        try:
            operation = read_operation(members, gateway.trusted)
        except Refused as refused:
            errors = unknown_document(gateway, sender, refused)
            return _response({"errors": errors}, kind, sender.allowance.headers())
        if not request.posted and _writes(operation, gateway):
            request.refuse_unless_posted()
        asking = context(gateway, sender, freshness(request.headers))
        result = await gateway.engine.execute(operation, asking, remote_parent(request.headers))
        answer = _response(priced(result), kind, sender.allowance.headers())
        if not request.posted and "documentId" in members and _is_cacheable(result):
            return _revalidated(answer, request.headers.get("if-none-match", ""))
        return answer


def _is_browser(request: Incoming) -> bool:
    """Whether somebody opened the address in a browser: they want the console."""
    return request.method == "GET" and not request.query and "text/html" in request.headers.get("accept", "")


def _writes(operation: Operation, gateway: Gateway) -> bool:
    # What cannot run is answered like by POST.
    return gateway.engine.kind(operation) not in {OperationType.QUERY, None}


def _response(body: dict[str, Any], kind: str, headers: Mapping[str, str]) -> Answer:
    executed = "data" in body
    # Who takes anything gets plain JSON for an answer, and the type that can say 4xx for a document that cannot run.
    kind = kind or (JSON if executed else GRAPHQL_JSON)
    status = 200
    if kind == GRAPHQL_JSON and not executed:
        codes = [error["extensions"]["code"] for error in body["errors"]]
        status = _DOCUMENT_STATUSES.get(codes[0], 400)
    return Answer(status, orjson.dumps(body), headers, kind)


def _is_cacheable(result: Result) -> bool:
    return result.executed and "errors" not in result.body


def _revalidated(answer: Answer, known: str) -> Answer:
    """The answer with its validator, or 304 for a client that has it (RFC 9110 §13.1.2, §15.4.5)."""
    tag = f'W/"{hashlib.blake2b(answer.body, digest_size=16).hexdigest()}"'
    headers = {**answer.headers, "ETag": tag, "Cache-Control": "private, no-cache", "Vary": _VARY}
    matches = known.strip() == "*" or tag in {given.strip() for given in known.split(",")}
    if matches:
        return Answer(304, headers=headers)
    return Answer(answer.status, answer.body, headers, answer.kind)
