"""Exact ranks in a list of any size at the cost of a few small documents: a tree of counts over the digits of scores.

A score of eight digits is a path of four pairs.  The node at `12` counts, for each pair that may follow, how many
scores begin so.  To move one score changes at most seven nodes; the rank of a score is one more than the counts beside
its path that are higher.  Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from services.members.recognition.rules import MAX_SCORE

#: A node: what follows its path → how many scores.
Node = Mapping[str, int]

_DIGITS: Final = len(str(MAX_SCORE - 1))
_PAIR: Final = 2


def path(score: int) -> list[tuple[str, str]]:
    """The nodes of a score, from the root, each with the pair that follows."""
    digits = f"{score:0{_DIGITS}}"
    return [(digits[:start], digits[start : start + _PAIR]) for start in range(0, _DIGITS, _PAIR)]


def moved(before: int, after: int) -> dict[str, dict[str, int]]:
    """By how much the counts of which nodes change when a score moves; one of 0 stands nowhere."""
    changes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for score, change in ((before, -1), (after, 1)):
        for node, pair in path(score) if score else ():
            changes[node][pair] = changes[node].get(pair, 0) + change
    kept = {node: {pair: count for pair, count in counts.items() if count} for node, counts in changes.items()}
    return {node: counts for node, counts in kept.items() if counts}


def rank(score: int, nodes: Mapping[str, Node]) -> int:
    """The rank of a score, from 1: how many are higher, and one; `nodes` are those of its path that there are."""
    return 1 + sum(count for node, pair in path(score) for other, count in nodes.get(node, {}).items() if other > pair)


def nodes_of(scores: Iterable[int]) -> set[str]:
    """The nodes that the ranks of these scores need."""
    return {node for score in scores for node, _ in path(score)}


class Chosen(NamedTuple):
    """A score: how many are higher, and how many are equal to it, itself among them."""

    score: int
    higher: int
    equal: int


def descend(node: Node, place: int) -> tuple[str, int, int]:
    """Where the `place`-th highest score goes on below a node: its pair, how many are above that pair, how many in it.

    `place` is from 1 to as many as the node counts.
    """
    higher = 0
    for pair in sorted(node, reverse=True):
        if higher + node[pair] >= place:
            return pair, higher, node[pair]
        higher += node[pair]
    raise LookupError(f"there is no place {place} in {dict(node)}")
