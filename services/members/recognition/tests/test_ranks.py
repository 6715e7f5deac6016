"""Ranks from the tree are those of the sorted list, whatever moved before."""

from collections import Counter

from hypothesis import given as for_all
from hypothesis import strategies as st

from services.members.recognition.ranks import moved, nodes_of, path, rank
from services.members.recognition.rules import MAX_SCORE

SCORES = st.integers(0, MAX_SCORE - 1) | st.integers(0, 150)


def test_a_score_is_a_path_of_pairs_of_digits() -> None:
    assert path(1234567) == [("", "01"), ("01", "23"), ("0123", "45"), ("012345", "67")]
    assert [node for node, _ in path(MAX_SCORE - 1)] == ["", "99", "9999", "999999"]


def test_a_small_step_changes_one_node() -> None:
    assert moved(120, 125) == {"000001": {"20": -1, "25": 1}}
    assert moved(7, 7) == {}
    assert len(moved(1, MAX_SCORE - 1)) == 7


@for_all(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(SCORES, min_size=1, max_size=4)))
def test_ranks_are_exact(moves: dict[str, list[int]]) -> None:
    tree: dict[str, Counter[str]] = {}
    for scores in moves.values():
        for before, after in zip([0, *scores], scores, strict=False):
            for node, counts in moved(before, after).items():
                tree.setdefault(node, Counter()).update(counts)
    last = sorted((scores[-1] for scores in moves.values() if scores[-1]), reverse=True)
    for score in last:
        nodes = {node: tree[node] for node in nodes_of([score]) if node in tree}
        assert rank(score, nodes) == last.index(score) + 1
    assert sum(tree.get("", {}).values()) == len(last)
