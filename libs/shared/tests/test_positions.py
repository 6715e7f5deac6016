"""Reading one's writes: waiting for a position, in the process that projects and in the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.shared.domain import DomainError
from libs.shared.generations import Generations
from libs.shared.positions import STALE_VIEW, Positions, ViewCommitted
from libs.shared.projection import View
from libs.shared.tests.ledger import Deposited, Ledger, Log, VotesOnly, open_log, until


@pytest.fixture
async def log(nats_url: str, mongo_url: str) -> AsyncIterator[Log]:
    async with open_log(nats_url, mongo_url) as opened:
        yield opened


async def bound(log: Log, view: Ledger, positions: Positions) -> Ledger:
    """A view as a process has it that does not project it."""
    generations = Generations(log.database)
    opened = await generations.open(view)
    view.bind(opened.generation.key, generations.collections(view, opened.generation))
    positions.bound(view, opened.sequence)
    return view


def committed(previous: int, sequence: int, *brands: str, generation: str = "v1") -> ViewCommitted:
    return ViewCommitted(
        view="ledger", generation=generation, stream="LEDGER", previous=previous, sequence=sequence, brands=brands
    )


async def test_waiting_returns_once_the_view_shows_it(log: Log) -> None:
    view = Ledger()
    async with log.running(view) as (_, positions):
        for amount in range(1, 6):
            end = await log.write("a1", Deposited(amount=amount))
            await positions.wait(view, {"LEDGER": end, "OTHER": 1_000})
            account = await view.collection("accounts").find_one({"_id": "b1:a1"})
            assert account is not None
            assert account["deposits"] == amount


async def test_it_waits_for_a_view_that_has_not_started(log: Log) -> None:
    view, positions = Ledger(), log.positions()
    with pytest.raises(DomainError) as refused:
        await positions.wait(view, {}, 0.05)
    assert refused.value.code == STALE_VIEW
    waiting = asyncio.create_task(positions.wait(view, {"LEDGER": 0}))
    await bound(log, view, positions)
    await asyncio.wait_for(waiting, 2)


async def test_a_position_that_does_not_come_is_a_refusal_in_time(log: Log) -> None:
    view = Ledger()
    async with log.running(view) as (projector, positions):
        await asyncio.wait_for(projector.caught_up.wait(), 5)
        started = asyncio.get_running_loop().time()
        with pytest.raises(DomainError, match="ledger has not reached LEDGER 9 yet") as refused:
            await positions.wait(view, {"LEDGER": 9}, 0.3)
        assert refused.value.code == STALE_VIEW
        assert 0.3 <= asyncio.get_running_loop().time() - started < 1


async def test_another_process_hears_of_commits_and_of_their_brands(log: Log) -> None:
    positions, heard = log.positions(), list[ViewCommitted]()
    await positions.start()
    other = await bound(log, Ledger(), positions)
    positions.listen("ledger", heard.append)
    async with log.running(Ledger()):
        end = await log.write("a1", Deposited(amount=1), brand="b7")
        await until(lambda: positions.reached(other) == end)
    assert [(one.previous, one.sequence, one.brands) for one in heard] == [(0, end, ["b7"])]
    await positions.stop()


async def test_without_announcements_the_checkpoint_is_read(log: Log) -> None:
    positions = log.positions("deaf")
    await positions.start()
    other = await bound(log, Ledger(), positions)
    async with log.running(Ledger()):
        end = await log.write("a1", Deposited(amount=1))
        await positions.wait(other, {"LEDGER": end}, 5)
    await positions.stop()


async def test_of_many_who_wait_one_looks(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    positions = log.positions("deaf")
    other = await bound(log, Ledger(), positions)
    looks, observed = list[int](), positions.observed

    def observe(view: View, sequence: int) -> None:
        looks.append(sequence)
        observed(view, sequence)

    monkeypatch.setattr(positions, "observed", observe)
    waiting = [asyncio.create_task(positions.wait(other, {"LEDGER": 1})) for _ in range(50)]
    await asyncio.sleep(1.5)
    assert 2 <= len(looks) <= 6
    async with log.running(Ledger()):
        await log.write("a1", Deposited(amount=1))
        await asyncio.gather(*waiting)


async def test_a_missed_announcement_makes_the_brands_unknown(log: Log) -> None:
    positions, heard = log.positions(), list[ViewCommitted]()
    view = await bound(log, Ledger(), positions)
    positions.listen("ledger", heard.append)
    await positions.announce(committed(0, 4, "b1"))
    await positions.announce(committed(6, 9, "b2"))
    await positions.announce(committed(4, 6, "b1"))  # late: nothing new
    positions.observed(view, 9)
    positions.observed(view, 12)
    assert [(one.sequence, one.brands) for one in heard] == [(4, ("b1",)), (9, None), (12, None)]


async def test_another_generation_does_not_count(log: Log) -> None:
    positions = log.positions()
    view = await bound(log, Ledger(), positions)
    await positions.announce(committed(0, 50, "b1", generation="v1g1"))
    assert positions.reached(view) == 0
    view.bind("v1g1", {})
    positions.bound(view, 40)
    assert positions.reached(view) == 40


async def test_a_view_of_some_subjects_does_not_wait_for_others(log: Log) -> None:
    positions = log.positions()
    view = await bound(log, VotesOnly(), positions)
    end = await log.write("a1", Deposited(amount=1))
    await positions.wait(view, {"LEDGER": end}, 1)  # nobody projects: there is nothing for this view
    assert positions.reached(view) == 0


async def test_what_is_not_an_announcement_is_ignored(log: Log) -> None:
    positions = log.positions()
    await positions.start()
    view = await bound(log, Ledger(), positions)
    await log.nats.publish("view.tests.ledger", b"{")
    await positions.announce(committed(0, 3, "b1"))
    await log.nats.flush()
    assert positions.reached(view) == 3
    await positions.stop()
