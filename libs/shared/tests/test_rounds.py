"""What is asked at the same moment is answered together."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from libs.shared.rounds import Rounds


class Doubling:
    """Doubles numbers, and remembers in which rounds; it says when one has begun, and waits to be let go on."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.rounds.append(list(numbers))
        self.begun.set()
        await self.go.wait()
        if self.failure:
            raise self.failure
        return [2 * number for number in numbers]


async def test_each_question_once_and_all_together() -> None:
    double = Doubling()
    double.go.set()
    rounds = Rounds(double)
    assert await asyncio.gather(*(rounds.ask(number) for number in (3, 1, 3, 2))) == [6, 2, 6, 4]
    assert double.rounds == [[3, 1, 2]]


async def test_who_asks_while_a_round_is_under_way_gets_a_newer_answer() -> None:
    double = Doubling()
    rounds = Rounds(double)
    first = asyncio.create_task(rounds.ask(1))
    await double.begun.wait()
    double.begun.clear()
    second = asyncio.create_task(rounds.ask(1))
    await double.begun.wait()
    double.go.set()
    assert (await first, await second) == (2, 2)
    assert double.rounds == [[1], [1]]


async def test_a_failure_is_everybodys_of_that_round() -> None:
    double = Doubling()
    double.go.set()
    failure = double.failure = ValueError("no")
    rounds = Rounds(double)
    answers = list[object](await asyncio.gather(rounds.ask(1), rounds.ask(2), return_exceptions=True))
    assert answers == [failure, failure]
    double.failure = None
    assert await rounds.ask(1) == 2


async def test_who_leaves_takes_the_answer_from_nobody() -> None:
    double = Doubling()
    rounds = Rounds(double)
    leaving, staying = asyncio.create_task(rounds.ask(1)), asyncio.create_task(rounds.ask(2))
    await double.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    double.go.set()
    assert await staying == 4


async def test_a_failure_that_nobody_waits_for_any_more_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    double = Doubling()
    double.failure = ValueError("no")
    rounds = Rounds(double)
    leaving = asyncio.create_task(rounds.ask(1))
    await double.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    double.go.set()
    await asyncio.sleep(0.01)
    del rounds
    gc.collect()  # a task that failed unseen says so at its end
    assert not [one for one in caplog.records if "Rounds" in one.getMessage()]
