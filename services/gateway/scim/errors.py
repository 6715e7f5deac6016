"""What is refused, in SCIM's words (RFC 7644, section 3.12)."""

from collections.abc import Mapping
from typing import Final

import orjson
from msgspec import Struct
from pydantic import ValidationError
from scim2_models import Error, SCIMException

from libs.shared.domain import DomainError
from services.gateway.http import Answer
from services.gateway.rates import RateLimited
from services.gateway.requests import BadRequest

#: The media type of everything that this door says.
SCIM_JSON: Final = "application/scim+json"


class Refused(Exception):
    """The request is refused with this status; `kind` is SCIM's `scimType`, if there is one for it."""

    def __init__(self, status: int, message: str, kind: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Meaning(Struct, frozen=True):
    status: int
    kind: str | None = None
    headers: Mapping[str, str] = {}


_AGAIN: Final = _Meaning(503, headers={"Retry-After": "1"})

#: What refusals of the services mean; what is not here is nobody's fault but ours.
_MEANINGS: Final[Mapping[str, _Meaning]] = {
    "UNAUTHENTICATED": _Meaning(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}),
    "FORBIDDEN": _Meaning(403),
    "BRAND_ARCHIVED": _Meaning(403),
    "ERASED": _Meaning(403),
    "BANNED": _Meaning(403),
    "SUSPENDED": _Meaning(403),
    "NOT_FOUND": _Meaning(404),
    "USER_EXISTS": _Meaning(409, "uniqueness"),
    "GROUP_EXISTS": _Meaning(409, "uniqueness"),
    "ID_TAKEN": _Meaning(409, "uniqueness"),
    "LAST_OWNER": _Meaning(409),
    "VERSION_MISMATCH": _Meaning(412),
    "SUBJECT_FIXED": _Meaning(400, "mutability"),
    "INVALID": _Meaning(400, "invalidValue"),
    "TOO_MANY_MEMBERS": _Meaning(400, "invalidValue"),
    "COMMIT_TOO_LARGE": _Meaning(413),
    "NO_ISSUER": _Meaning(501),
    "CONFLICT": _AGAIN,
    "UNAVAILABLE": _AGAIN,
    "TIMEOUT": _AGAIN,
    "STALE_VIEW": _AGAIN,
    "OVERLOADED": _AGAIN,
}


def failure(status: int, message: str, kind: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """An error response."""
    body = Error(status=status, scim_type=kind, detail=message).model_dump()
    return Answer(status, orjson.dumps(body), headers or {}, SCIM_JSON)


def answer(problem: Exception) -> Answer | None:
    """The response to what went wrong; None for what nobody foresaw."""
    match problem:
        case Refused():
            return failure(problem.status, problem.message, problem.kind, problem.headers)
        case BadRequest():
            kind = "invalidSyntax" if problem.status == 400 else None
            return failure(problem.status, problem.message, kind, problem.headers)
        case RateLimited():
            return failure(429, problem.message, headers=problem.headers)
        case DomainError():
            return _refusal(problem)
        case ValidationError():
            error = Error.from_validation_errors(problem)[0]
            return failure(error.status or 400, error.detail or "", error.scim_type)
        case SCIMException():
            return failure(problem.status, str(problem), problem.scim_type or None)
        case _:
            return None


def _refusal(problem: DomainError) -> Answer | None:
    meaning = _MEANINGS.get(problem.code)
    if meaning is None:
        return None
    kind = "invalidFilter" if problem.code == "INVALID" and problem.path[:1] == ("where",) else meaning.kind
    return failure(meaning.status, _message(problem), kind, meaning.headers)


def _message(problem: DomainError) -> str:
    place = ".".join(str(step) for step in problem.path)
    return f"{place}: {problem.message}" if place and place != "where" else problem.message
