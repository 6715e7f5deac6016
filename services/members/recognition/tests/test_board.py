"""Pages of leaderboards with every shape of scores: each place once, in order, by ranges that hold little more."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.shared.domain import Invalid
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, connect
from libs.shared.paging import PageRequest, page_index
from services.members.recognition.ranks import descend, moved
from services.members.recognition.rules import MAX_SCORE
from services.members.recognition.views.board import SPREAD, Board, place_key

CHANCE = random.Random(3)
SHAPES = {
    "nobody": [],
    "one": [MAX_SCORE - 1],
    "all alike": [7] * 600,
    "few high, many low": [int(CHANCE.paretovariate(0.9) * 2) for _ in range(600)],
    "two crowds far apart": [1] * 250 + [99_999_999] * 250,
    "all different": list(range(1, 301)),
    "the lowest and one": [1] * 40 + [2],
}


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    client = connect(mongo_url)
    made = client[f"test_{uuid7()}"]
    yield made
    await client.drop_database(made.name)
    client.close()


async def board(database: Database, scores: list[int]) -> Board:
    """A leaderboard of these scores, beside another one."""
    tree: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for score in scores:
        for node, counts in moved(0, score).items():
            tree[node].update(counts)
    places: list[dict[str, Any]] = [
        {"_id": f"b:m{n}", "board": "b", "member": f"m{n}", "score": score, "key": place_key(f"m{n}", score)}
        for n, score in enumerate(scores)
    ]
    other = {"_id": "c:m0", "board": "c", "member": "m0", "score": 7, "key": place_key("m0", 7)}
    await database["places"].create_indexes([page_index("board", "key")])
    await database["places"].insert_many([*places, other])
    if tree:
        await database["ranks"].insert_many([{"_id": f"b:{node}", "counts": dict(of)} for node, of in tree.items()])
    return Board("b", database["places"], database["ranks"])


@pytest.mark.parametrize("scores", SHAPES.values(), ids=SHAPES)
async def test_pages_hold_each_place_once_in_both_directions(database: Database, scores: list[int]) -> None:
    made, total = await board(database, scores), len(scores)
    expected = sorted(range(total), key=lambda n: (-place_key(f"m{n}", scores[n]), f"b:m{n}"))
    for size in (7, 100):
        seen, after = list[str](), None
        while True:
            found = await made.page(PageRequest(first=size, after=after), total)
            seen += [one["member"] for one in found.items]
            assert found.has_previous is (after is not None)
            if not found.has_next:
                break
            assert len(found.items) == size
            after = found.cursors[-1]
        assert seen == [f"m{n}" for n in expected]
        seen, before = [], None
        while True:
            found = await made.page(PageRequest(last=size, before=before), total)
            seen = [one["member"] for one in found.items] + seen
            if not found.has_previous:
                break
            assert len(found.items) == size
            before = found.cursors[0]
        assert seen == [f"m{n}" for n in expected]


@pytest.mark.parametrize("shape", ["all alike", "few high, many low", "two crowds far apart"])
async def test_what_is_read_for_a_page_does_not_grow_with_the_leaderboard(
    database: Database, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, total = await board(database, SHAPES[shape]), len(SHAPES[shape])
    widest = 0
    read = made._range

    async def counted(low: int, high: int, *rest: Any) -> Any:
        nonlocal widest
        within = {"board": "b", "key": {"$gt": low, "$lt": high}}
        widest = max(widest, await database["places"].count_documents(within))
        return await read(low, high, *rest)

    monkeypatch.setattr(made, "_range", counted)
    after = before = None
    for _ in range(8):
        down = await made.page(PageRequest(first=10, after=after), total)
        up = await made.page(PageRequest(last=10, before=before), total)
        after, before = down.cursors[-1], up.cursors[0]
    assert widest <= 6 * 11 + 20, "the embedded server reads all that is within before it applies a limit"


async def test_a_request_that_contradicts_itself_is_refused(database: Database) -> None:
    made = await board(database, [1, 2])
    for request in (PageRequest(first=0), PageRequest(first=101), PageRequest(first=1, last=1), PageRequest(after="x")):
        with pytest.raises(Invalid):
            await made.page(request, 2)


def test_the_highest_key_is_exact_in_json() -> None:
    assert MAX_SCORE * SPREAD < 2**53


def test_a_place_that_a_node_does_not_have() -> None:
    assert [descend({"07": 2, "12": 1}, place) for place in (1, 2, 3)] == [("12", 0, 1), ("07", 1, 2), ("07", 1, 2)]
    with pytest.raises(LookupError):
        descend({"07": 2}, 3)
