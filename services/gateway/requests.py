"""What a request says: the operation, how it is run and how fresh answers must be, the same for each transport."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from libs.shared.domain import DomainError
from services.gateway import consistency, limits
from services.gateway.context import Bus, Context
from services.gateway.deadline import Deadline
from services.gateway.documents import Refused
from services.gateway.execution import Operation, Result, error_body, extensions_of
from services.gateway.gateway import Gateway
from services.gateway.sender import Sender
from services.gateway.trusted import DocumentNotFound, Trusted


class BadRequest(Exception):
    """The request is not one that GraphQL can be read from."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


_MEMBERS: Final = (
    ("query", str, "a string"),
    ("documentId", str, "a string"),
    ("variables", dict, "an object"),
    ("operationName", str, "a string"),
    ("extensions", dict, "an object"),
)


def read_json(text: bytes | str, what: str) -> Any:
    """What a JSON text says; raises `BadRequest`."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeError):
        raise BadRequest(400, "BAD_REQUEST", f"{what} is not JSON in UTF-8") from None


def read_operation(members: Mapping[str, Any], trusted: Trusted) -> Operation:
    """The operation in the members of a JSON object, of which others are ignored, as the standard asks.

    Raises `BadRequest`, and `Refused` for an identifier under which no document is registered.
    """
    for member, kind, wanted in _MEMBERS:
        value = members.get(member)
        if value is not None and not isinstance(value, kind):
            raise BadRequest(400, "BAD_REQUEST", f"{member} must be {wanted}")
    query, key = members.get("query"), members.get("documentId")
    if (query is None) == (key is None):
        raise BadRequest(400, "BAD_REQUEST", "send either query, a GraphQL document, or the documentId of one")
    if key is not None:
        try:
            query = trusted.text(key)
        except DocumentNotFound as error:
            raise Refused(error) from None
    if not query or query.isspace():
        raise BadRequest(400, "BAD_REQUEST", "query must be a GraphQL document")
    return Operation(query, members.get("variables"), members.get("operationName") or None)


def freshness(headers: Mapping[str, str]) -> dict[str, int] | None:
    """The positions that the sender's consistency token names, by lower-case header; raises `Invalid`."""
    token = headers.get(consistency.HEADER.lower())
    return consistency.decode(token) if token else None


def context(gateway: Gateway, sender: Sender, at_least: dict[str, int] | None) -> Context:
    """What a query or mutation knows while it runs; its deadline begins now."""
    return _context(gateway, Deadline(gateway.bus, gateway.operation_seconds), sender, at_least)


def lasting_context(gateway: Gateway, sender: Sender, at_least: dict[str, int] | None) -> Context:
    """What a subscription knows: it has no end, only its questions to services have."""
    return _context(gateway, gateway.bus, sender, at_least)


def _context(gateway: Gateway, bus: Bus, sender: Sender, at_least: dict[str, int] | None) -> Context:
    principal, allowance = sender
    return Context(bus, gateway.identity_key, principal, at_least, gateway.feed, allowance=allowance)


def priced(result: Result) -> dict[str, Any]:
    """The response with what the operation cost in `extensions.cost`; a trusted document's is known beforehand."""
    if not result.executed or result.measure is None:
        return result.body
    cost = {
        "requested": result.measure.cost,
        "maximum": limits.MAX_COST,
        "depth": result.measure.depth,
        "maximumDepth": limits.MAX_DEPTH,
    }
    return {**result.body, "extensions": {**result.body.get("extensions", {}), "cost": cost}}


def errors_of(refused: Refused | DomainError) -> list[dict[str, Any]]:
    """A refusal in the shape of GraphQL errors."""
    if isinstance(refused, Refused):
        return [error_body(error) for error in refused.errors]
    return [{"message": refused.message, "extensions": extensions_of(refused)}]


def unknown_document(gateway: Gateway, sender: Sender, refused: Refused) -> list[dict[str, Any]]:
    """The errors for an identifier under which no document is registered; the sender pays for the guess."""
    sender.allowance.fail()
    gateway.engine.observer.refused(refused.code)
    return errors_of(refused)
