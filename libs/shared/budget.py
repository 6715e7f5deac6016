"""Pages that fit in a message: a page of long bodies ends early instead of being refused as too large."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from libs.shared.bus import BODY_LIMIT_BYTES
from libs.shared.paging import Page, PageRequest

#: What the items of one reply may take together; the rest is for cursors and what stands around them.
BUDGET_BYTES = BODY_LIMIT_BYTES * 3 // 4

T = TypeVar("T")


def fit(pages: Sequence[Page[T]], request: PageRequest, budget_bytes: int = BUDGET_BYTES) -> list[Page[T]]:
    """Return the pages of one reply as they are when they fit in `budget_bytes` of JSON, else cut to an equal share.

    A cut page has at least one item, keeps the items that come first in the direction of paging, and says that there
    are more.  So 100 items of the greatest size still do not fit: whoever asks for many threads may have to ask less.
    """
    sizes = [[len(msgspec.json.encode(item)) for item in page.items] for page in pages]
    if sum(map(sum, sizes)) <= budget_bytes:
        return list(pages)
    backwards = request.last is not None or request.before is not None
    share = budget_bytes // len(pages)
    return [_cut(page, _count(own, share, backwards), backwards) for page, own in zip(pages, sizes, strict=True)]


def _count(sizes: Sequence[int], share: int, backwards: bool) -> int:
    total = 0
    for count, size in enumerate(reversed(sizes) if backwards else sizes):
        total += size
        if total > share:
            return max(count, 1)
    return len(sizes)


def _cut(page: Page[T], count: int, backwards: bool) -> Page[T]:
    if count >= len(page.items):
        return page
    kept = slice(-count, None) if backwards else slice(count)
    return Page(
        items=page.items[kept],
        cursors=page.cursors[kept],
        has_next=page.has_next or not backwards,
        has_previous=page.has_previous or backwards,
    )
