"""Who sends a request and what they may spend: asked once at the door, the same for each transport."""

from typing import NamedTuple

from starlette.types import Scope

from services.gateway.gateway import Gateway
from services.gateway.rates import Allowance
from services.gateway.security import Principal, Unauthenticated


class Sender(NamedTuple):
    """Who sends, None for nobody in particular, and what one operation of theirs draws on."""

    principal: Principal | None
    allowance: Allowance


def address(scope: Scope) -> str:
    """Where an ASGI connection comes from."""
    client = scope.get("client")
    return client[0] if client else ""


async def admit(gateway: Gateway, authorization: str | None, scope: Scope) -> Sender:
    """The sender of a request with this `Authorization` header on this ASGI connection.

    Raises `Unauthenticated`, which the address pays for, `RateLimited` when nothing is left, and `Unavailable`.
    """
    source = address(scope)
    if authorization is None:
        principal = None
    else:
        # Guesses are paid for by the address they come from, and refused before they cost more than a look.
        anonymous = gateway.rates.of(None, source)
        anonymous.check()
        try:
            principal = await gateway.principals.authenticate(authorization)
        except Unauthenticated:
            anonymous.fail()
            raise
    allowance = gateway.rates.of(principal, source)
    allowance.check()
    return Sender(principal, allowance)
