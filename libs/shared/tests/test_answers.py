"""An answer is remembered for every viewer, and never longer than it is true."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, cast

import pytest
from msgspec.structs import replace

from libs.shared.answers import Answers
from libs.shared.domain import NO_BRAND, NotFound, Query
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.projection import View


class Ask(Query, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "ask"

    number: int


class Asking:
    """Answers each question with how many it has answered."""

    def __init__(self) -> None:
        self.listener: Callable[[ViewCommitted], None] = lambda _: None
        self.asked = 0
        self.answers = Answers(cast(View, self), cast(Positions, self))

    name = "answering"

    def listen(self, _view: str, listener: Callable[[ViewCommitted], None]) -> None:
        self.listener = listener

    def commit(self, *brands: str, unknown: bool = False) -> None:
        self.listener(
            ViewCommitted(
                view="answering",
                generation="v1",
                stream="S",
                previous=0,
                sequence=1,
                brands=None if unknown else brands,
            )
        )

    async def answer(self, _query: Query) -> int:
        self.asked += 1
        return self.asked

    async def get(self, query: Query) -> Any:
        return await self.answers.get(query, self.answer)


ONE = Ask(brand="b1", viewer="m1", number=1)


@pytest.fixture
def asking() -> Asking:
    return Asking()


async def test_every_viewer_and_position_gets_the_same_answer(asking: Asking) -> None:
    assert await asking.get(ONE) == 1
    assert await asking.get(replace(ONE, viewer="m2", at_least={"S": 7})) == 1


@pytest.mark.parametrize("other", [replace(ONE, number=2), replace(ONE, brand="b2")])
async def test_another_question_or_brand_has_its_own_answer(asking: Asking, other: Ask) -> None:
    assert await asking.get(ONE) == 1
    assert await asking.get(other) == 2


async def test_two_kinds_of_query_with_the_same_fields_are_two_questions(asking: Asking) -> None:
    class AskAgain(Ask, frozen=True, kw_only=True):
        wire_name: ClassVar[str] = "ask_again"

    assert await asking.get(ONE) == 1
    assert await asking.get(AskAgain(brand="b1", viewer="m1", number=1)) == 2


async def test_a_commit_of_the_brand_makes_it_ask_again(asking: Asking) -> None:
    await asking.get(ONE)
    asking.commit("b2")
    assert await asking.get(ONE) == 1
    asking.commit("b2", "b1")
    assert await asking.get(ONE) == 2


async def test_a_commit_of_unknown_brands_concerns_all(asking: Asking) -> None:
    await asking.get(ONE)
    asking.commit(unknown=True)
    assert await asking.get(ONE) == 2


async def test_what_stands_above_brands_is_concerned_by_every_commit(asking: Asking) -> None:
    above = replace(ONE, brand=NO_BRAND)
    await asking.get(above)
    asking.commit("b1")
    assert await asking.get(above) == 2


async def test_what_was_read_before_a_commit_is_not_remembered_after_it(asking: Asking) -> None:
    reading, committed = asyncio.Event(), asyncio.Event()

    async def slow(_query: Query) -> str:
        reading.set()
        await committed.wait()
        return "old"

    first = asyncio.create_task(asking.answers.get(ONE, slow))
    await reading.wait()
    asking.commit("b1")
    committed.set()
    assert await first == "old"
    assert await asking.get(ONE) == 1


async def test_a_refusal_is_not_remembered(asking: Asking) -> None:
    async def refuse(_query: Query) -> object:
        raise NotFound("nothing here")

    with pytest.raises(NotFound):
        await asking.answers.get(ONE, refuse)
    assert await asking.get(ONE) == 1
