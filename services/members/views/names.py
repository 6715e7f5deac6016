"""Finds the members of a brand by how a word of their name begins, at a cost that does not grow with the brand.

A document stands for one word of a name: its `key` is the folded name from that word on, so that all that begin alike
stand side by side.  The embedded server reads everything in a range before it applies a limit, so the range must fit
the page.  How far a page reaches is told by samples: of the members, one in 8, one in 64 and so on (by a hash of their
ids) have their words also in a list of their own.  Each sample bounds the look at the next finer one, and the finest
bounds the names; where that begins is told by a sample that is remembered.  It may be old: a range that holds less than
was told is followed by the next one.
"""

import binascii
import hashlib
from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, NamedTuple

from cachetools import TTLCache
from pymongo import ASCENDING, DeleteMany, IndexModel, ReplaceOne

from libs.shared.domain import Invalid
from libs.shared.mongo import Collection
from libs.shared.projection import Write
from services.members.similar import folded

#: More words of a name are not found by.
MAX_WORDS: Final = 4

#: The index of the collection.
INDEX: Final = IndexModel([("list", ASCENDING), ("key", ASCENDING)])

#: The lists that a member's words stand in: all, and the samples, each with one in so many members.
_SHARES: Final = (1, 8, 64, 512, 4096)
_ALL, _FINEST = 0, 1
#: A sample is remembered when a brand of this many members has about this many of them in it.
_REMEMBERED: Final = 2_000
_BRANDS: Final = 200
_SECONDS: Final = 300.0

_LAST: Final = "\U0010ffff"  # behind every character of a name
_MAX_CURSOR: Final = 2_000

#: Letters that Unicode does not take apart into a plain one and an accent.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ŋ": "n"}
)


class Names(NamedTuple):
    """Members in the order of what was found, and the cursor of each."""

    members: list[str]
    cursors: list[str]
    has_next: bool


class Guide(NamedTuple):
    """The keys of a sample of a brand, as they were some time ago."""

    brand: str
    list: int
    keys: Sequence[str]


def fold(name: str) -> str:
    """A name as it is compared: without case, accents (NFKD, combining marks left out) and punctuation.

    `Élodie O’Brien-Łuszcz` → `elodie o brien luszcz`.
    """
    return folded(name).translate(_LETTERS)


def named(brand: str, member: str, name: str) -> Iterator[Write]:
    """The writes after which a member who was found by no name is found by this one."""
    words = fold(name).split()
    for list_, share in enumerate(_SHARES):
        if _lot(member) % share:
            continue
        for number in range(min(len(words), MAX_WORDS)):
            id_ = f"{brand}:{member}:{list_}:{number}"
            key = f"{' '.join(words[number:])}\0{member}"
            document = {"_id": id_, "list": f"{brand}:{list_}", "key": key}
            yield Write("names", ReplaceOne({"_id": id_}, document, upsert=True))


def forgotten(brand: str, member: str) -> Write:
    """The write after which a member is found by no name."""
    ids = [f"{brand}:{member}:{list_}:{number}" for list_ in range(len(_SHARES)) for number in range(MAX_WORDS)]
    return Write("names", DeleteMany({"_id": {"$in": ids}}))


class Guides:
    """What is remembered of each brand."""

    def __init__(self) -> None:
        self._guides: TTLCache[str, Guide] = TTLCache(_BRANDS, _SECONDS)

    def of(self, brand: str) -> Guide | None:
        """The guide of a brand, None when none is remembered."""
        return self._guides.get(brand)

    async def read(self, collection: Collection, brand: str, members: int) -> Guide:
        """Remember one of a brand with about so many members: the finest sample of few keys, but not the finest."""
        samples = range(_FINEST + 1, len(_SHARES))
        list_ = next((list_ for list_ in samples if members <= _SHARES[list_] * _REMEMBERED), samples[-1])
        guide = self._guides[brand] = Guide(brand, list_, await _range(collection, brand, list_, "", _LAST))
        return guide


async def find(collection: Collection, guide: Guide, prefix: str, first: int, after: str | None) -> Names:
    """The `first` members after a cursor with a word that begins so, by their names from that word on.

    Who has two such words is there twice.  A prefix without letters and digits finds nobody.  Raises INVALID.
    """
    begin = fold(prefix)
    if not begin:
        return Names([], [], has_next=False)
    at, end = _decode(after, begin) if after is not None else begin, begin + _LAST
    found: list[str] = []
    marks = _marks(collection, guide, _FINEST, at, end)
    while len(found) <= first and at < end:
        # As many as the page needs on average, and one; when they lie too close, the next ones follow.
        for _ in range((first + 1 - len(found)) // _SHARES[_FINEST] + 1):
            stop = await anext(marks, end)
        found += await _range(collection, guide.brand, _ALL, at, stop)
        at = stop
    page = found[:first]
    return Names(
        [key.partition("\0")[2] for key in page],
        [_encode(key) for key in page],
        has_next=len(found) > first,
    )


async def _marks(collection: Collection, guide: Guide, list_: int, at: str, end: str) -> AsyncIterator[str]:
    """The keys of a sample between two places, read piece by piece: the next coarser sample says how far one goes."""
    if list_ == guide.list:
        for key in guide.keys[bisect_right(guide.keys, at) : bisect_left(guide.keys, end)]:
            yield key
        return
    async for bound in _marks(collection, guide, list_ + 1, at, end):
        for key in await _range(collection, guide.brand, list_, at, bound):
            yield key
        at = bound
    for key in await _range(collection, guide.brand, list_, at, end):
        yield key


async def _range(collection: Collection, brand: str, list_: int, after: str, stop: str) -> list[str]:
    """The keys behind `after`, up to `stop` and with it: the index alone tells them."""
    where = {"list": f"{brand}:{list_}", "key": {"$gt": after, "$lt": stop + "\0"}}
    found = collection.find(where, {"_id": 0, "key": 1}).sort("key", ASCENDING)
    return [document["key"] async for document in found]


def _lot(member: str) -> int:
    """A number that is as good as random, and always the same for a member."""
    return int.from_bytes(hashlib.blake2s(member.encode(), digest_size=4).digest())


def _encode(key: str) -> str:
    return urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


def _decode(cursor: str, begin: str) -> str:
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        key = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        if _encode(key) != cursor or not key.startswith(begin):
            raise ValueError("of another list")
    except (ValueError, binascii.Error) as error:
        raise Invalid("not a cursor of this list", ("after",)) from error
    return key
