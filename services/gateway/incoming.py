"""An HTTP request as ASGI brings it (https://asgi.readthedocs.io/en/latest/specs/www.html), read with care."""

import asyncio
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope

from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.negotiation import JSON
from services.gateway.requests import BadRequest, read_json
from services.gateway.security import Unauthenticated

#: How long a request body may take to arrive.
BODY_SECONDS: Final = 10.0
#: How much of a body that is too long is read and thrown away: a client that is cut off while it still sends would
#: see a broken connection instead of the 413.
MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
_MAX_PARAMETERS: Final = 20


class Gone(Exception):
    """The client closed the connection; nobody waits for an answer."""


class Incoming:
    """One request; its body is of one of `kinds`.  Fields of the same name are joined by commas (RFC 9110 §5.3)."""

    def __init__(self, scope: Scope, receive: Receive, kinds: Collection[str] = (JSON,)) -> None:
        self.scope = scope
        self._kinds = kinds
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self._receive = receive
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    @property
    def posted(self) -> bool:
        """Whether the operation is in the body, not in the URL."""
        return self.method == "POST"

    def authorization(self) -> str | None:
        """The credentials; two of them prove nothing.  Raises `Unauthenticated`."""
        given = self.headers.get("authorization")
        if given is not None and "," in given:
            raise Unauthenticated
        return given

    def refuse_unless_posted(self) -> None:
        """For what a safe method (RFC 9110 §9.2.1) may not do; raises `BadRequest`."""
        if not self.posted:
            raise BadRequest(405, "METHOD_NOT_ALLOWED", "GET can only read; use POST", {"Allow": "POST"})

    def members(self, body: bytes) -> dict[str, Any]:
        """The members of the GraphQL request, from the body or from the URL; raises `BadRequest`."""
        if not self.posted:
            return self._parameters()
        document = read_json(body, "the body")
        if not isinstance(document, dict):
            raise BadRequest(400, "BAD_REQUEST", "the body must be a JSON object; batches are not taken")
        return document

    def _parameters(self) -> dict[str, Any]:
        try:
            pairs = parse_qsl(
                self.query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
            )
        except ValueError:
            raise BadRequest(400, "BAD_REQUEST", "the query of the URL is not form-encoded UTF-8") from None
        found: dict[str, Any] = dict(pairs)
        if len(found) != len(pairs):
            raise BadRequest(400, "BAD_REQUEST", "a parameter is given twice")
        for member in ("variables", "extensions"):
            if member in found:
                found[member] = read_json(found[member], member)
        return found

    async def body(self) -> bytes:
        """The JSON body, read whole within limits; raises `BadRequest` and `Gone`."""
        self._check_content_type()
        declared = self.headers.get("content-length", "")
        too_large = declared.isdecimal() and (len(declared) > 9 or int(declared) > MAX_BODY_BYTES)
        # Who asks first (RFC 9110 §10.1.1) has not sent anything yet and need not.
        if too_large and "expect" in self.headers:
            raise _too_large()
        message = await self._first()
        if not message.get("more_body") and not too_large and len(message["body"]) <= MAX_BODY_BYTES:
            whole: bytes = message["body"]
            return whole
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._rest(message, too_large=too_large)
        except TimeoutError:
            raise _too_slow() from None

    async def _first(self) -> Message:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._next()
        except TimeoutError:
            raise _too_slow() from None

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        return {"body": b"", **message}

    async def _rest(self, message: Message, *, too_large: bool) -> bytes:
        kept = bytearray()
        received = 0
        while True:
            received += len(message["body"])
            too_large = too_large or received > MAX_BODY_BYTES
            if not too_large:
                kept += message["body"]
            if not message.get("more_body") or received > MAX_DISCARDED_BYTES:
                break
            message = await self._next()
        if too_large:
            raise _too_large()
        return bytes(kept)

    def _check_content_type(self) -> None:
        given = self.headers.get("content-type", "")
        if given not in self._kinds:
            kind, *parameters = (part.strip().lower() for part in given.split(";"))
            pairs = (parameter.partition("=") for parameter in parameters)
            charsets = [value.strip('" ') for name, _, value in pairs if name == "charset"]
            if kind not in self._kinds or any(charset not in {"utf-8", "utf8"} for charset in charsets):
                raise BadRequest(415, "UNSUPPORTED_MEDIA_TYPE", f"send {' or '.join(self._kinds)} in UTF-8")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadRequest(415, "UNSUPPORTED_MEDIA_TYPE", "send the body uncompressed")


def _too_large() -> BadRequest:
    return BadRequest(413, "BODY_TOO_LARGE", f"a request has at most {MAX_BODY_BYTES} bytes", {"Connection": "close"})


def _too_slow() -> BadRequest:
    return BadRequest(408, "REQUEST_TIMEOUT", "the body did not arrive in time", {"Connection": "close"})
