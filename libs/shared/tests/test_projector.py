"""Projectors on real servers: exactly once, one at a time, rebuilt without a gap, loud when they must stop."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from nats.js.api import StreamConfig

from libs.shared import projector as projector_module
from libs.shared.domain import Event
from libs.shared.generations import Generations, NewerVersion
from libs.shared.positions import Positions
from libs.shared.projecting import Applier, Projected, ProjectionFailed
from libs.shared.projector import Projector, State
from libs.shared.pull import ReaderLost, StreamReader
from libs.shared.rebuild import Progress, rebuild
from libs.shared.testing.streams import fresh_stream
from libs.shared.testing.views import canonical
from libs.shared.tests.ledger import (
    Deposited,
    Failing,
    Ledger,
    LedgerV2,
    Log,
    Receipts,
    Voted,
    VotesOnly,
    expected,
    held,
    open_log,
    until,
)


@pytest.fixture
async def log(nats_url: str, mongo_url: str) -> AsyncIterator[Log]:
    async with open_log(nats_url, mongo_url) as opened:
        yield opened


def make_events(count: int, seed: int = 1) -> list[tuple[str, Event]]:
    """Deposits and votes; votes come, go, and are repeated."""
    chance = random.Random(seed)
    events: list[tuple[str, Event]] = []
    for _ in range(count):
        if chance.random() < 0.5:
            events.append((f"a{chance.randrange(20)}", Deposited(amount=chance.randrange(100))))
        else:
            vote = Voted(member=f"m{chance.randrange(30)}", stands=chance.random() < 0.6)
            events.append((f"i{chance.randrange(10)}", vote))
    return events


async def test_every_event_counts_once_and_commits_are_whole(log: Log) -> None:
    await log.write("a1", Deposited(amount=1), Deposited(amount=2))
    view = Ledger()
    async with log.running(view) as (projector, positions):
        end = await log.write("a1", Deposited(amount=4))
        await positions.wait(view, {"LEDGER": end})
        account = await view.collection("accounts").find_one({"_id": "b1:a1"})
        assert account == {"_id": "b1:a1", "brand": "b1", "balance": 7, "deposits": 3}
        await asyncio.wait_for(projector.caught_up.wait(), 5)
        assert (projector.state, projector.lag) == (State.ACTIVE, 0)
    assert view.collection("accounts").name == "ledger_v1__accounts"


async def test_it_goes_on_where_the_last_process_ended(log: Log) -> None:
    events = make_events(300)
    for part in (events[:120], events[120:121], events[121:]):
        end = await log.write_all(part)
        view = Ledger()
        async with log.running(view, batch=50) as (_, positions):
            await positions.wait(view, {"LEDGER": end}, 20)
            reached = await held(view)
    assert reached == expected(events)


async def test_an_empty_stream_is_caught_up(log: Log) -> None:
    async with log.running(Ledger()) as (projector, _):
        await asyncio.wait_for(projector.caught_up.wait(), 20)


async def test_a_projector_waits_for_its_stream(log: Log) -> None:
    await log.js.delete_stream("LEDGER")
    view = Ledger()
    async with log.running(view) as (projector, positions):
        await until(lambda: bool(view.generation))
        await fresh_stream(log.js, StreamConfig(name="LEDGER", subjects=["evt.ledger.>"]))
        end = await log.write("a1", Deposited(amount=1))
        await positions.wait(view, {"LEDGER": end})
        assert projector.failure is None


async def test_a_rebuild_is_equal_byte_for_byte_and_nothing_stands_still(log: Log) -> None:
    events = make_events(600)
    await log.write_all(events[:400])
    view, progress = Ledger(), list[Progress]()
    async with log.running(view, batch=37, grace_seconds=0.0) as (_, positions):
        writing = asyncio.create_task(log.write_all(events[400:], at_once=4))
        generation = await rebuild(
            view, progress.append, nats=log.nats, database=log.database, positions=log.positions(), batch=90
        )
        await until(lambda: view.generation == generation == "v1g1")
        end = await writing
        await positions.wait(view, {"LEDGER": end}, 20)
        assert await held(view) == expected(events)
        rebuilt = await canonical(view)
        await log.dropped("ledger_v1__votes")

        assert [done.sequence for done in progress] == sorted({done.sequence for done in progress})
        assert progress[0] == Progress(sequence=0, left=progress[0].left)
        assert progress[0].left >= 400

        await rebuild(view, lambda _: None, nats=log.nats, database=log.database, positions=log.positions(), batch=11)
        await until(lambda: view.generation == "v1g2")
        assert await canonical(view) == rebuilt


async def test_a_cancelled_rebuild_leaves_nothing_behind(log: Log) -> None:
    await log.write_all(make_events(100))
    view = Ledger()
    async with log.running(view) as (projector, _):
        await asyncio.wait_for(projector.caught_up.wait(), 10)

        def stop(_: Progress) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await rebuild(view, stop, nats=log.nats, database=log.database, positions=log.positions())
        assert view.generation == "v1"
        names = {name for name in await log.database.list_collection_names() if name.startswith("ledger")}
        assert names == {"ledger_v1__accounts", "ledger_v1__ideas", "ledger_v1__votes"}


async def test_a_new_version_is_filled_beside_the_old_one_and_takes_its_place(log: Log) -> None:
    end = await log.write_all([("a1", Deposited(amount=n)) for n in range(50)])
    old, new = Ledger(), LedgerV2()
    async with log.running(old) as (old_projector, positions):
        await positions.wait(old, {"LEDGER": end})
        async with log.running(new, grace_seconds=0.0) as (new_projector, new_positions):
            await asyncio.wait_for(new_projector.caught_up.wait(), 10)
            await new_positions.wait(new, {"LEDGER": end})
            assert (await held(new))["balances"] == {"a1": 2 * sum(range(50))}
            # A process with the older code cannot go on, and says so.
            await until(lambda: old_projector.failure is not None)
            assert isinstance(old_projector.failure, NewerVersion)
            await log.dropped("ledger_v1__accounts")
            end = await log.write("a1", Deposited(amount=1))
            await new_positions.wait(new, {"LEDGER": end})
            assert (await held(new))["balances"] == {"a1": 2 * sum(range(50)) + 2}


async def test_of_two_processes_one_projects_and_the_other_takes_over(log: Log) -> None:
    first, second = Ledger(), Ledger()
    events = make_events(400)
    async with log.running(first, batch=20) as (one, positions), log.running(second, batch=20) as (two, others):
        for part in range(0, 300, 100):
            end = await log.write_all(events[part : part + 100])
            await asyncio.gather(positions.wait(first, {"LEDGER": end}, 20), others.wait(second, {"LEDGER": end}, 20))
        assert await held(first) == expected(events[:300])
        await until(lambda: {one.state, two.state} == {State.ACTIVE, State.STANDBY})

        active, survivor, view, tracker = (
            (one, two, second, others) if one.state is State.ACTIVE else (two, one, first, positions)
        )
        log.processes[active].cancel()
        end = await log.write_all(events[300:])
        started = asyncio.get_running_loop().time()
        await tracker.wait(view, {"LEDGER": end}, 10)
        assert asyncio.get_running_loop().time() - started < 4
        assert survivor.state is State.ACTIVE
        assert await held(view) == expected(events)


async def test_who_is_slow_is_not_passed_over(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _slowly(log, monkeypatch, seconds=3.0) as (slow, other, positions, view):
        await positions.wait(view, {"LEDGER": await log.write("a1", Deposited(amount=1))}, 10)
        assert (slow.state, other.state) == (State.ACTIVE, State.STANDBY)


async def test_who_answers_and_stands_still_is_passed_over(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_module, "_STANDSTILL_SECONDS", 1.0)
    async with _slowly(log, monkeypatch, seconds=60.0) as (_, other, positions, view):
        await positions.wait(view, {"LEDGER": await log.write("a1", Deposited(amount=1))}, 10)
        assert other.state is State.ACTIVE


async def test_a_write_that_hangs_holds_up_nothing_but_itself(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the database does not answer one request: to cancel it, and even to abort it, waits for its answer."""
    view, released, hanging = Ledger(), asyncio.Event(), asyncio.Event()
    advance = Generations.advance

    async def advance_and_hang(generations: Generations, *arguments: Any, **options: Any) -> bool:
        moved = await advance(generations, *arguments, **options)
        if not hanging.is_set():
            hanging.set()
            while not released.is_set():
                with suppress(asyncio.CancelledError):
                    await released.wait()
        return moved

    monkeypatch.setattr("libs.shared.projecting._ENDING_SECONDS", 0.1)
    async with log.running(view) as (projector, positions):
        await asyncio.wait_for(projector.caught_up.wait(), 5)
        monkeypatch.setattr(Generations, "advance", advance_and_hang)
        end = await log.write("a1", Deposited(amount=1))
        await hanging.wait()
        assert projector._reader is not None
        projector._reader.interrupt(ReaderLost("silence"))
        await positions.wait(view, {"LEDGER": end}, 10)
        released.set()
        await positions.wait(view, {"LEDGER": await log.write("a1", Deposited(amount=2))}, 10)
        account = await view.collection("accounts").find_one({"_id": "b1:a1"})
        assert account == {"_id": "b1:a1", "brand": "b1", "balance": 3, "deposits": 2}


@asynccontextmanager
async def _slowly(
    log: Log, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> AsyncIterator[tuple[Projector, Projector, Positions, Ledger]]:
    """One that takes so long for a commit, and another that stands by, with its tracker and view."""
    view = Ledger()
    async with log.running(Ledger()) as (slow, _):
        await asyncio.wait_for(slow.caught_up.wait(), 5)
        async with log.running(view) as (other, positions):
            await until(lambda: other.state is State.STANDBY)
            commit = Applier.commit

            async def commit_slowly(applier: Applier, batch: Projected) -> None:
                if applier.view is slow.view:
                    await asyncio.sleep(seconds)
                await commit(applier, batch)

            monkeypatch.setattr(Applier, "commit", commit_slowly)
            yield slow, other, positions, view


async def test_who_begins_while_much_is_written_is_caught_up_all_the_same(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always_behind(projector: Projector, _: int) -> int:
        projector.lag = 1
        return 1

    await log.write("a1", Deposited(amount=1))
    async with log.running(Ledger()) as (first, _):
        await asyncio.wait_for(first.caught_up.wait(), 5)
        monkeypatch.setattr(Projector, "_measure_lag", always_behind)
        async with log.running(Ledger()) as (second, _):
            await asyncio.wait_for(second.caught_up.wait(), 5)
            assert second.state is State.STANDBY


async def test_a_view_of_some_subjects_passes_the_others(log: Log) -> None:
    view = VotesOnly()
    async with log.running(view) as (projector, positions):
        await log.write("i1", Voted(member="m1", stands=True))
        end = await log.write("a1", Deposited(amount=1))
        await positions.wait(view, {"LEDGER": end}, 2)
        assert (await held(view)) == {"balances": {}, "votes": {"i1": 1}}
        await until(lambda: positions.reached(view) == end, 5)
        assert projector.lag == 0


async def test_a_corrupt_message_stops_it_before_that_message(log: Log) -> None:
    await log.write("a1", Deposited(amount=1))
    await log.js.publish("evt.ledger.b1.account.a1", b"[{}]")
    await log.write("a1", Deposited(amount=2))
    view = Ledger()
    async with log.running(view) as (projector, _):
        await until(lambda: projector.state is State.FAILED)
        failure = projector.failure
        assert isinstance(failure, ProjectionFailed)
        assert (failure.view, failure.stream, failure.sequence) == ("ledger", "LEDGER", 2)
        assert (await held(view))["balances"] == {"a1": 1}
        assert not projector.caught_up.is_set()


async def test_a_fault_in_the_view_stops_it(log: Log) -> None:
    await log.write_all([("a1", Deposited(amount=12)), ("a1", Deposited(amount=13)), ("a1", Deposited(amount=14))])
    view = Failing()
    async with log.running(view) as (projector, _):
        await until(lambda: projector.state is State.FAILED)
        assert isinstance(projector.failure, ProjectionFailed)
        assert projector.failure.sequence == 2
        assert "ZeroDivisionError: thirteen" in str(projector.failure)
        assert (await held(view))["balances"] == {"a1": 12}


async def test_writes_that_the_database_refuses_stop_it(log: Log) -> None:
    await log.write_all([("a1", Deposited(amount=1)), ("a1", Deposited(amount=1))])
    async with log.running(Receipts()) as (projector, _):
        await until(lambda: projector.state is State.FAILED)
        assert isinstance(projector.failure, ProjectionFailed)
        assert projector.failure.reason == "BulkWriteError: codes [11000]"


async def test_a_view_of_another_stream_is_not_continued(log: Log) -> None:
    end = await log.write_all([("a1", Deposited(amount=1))] * 3)
    view = Ledger()
    async with log.running(view) as (_, positions):
        await positions.wait(view, {"LEDGER": end})
    await fresh_stream(log.js, StreamConfig(name="LEDGER", subjects=["evt.ledger.>"]))
    async with log.running(Ledger()) as (projector, _):
        await until(lambda: projector.state is State.FAILED)
        assert "rebuild the view" in str(projector.failure)


@pytest.mark.parametrize("raised", [None, OSError("closed while it cleaned up")])
@pytest.mark.parametrize("follows", [False, True])
async def test_a_cancellation_that_a_driver_swallows_ends_a_projector(
    log: Log, monkeypatch: pytest.MonkeyPatch, raised: OSError | None, *, follows: bool
) -> None:
    """Both while it projects and while it follows the one that does; `raised` comes in place of the cancellation."""
    await log.write("a1", Deposited(amount=1))
    async with log.running(Ledger()) as (first, _):
        await asyncio.wait_for(first.caught_up.wait(), 5)
        async with log.running(Ledger()) as (second, _):
            await asyncio.wait_for(second.caught_up.wait(), 5)
            await log.write("a1", Deposited(amount=2))
            await until(lambda: (first.state, second.state) == (State.ACTIVE, State.STANDBY))
            state = State.STANDBY if follows else State.ACTIVE
            task = log.processes[first if first.state is state else second]
            owner, name = (Generations, "checkpoint") if follows else (StreamReader, "take")
            waits, entered = getattr(owner, name), asyncio.Event()

            async def swallows(*arguments: Any, **named: Any) -> Any:
                if asyncio.current_task() is not task:
                    return await waits(*arguments, **named)
                entered.set()
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    if raised is not None:
                        raise raised from None
                return (None, "") if follows else []

            monkeypatch.setattr(owner, name, swallows)
            await asyncio.wait_for(entered.wait(), 5)
            task.cancel()
            await asyncio.wait({task}, timeout=5)
            assert task.cancelled()
