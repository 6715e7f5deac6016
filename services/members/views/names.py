"""Finds the members of a brand by how a word of their name begins, at a cost that does not grow with the brand.

A document stands for one word of a name: its `key` is the folded name from that word on, so that all that begin alike
stand side by side.  The embedded server reads everything in a range before it applies a limit, so the range must fit
the page.  How far a page reaches is told by samples: of the members, one in 8 and one in 512 (by their ids, which are
keyed hashes and so as good as random) have their words also in a list of their own.  A page is found by three reads, of
some dozens of small documents each: the coarse sample bounds the fine one, and that bounds the names.
"""

import binascii
import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

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
_SHARES: Final = (1, 8, 512)
_ALL, _FINE, _COARSE = range(len(_SHARES))

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
            document = {"_id": id_, "list": f"{brand}:{list_}", "key": key, "member": member}
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
    found: list[dict[str, Any]] = []
    while len(found) <= first and at < end:
        stop = await _stop(collection, brand, at, end, first + 1 - len(found))
        found += await _range(collection, brand, _ALL, at, stop)
        at = stop
    page = found[:first]
    return Names(
        [document["member"] for document in page],
        [_encode(document["key"]) for document in page],
        has_next=len(found) > first,
    )


async def _stop(collection: Collection, brand: str, at: str, end: str, needed: int) -> str:
    """A key behind about `needed` names from `at` on, and not many more; at most `end`."""
    coarse = await _range(collection, brand, _COARSE, at, end)
    bound = _key(coarse, 0, end)
    fine = await _range(collection, brand, _FINE, at, bound)
    return _key(fine, needed // _SHARES[_FINE] + 2, bound)


def _key(documents: list[dict[str, Any]], number: int, end: str) -> str:
    return documents[number]["key"] if number < len(documents) else end


async def _range(collection: Collection, brand: str, list_: int, after: str, stop: str) -> list[dict[str, Any]]:
    """What stands behind `after`, up to `stop` and with it."""
    where = {"list": f"{brand}:{list_}", "key": {"$gt": after, "$lt": stop + "\0"}}
    return await collection.find(where, {"key": 1, "member": 1}).sort("key", ASCENDING).to_list(None)


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
