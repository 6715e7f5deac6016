"""Answers which roles an actor has in a brand, quickly, and never refuses one whom the view has not met yet."""

import re

from cachetools import LRUCache
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from libs.access.roles import ALL_ROLES, Role, require
from libs.access.scopes import READER, is_account
from libs.access.view import AccessView
from libs.shared.domain import SYSTEM, Forbidden, Query, Unavailable
from libs.shared.event_store import Subject
from libs.shared.positions import Positions, ViewCommitted

_BRANDS = 1_000
_ACTORS_A_BRAND = 2_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Authorizer:
    """Roles from the `AccessView` of this service, cached until the view passes an event of that brand."""

    def __init__(self, view: AccessView, positions: Positions, nats: Nats, *, timeout_seconds: float = 5.0) -> None:
        self._view = view
        self._positions = positions
        self._js = nats.jetstream()
        self._timeout_seconds = timeout_seconds
        self._cache: LRUCache[str, LRUCache[str, frozenset[str]]] = LRUCache(_BRANDS)
        positions.listen(view.name, self._forget)

    async def roles(self, brand: str, actor: str) -> frozenset[str]:
        """Return the roles to decide an actor's command with; none for who is not in the brand; all for SYSTEM.

        Before it answers "none" it lets the view catch up with that actor's last event.  Raises `Unavailable`, and
        `DomainError` STALE_VIEW, when it cannot know in time.
        """
        return await self._roles(brand, actor) - {READER}

    async def member_only(self, query: Query) -> None:
        """Raise `Forbidden` unless the viewer is a member of the brand, a service account that may read, or SYSTEM."""
        if not await self._roles(query.brand, query.viewer):
            raise Forbidden("only members of this brand may see this")

    async def people_with(self, query: Query, *allowed: Role) -> None:
        """Raise `Forbidden` unless the viewer has one of the roles, and is a person or SYSTEM: no service account."""
        if is_account(query.viewer):
            raise Forbidden
        require(await self._roles(query.brand, query.viewer), frozenset(allowed))

    async def _roles(self, brand: str, actor: str) -> frozenset[str]:
        if actor == SYSTEM:
            return ALL_ROLES
        known = self._cache.get(brand)
        if known is None:
            known = self._cache[brand] = LRUCache(_ACTORS_A_BRAND)
        roles = known.get(actor) or await self._view.roles(brand, actor)
        if not roles and await self._catch_up(brand, actor):
            roles = await self._view.roles(brand, actor)
        if roles and self._cache.get(brand) is known:  # else the brand changed while this was read
            known[actor] = roles
        return roles

    async def _catch_up(self, brand: str, actor: str) -> bool:
        """Wait until the view shows the actor's last event; False when there was never one."""
        if not (_ID.fullmatch(brand) and _ID.fullmatch(actor)):
            return False  # nobody has such an id, and it would not be one subject
        subject = Subject("members", brand, "service_account" if is_account(actor) else "member", actor)
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
