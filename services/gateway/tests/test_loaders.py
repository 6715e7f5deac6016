import pytest

from libs.executor.with_strawberry import Answers
from libs.shared.bus import TooLarge
from libs.shared.domain import Unavailable
from services.gateway import consistency, ids
from services.gateway.context import Context, Scope
from services.gateway.loaders import Many
from services.gateway.tests.world import FakeBus

NAMES = Many("names", "names_get_many", list[str])


class Source:
    """A scope in a brand, and what was asked for in it."""

    def __init__(self, brand: str = "b1", most: int = 100) -> None:
        self.batches: list[list[str]] = []
        self.most = most
        bus = FakeBus({"names.names_get_many": self.answer})
        self.scope = Scope(Context(bus, b"k" * 32), brand, "alice", {})
        self.bus = bus

    def answer(self, asked: dict[str, list[str]]) -> list[str]:
        keys = asked["ids"]
        self.batches.append(keys)
        if "13" in keys:
            raise Unavailable
        if len(keys) > self.most:
            raise TooLarge("reply", 2_000_000)
        return [f"name {key}" for key in keys if key != "short"]

    async def rows(self, *keys: object) -> Answers[str | None]:
        return await NAMES.rows(None if key is None else (self.scope, str(key)) for key in keys)


async def test_keys_travel_together_and_each_once() -> None:
    source = Source()
    assert await source.rows(1, 2, None, 1) == ["name 1", "name 2", None, "name 1"]
    assert source.batches == [["1", "2"]]


async def test_nothing_wanted_is_not_asked_for() -> None:
    source = Source()
    assert await source.rows(None, None) == [None, None]
    assert source.batches == []


async def test_scopes_are_asked_apart() -> None:
    one, other = Source("b1"), Source("b2")
    asked = [(one.scope, "1"), (other.scope, "1"), (one.scope, "2")]
    assert await NAMES.rows(asked) == ["name 1", "name 1", "name 2"]
    assert [asked["brand"] for _, asked in (*one.bus.asked, *other.bus.asked)] == ["b1", "b2"]
    assert (one.batches, other.batches) == ([["1", "2"]], [["1"]])


async def test_a_question_has_at_most_a_hundred_keys() -> None:
    source = Source()
    assert len(await source.rows(*range(100, 350))) == 250
    assert sorted(len(batch) for batch in source.batches) == [50, 100, 100]


async def test_what_does_not_fit_in_a_message_is_asked_for_by_halves() -> None:
    source = Source(most=30)
    assert await source.rows(*range(100, 200)) == [f"name {key}" for key in range(100, 200)]
    assert sorted(len(batch) for batch in source.batches) == [25, 25, 25, 25, 50, 50, 100]


async def test_one_thing_that_is_too_large_is_refused() -> None:
    (found,) = await Source(most=0).rows(1)
    assert getattr(found, "code", "") == "TOO_LARGE"


async def test_a_failure_reaches_everybody_who_asked() -> None:
    source = Source()
    answers = await source.rows(13, 14, None)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable, type(None)]
    assert len(source.batches) == 1


async def test_an_answer_of_another_length_is_an_error() -> None:
    answers = await Source().rows("short", 2)
    assert [str(answer) for answer in answers] == ["names.names_get_many answered 1 values for 2 keys"] * 2


async def test_a_row_that_cannot_be_shown_harms_no_other() -> None:
    source = Source()
    asked = [(source.scope, "1"), (source.scope, "2")]
    found = await NAMES.objects(asked, lambda row, scope: {"name 1": scope.brand}[row])
    assert [found[0], type(found[1])] == ["b1", KeyError]


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
