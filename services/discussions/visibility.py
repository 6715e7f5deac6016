"""Which spaces a viewer is not let into: for them, what stands there does not exist, whatever they ask or send."""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TypeVar

from msgspec.structs import replace

from libs.access.audiences import Audiences
from libs.shared.domain import SYSTEM, Position, Query
from libs.shared.positions import Positions
from libs.shared.projection import View
from libs.shared.shelves import Shelves
from services.discussions.views.exclusive import AskedInSpaces, Exclusive, exclusive_spaces

_ANY: Position = MappingProxyType({})

Q = TypeVar("Q", bound=AskedInSpaces)
Allow = Callable[[Query], Awaitable[None]]


class Visibility:
    """Answers from one view's record of exclusive spaces, remembered until the view passes an event of the brand."""

    def __init__(self, view: View, audiences: Audiences, positions: Positions, stale_seconds: float) -> None:
        self._view = view
        self._audiences = audiences
        self._positions = positions
        self._stale_seconds = stale_seconds
        self._known = Shelves[list[list[Exclusive]]](view, positions, list)

    async def hidden(self, brand: str, viewer: str, at_least: Position = _ANY) -> tuple[str, ...]:
        """Return the spaces that are hidden from a viewer, in the order of their ids, as of a position.

        Raises STALE_VIEW, and as `Authorizer.roles` does.
        """
        await self._positions.wait(self._view, at_least, self._stale_seconds)
        exclusive = await self._exclusive(brand)
        if not exclusive or viewer == SYSTEM:
            return ()
        who = await self._audiences.viewer(brand, viewer)
        return tuple(sorted(one.space_id for one in exclusive if not one.audience.admits(who.in_space(one.space_id))))

    def to(self, allow: Allow) -> Callable[[Q], Awaitable[Q]]:
        """Allow what `allow` does, and put into a query what is hidden from who asks."""

        async def check(query: Q) -> Q:
            await allow(query)
            return replace(query, hidden=await self.hidden(query.brand, query.viewer, query.at_least))

        return check

    async def _exclusive(self, brand: str) -> list[Exclusive]:
        shelf = self._known.of(brand)
        if not shelf:
            shelf.append(await exclusive_spaces(self._view, brand))
        return shelf[0]
