"""Pages of a list by their number, as SCIM asks for them (RFC 7644, section 3.4.2.4), that cost what the page holds.

A list is a brand's documents in the order of `_id` = brand:id.  How many there are is kept in one document a brand,
also by the first two characters of the ids, which are hashes and so spread evenly: to find the start of a page is to
add up at most 1,024 numbers, and what is read lies in a bounded range.
"""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING, UpdateOne

from libs.shared.mongo import Collection, Document
from libs.shared.projection import Write

_PREFIX: Final = 2
_LAST: Final = "~"  # after every character of an id


def counted(collection: str, brand: str, id: str, amount: int) -> Write:  # noqa: A002 – the field's word
    """The write that counts one more document (`amount` 1) or one less (-1)."""
    fields = {"count": amount, f"by_prefix.{id[:_PREFIX]}": amount}
    return Write(collection, UpdateOne({"_id": brand}, {"$inc": fields}, upsert=True))


async def ranked(
    documents: Collection, totals: Collection, brand: str, offset: int, size: int
) -> tuple[list[Document], int]:
    """The `size` documents after the first `offset` of a brand, and how many there are in all."""
    found = await totals.find_one({"_id": brand})
    total = int(found["count"]) if found else 0
    if found is None or not size or offset >= total:
        return [], total
    low, high, before = _range(found["by_prefix"], offset, size)
    where = {"_id": {"$gte": f"{brand}:{low}", "$lt": f"{brand}:{high}{_LAST}"}}
    cursor = documents.find(where).sort("_id", ASCENDING).skip(offset - before).limit(size)
    return await cursor.to_list(size), total


async def selected(
    documents: Collection, where: Mapping[str, Any], offset: int, size: int
) -> tuple[list[Document], int]:
    """The same of the documents that match `where`; costs what matches."""
    total = await documents.count_documents(where)
    if not size or offset >= total:
        return [], total
    return await documents.find(where).sort("_id", ASCENDING).skip(offset).limit(size).to_list(size), total


def _range(counts: Mapping[str, int], offset: int, size: int) -> tuple[str, str, int]:
    """The prefixes between which a page lies, and how many documents stand before the first of them."""
    low, before, passed = "", 0, 0
    high = ""
    for prefix in sorted(counts):
        if passed + counts[prefix] <= offset:
            passed += counts[prefix]
            continue
        if not low:
            low, before = prefix, passed
        passed += counts[prefix]
        high = prefix
        if passed >= offset + size:
            break
    return low, high, before
