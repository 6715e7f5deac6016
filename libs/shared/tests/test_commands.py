import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from libs.shared.claims import Claim, ClaimCommand, Claimed, ClaimEvent, Release, claims
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler, ConcurrencyConflict, OpenSetHandler, handle_together
from libs.shared.connection import Connection
from libs.shared.domain import Accepted, Decider, DomainError, Event, Unavailable
from libs.shared.event_store import CommitTooLarge, EventStore, Pending, Snapshot, Subject, WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.plan import Limits
from libs.shared.recorded import Recorded
from libs.shared.streams import ensure_streams, event_stream, snapshot_stream
from libs.shared.telemetry import span
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.testing.servers import NatsServer
from libs.shared.tests.hall import (
    HALL,
    NOW,
    Hall,
    HallCommand,
    HallEvent,
    HallOpened,
    SeatTaken,
    TakeSeat,
    open_hall,
    take_seat,
)

NAMES = claims("hall_name")
Halls = CommandHandler[Hall, HallCommand, HallEvent]
Names = CommandHandler[Claimed, ClaimCommand, ClaimEvent]


def claim(name: str, holder: str, *, brand: str = "b1", command_id: str | None = None) -> Claim:
    return Claim(command_id=command_id or uuid7(), brand=brand, actor="m1", now=NOW, name=name, holder=holder)


class Recording(MemoryEventStore):
    """Counts what is asked of it; holds appends (`gate`) or their acks (`acks`) back; fails as it is told."""

    def __init__(self, *, limit_bytes: int = 1024 * 1024) -> None:
        super().__init__(Codec("halls"), limit_bytes=limit_bytes)
        self.calls: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self.acks = asyncio.Event()
        self.acks.set()
        self.failures: list[Exception] = []

    async def append(self, subject: Subject, events: Sequence[Pending], *, expected: int | None) -> int:
        self.calls["append"] += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        sequence = await super().append(subject, events, expected=expected)
        await self.acks.wait()
        return sequence

    async def append_together(self, commits: Sequence[tuple[Subject, Sequence[Pending], int]]) -> list[int]:
        self.calls["together"] += 1
        if self.failures:
            raise self.failures.pop(0)
        return await super().append_together(commits)

    async def load(self, subject: Subject, *, after: int = 0, leader: bool = False) -> list[Recorded[Event]]:
        self.calls["load"] += 1
        return await super().load(subject, after=after, leader=leader)

    async def head(self, subject: Subject) -> int:
        self.calls["head"] += 1
        return await super().head(subject)


@pytest.fixture
def store() -> Recording:
    return Recording()


@pytest.fixture
def halls(store: Recording) -> Halls:
    return CommandHandler(HALL, store, "halls")


async def history(store: EventStore, hall: str = "h1", brand: str = "b1") -> list[Event]:
    return [recorded.event for recorded in await store.load(Subject("halls", brand, "hall", hall))]


async def refusal(handler: Halls, command: HallCommand) -> str:
    with pytest.raises(DomainError) as refused:
        await handler.handle(command)
    return refused.value.code


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


class TestGroupCommit:
    async def test_what_arrives_during_an_append_leaves_as_one_commit(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 3))
        store.gate.clear()
        tasks = [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(1)]
        await asyncio.sleep(0.01)
        tasks += [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(1, 6)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        store.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        positions = [result.position["HALLS"] if isinstance(result, Accepted) else result for result in results]
        assert positions[:3] == [2, 3, 3]
        assert [str(result) for result in results[3:]] == ["all seats are taken"] * 3
        assert len(store.messages) == 3

    async def test_nobody_is_answered_before_the_ack(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 1))
        store.gate.clear()
        calls = [take_seat("h1", "m1"), take_seat("h1", "m1"), take_seat("h1", "m2")]
        tasks = [asyncio.ensure_future(halls.handle(call)) for call in calls]
        done, _ = await asyncio.wait(tasks, timeout=0.02)
        assert not done
        store.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[0] == results[1] == Accepted(id="h1", position={"HALLS": 2})
        assert isinstance(results[2], DomainError)

    @pytest.mark.parametrize("limits", [Limits(events=10), Limits(size_bytes=5_000)])
    async def test_a_commit_is_bounded(self, store: Recording, limits: Limits) -> None:
        halls = CommandHandler(HALL, store, "halls", limits=limits)
        await halls.handle(open_hall("h1", 100))
        await asyncio.gather(*(halls.handle(take_seat("h1", f"m{n}")) for n in range(50)))
        sizes = [len(store.codec.decode(message)) for message in store.messages[1:]]
        assert sum(sizes) == 50
        assert 5 <= max(sizes) <= 14
        if limits.events == 10:
            assert sizes == [10] * 5
        else:
            assert max(len(message.data) for message in store.messages) <= 5_000
        assert [event.number for event in await history(store) if isinstance(event, SeatTaken)] == [*range(1, 51)]

    async def test_one_that_is_too_large_is_refused_alone(self) -> None:
        store = Recording(limit_bytes=4_000)
        halls = CommandHandler(HALL, store, "halls")
        await halls.handle(open_hall("h1", 100))
        calls = [take_seat("h1", f"m{n}", note="x" * 5_000 if n in {0, 7} else "") for n in range(20)]
        results = await asyncio.gather(*(halls.handle(call) for call in calls), return_exceptions=True)
        refused = [n for n, result in enumerate(results) if isinstance(result, CommitTooLarge)]
        assert refused == [0, 7]
        assert all(isinstance(result, Accepted | CommitTooLarge) for result in results)
        assert len((await halls.state("b1", "h1")).taken) == 18

    async def test_a_failure_is_told_to_all_who_wait_and_forgotten(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        store.failures.append(Unavailable())
        calls = [halls.handle(take_seat("h1", f"m{n}")) for n in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        assert (await halls.handle(take_seat("h1", "m9"))).position == {"HALLS": 2}


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


class TestSnapshots:
    async def test_a_state_is_restored_and_only_the_tail_is_read(self, store: Recording) -> None:
        halls = CommandHandler(HALL, store, "halls", snapshot_every=5)
        await halls.handle(open_hall("h1", 100))
        for n in range(12):
            await halls.handle(take_seat("h1", f"m{n}", command_id=f"c{n}"))
        await halls.settle()
        snapshot = await store.load_snapshot(Subject("halls", "b1", "hall", "h1"))
        assert snapshot is not None
        assert snapshot.sequence == 10
        store.messages[:10] = [message._replace(data=b"not read") for message in store.messages[:10]]
        again = CommandHandler(HALL, store, "halls")
        assert await again.state("b1", "h1") == await halls.state("b1", "h1")
        assert (await again.handle(take_seat("h1", "m3", command_id="c3"))).repeated

    @pytest.mark.parametrize("data", [b"", b"\xc1", b"{}", b"\x93\xa1r\x80\xc0"])
    async def test_a_snapshot_that_cannot_be_read_is_ignored(self, store: Recording, halls: Halls, data: bytes) -> None:
        await halls.handle(open_hall("h1", 7))
        await store.save_snapshot(Subject("halls", "b1", "hall", "h1"), Snapshot(1, data))
        assert (await CommandHandler(HALL, store, "halls").state("b1", "h1")).seats == 7

    async def test_a_snapshot_of_other_rules_is_ignored(
        self, store: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        halls = CommandHandler(HALL, store, "halls", snapshot_every=1)
        await halls.handle(open_hall("h1", 7))
        await halls.settle()
        monkeypatch.setattr("libs.shared.states._source_of", lambda _: "other")
        assert (await CommandHandler(HALL, store, "halls").state("b1", "h1")).seats == 7
        assert store.calls["load"] == 1
        store.messages[0] = store.messages[0]._replace(data=b"read")
        with pytest.raises(Exception, match="HALLS 1"):
            await CommandHandler(HALL, store, "halls").state("b1", "h1")

    async def test_a_state_with_personal_fields_is_never_saved(self, store: Recording) -> None:
        halls = CommandHandler(replace(HALL, snapshots=False), store, "halls", snapshot_every=1)
        await halls.handle(open_hall("h1", 7))
        await halls.settle()
        assert await store.load_snapshot(Subject("halls", "b1", "hall", "h1")) is None

    async def test_the_cache_is_bounded(self, store: Recording) -> None:
        halls = CommandHandler(HALL, store, "halls", cache_size=3)
        for n in range(10):
            await halls.handle(open_hall(f"h{n}", n))
        before = store.calls["load"]
        states = [await halls.state("b1", f"h{n}") for n in range(10)]
        assert [state.seats for state in states] == list(range(10))
        assert store.calls["load"] - before >= 7


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
        assert again.position["HALLS"] <= first.position["HALLS"]
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


class Call(NamedTuple):
    """Who asks for a seat where, through which of two processes."""

    process: int
    hall: int
    member: int
    repeat: bool


calls = st.lists(
    st.builds(Call, st.integers(0, 1), st.integers(0, 1), st.integers(0, 11), st.booleans()), min_size=1, max_size=40
)


async def check_concurrent(store: EventStore, brand: str, wanted: list[Call], limits: Limits) -> None:
    """Send all at once through two handlers, and compare the answers with the log.

    A hall has four seats, so some are refused; whoever is refused has found it full.
    """
    handlers = [CommandHandler(HALL, store, "halls", limits=limits, attempts=50) for _ in range(2)]
    for hall in range(2):
        await handlers[hall].handle(open_hall(f"h{hall}", 4, brand=brand))
    commands = [
        take_seat(f"h{one.hall}", f"m{one.member}", brand=brand, command_id=f"c{one.hall}-{one.member}")
        if one.repeat
        else take_seat(f"h{one.hall}", f"m{one.member}", brand=brand)
        for one in wanted
    ]
    tries = [handlers[one.process].handle(command) for one, command in zip(wanted, commands, strict=True)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    for hall in range(2):
        stored = [event for event in await history(store, f"h{hall}", brand) if isinstance(event, SeatTaken)]
        assert [event.number for event in stored] == list(range(1, len(stored) + 1))
        seated = {event.member for event in stored}
        assert len(seated) == len(stored) <= 4
        for one, result in zip(wanted, results, strict=True):
            if one.hall != hall:
                continue
            if isinstance(result, Accepted):
                assert f"m{one.member}" in seated
            else:
                assert isinstance(result, DomainError)
                assert result.code == "FULL"
                assert len(stored) == 4
                assert f"m{one.member}" not in seated
    for handler in handlers:
        await handler.settle()


@given(calls, st.sampled_from([Limits(), Limits(events=1), Limits(events=3)]))
async def test_concurrent_commands_in_memory(wanted: list[Call], limits: Limits) -> None:
    await check_concurrent(MemoryEventStore(Codec("halls")), "b1", wanted, limits)


@pytest.fixture(scope="session")
async def jetstream(nats_url: str) -> AsyncIterator[JetStreamEventStore]:
    connection = Connection("test")
    await connection.open(nats_url)
    await ensure_streams(connection, event_stream("halls"), snapshot_stream())
    yield JetStreamEventStore(connection, Codec("halls"))
    await connection.close()


@settings(max_examples=40, deadline=None)
@given(calls, st.sampled_from([Limits(), Limits(events=1), Limits(events=3)]))
async def test_concurrent_commands_on_jetstream(
    jetstream: JetStreamEventStore, wanted: list[Call], limits: Limits
) -> None:
    await check_concurrent(jetstream, uuid7(), wanted, limits)


async def test_a_hot_aggregate_surfaces_no_conflict(jetstream: JetStreamEventStore) -> None:
    brand = uuid7()
    halls = CommandHandler(HALL, jetstream, "halls")
    await halls.handle(open_hall("h1", 100_000, brand=brand))
    results = await asyncio.gather(*(halls.handle(take_seat("h1", f"m{n}", brand=brand)) for n in range(5_000)))
    await halls.settle()
    assert max(result.position["HALLS"] for result in results) == await jetstream.head(halls.subject(brand, "h1"))
    fresh = await CommandHandler(HALL, jetstream, "halls").state(brand, "h1")
    assert sorted(fresh.taken.values()) == list(range(1, 5_001))
    assert fresh == await halls.state(brand, "h1")
    assert await jetstream.load_snapshot(halls.subject(brand, "h1")) is not None


async def test_together_on_jetstream(jetstream: JetStreamEventStore) -> None:
    brand = uuid7()
    halls = [CommandHandler(HALL, jetstream, "halls") for _ in range(2)]
    names: list[Names] = [CommandHandler(NAMES, jetstream, "halls") for _ in range(2)]
    calls = [
        handle_together(
            (halls[n % 2], open_hall(f"h{n}", 1, brand=brand)), (names[n % 2], claim(f"n{n % 5}", f"h{n}", brand=brand))
        )
        for n in range(20)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    winners = [n for n, result in enumerate(results) if isinstance(result, Accepted)]
    assert len(winners) == 5
    assert all(result.code == "NAME_TAKEN" for result in results if isinstance(result, DomainError))
    opened = [n for n in range(20) if await history(jetstream, f"h{n}", brand)]
    assert opened == winners


async def test_every_acknowledged_command_survives_kills_exactly_once(tmp_path: Path) -> None:
    """Two kills (SIGKILL) with thousands of commands in flight, on many aggregates, on a hot one, and in batches."""
    with NatsServer(tmp_path) as server:
        connection = Connection("test")
        await connection.open(server.url)
        await ensure_streams(connection, event_stream("halls"), snapshot_stream())
        store = JetStreamEventStore(connection, Codec("halls"))
        halls = CommandHandler(HALL, store, "halls", limits=Limits(events=20))
        names: Names = CommandHandler(NAMES, store, "halls")
        hall_ids = ["hot", *(f"h{n}" for n in range(50))]
        for hall in hall_ids:
            await halls.handle(open_hall(hall, 100_000))
        seats = [take_seat("hot" if n % 2 else f"h{n % 50}", f"m{n}") for n in range(6_000)]
        acknowledged: dict[str, Accepted] = {}

        milestones = {200: asyncio.Event(), 2_500: asyncio.Event()}

        def note_progress() -> None:
            for reached, milestone in milestones.items():
                if len(acknowledged) >= reached:
                    milestone.set()

        async def send(command: TakeSeat) -> None:
            acknowledged[command.command_id] = await halls.handle(command)
            note_progress()

        async def send_together(n: int) -> None:
            command = open_hall(f"t{n}", 1)
            joint = claim(f"n{n}", f"t{n}", command_id=command.command_id)
            acknowledged[command.command_id] = await handle_together((halls, command), (names, joint))
            note_progress()

        tasks = [asyncio.ensure_future(send(command)) for command in seats]
        tasks += [asyncio.ensure_future(send_together(n)) for n in range(40)]
        for milestone in milestones.values():
            await milestone.wait()
            server.kill()
            await asyncio.to_thread(server.start)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [result for result in results if result is not None] == []

        places: dict[str, list[int]] = {}
        for n in range(40):
            for subject in (halls.subject("b1", f"t{n}"), names.subject("b1", f"n{n}")):
                [recorded] = await store.load(subject)
                places.setdefault(recorded.causation_id, []).append(recorded.sequence)
        assert all(len(sequences) == 2 and max(sequences) - min(sequences) == 1 for sequences in places.values())
        for hall in hall_ids:
            for recorded in await store.load(halls.subject("b1", hall)):
                if isinstance(recorded.event, SeatTaken):
                    places.setdefault(recorded.causation_id, []).append(recorded.sequence)
        assert len(places) == len(acknowledged) == 6_040
        for command_id, accepted in acknowledged.items():
            assert accepted.position["HALLS"] == max(places[command_id])
        assert all(len(places[command.command_id]) == 1 for command in seats)
        await connection.close()
