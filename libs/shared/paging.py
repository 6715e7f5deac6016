"""Pages of a list in a collection: opaque cursors, and bounded ranges that cost what the page holds, not the list.

A list is the documents that equal `prefix`, ordered by an integer `key` (milliseconds or an ordinal) and then by `_id`,
both ascending or both descending: a total order, the same at every reading.  It needs the index of `page_index`.
A page holds each document that was there all the time exactly once, whatever is inserted or deleted meanwhile; a
document whose key changes moves in the list and may so be met twice or not at all.

Ranges are bounded on both sides and grow until the page is full or the list ends, because the embedded server reads
all that matches before it applies a limit.  What is learnt of a list (its ends, how dense it is) is kept for a minute
to choose the ranges of the next page; a wrong guess costs time, never documents.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Values
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cachetools import TTLCache
from msgspec import Struct, structs
from pymongo import ASCENDING, DESCENDING, IndexModel

from libs.shared.cursors import MAX_KEY, MIN_KEY, Place, decode_cursor, encode_cursor
from libs.shared.domain import Invalid
from libs.shared.mongo import Collection, Document

T = TypeVar("T")
U = TypeVar("U")

#: A page without a size has this many items; none has more than `MAX_SIZE`.
DEFAULT_SIZE = 20
MAX_SIZE = 100

_GROWTH = 4
_MILLISECOND_KEYS = 10**11
_FIRST_WIDTH_MS = 60_000


class PageRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which page: `first` items after the cursor `after`, or `last` items before the cursor `before`.

    As GraphQL cursor connections (https://relay.dev/graphql/connections.htm), but the two pairs cannot be mixed.
    """

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Items in the list's order, and the cursor of each.

    In the direction of paging `has_next` (of `last`: `has_previous`) is exact; in the other it says whether a cursor
    was given, since a cursor comes from an item on that side.
    """

    items: list[T]
    cursors: list[str]
    has_next: bool
    has_previous: bool

    def map(self, convert: Callable[[T], U]) -> "Page[U]":
        """Return the same page of converted items."""
        items = [convert(item) for item in self.items]
        return Page(items=items, cursors=self.cursors, has_next=self.has_next, has_previous=self.has_previous)


class Keep(Protocol):
    """Whether a document of a list is in its pages.  Its `repr` says all that this depends on."""

    def __call__(self, document: Mapping[str, Any], /) -> bool:
        """True for a document that is in them."""


class Without(NamedTuple):
    """Keeps documents of which a field is none of these values."""

    field: str
    values: Values[str]

    def __call__(self, document: Mapping[str, Any]) -> bool:
        """Whether the field is none of them."""
        return document[self.field] not in self.values


def page_index(*fields: str) -> IndexModel:
    """Return the index that a list needs: the fields of its prefix, its key, and `_id`."""
    return IndexModel([(field, ASCENDING) for field in (*fields, "_id")])


async def page(
    collection: Collection,
    *,
    prefix: Mapping[str, Any],
    key: str,
    request: PageRequest,
    floor: int | None = None,
    ceiling: int | None = None,
    descending: bool = False,
    keep: Keep | None = None,
) -> Page[Document]:
    """Return a page of the documents that equal `prefix` and have `floor` <= `key` <= `ceiling`.

    `keep` leaves out the documents that it is false for, as they are read: for a condition that most of the list meets.
    It is no part of the query because the embedded server reads a whole collection for what the index does not hold.
    Bounds near the list's ends make the first look at it cheap: a count for ordinals, the time of the query for times
    that are past.  Without them a list is looked for downwards from the present, or upwards from 0 (1970).
    Raises `Invalid` for a size outside 1–100, mixed directions, and a bad cursor, with the path of the field.
    """
    size, backwards, cursor = _read(request)
    scan = _Scan(
        collection,
        prefix,
        key,
        ascending=descending is backwards,
        floor=MIN_KEY if floor is None else max(floor, MIN_KEY),
        ceiling=MAX_KEY if ceiling is None else min(ceiling, MAX_KEY),
        keep=keep,
    )
    found = await scan.take(size + 1, cursor)
    more, items = len(found) > size, found[:size]
    if backwards:
        items.reverse()
    return Page(
        items=items,
        cursors=[encode_cursor(Place(document[key], document["_id"])) for document in items],
        has_next=cursor is not None if backwards else more,
        has_previous=more if backwards else cursor is not None,
    )


def page_of(items: Sequence[T], place: Callable[[T], Place], request: PageRequest) -> Page[T]:
    """Return a page of a list that is at hand, whose items stand in the order of their places, no two at the same.

    Raises `Invalid` as `page` does.
    """
    size, backwards, cursor = _read(request)
    places = [place(item) for item in items]
    start, end = 0, len(items)
    if backwards:
        end = end if cursor is None else bisect_left(places, cursor)
        start = max(0, end - size)
    else:
        start = 0 if cursor is None else bisect_right(places, cursor)
        end = min(len(items), start + size)
    return Page(
        items=list(items[start:end]),
        cursors=[encode_cursor(one) for one in places[start:end]],
        has_next=cursor is not None if backwards else end < len(items),
        has_previous=start > 0 if backwards else cursor is not None,
    )


def _read(request: PageRequest) -> tuple[int, bool, Place | None]:
    backwards = request.last is not None or request.before is not None
    if backwards and (request.first is not None or request.after is not None):
        raise Invalid("either first and after, or last and before", ("last" if request.last is not None else "before",))
    field, size = ("last", request.last) if backwards else ("first", request.first)
    if size is not None and not 1 <= size <= MAX_SIZE:
        raise Invalid(f"{field} is 1–{MAX_SIZE}", (field,))
    field, cursor = ("before", request.before) if backwards else ("after", request.after)
    place = None if cursor is None else decode_cursor(cursor, (field,))
    return DEFAULT_SIZE if size is None else size, backwards, place


class _Shape(Struct, frozen=True):
    """What was seen of a list: its lowest and highest key, and how far apart its keys are; None: not seen."""

    lowest: int | None = None
    highest: int | None = None
    spacing: float | None = None
    empty: bool = False


_shapes: TTLCache[tuple[Any, ...], _Shape] = TTLCache(maxsize=10_000, ttl=60)


class _Scan:
    """Reads a list in one direction.  Inside, places count upwards in that direction: key × sign."""

    def __init__(
        self,
        collection: Collection,
        prefix: Mapping[str, Any],
        key: str,
        *,
        ascending: bool,
        floor: int,
        ceiling: int,
        keep: Keep | None,
    ) -> None:
        self._collection = collection
        self._prefix = prefix
        self._keep = keep
        self._key = key
        self._sign = 1 if ascending else -1
        self._order = ASCENDING if ascending else DESCENDING
        self._start, self._end = (floor, ceiling) if ascending else (-ceiling, -floor)
        self._list = (collection.full_name, key, *sorted(prefix.items()), floor, ceiling, repr(keep))
        self._shape = _shapes.get(self._list, _Shape())

    async def take(self, needed: int, cursor: Place | None) -> list[Document]:
        """Return the first `needed` documents, or those after `cursor`; fewer when the list ends."""
        found: list[Document] = []
        at = self._start
        if cursor is not None and cursor.key * self._sign >= at:
            found, at = await self._past(cursor, needed)
        at = await self._fill(found, needed, at)
        self._learn(found, cursor, ended=at > self._end and len(found) < needed)
        return found

    async def _past(self, cursor: Place, needed: int) -> tuple[list[Document], int]:
        """Return documents after the cursor, and the place from which to go on."""
        at = cursor.key * self._sign
        if at > self._end:
            return [], at
        stop = self._stop(at, self._first_width(needed, at))
        near = await self._range(at, stop, needed + 1)  # with the item of the cursor itself
        fresh = [document for document in near if self._is_past(document, cursor)]
        if len(near) <= needed or len(fresh) >= needed:
            return fresh[:needed], stop + 1
        # Many share the cursor's key: those before it filled the range.
        comparison = "$gt" if self._sign > 0 else "$lt"
        return await self._find({self._key: cursor.key, "_id": {comparison: cursor.id}}, needed), at + 1

    def _is_past(self, document: Document, cursor: Place) -> bool:
        place = (document[self._key], document["_id"])
        return place > cursor if self._sign > 0 else place < cursor

    async def _fill(self, found: list[Document], needed: int, at: int) -> int:
        width = self._first_width(needed, at)
        while len(found) < needed and at <= self._end:
            stop = self._stop(at, width)
            missing = needed - len(found)
            more = await self._range(at, stop, missing)
            found += more
            limit = width * _GROWTH
            width = min(limit, (stop - at + 1) * missing * 3 // (len(more) * 2) + 1) if more else limit
            at = stop + 1
        return at

    async def _range(self, at: int, stop: int, limit: int) -> list[Document]:
        low, high = sorted((at * self._sign, stop * self._sign))
        # Exclusive bounds: with a field behind the key in the index, the embedded server leaves out what equals an
        # inclusive upper one (a lower one where the index descends).
        return await self._find({self._key: {"$gt": low - 1, "$lt": high + 1}}, limit)

    async def _find(self, condition: Document, limit: int) -> list[Document]:
        order = [(self._key, self._order), ("_id", self._order)]
        documents = self._collection.find({**self._prefix, **condition}).sort(order)
        if self._keep is None:
            return await documents.limit(limit).to_list(limit)
        found: list[Document] = []
        async with documents:
            async for document in documents:
                if self._keep(document):
                    found.append(document)
                    if len(found) == limit:
                        break
        return found

    def _first_width(self, needed: int, at: int) -> int:
        if self._shape.spacing is not None:
            return int(self._shape.spacing * needed * 1.25) + 1
        return _FIRST_WIDTH_MS if _MILLISECOND_KEYS < abs(at) < MAX_KEY or at == MIN_KEY else needed

    def _stop(self, at: int, width: int) -> int:
        """Return where the range that begins at `at` ends."""
        if self._shape.empty:
            return self._end
        if at == MIN_KEY:  # an open end: what lies beyond 1970 or the present is rare, and read at one go
            return min(self._end, -1 if self._sign > 0 else -time.time_ns() // 1_000_000)
        stop = at + width - 1
        first, last = self._shape.lowest, self._shape.highest
        if self._sign < 0:
            first, last = last, first
        if first is not None and at <= first * self._sign:
            stop = max(stop, first * self._sign + width - 1)
        if last is not None and stop >= last * self._sign:
            return self._end
        return min(stop, self._end)

    def _learn(self, found: list[Document], cursor: Place | None, *, ended: bool) -> None:
        keys = [document[self._key] for document in found]
        seen: dict[str, Any] = {}
        if len(keys) > 1:
            seen["spacing"] = abs(keys[-1] - keys[0]) / (len(keys) - 1)
        near, far = ("lowest", "highest") if self._sign > 0 else ("highest", "lowest")
        if cursor is None:
            seen["empty"] = not keys
            if keys:
                seen[near] = keys[0]
        if ended and (keys or cursor is not None):
            seen[far] = keys[-1] if cursor is None or keys else cursor.key
        _shapes[self._list] = structs.replace(self._shape, **seen)
