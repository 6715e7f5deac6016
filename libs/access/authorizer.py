"""Answers what an actor may do in a brand, quickly; a no rests on the last event of the actor and of the brand."""

import re
from collections.abc import Collection

from cachetools import LRUCache
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from libs.access.gate import Gate, Module, Stage
from libs.access.roles import ALL_ROLES, Role, require
from libs.access.scopes import PROVISIONER, READER, is_account
from libs.access.view import AccessView, Rights
from libs.shared.clock import Clock, SystemClock
from libs.shared.domain import SYSTEM, Command, DomainError, Forbidden, Query, Unavailable
from libs.shared.event_store import Subject
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.times import to_ms

_BRANDS = 1_000
_ACTORS_A_BRAND = 2_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Known:
    """What is remembered of a brand until the view passes an event of it."""

    __slots__ = ("gate", "rights")

    def __init__(self) -> None:
        self.gate: Gate | None = None
        self.rights: LRUCache[str, Rights] = LRUCache(_ACTORS_A_BRAND)


_PLATFORM = Rights(lasting=ALL_ROLES)


class Authorizer:
    """Roles and gates from the `AccessView` of this service, cached until the view passes an event of that brand.

    `module` is the part of a brand that this service is, None for what no brand can switch off.  `exempt` are commands
    whose own rules look at the brand's stage, or that it does not concern.
    """

    def __init__(
        self,
        view: AccessView,
        positions: Positions,
        nats: Nats,
        *,
        module: Module | None = None,
        exempt: Collection[type[Command]] = (),
        timeout_seconds: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self._view = view
        self._positions = positions
        self._js = nats.jetstream()
        self._module = module
        self._exempt = frozenset(exempt)
        self._timeout_seconds = timeout_seconds
        self._clock = clock or SystemClock()
        self._cache: LRUCache[str, _Known] = LRUCache(_BRANDS)
        positions.listen(view.name, self._forget)

    async def roles(self, brand: str, actor: str) -> frozenset[str]:
        """Return the roles that count for an actor; none for who is not in the brand or suspended; all for SYSTEM.

        Before it answers "none" it lets the view catch up with that actor's last event.  Raises `Unavailable`, and
        `DomainError` STALE_VIEW, when it cannot know in time.
        """
        return self._now(await self._proven(brand, actor)) - {READER}

    async def to_act(self, brand: str, actor: str) -> frozenset[str]:
        """Return the roles to decide an actor's command with, as `roles`; raises `DomainError` SUSPENDED."""
        rights = await self._proven(brand, actor)
        if rights.suspended:
            raise DomainError("SUSPENDED", "this membership is suspended: it lets you read, and leave")
        return self._now(rights) - {READER}

    async def member_only(self, query: Query) -> None:
        """Raise `Forbidden` unless the viewer is in the brand, an account that may read, or SYSTEM.

        Who is suspended is in the brand, and who is banned is not.
        """
        await self._as_of(query)
        if not await self.is_in(query.brand, query.viewer):
            raise Forbidden("only members of this brand may see this")

    async def is_in(self, brand: str, actor: str) -> bool:
        """Say whether an actor is in the brand, as `member_only` means it.  Raises as `roles` does."""
        return bool(self._now(await self._rights(brand, actor)) - {PROVISIONER})

    async def people_with(self, query: Query, *allowed: Role) -> None:
        """Raise `Forbidden` unless the viewer has one of the roles, and is a person or SYSTEM: no service account."""
        if is_account(query.viewer):
            raise Forbidden
        await self._as_of(query)
        require(await self.roles(query.brand, query.viewer), frozenset(allowed))

    async def _as_of(self, query: Query) -> None:
        """Who has seen a membership change is not answered as if it had not."""
        await self._positions.wait(self._view, query.at_least, self._timeout_seconds)

    def _now(self, rights: Rights) -> frozenset[str]:
        return rights.roles(to_ms(self._clock.now()))

    async def _proven(self, brand: str, actor: str) -> Rights:
        """What an actor has; that they are suspended rests on their last event."""
        rights = await self._rights(brand, actor)
        if rights.suspended and await self._catch_up_with(brand, actor):
            rights = await self._view.rights(brand, actor)
        return rights

    async def _rights(self, brand: str, actor: str) -> Rights:
        if actor == SYSTEM:
            return _PLATFORM
        known = self._known(brand)
        rights = known.rights.get(actor) or await self._view.rights(brand, actor)
        if not rights.lasting and await self._catch_up_with(brand, actor):
            rights = await self._view.rights(brand, actor)
        if rights.lasting and self._cache.get(brand) is known:  # else the brand changed while this was read
            known.rights[actor] = rights
        return rights

    async def gate(self, brand: str, *, proven: bool = False) -> Gate:
        """Return what the brand is open for; `proven` lets the view catch up with the brand's last events first.

        Raises as `roles` does.
        """
        if proven:
            for aggregate in ("brand", "charter"):
                await self._catch_up(brand, aggregate, brand)
            return await self._view.gate(brand)
        known = self._known(brand)
        gate = known.gate or await self._view.gate(brand)
        if self._cache.get(brand) is known:
            known.gate = gate
        return gate

    async def admit(self, command: Command, roles: frozenset[str]) -> None:
        """Raise `DomainError` BRAND_NOT_OPEN, BRAND_ARCHIVED or MODULE_OFF when the brand does not take the command.

        Before it refuses it lets the view catch up with the last events of the brand and of the actor.
        """
        if type(command) in self._exempt:
            return
        brand, actor = command.brand, command.actor
        gate = await self.gate(brand)
        if gate.stage is Stage.DRAFT:
            roles = roles or await self.roles(brand, actor)  # a command that is open to all came without
        if gate.refusal(roles, self._module) is None:
            return
        gate = await self.gate(brand, proven=True)
        if gate.stage is Stage.DRAFT and await self._catch_up_with(brand, actor):
            roles = self._now(await self._view.rights(brand, actor))
        if refusal := gate.refusal(roles, self._module):
            raise refusal

    def _known(self, brand: str) -> _Known:
        known = self._cache.get(brand)
        if known is None:
            known = self._cache[brand] = _Known()
        return known

    async def _catch_up_with(self, brand: str, actor: str) -> bool:
        return await self._catch_up(brand, "service_account" if is_account(actor) else "member", actor)

    async def _catch_up(self, brand: str, aggregate: str, id_: str) -> bool:
        """Wait until the view shows the aggregate's last event; False when there was never one."""
        if not (_ID.fullmatch(brand) and _ID.fullmatch(id_)):
            return False  # nobody has such an id, and it would not be one subject
        subject = Subject("members", brand, aggregate, id_)
        try:
            last = await self._js.get_msg(self._view.stream, subject=str(subject))
        except NotFoundError:
            return False
        except (NatsError, OSError) as error:
            raise Unavailable("the members stream does not answer") from error
        await self._positions.wait(self._view, {self._view.stream: last.seq or 0}, self._timeout_seconds)
        return True

    def _forget(self, committed: ViewCommitted) -> None:
        if committed.brands is None:
            self._cache.clear()
        else:
            for brand in committed.brands:
                self._cache.pop(brand, None)
