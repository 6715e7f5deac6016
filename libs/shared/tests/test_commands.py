import asyncio
from datetime import datetime

import pytest
from msgspec import structs

from libs.shared.claims import Release
from libs.shared.commands import CommandHandler, ConcurrencyConflict, handle_together
from libs.shared.domain import Accepted, DomainError, Unavailable
from libs.shared.event_store import Subject, WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.telemetry import span
from libs.shared.tests.hall import (
    HALL,
    NOW,
    HallOpened,
    SeatTaken,
    open_hall,
    take_seat,
)
from libs.shared.tests.recording import NAMES, Halls, Recording, claim, history, refusal


class TestOne:
    async def test_an_accepted_command_is_in_the_log(self, store: Recording, halls: Halls) -> None:
        accepted = await halls.handle(open_hall("h1", 2))
        assert accepted == Accepted(id="h1", position={"HALLS": 1})
        command = take_seat("h1", "m7")
        with span("a request"):
            assert await halls.handle(command) == Accepted(id="h1", position={"HALLS": 2})
        [recorded] = await store.load(Subject("halls", "b1", "hall", "h1"), after=1)
        assert recorded.event == SeatTaken(member="m7", number=1)
        assert (recorded.actor, recorded.time, recorded.brand) == ("m7", NOW, "b1")
        assert recorded.causation_id == command.command_id
        assert len(recorded.correlation_id) == 32
        assert recorded.correlation_id != recorded.causation_id

    async def test_a_new_aggregate_costs_no_read(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 2))
        await halls.handle(take_seat("h1", "m1"))
        assert store.calls == {"append": 2}

    async def test_a_refusal_is_proven(self, store: Recording, halls: Halls) -> None:
        assert await refusal(halls, take_seat("h1", "m1")) == "NO_HALL"
        assert store.calls["head"] == 1
        assert store.messages == []

    async def test_what_is_true_already_changes_nothing(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 2))
        first = await halls.handle(take_seat("h1", "m1"))
        again = await halls.handle(take_seat("h1", "m1"))
        assert again == first
        assert len(store.messages) == 2

    async def test_brands_are_apart(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 2, brand="b1"))
        assert await refusal(halls, take_seat("h1", "m1", brand="b2")) == "NO_HALL"
        await halls.handle(open_hall("h1", 1, brand="b2"))
        assert await history(store, brand="b2") == [HallOpened(seats=1)]

    @pytest.mark.parametrize("bad", ["", "a.b", "*", ">", "a b", "é", "x" * 65, "a\n"])
    async def test_what_cannot_be_an_id_is_refused(self, halls: Halls, bad: str) -> None:
        assert await refusal(halls, open_hall(bad, 1)) == "INVALID"
        assert await refusal(halls, open_hall("h1", 1, brand=bad)) == "INVALID"
        with pytest.raises(DomainError):
            await halls.state("b1", bad)

    async def test_a_time_without_a_zone_is_refused(self, halls: Halls) -> None:
        command = structs.replace(open_hall("h1", 1), now=datetime(2026, 1, 1))
        assert await refusal(halls, command) == "INVALID"

    async def test_a_defect_is_the_callers_alone(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 2))
        results = await asyncio.gather(
            halls.handle(take_seat("h1", "m1")),
            halls.handle(take_seat("h1", "m2", note="defect")),
            halls.handle(take_seat("h1", "m3")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [Accepted, ZeroDivisionError, Accepted]


class TestRepeats:
    async def test_a_repeat_returns_the_first_outcome(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 1))
        command = take_seat("h1", "m1", command_id="c1")
        first = await halls.handle(command)
        await halls.handle(open_hall("h2", 1))
        for handler in (halls, CommandHandler(HALL, store, "halls")):
            assert await handler.handle(command) == structs.replace(first, repeated=True)
        assert len(store.messages) == 3

    async def test_a_repeat_of_what_would_now_be_refused_is_no_refusal(self, halls: Halls) -> None:
        command = open_hall("h1", 1, command_id="c1")
        first = await halls.handle(command)
        assert await halls.handle(command) == structs.replace(first, repeated=True)

    async def test_repeats_at_the_same_time_have_one_effect(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        command = take_seat("h1", "m1", command_id="c1")
        results = await asyncio.gather(*(halls.handle(command) for _ in range(5)))
        assert sorted(result.repeated for result in results) == [False, True, True, True, True]
        assert {result.position["HALLS"] for result in results} == {2}
        assert len(store.messages) == 2

    async def test_a_refused_command_may_be_sent_again(self, halls: Halls) -> None:
        command = take_seat("h1", "m1", command_id="c1")
        assert await refusal(halls, command) == "NO_HALL"
        await halls.handle(open_hall("h1", 1))
        assert not (await halls.handle(command)).repeated

    async def test_a_thousand_commands_are_remembered(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 2_000, command_id="first"))
        await asyncio.gather(*(halls.handle(take_seat("h1", f"m{n}", command_id=f"c{n}")) for n in range(1_000)))
        for handler in (halls, CommandHandler(HALL, store, "halls")):
            assert (await handler.handle(take_seat("h1", "m0", command_id="c0"))).repeated
            assert await refusal(handler, open_hall("h1", 2, command_id="first")) == "OPEN"

    async def test_after_an_unknown_outcome_a_repeat_finds_what_was_stored(
        self, store: Recording, halls: Halls
    ) -> None:
        command = open_hall("h1", 1, command_id="c1")
        await CommandHandler(HALL, store, "halls").handle(command)
        store.failures.append(Unavailable())
        assert await refusal(halls, command) == "UNAVAILABLE"
        assert (await halls.handle(command)).repeated


class TestTwoProcesses:
    """Two handlers on one log have the caches of two processes."""

    async def test_a_stale_cache_never_refuses_wrongly(self, store: Recording) -> None:
        one, two = CommandHandler(HALL, store, "halls"), CommandHandler(HALL, store, "halls")
        assert await refusal(two, take_seat("h1", "m1")) == "NO_HALL"
        await one.handle(open_hall("h1", 1))
        assert (await two.handle(take_seat("h1", "m1"))).position == {"HALLS": 2}
        assert await refusal(one, take_seat("h1", "m2")) == "FULL"

    async def test_a_stale_cache_never_says_nothing_to_do(self, store: Recording) -> None:
        one, two = CommandHandler(NAMES, store, "halls"), CommandHandler(NAMES, store, "halls")
        await one.handle(claim("red", "h1"))
        await two.handle(claim("red", "h1"))
        release = Release(command_id=uuid7(), brand="b1", actor="m1", now=NOW, name="red", holder="h1")
        await two.handle(release)
        assert (await one.handle(claim("red", "h1"))).position == {"HALLS": 3}

    async def test_an_old_state_is_brought_up_when_asked(self, store: Recording) -> None:
        one, two = CommandHandler(HALL, store, "halls"), CommandHandler(HALL, store, "halls")
        await one.handle(open_hall("h1", 1))
        assert (await two.state("b1", "h1")).seats == 1
        await one.handle(take_seat("h1", "m1"))
        assert dict((await two.state("b1", "h1")).taken) == {}
        assert dict((await two.state("b1", "h1", fresh=True)).taken) == {"m1": 1}

    async def test_whoever_reads_meanwhile_counts_nothing_twice(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        store.acks.clear()
        task = asyncio.ensure_future(halls.handle(take_seat("h1", "m1")))
        await asyncio.sleep(0.01)
        states = await asyncio.gather(*(halls.state("b1", "h1", fresh=True) for _ in range(3)))
        assert [state.changes for state in states] == [2, 2, 2]
        store.acks.set()
        await task
        assert (await halls.state("b1", "h1")).changes == 2
        elsewhere = CommandHandler(HALL, store, "halls")
        both = await asyncio.gather(elsewhere.state("b1", "h1"), elsewhere.state("b1", "h1"))
        assert [state.changes for state in both] == [2, 2]
        await halls.handle(take_seat("h1", "m2"))
        assert (await elsewhere.handle(take_seat("h1", "m3"))).position == {"HALLS": 4}
        assert (await elsewhere.state("b1", "h1")).changes == 4

    async def test_conflicts_end_in_a_typed_refusal(self, store: Recording, halls: Halls) -> None:
        store.failures += [WrongExpectation()] * 5
        with pytest.raises(ConcurrencyConflict) as conflict:
            await halls.handle(open_hall("h1", 1))
        assert conflict.value.code == "CONFLICT"
        await halls.handle(open_hall("h1", 1))

    async def test_four_conflicts_are_survived(self, store: Recording, halls: Halls) -> None:
        store.failures += [WrongExpectation()] * 4
        await halls.handle(open_hall("h1", 1))
        assert await history(store) == [HallOpened(seats=1)]

    async def test_a_log_that_was_restored_to_an_earlier_point_is_believed(self, store: Recording) -> None:
        halls = CommandHandler(HALL, store, "halls", snapshot_every=2)
        await halls.handle(open_hall("h1", 2))
        await halls.handle(take_seat("h1", "m1"))
        await halls.settle()
        store.restore(1)
        await halls.handle(take_seat("h1", "m2"))
        assert dict((await halls.state("b1", "h1")).taken) == {"m2": 1}
        assert await history(store) == [HallOpened(seats=2), SeatTaken(member="m2", number=1)]


class TestCancellation:
    async def test_a_cancelled_caller_takes_nobody_along(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        store.gate.clear()
        tasks = [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(2)]
        await asyncio.sleep(0.01)
        tasks += [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(2, 5)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()  # its append is under way
        tasks[3].cancel()  # it waits for its turn
        await asyncio.sleep(0)
        store.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = [isinstance(result, asyncio.CancelledError) for result in results]
        assert cancelled == [True, False, False, True, False]
        await halls.settle()
        assert {event.member for event in await history(store) if isinstance(event, SeatTaken)} == {
            "m0",
            "m1",
            "m2",
            "m4",
        }
        assert (await halls.handle(take_seat("h1", "m9"))).position["HALLS"] == len(store.messages)

    async def test_a_cancelled_turn_lets_the_others_go_on(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        store.gate.clear()
        first = asyncio.ensure_future(halls.handle(take_seat("h1", "m1")))
        await asyncio.sleep(0.01)
        together = asyncio.ensure_future(handle_together((halls, take_seat("h1", "m2")), (halls, open_hall("h2", 1))))
        await asyncio.sleep(0.01)
        last = asyncio.ensure_future(halls.handle(take_seat("h1", "m3")))
        together.cancel()
        store.gate.set()
        assert [task.position["HALLS"] for task in await asyncio.gather(first, last)] == [2, 3]
        assert await history(store, "h2") == []

    async def test_all_callers_cancelled_leaves_nothing_behind(self, store: Recording, halls: Halls) -> None:
        store.gate.clear()
        tasks = [asyncio.ensure_future(halls.handle(open_hall(f"h{n}", 1))) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store.gate.set()
        await halls.settle()
        opened = [n for n in range(10) if await history(store, f"h{n}")]
        for n in range(10):
            if n not in opened:
                await halls.handle(open_hall(f"h{n}", 1))
            await halls.handle(take_seat(f"h{n}", "m1"))

    async def test_a_stopped_worker_answers_everyone(self, store: Recording, halls: Halls) -> None:
        store.gate.clear()
        tasks = [asyncio.ensure_future(halls.handle(open_hall("h1", 1))) for _ in range(3)]
        await asyncio.sleep(0.01)
        [worker] = [task for task in asyncio.all_tasks() if "Lanes._work" in repr(task.get_coro())]
        worker.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        store.gate.set()
        await halls.handle(open_hall("h1", 1))
