"""Which type an answer has, by the `Accept` header (RFC 9110 §12.5.1)."""

from functools import lru_cache
from typing import Final

from services.gateway.requests import BadRequest

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
EVENT_STREAM: Final = "text/event-stream"

#: What is offered for each range that clients ask for; at the same quality the later of `_TELLING` wins.
_OFFERED: Final = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, EVENT_STREAM: EVENT_STREAM, "*/*": "", "application/*": ""}
_TELLING: Final = ("", JSON, GRAPHQL_JSON, EVENT_STREAM)


@lru_cache(256)
def accepted(header: str) -> str:
    """The response type to use; empty when the client takes any.  Raises `BadRequest` 406."""
    ranges = [part.strip() for part in header.split(",") if part.strip()]
    if not ranges:
        return ""
    offers: list[tuple[float, int]] = []
    for given in ranges:
        kind, *parameters = (part.strip().lower() for part in given.split(";"))
        quality = _quality(parameters)
        if kind in _OFFERED and quality > 0:
            offers.append((quality, _TELLING.index(_OFFERED[kind])))
    if not offers:
        raise BadRequest(406, "NOT_ACCEPTABLE", f"answers are {GRAPHQL_JSON}, {JSON} or {EVENT_STREAM}")
    return _TELLING[max(offers)[1]]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
