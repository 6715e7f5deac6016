"""One leaderboard as its pages are read: bounded ranges that hold little more than the page, whatever the scores are.

Scores are as uneven as people: few are high, and thousands have the same low one.  So a range of scores says nothing of
how many it holds.  Places therefore stand by a key that is the score and, within equal scores, an even spread; and
the tree of counts (`ranks.py`) tells how far a page reaches.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING

from libs.shared.cursors import Place, decode_cursor
from libs.shared.mongo import Collection
from libs.shared.paging import DEFAULT_SIZE, MAX_SIZE, Page, PageRequest, page_of
from services.members.recognition.ranks import Chosen, descend, nodes_of, path, rank
from services.members.recognition.rules import MAX_SCORE

#: Equal scores are spread over so many keys.  With the highest score it is still exact in JSON (RFC 8259, section 6).
SPREAD: Final = 1 << 26
#: A guess at how far an even spread reaches asks for so many times what is wanted, and some more.
_MARGIN, _MORE = 1.5, 8

_Document = Mapping[str, Any]


def place_key(member: str, score: int) -> int:
    """Where a member stands among all: by score, and among equal scores by a hash that says nothing."""
    spread = int.from_bytes(hashlib.sha256(member.encode()).digest()[:4], "big") % SPREAD
    return score * SPREAD + spread


class Board:
    """A leaderboard: the documents of `places` with its id, and its nodes in `ranks`."""

    def __init__(self, id_: str, places: Collection, ranks: Collection) -> None:
        self._id = id_
        self._places = places
        self._ranks = ranks

    async def root(self) -> _Document:
        """The root of the tree: its counts, and how often the leaderboard has changed."""
        document: _Document | None = await self._ranks.find_one({"_id": f"{self._id}:"})
        return document or {"counts": {}, "changes": 0}

    async def ranks(self, scores: set[int]) -> dict[int, int]:
        """The rank of each score."""
        nodes = await self._nodes(nodes_of(scores))
        return {score: rank(score, nodes) for score in scores}

    async def page(self, request: PageRequest, total: int) -> Page[_Document]:
        """A page of the `total` places, the highest first.

        Raises `Invalid` as `page_of` does, and `LookupError` when the leaderboard changed since `total` was read.
        """
        backwards = request.last is not None or request.before is not None
        size = min(MAX_SIZE, max(1, (request.last if backwards else request.first) or DEFAULT_SIZE))
        cursor = request.before if backwards else request.after
        # Checks the request too, before anything is read for it.
        page_of(list[_Document](), _place, request)
        start = None if cursor is None else decode_cursor(cursor)
        return page_of(await self._beside(start, size + 1, total, backwards=backwards), _place, request)

    async def _beside(self, start: Place | None, wanted: int, total: int, *, backwards: bool) -> list[_Document]:
        """At least so many places after `start` (or before it), if there are; the highest first."""
        found: list[_Document] = []
        low, high = SPREAD, SPREAD * MAX_SCORE  # the lowest key of a score of 1; above the highest one
        at = (low if backwards else high) if start is None else -start.key
        while len(found) < wanted and low <= at <= high:
            missing = wanted - len(found)
            if backwards:
                stop = await self._upwards(at, missing, total) if total else high
                # Exclusive bounds: with a field behind the key in the index, the embedded server leaves out what
                # equals an inclusive upper one.
                more = await self._range(at - 1, stop + 1, ASCENDING, missing, start)
                found = [*reversed(more), *found]
                at = stop + 1
            else:
                stop = await self._downwards(at, missing, total) if total else low
                found += await self._range(stop - 1, at + 1, DESCENDING, missing, start)
                at = stop - 1
        return found

    async def _range(self, low: int, high: int, order: int, limit: int, start: Place | None) -> list[_Document]:
        """The first places between two keys in an order, without those up to `start`."""
        # Equal keys are a matter of chance: a few more make sure that the start itself does not take a place.
        some = limit if start is None else limit + _MORE
        condition = {"board": self._id, "key": {"$gt": low, "$lt": high}}
        cursor = self._places.find(condition).sort([("key", order), ("_id", -order)]).limit(some)
        found: list[_Document] = [document async for document in cursor]
        if start is None:
            return found
        return [one for one in found if (_place(one) > start if order == DESCENDING else _place(one) < start)][:limit]

    async def _downwards(self, at: int, wanted: int, total: int) -> int:
        """A key that most likely has so many places between itself and `at`, and few more."""
        score, spread = divmod(at, SPREAD)
        higher, equal = await self._of(score)
        reach = _reach(wanted, equal)
        if reach <= spread:
            return at - reach
        last = higher + equal + wanted
        if last > total:
            return SPREAD
        chosen = await self._choose(last)
        return (chosen.score + 1) * SPREAD - _reach(last - chosen.higher, chosen.equal)

    async def _upwards(self, at: int, wanted: int, total: int) -> int:
        """The same above `at`."""
        score, spread = divmod(at, SPREAD)
        higher, equal = await self._of(score)
        reach = _reach(wanted, equal)
        if spread + reach < SPREAD:
            return at + reach
        first = min(higher, total) - wanted + 1
        if first < 1:
            return SPREAD * MAX_SCORE
        chosen = await self._choose(first)
        return chosen.score * SPREAD + _reach(chosen.higher + chosen.equal - first + 1, chosen.equal)

    async def _of(self, score: int) -> tuple[int, int]:
        """How many scores are higher, and how many are equal."""
        if score >= MAX_SCORE:
            return 0, 0
        nodes = await self._nodes(nodes_of([score]))
        node, pair = path(score)[-1]
        return rank(score, nodes) - 1, nodes.get(node, {}).get(pair, 0)

    async def _choose(self, number: int) -> Chosen:
        """The `number`-th highest score, of as many as there are."""
        digits, higher, equal = "", 0, 0
        for _ in path(0):
            node = (await self._nodes({digits})).get(digits, {})
            pair, above, equal = descend(node, number - higher)
            digits, higher = digits + pair, higher + above
        return Chosen(int(digits), higher, equal)

    async def _nodes(self, nodes: set[str]) -> dict[str, Mapping[str, int]]:
        wanted = [f"{self._id}:{node}" for node in sorted(nodes)]
        found = self._ranks.find({"_id": {"$in": wanted}})
        return {document["_id"].removeprefix(f"{self._id}:"): document["counts"] async for document in found}


def _place(document: _Document) -> Place:
    """Places ascend from the highest score down."""
    return Place(-document["key"], document["_id"])


def _reach(wanted: int, equal: int) -> int:
    """How many keys most likely hold `wanted` of `equal` scores, at most the whole spread."""
    return min(SPREAD, math.ceil(SPREAD * (wanted * _MARGIN + _MORE) / equal)) if equal else SPREAD
