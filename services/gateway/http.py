"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): how requests are read and answered.

Whatever is wrong with a request is answered as `{"errors": [{"message", "extensions": {"code"}}]}` with the status that
says so.  A client that accepts `application/json` only gets 200 for any well-formed request, as the draft asks; others
get 400 as `application/graphql-response+json` when the document could not run.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway import consistency
from services.gateway.context import Context
from services.gateway.documents import Refused
from services.gateway.execution import MASK, Operation, Result, remote_parent
from services.gateway.gateway import Gateway
from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.rates import RateLimited
from services.gateway.security import Unauthenticated
from services.gateway.sender import admit

log = logger(__name__)

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"

#: How long a request body may take to arrive.
BODY_SECONDS: Final = 10.0
#: How much of a body that is too long is read and thrown away: a client that is cut off while it still sends would
#: see a broken connection instead of the 413.
MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024

_STATUSES: Final[dict[str, tuple[int, dict[str, str]]]] = {
    "UNAUTHENTICATED": (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}),  # RFC 6750 §3
    "UNAVAILABLE": (503, {"Retry-After": "1"}),
}

_MEMBERS: Final = frozenset({"query", "variables", "operationName", "extensions"})


class BadRequest(Exception):
    """The HTTP request is not one that GraphQL can be read from."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error response of the documented shape."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Response(orjson.dumps(body), status, dict(headers or {}), JSON)


async def graphql(request: Request, gateway: Gateway) -> Response:
    """Answer a GraphQL request; never raises for anything that a client sent."""
    try:
        return await _answer(request, gateway)
    except BadRequest as problem:
        gateway.engine.observer.refused(problem.code)
        return failure(problem.status, problem.code, problem.message, problem.headers)
    except RateLimited as limited:
        gateway.engine.observer.refused(limited.code)
        return failure(429, limited.code, limited.message, limited.headers)
    except DomainError as refusal:
        gateway.engine.observer.refused(refusal.code)
        status, headers = _STATUSES.get(refusal.code, (400, {}))
        return failure(status, refusal.code, refusal.message, headers)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception as error:
        logged_as = uuid7()
        log.error("request_failed", error_id=logged_as, exc_info=error)
        return failure(500, "INTERNAL", f"{MASK} ({logged_as})")


async def _answer(request: Request, gateway: Gateway) -> Response:
    if _is_browser(request):
        return RedirectResponse("/", 303)
    accepted = _accepted(request.headers.getlist("accept"))
    operation = _posted(await _body(request)) if request.method == "POST" else _asked(request)
    authorization = request.headers.getlist("authorization")
    if len(authorization) > 1:
        raise Unauthenticated
    principal, allowance = await admit(gateway, authorization[0] if authorization else None, request.scope)
    if request.method == "GET":
        _refuse_writes(operation, gateway)
    token = request.headers.get(consistency.HEADER)
    context = Context(
        gateway.bus,
        gateway.identity_key,
        principal,
        consistency.decode(token) if token else None,
        gateway.feed,
        allowance=allowance,
    )
    result = await gateway.engine.execute(operation, context, remote_parent(request.headers))
    return _response(result, accepted, allowance.headers())


def _is_browser(request: Request) -> bool:
    """Whether somebody opened the address in a browser: they want the console."""
    wants_page = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wants_page and not request.query_params


def _response(result: Result, accepted: str, headers: Mapping[str, str]) -> Response:
    # Who takes anything gets plain JSON for an answer, and the type that can say 400 for a document that cannot run.
    kind = accepted or (JSON if result.executed else GRAPHQL_JSON)
    status = 400 if kind == GRAPHQL_JSON and not result.executed else 200
    return Response(orjson.dumps(result.body), status, headers, kind)


def _refuse_writes(operation: Operation, gateway: Gateway) -> None:
    try:
        kind = gateway.engine.kind(operation)
    except Refused:
        return  # answered like any other document that cannot run
    if kind is not OperationType.QUERY:
        raise BadRequest(405, "METHOD_NOT_ALLOWED", "GET can only read; use POST", {"Allow": "POST"})


def _accepted(headers: list[str]) -> str:
    """The response type to use; empty when the client takes any.  Raises `BadRequest` 406."""
    best, found = 0.0, False
    chosen = ""
    ranges = [part.strip() for header in headers for part in header.split(",") if part.strip()]
    if not ranges:
        return ""
    for given in ranges:
        kind, *parameters = (part.strip().lower() for part in given.split(";"))
        quality = _quality(parameters)
        wanted = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "*/*": "", "application/*": ""}.get(kind)
        if wanted is None or quality <= 0:
            continue
        # At the same quality the more telling type wins: graphql-response+json, json, anything.
        if not found or (quality, _rank(wanted)) > (best, _rank(chosen)):
            best, chosen, found = quality, wanted, True
    if not found:
        raise BadRequest(406, "NOT_ACCEPTABLE", f"answers are {GRAPHQL_JSON} or {JSON}")
    return chosen


def _rank(kind: str) -> int:
    return ("", JSON, GRAPHQL_JSON).index(kind)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


async def _body(request: Request) -> bytes:
    _check_content_type(request)
    declared = request.headers.get("content-length", "")
    body = bytearray()
    too_large = declared.isdecimal() and (len(declared) > 9 or int(declared) > MAX_BODY_BYTES)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            # Who asks first (RFC 9110 §10.1.1) has not sent anything yet and need not.
            if too_large and "expect" in request.headers:
                raise _too_large()
            received = 0
            async for chunk in request.stream():
                received += len(chunk)
                too_large = too_large or received > MAX_BODY_BYTES
                if received > MAX_DISCARDED_BYTES:
                    break
                if not too_large:
                    body += chunk
    except TimeoutError:
        raise BadRequest(408, "REQUEST_TIMEOUT", "the body did not arrive in time", {"Connection": "close"}) from None
    if too_large:
        raise _too_large()
    return bytes(body)


def _too_large() -> BadRequest:
    return BadRequest(413, "BODY_TOO_LARGE", f"a request has at most {MAX_BODY_BYTES} bytes", {"Connection": "close"})


def _check_content_type(request: Request) -> None:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [value.strip('" ') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    if kind != JSON or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise BadRequest(415, "UNSUPPORTED_MEDIA_TYPE", f"send {JSON} in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, "UNSUPPORTED_MEDIA_TYPE", "send the body uncompressed")


def _json(text: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeError):
        raise BadRequest(400, "BAD_REQUEST", f"{what} is not JSON in UTF-8") from None


def _posted(body: bytes) -> Operation:
    document = _json(body, "the body")
    if not isinstance(document, dict):
        raise BadRequest(400, "BAD_REQUEST", "the body must be a JSON object; batches are not taken")
    return read_operation(document)


def read_operation(document: dict[str, Any]) -> Operation:
    """The operation in the members of a JSON object; raises `BadRequest`."""
    unknown = sorted(set(document) - _MEMBERS)
    if unknown:
        raise BadRequest(400, "BAD_REQUEST", f"unknown member {unknown[0][:50]!r}")
    query, variables = document.get("query"), document.get("variables")
    name, extensions = document.get("operationName"), document.get("extensions")
    if not isinstance(query, str) or not query.strip():
        raise BadRequest(400, "BAD_REQUEST", "query must be a GraphQL document")
    for member, value, kind in (
        ("variables", variables, dict),
        ("operationName", name, str),
        ("extensions", extensions, dict),
    ):
        if value is not None and not isinstance(value, kind):
            wanted = "an object" if kind is dict else "a string"
            raise BadRequest(400, "BAD_REQUEST", f"{member} must be {wanted}")
    return Operation(query, variables, name or None)


def _asked(request: Request) -> Operation:
    given = request.query_params
    if len(given.multi_items()) != len(given):
        raise BadRequest(400, "BAD_REQUEST", "a parameter is given twice")
    document: dict[str, Any] = dict(given)
    for member in ("variables", "extensions"):
        if member in document:
            document[member] = _json(document[member], member)
    return read_operation(document)
