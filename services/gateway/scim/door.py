"""The SCIM door: `/scim/v2/<brand>/…`, one service a brand, for its directory's service account (RFC 7644).

The brand is named by its slug, which people can read in their directory's settings, or by its id; the key says which
brand it is anyway, so that a wrong address is refused and never leads to another brand's people.
"""

from typing import Final

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from libs.shared.domain import DomainError, Forbidden
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway.gateway import Gateway
from services.gateway.http import Answer
from services.gateway.incoming import Gone, Incoming
from services.gateway.negotiation import JSON
from services.gateway.requests import BadRequest, context
from services.gateway.scim import discovery, errors
from services.gateway.scim.directory import Directory
from services.gateway.scim.errors import SCIM_JSON, Refused
from services.gateway.scim.groups import GroupEndpoint
from services.gateway.scim.request import Request
from services.gateway.scim.resources import POLICY, SERVED
from services.gateway.scim.users import UserEndpoint
from services.gateway.security import Principal, Unauthenticated
from services.gateway.sender import admit

#: What every address of this door begins with.
PREFIX: Final = "/scim/v2/"

_NOT_HERE: Final = frozenset({".search", "Bulk", "Me"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_MASK: Final = "something went wrong"

log = logger(__name__)


class _Brand(Struct, frozen=True):
    id: str


class Door:
    """The ASGI application that answers what begins with `PREFIX`; never raises for anything that a client sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(Incoming(scope, receive, (SCIM_JSON, JSON)))
        except Gone:
            return
        except Exception as problem:
            found = errors.answer(problem)
            if isinstance(problem, DomainError | BadRequest):
                self._gateway.engine.observer.refused(problem.code)
            if found is None:
                logged_as = uuid7()
                log.error("scim_request_failed", error_id=logged_as, exc_info=problem)
                found = errors.failure(500, f"{_MASK} ({logged_as})")
            answer = found
        await answer.send(send)

    async def _answer(self, incoming: Incoming) -> Answer:
        gateway = self._gateway
        brand, _, path = incoming.scope["path"].removeprefix(PREFIX).partition("/")
        body = await incoming.body() if incoming.method in _WITH_BODY else b""
        async with gateway.admission.place():
            sender = await admit(gateway, incoming.authorization(), incoming.scope)
            asking = context(gateway, sender, None)
            own = _brand_of(sender.principal)
            if brand != own:
                named = await asking.everywhere().ask("members", "brand_by_slug", _Brand, slug=brand)
                if named.id != own:
                    raise Forbidden("this key is another brand's")
            request = Request(incoming.method, path, incoming.query, incoming.headers, body)
            answer = await route(Directory(asking, own), request, _base(incoming, brand))
        return Answer(answer.status, answer.body, {**answer.headers, **sender.allowance.headers()}, answer.kind)


async def route(directory: Directory, request: Request, base: str) -> Answer:
    """Answer a request of a brand's directory; raises what `errors.answer` knows."""
    served = SERVED[(await directory.settings()).subject]
    with POLICY:
        match request.steps:
            case [name, *_] if name in discovery.ENDPOINTS:
                return discovery.answer(served, base, request)
            case ["Users" | "Groups" as kind, *below] if len(below) <= 1:
                users, groups = UserEndpoint(directory, served, base), GroupEndpoint(directory, base)
                return await _resource(users if kind == "Users" else groups, request, below)
            case [name] if name in _NOT_HERE:
                raise Refused(501, f"{name} is not supported")
            case _:
                raise Refused(404, "there is no such address")


async def _resource(endpoint: UserEndpoint | GroupEndpoint, request: Request, below: list[str]) -> Answer:
    match below:
        case []:
            request.allow("GET", "POST")
            return await (endpoint.page(request.parameters()) if request.method == "GET" else endpoint.create(request))
        case [".search"]:
            request.allow("POST")
            return await endpoint.page(request.document())
        case [id_]:
            request.allow("GET", "PUT", "PATCH", "DELETE")
            return await endpoint.one(request, id_)
    raise AssertionError(below)


def _brand_of(principal: Principal | None) -> str:
    """The brand of a service account; whether it may provision is the service's to say."""
    if principal is None:
        raise Unauthenticated
    if principal.brand is None:
        raise Forbidden("only a service account with the scope members:provision comes in here")
    return principal.brand


def _base(incoming: Incoming, brand: str) -> str:
    """The address of the brand's service, as the client called it."""
    host = incoming.headers.get("host", "localhost")
    return f"{incoming.scope['scheme']}://{host}{PREFIX}{brand}"
