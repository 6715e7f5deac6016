"""Which events a viewer sees beside those for every member; the others are not there, whatever they ask."""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TypeVar

from cachetools import LRUCache
from msgspec.structs import replace

from libs.access.audience import Viewer
from libs.access.audiences import Audiences
from libs.access.roles import LEADERS
from libs.shared.domain import SYSTEM, Position, Query
from libs.shared.positions import Positions
from libs.shared.projection import View
from libs.shared.shelves import Shelves
from services.events.views.guests import AskedOfEvents, exclusive_for, has_exclusive

_ANY: Position = MappingProxyType({})
_VIEWERS_A_BRAND = 2_000

Q = TypeVar("Q", bound=AskedOfEvents)
Allow = Callable[[Query], Awaitable[None]]


class _Known:
    """What is remembered of a brand: whether it has exclusive events at all, and which of them let somebody in."""

    __slots__ = ("any", "shown")

    def __init__(self) -> None:
        self.any: bool | None = None
        self.shown: LRUCache[tuple[str, Viewer], tuple[str, ...]] = LRUCache(_VIEWERS_A_BRAND)


class Visibility:
    """Answers from one view's record of exclusive events, remembered until the view passes an event of the brand."""

    def __init__(self, view: View, audiences: Audiences, positions: Positions, stale_seconds: float) -> None:
        self._view = view
        self._audiences = audiences
        self._positions = positions
        self._stale_seconds = stale_seconds
        self._known = Shelves[_Known](view, positions, _Known)

    async def shown(self, brand: str, viewer: str, at_least: Position = _ANY) -> tuple[str, ...] | None:
        """Return the exclusive events that a viewer sees, as of a position; None for all that there are.

        An event that becomes exclusive while a query is answered is in no such list, and so is not shown.
        Raises STALE_VIEW, and as `Authorizer.roles` does.
        """
        if viewer == SYSTEM:
            return None
        await self._positions.wait(self._view, at_least, self._stale_seconds)
        known = self._known.of(brand)
        if known.any is None:
            known.any = await has_exclusive(self._view, brand)
        if not known.any:
            return ()
        who = await self._audiences.viewer(brand, viewer)
        if not LEADERS.isdisjoint(who.roles):
            return None
        shown = known.shown.get((viewer, who))
        if shown is None:
            shown = known.shown[viewer, who] = await exclusive_for(self._view, brand, viewer, who)
        return shown

    def to(self, allow: Allow) -> Callable[[Q], Awaitable[Q]]:
        """Allow what `allow` does, and put into a query what who asks sees."""

        async def check(query: Q) -> Q:
            await allow(query)
            return replace(query, shown=await self.shown(query.brand, query.viewer, query.at_least))

        return check
