"""How resources and lists of them are written, and how much of a list is asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct
from scim2_models import BaseModel, Context, ListResponse, ResponseParameters, SearchRequest

from services.gateway.http import Answer
from services.gateway.scim.errors import SCIM_JSON
from services.gateway.scim.filters import Clause, clauses, must_be_short
from services.gateway.scim.resources import MAX_RESULTS

_DEFAULT_RESULTS: Final = 100
#: No list is as long; what begins behind it is empty.
_MAX_OFFSET: Final = 10_000_000


class Part(Struct, frozen=True):
    """Which part of a list: `size` resources after the first `offset`, of those that match `where`."""

    offset: int
    size: int
    where: list[Clause] | None
    shown: Any

    @classmethod
    def of(cls, model: type[BaseModel], given: Mapping[str, Any]) -> "Part":
        """What a query's parameters, or the body of a search, ask for; raises `ValidationError`, `SCIMException`."""
        must_be_short(given)
        search = SearchRequest[model].model_validate(dict(given))  # type: ignore[valid-type]
        offset = min(search.start_index_0 or 0, _MAX_OFFSET)
        size = min(_DEFAULT_RESULTS if search.count is None else search.count, MAX_RESULTS)
        return cls(offset, size, None if search.filter is None else clauses(search.filter), search)


def chosen(model: type[BaseModel], parameters: Mapping[str, Any]) -> Any:
    """The attributes that are asked for; raises `ValidationError`."""
    names = ("attributes", "excludedAttributes")
    given = {name: value for name, value in parameters.items() if name in names}
    return ResponseParameters[model].model_validate(given)  # type: ignore[valid-type]


def wanted(shown: Any, attribute: str, *, unasked: bool) -> bool:
    """Whether an attribute is to be in the answer; `unasked`: also when nobody speaks of it."""
    if shown.attributes:
        return any(path.parts[:1] and path.parts[0].lower() == attribute for path in shown.attributes)
    return unasked and not any(str(path).lower().endswith(attribute) for path in shown.excluded_attributes or ())


def one(resource: BaseModel, shown: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A resource, as far as it is asked for."""
    context = Context.RESOURCE_CREATION_RESPONSE if status == 201 else Context.RESOURCE_QUERY_RESPONSE
    body = resource.model_dump(scim_ctx=context, response_parameters=shown)
    return Answer(status, orjson.dumps(body), headers or {}, SCIM_JSON)


def page(resources: Sequence[BaseModel], total: int, offset: int, shown: Any = None) -> Answer:
    """A part of a list."""
    written = [
        one_.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=shown) for one_ in resources
    ]
    body = {
        "schemas": [str(ListResponse.__schema__)],
        "totalResults": total,
        "startIndex": offset + 1,
        "itemsPerPage": len(written),
        "Resources": written,
    }
    return Answer(200, orjson.dumps(body), {}, SCIM_JSON)
