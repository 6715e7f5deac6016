"""Answers of a view's queries, remembered until the view takes in an event of their brand."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from cachetools import LRUCache
from msgspec.structs import replace

from libs.shared.domain import Query
from libs.shared.positions import Positions
from libs.shared.projection import View
from libs.shared.shelves import Shelves

Q = TypeVar("Q", bound=Query)

_ANSWERS_A_BRAND = 500


class Answers:
    """The remembered answers of one view."""

    def __init__(self, view: View, positions: Positions) -> None:
        self._shelves = Shelves[LRUCache[bytes, Any]](view, positions, lambda: LRUCache(_ANSWERS_A_BRAND))

    async def get(self, query: Q, answer: Callable[[Q], Awaitable[object]]) -> object:
        """Return the remembered answer to the same query by any viewer, else what `answer` gives."""
        key = query.wire_name.encode() + msgspec.json.encode(replace(query, viewer="_", at_least={}))
        shelf = self._shelves.of(query.brand)
        if key in shelf:
            return shelf[key]
        found = shelf[key] = await answer(query)
        return found
