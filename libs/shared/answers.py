"""Answers of a view's queries, remembered until the view takes in an event of their brand."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from cachetools import LRUCache, TTLCache
from msgspec.structs import replace

from libs.shared.domain import NO_BRAND, Query
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.projection import View

Q = TypeVar("Q", bound=Query)

_BRANDS = 500
_ANSWERS_A_BRAND = 500
#: Commits are announced on core NATS, at most once: what nobody told of is forgotten after this time.
_SECONDS = 5.0

_Shelf = LRUCache[bytes, Any]


class Answers:
    """The remembered answers of one view.

    An answer is put on the shelf that its brand had when the view began to be read.  A commit takes the whole shelf
    away, so an answer that was read before the commit and comes after it is put where nobody looks.
    """

    def __init__(self, view: View, positions: Positions) -> None:
        self._shelves: TTLCache[str, _Shelf] = TTLCache(_BRANDS, _SECONDS)
        positions.listen(view.name, self._committed)

    async def get(self, query: Q, answer: Callable[[Q], Awaitable[object]]) -> object:
        """Return the remembered answer to the same query by any viewer, else what `answer` gives."""
        key = query.wire_name.encode() + msgspec.json.encode(replace(query, viewer="_", at_least={}))
        shelf = self._shelves.get(query.brand)
        if shelf is None:
            shelf = self._shelves[query.brand] = LRUCache(_ANSWERS_A_BRAND)
        elif key in shelf:
            return shelf[key]
        found = shelf[key] = await answer(query)
        return found

    def _committed(self, committed: ViewCommitted) -> None:
        if committed.brands is None:
            self._shelves.clear()
            return
        for brand in (*committed.brands, NO_BRAND):
            self._shelves.pop(brand, None)
