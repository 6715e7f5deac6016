"""What the service says of itself (RFC 7644, section 4)."""

from typing import Any, Final

from scim2_models import Meta

from services.gateway.http import Answer
from services.gateway.scim import writing
from services.gateway.scim.errors import Refused
from services.gateway.scim.request import Request
from services.gateway.scim.resources import Served

#: The addresses that this answers.
ENDPOINTS: Final = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})


def answer(served: Served, base: str, request: Request) -> Answer:
    """Answer `/ServiceProviderConfig`, `/ResourceTypes[/<id>]` and `/Schemas[/<id>]`; raises `Refused`."""
    name, *below = request.steps
    if len(below) > 1 or (below and name == "ServiceProviderConfig"):
        raise Refused(404, "there is no such address")
    request.allow("GET")
    if "filter" in request.parameters():
        raise Refused(403, "what a service says of itself cannot be filtered")
    provider = served.provider
    if name == "ServiceProviderConfig":
        return writing.one(_described(provider.config, name, f"{base}/{name}"))
    every = provider.schemas if name == "Schemas" else provider.resource_types
    described = [_described(one, name.removesuffix("s"), f"{base}/{name}/{one.id}") for one in every]
    if not below:
        return writing.page(described, len(described), 0)
    found = next((one for one in described if one.id == below[0]), None)
    if found is None:
        raise Refused(404, "there is no such resource")
    return writing.one(found)


def _described(one: Any, kind: str, location: str) -> Any:
    return one.model_copy(update={"meta": Meta(resource_type=kind, location=location)})
