"""Who is worth meeting: what two members share, and how much that says.  Pure.

A tag says the more, the fewer have it: each shared one adds 1 / ln(how many have it), as Adamic and Adar weigh what two
people have in common ("Friends and neighbors on the Web", Social Networks 25, 2003).  Scores are whole thousandths, so
that they are the same on every machine; equal ones stand in the order of the members' ids.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.members.networking.tags import TagKind

#: A tag of a kind.
Tagged = tuple[TagKind, str]

#: Each tag of the viewer is looked up for at most about so many members (`views/networking.py`).
HOLDERS_A_TAG = 200

#: At most so many members are weighed for one viewer.
CANDIDATES = 500


class Suggestion(NamedTuple):
    """Somebody to meet, with what both have.  `score` is in thousandths."""

    member: str
    score: int
    shared: tuple[Tagged, ...]


def weight(holders: int) -> float:
    """How much it says that two of `holders` members are meant; they are at least the two themselves."""
    return 1 / math.log(max(holders, 2))


def suggest(
    mine: frozenset[Tagged], others: Iterable[tuple[str, frozenset[Tagged]]], holders: Mapping[Tagged, int]
) -> list[Suggestion]:
    """Those who share something with the viewer, the best first; `holders`: how many have each tag of the viewer."""
    found = []
    for member, theirs in others:
        shared = tuple(sorted(mine & theirs))
        if shared:
            score = round(1000 * math.fsum(weight(holders.get(tag, 2)) for tag in shared))
            found.append(Suggestion(member, score, shared))
    return sorted(found, key=lambda one: (-one.score, one.member))
