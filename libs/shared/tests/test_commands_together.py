import asyncio
from typing import Any

import pytest

from libs.shared.claims import Release
from libs.shared.commands import CommandHandler, ConcurrencyConflict, OpenSetHandler, handle_together
from libs.shared.domain import Accepted, Decider, DomainError, Unavailable
from libs.shared.event_store import WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.tests.hall import (
    HALL,
    NOW,
    Hall,
    HallCommand,
    HallEvent,
    HallOpened,
    SeatTaken,
    open_hall,
    take_seat,
)
from libs.shared.tests.recording import NAMES, Halls, Names, Recording, claim, history, refusal


class TestTogether:
    @pytest.fixture
    def names(self, store: Recording) -> Names:
        return CommandHandler(NAMES, store, "halls")

    async def test_all_take_effect_at_once(self, store: Recording, halls: Halls, names: Names) -> None:
        accepted = await handle_together(
            (halls, open_hall("h1", 1, command_id="c1")),
            (names, claim("red", "h1", command_id="c1")),
            (halls, take_seat("h1", "m1", command_id="c1")),
        )
        assert accepted == Accepted(id="h1", position={"HALLS": 2})
        assert await history(store) == [HallOpened(seats=1), SeatTaken(member="m1", number=1)]
        assert [message.subject for message in store.messages] == ["evt.halls.b1.hall.h1", "evt.halls.b1.hall_name.red"]
        assert store.calls["together"] == 1
        assert dict((await halls.state("b1", "h1")).taken) == {"m1": 1}
        assert await refusal(halls, take_seat("h1", "m2")) == "FULL"

    async def test_one_refusal_refuses_all(self, store: Recording, halls: Halls, names: Names) -> None:
        await names.handle(claim("red", "h0"))
        with pytest.raises(DomainError) as refused:
            await handle_together((halls, open_hall("h1", 1)), (names, claim("red", "h1")))
        assert refused.value.code == "NAME_TAKEN"
        assert await history(store) == []
        await halls.handle(open_hall("h1", 1))

    async def test_a_repeat_returns_the_first_outcome(self, store: Recording, halls: Halls, names: Names) -> None:
        def steps() -> list[tuple[Any, Any]]:
            return [(halls, open_hall("h1", 1, command_id="c1")), (names, claim("red", "h1", command_id="c1"))]

        first = await handle_together(*steps())
        again = await handle_together(*steps())
        assert (again.repeated, again.id) == (True, "h1")
        assert again.position == first.position
        assert len(store.messages) == 2

    async def test_a_repeat_stands_at_the_end_of_the_batch_whatever_was_remembered(
        self, store: Recording, halls: Halls, names: Names
    ) -> None:
        opened, claimed = open_hall("h1", 1, command_id="c1"), claim("red", "h1", command_id="c1")
        await names.state("b1", "red")  # before it is claimed
        elsewhere: tuple[Halls, Names] = (CommandHandler(HALL, store, "halls"), CommandHandler(NAMES, store, "halls"))
        first = await handle_together((elsewhere[0], opened), (elsewhere[1], claimed))
        again = await handle_together((halls, opened), (names, claimed))
        assert (again.position, again.repeated) == (first.position, True)
        assert (await names.state("b1", "red")).holder == "h1"
        assert len(store.messages) == 2

    async def test_what_is_true_already_is_left_out(self, store: Recording, halls: Halls, names: Names) -> None:
        await names.handle(claim("red", "h1"))
        await handle_together((halls, open_hall("h1", 1)), (names, claim("red", "h1")))
        assert len(store.messages) == 2
        accepted = await handle_together((names, claim("red", "h1")))
        assert accepted == Accepted(id="red", position={"HALLS": 1})

    async def test_stale_caches_refuse_nothing_wrongly(self, store: Recording, halls: Halls, names: Names) -> None:
        assert await refusal(halls, take_seat("h1", "m1")) == "NO_HALL"
        await names.state("b1", "red")
        await CommandHandler(HALL, store, "halls").handle(open_hall("h1", 1))
        release = Release(command_id=uuid7(), brand="b1", actor="m1", now=NOW, name="red", holder="h1")
        elsewhere: Names = CommandHandler(NAMES, store, "halls")
        await elsewhere.handle(claim("red", "h1"))
        await names.state("b1", "red", fresh=True)
        await elsewhere.handle(release)
        await handle_together((halls, take_seat("h1", "m1")), (names, claim("red", "h2")))
        assert (await names.state("b1", "red")).holder == "h2"

    async def test_conflicts_are_tried_again_and_then_told(self, store: Recording, halls: Halls, names: Names) -> None:
        store.failures += [WrongExpectation()] * 4
        await handle_together((halls, open_hall("h1", 1)), (names, claim("red", "h1")))
        store.failures += [WrongExpectation()] * 5
        with pytest.raises(ConcurrencyConflict):
            await handle_together((halls, open_hall("h2", 1)), (names, claim("blue", "h2")))

    async def test_an_unknown_outcome_is_not_remembered(self, store: Recording, halls: Halls, names: Names) -> None:
        await halls.handle(open_hall("h1", 1))
        store.failures.append(Unavailable())
        with pytest.raises(Unavailable):
            await handle_together((halls, take_seat("h1", "m1")), (names, claim("red", "h1")))
        await handle_together((halls, take_seat("h1", "m1")), (names, claim("red", "h1")))
        assert dict((await halls.state("b1", "h1")).taken) == {"m1": 1}

    async def test_it_gets_its_turn_on_a_busy_aggregate(self, store: Recording, halls: Halls, names: Names) -> None:
        await halls.handle(open_hall("h1", 10_000))
        busy = True

        async def keep_busy(writer: int) -> None:
            number = 0
            while busy:
                number += 1
                await halls.handle(take_seat("h1", f"m{writer}-{number}"))

        writers = [asyncio.ensure_future(keep_busy(writer)) for writer in range(4)]
        await asyncio.sleep(0.01)
        calls = [((halls, take_seat("h1", f"t{n}")), (names, claim(f"n{n}", "h1"))) for n in range(20)]
        await asyncio.gather(*(handle_together(*call) for call in calls))
        busy = False
        await asyncio.gather(*writers)
        assert store.calls["together"] == 20

    async def test_two_that_need_the_same_do_not_wait_for_each_other(self, halls: Halls, names: Names) -> None:
        calls = []
        for n in range(50):
            steps: list[tuple[Any, Any]] = [(halls, open_hall("h1", 1)), (names, claim("red", f"h{n}"))]
            calls.append(handle_together(*(steps if n % 2 else steps[::-1])))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, Accepted) for result in results) == 1

    async def test_it_stands_in_one_store(self, halls: Halls) -> None:
        elsewhere = CommandHandler(HALL, Recording(), "halls")
        with pytest.raises(ValueError, match="one store"):
            await handle_together((halls, open_hall("h1", 1)), (elsewhere, open_hall("h2", 1)))


class TestOpenSet:
    SET: Decider[Hall, HallCommand, HallEvent] = Decider(
        aggregate="vote",
        initial=Hall(seats=1_000),
        decide=HALL.decide,
        evolve=HALL.evolve,
        identify=HALL.identify,
        commands=HALL.commands,
        events=HALL.events,
    )

    async def test_all_are_stored_whoever_sends_them(self, store: Recording) -> None:
        handlers = [OpenSetHandler(self.SET, store, "halls") for _ in range(3)]
        calls = [handlers[n % 3].handle(take_seat("h1", f"m{n}")) for n in range(60)]
        results = await asyncio.gather(*calls)
        assert sorted(result.position["HALLS"] for result in results) == list(range(1, 61))
        assert {result.id for result in results} == {"h1"}
        assert {message.subject for message in store.messages} == {"evt.halls.b1.vote.h1"}
        assert store.calls == {"append": 60}

    async def test_a_repeat_is_stored_once_and_keeps_its_id(self, store: Recording) -> None:
        handler = OpenSetHandler(self.SET, store, "halls")
        command = take_seat("h1", "m1", command_id="c1")
        first = await handler.handle(command)
        assert await handler.handle(command) == first
        await handler.handle(take_seat("h2", "m1", command_id="c1"))
        assert len(store.messages) == 2

    async def test_it_refuses_as_the_decider_does(self, store: Recording) -> None:
        handler = OpenSetHandler(self.SET, store, "halls")
        with pytest.raises(DomainError, match="open already"):
            await handler.handle(open_hall("h1", 1))
        with pytest.raises(DomainError, match="not an id"):
            await handler.handle(take_seat("a.b", "m1"))
        assert store.messages == []
