"""What an operation knows while it runs: who asks, how fresh answers must be, and where to ask."""

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import strawberry
from msgspec import Struct

from libs.shared.clock import to_milliseconds
from libs.shared.domain import NO_BRAND, Accepted, Position
from libs.shared.ids import derived_id, member_id, uuid7
from services.gateway import consistency
from services.gateway.feed import Feed
from services.gateway.rates import Allowance
from services.gateway.security import Principal, Unauthenticated

T = TypeVar("T")

#: How a query names a viewer who has no identity.  It is no member of any brand.
ANONYMOUS: Final = "anonymous"


class Bus(Protocol):
    """The part of `libs.shared.bus.BusClient` that the gateway uses.  Both raise `DomainError`."""

    async def command(self, service: str, aggregate: str, name: str, payload: dict[str, Any]) -> Accepted:
        """Send a command to its service."""

    async def query(self, service: str, name: str, payload: dict[str, Any], reply: type[T]) -> T:
        """Ask a service; the answer is read as `reply`."""


class PageArguments(Struct, frozen=True, omit_defaults=True):
    """A page as services take it (`PageRequest`): `first` after a cursor, or `last` before one."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class Scope:
    """One brand as one viewer sees it, no older than `at_least`; the same object for the same within an operation."""

    def __init__(self, context: "Context", brand: str, viewer: str, at_least: dict[str, int]) -> None:
        self.context = context
        self.brand = brand
        self.viewer = viewer
        self.at_least = at_least

    async def ask(self, service: str, name: str, reply: type[T], /, **fields: Any) -> T:
        """Ask a service within this brand."""
        envelope = {"brand": self.brand, "viewer": self.viewer, "at_least": self.at_least}
        return await self.context.bus.query(service, name, {**envelope, **fields}, reply)


class Done(Struct, frozen=True):
    """An accepted command: `id` of what it was about, and a scope in which its effect is visible."""

    id: str
    scope: Scope
    position: dict[str, int]
    repeated: bool = False


class Context:
    """One operation.  `principal` is None for an anonymous sender; `at_least` comes with the request."""

    def __init__(
        self,
        bus: Bus,
        identity_key: bytes,
        principal: Principal | None = None,
        at_least: dict[str, int] | None = None,
        feed: Feed | None = None,
        *,
        allowance: Allowance | None = None,
    ) -> None:
        self.bus = bus
        #: What the operation draws on; None for who runs operations without a gateway around them.
        self.allowance = allowance
        self.feed = feed if feed is not None else Feed()
        self.principal = principal
        self.at_least = at_least or {}
        self._identity_key = identity_key
        self._scopes: dict[tuple[Hashable, ...], Scope] = {}

    def identity(self) -> str:
        """The sender's identity; raises `Unauthenticated`."""
        if self.principal is None:
            raise Unauthenticated
        return self.principal.identity

    def member(self, brand: str) -> str:
        """The id that the sender has in a brand, whether they joined or not; raises `Unauthenticated`.

        A service account acts under its own id in its own brand, and is nobody's member elsewhere.
        """
        if self.principal is not None and self.principal.brand == brand:
            return self.principal.identity
        return member_id(self._identity_key, brand, self.identity())

    def member_of(self, brand: str, identity: str) -> str:
        """The id that somebody's identity has in a brand, whether they joined or not."""
        return member_id(self._identity_key, brand, identity)

    def everywhere(self, at_least: Position | None = None) -> Scope:
        """Outside of any brand: networks, brands and the sender's memberships; open to anybody."""
        return self._scope(NO_BRAND, self.principal.identity if self.principal else ANONYMOUS, at_least)

    def inside(self, brand: str, at_least: Position | None = None) -> Scope:
        """Inside a brand; raises `Unauthenticated` for an anonymous sender, `RateLimited` when its quota is spent."""
        if self.allowance is not None:
            self.allowance.join(brand)
        return self._scope(brand, self.member(brand), at_least)

    def forget(self) -> None:
        """Drop what was loaded: a subscription may go on for days, and each of its events has scopes of its own."""
        self._scopes.clear()

    def _scope(self, brand: str, viewer: str, at_least: Position | None) -> Scope:
        position = consistency.latest(self.at_least, at_least or {})
        key = (brand, *sorted(position.items()))
        if key not in self._scopes:
            self._scopes[key] = Scope(self, brand, viewer, position)
        return self._scopes[key]

    def pay(self, cost: int | None) -> None:
        """Take what the operation costs, None for one that cannot run; raises `RateLimited`."""
        if self.allowance is None:
            return
        if cost is None:
            self.allowance.fail()
        else:
            self.allowance.spend(cost)

    def command_id(self, brand: str, actor: str, name: str, given: str | None) -> str:
        """A command's id: the client's own makes a repeat safe, and means nothing for another actor or command."""
        return derived_id(brand, actor, name, given if given is not None else uuid7())

    def new_id(self, aggregate: str, command_id: str) -> str:
        """The id of what a command creates: the same for a repeat of the command."""
        return derived_id(aggregate, command_id)

    async def send(self, brand: str, actor: str, to: str, command_id: str, /, **fields: Any) -> Done:
        """Send a command to `<service>.<aggregate>.<name>` as `actor`; raises `DomainError`."""
        service, aggregate, name = to.split(".")
        now = to_milliseconds(datetime.now(UTC))
        envelope = {"command_id": command_id, "brand": brand, "actor": actor, "now": now}
        accepted = await self.bus.command(service, aggregate, name, {**envelope, **fields})
        at_least = accepted.position
        scope = self.everywhere(at_least) if brand == NO_BRAND else self.inside(brand, at_least)
        return Done(accepted.id, scope, consistency.latest(self.at_least, at_least), accepted.repeated)

    async def act(
        self, brand: str, to: str, given_id: str | None, /, creates: str | None = None, **fields: Any
    ) -> Done:
        """Send a command as the sender's member; `creates` names the field that takes a new object's id."""
        actor = self.member(brand)
        command_id = self.command_id(brand, actor, to, given_id)
        if creates is not None:
            fields[creates] = self.new_id(creates.removesuffix("_id"), command_id)
        return await self.send(brand, actor, to, command_id, **fields)


Info = strawberry.Info[Context, None]
