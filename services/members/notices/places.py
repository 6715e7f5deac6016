"""Large audiences in slices: every member of a brand has a place that follows from their id alone.  Pure.

A slice is a range of places.  It costs what it holds, whoever comes and goes meanwhile, and it is the same range in
every collection of people, so that one slice after the other meets each member once.
"""

import hashlib
from typing import Final, NamedTuple

#: Places are 0 … PLACES-1.
PLACES: Final = 4096
#: About how many members one slice should hold.
SLICE_MEMBERS: Final = 400


class Slice(NamedTuple):
    """The places from `low` up to `high`, `high` left out."""

    low: int
    high: int


#: All places.
EVERYBODY: Final = Slice(0, PLACES)


def place(member: str) -> int:
    """Where a member stands: spread evenly, and the same for ever."""
    return int.from_bytes(hashlib.sha256(member.encode()).digest()[:2], "big") % PLACES


def slices_for(members: int) -> int:
    """How many slices an audience of about so many members is cut into."""
    return max(1, min(PLACES, -(-members // SLICE_MEMBERS)))


def nth_slice(number: int, of: int) -> Slice:
    """One of `of` slices, from 0; together they are all places, each once."""
    return Slice(number * PLACES // of, (number + 1) * PLACES // of)


def places_in(within: Slice) -> dict[str, int]:
    """The places of a slice as a condition.

    Exclusive bounds, for the reason that `libs/shared/paging.py` gives.
    """
    return {"$gt": within.low - 1, "$lt": within.high}
