"""What is remembered of a brand until a view takes in an event of it."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from cachetools import TTLCache

from libs.shared.domain import NO_BRAND
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.projection import View

T = TypeVar("T")

_BRANDS: Final = 500
#: Commits are announced on core NATS, at most once: what nobody told of is forgotten after this time.
_SECONDS: Final = 5.0


class Shelves(Generic[T]):
    """A shelf for each brand, made empty by `make` when it is asked for.

    Ask for it before the view is read, and put there what was read: a commit takes the whole shelf away, so what was
    read before the commit and comes after it is put where nobody looks.
    """

    def __init__(self, view: View, positions: Positions, make: Callable[[], T]) -> None:
        self._shelves: TTLCache[str, T] = TTLCache(_BRANDS, _SECONDS)
        self._make = make
        positions.listen(view.name, self._committed)

    def of(self, brand: str) -> T:
        """The shelf of a brand."""
        shelf = self._shelves.get(brand)
        if shelf is None:
            shelf = self._shelves[brand] = self._make()
        return shelf

    def _committed(self, committed: ViewCommitted) -> None:
        if committed.brands is None:
            self._shelves.clear()
        else:
            for brand in (*committed.brands, NO_BRAND):
                self._shelves.pop(brand, None)
