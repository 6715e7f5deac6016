import asyncio

import pytest

from libs.shared.domain import Unavailable
from services.gateway import consistency, ids
from services.gateway.loaders import Loader


class Source:
    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def fetch(self, keys: list[int]) -> list[str]:
        self.batches.append(keys)
        if 13 in keys:
            raise Unavailable
        return [str(key) for key in keys]


async def test_keys_of_one_turn_travel_together_and_each_once() -> None:
    source = Source()
    loader = Loader(source.fetch)
    assert await loader.load_many([1, 2, 1]) == ["1", "2", "1"]
    assert await loader.load(2) == "2"
    assert source.batches == [[1, 2]]


async def test_a_batch_has_at_most_a_hundred_keys() -> None:
    source = Source()
    assert len(await Loader(source.fetch).load_many(range(100, 350))) == 250
    assert [len(batch) for batch in source.batches] == [100, 100, 50]


async def test_a_failure_reaches_everybody_who_asked() -> None:
    loader = Loader(Source().fetch)
    answers = await asyncio.gather(loader.load(13), loader.load(14), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


async def test_an_answer_of_another_length_is_an_error() -> None:
    async def fetch(keys: list[int]) -> list[int]:
        return keys[1:]

    with pytest.raises(ValueError, match="shorter"):
        await Loader(fetch).load_many([1, 2])


def test_ids_come_back() -> None:
    for kind, *parts in (("Post", "b1", "t1"), ("Reply", "b1", "t1", "r1"), ("Network", "_", "n-1")):
        found = ids.decode(ids.encode(kind, parts[0], *parts[1:]))
        assert found == ids.GlobalId(kind, parts[0], tuple(parts[1:]))


def test_a_position_comes_back_and_nothing_else_is_taken() -> None:
    position = {"MEMBERS": 3, "DISCUSSIONS": 2**62}
    assert consistency.decode(consistency.encode(position)) == position


@pytest.mark.parametrize(
    "token",
    [
        "!",
        "x" * 2_000,
        "bm90IGpzb24",
        consistency.encode({"evt.>": 1}),
        consistency.encode({"MEMBERS": -1}),
        consistency.encode({"MEMBERS": 2**63}),
        consistency.encode({chr(65 + n): 1 for n in range(20)}),
    ],
)
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(Exception, match="no consistency token"):
        consistency.decode(token)
