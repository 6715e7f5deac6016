"""Finds the members of a brand by how a word of their name begins, at a cost that does not grow with the brand.

A document stands for one word of a name: its `key` is the folded name from that word on, so that all that begin alike
stand side by side.  The embedded server reads everything in a range before it applies a limit, so the range must fit
the page.  How far a page reaches is told by samples: of the members, one in 8, one in 128 and one in 2,048 (by a hash
of their ids) have their words also in a list of their own.  A page is found by some five reads, of a few dozen small
documents together: each sample bounds the look at the next finer one, and the finest bounds the names.
"""

import binascii
import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

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
_SHARES: Final = (1, 8, 128, 2048)
_ALL, _FINEST = 0, 1

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


async def find(collection: Collection, brand: str, prefix: str, first: int, after: str | None) -> Names:
    """The `first` members after a cursor with a word that begins so, by their names from that word on.

    Who has two such words is there twice.  A prefix without letters and digits finds nobody.  Raises INVALID.
    """
    begin = fold(prefix)
    if not begin:
        return Names([], [], has_next=False)
    at, end = _decode(after, begin) if after is not None else begin, begin + _LAST
    found: list[str] = []
    marks = _marks(collection, brand, _FINEST, at, end)
    while len(found) <= first and at < end:
        # As many as the page needs on average, and one; when they lie too close, the next ones follow.
        for _ in range((first + 1 - len(found)) // _SHARES[_FINEST] + 1):
            stop = await anext(marks, end)
        found += await _range(collection, brand, _ALL, at, stop)
        at = stop
    page = found[:first]
    return Names(
        [key.partition("\0")[2] for key in page],
        [_encode(key) for key in page],
        has_next=len(found) > first,
    )


async def _marks(collection: Collection, brand: str, list_: int, at: str, end: str) -> AsyncIterator[str]:
    """The keys of a sample between two places, read piece by piece: the next coarser sample says how far one goes."""
    if list_ + 1 < len(_SHARES):
        async for bound in _marks(collection, brand, list_ + 1, at, end):
            for key in await _range(collection, brand, list_, at, bound):
                yield key
            at = bound
    for key in await _range(collection, brand, list_, at, end):
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
