"""A process that was killed in the middle of a transaction does not hold up the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from libs.shared import sessions as sessions_module
from libs.shared.domain import Unavailable
from libs.shared.generations import Generations
from libs.shared.mongo import (
    Database,
    Session,
    abort_transactions_of,
    is_away,
    is_transient,
    is_write_conflict,
    session_id,
    transaction,
)
from libs.shared.sessions import Sessions
from libs.shared.tests.ledger import Deposited, Ledger, Log, open_log


@pytest.fixture
async def log(nats_url: str, mongo_url: str) -> AsyncIterator[Log]:
    async with open_log(nats_url, mongo_url) as opened:
        yield opened


@pytest.fixture
async def dead(log: Log) -> Session:
    """A session of a process that does not answer."""
    return await Sessions(log.nats, log.database).open()


async def _begin(generations: Generations, session: Session, sequence: int = 1) -> None:
    """What kill -9 leaves behind: the checkpoint is written, and nobody commits or aborts."""
    generation = (await generations.open(Ledger())).generation
    session.start_transaction()
    assert await generations.advance(generation, session, previous=0, sequence=sequence, owner="dead")


async def _is_aborted(session: Session) -> bool:
    with pytest.raises(PyMongoError) as refused:
        await session.commit_transaction()
    return is_transient(refused.value)


async def test_what_a_dead_process_left_open_is_aborted(log: Log, dead: Session) -> None:
    end = await log.write_all([("a1", Deposited(amount=1)), ("a1", Deposited(amount=2))])
    await _begin(Generations(log.database), dead)
    view = Ledger()
    async with log.running(view) as (_, positions):
        await positions.wait(view, {view.stream: end}, 20)  # the server itself would keep it for 60 s
    assert await _is_aborted(dead)


async def test_what_the_server_begins_after_a_death_is_aborted_too(
    log: Log, dead: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request of a process that was killed can stand in the server's queue for a while."""
    end = await log.write("a1", Deposited(amount=1))
    begun = list[Sequence[str]]()

    async def abort_and_begin(database: Database, sessions: Sequence[str]) -> None:
        await abort_transactions_of(database, sessions)
        if session_id(dead) in sessions and not begun:
            begun.append(sessions)
            await _begin(Generations(database), dead)

    monkeypatch.setattr(sessions_module, "abort_transactions_of", abort_and_begin)
    view = Ledger()
    async with log.running(view) as (_, positions):
        await positions.wait(view, {view.stream: end}, 10)
    assert begun
    assert await _is_aborted(dead)


async def test_a_process_looks_for_the_dead_again_and_again(log: Log, dead: Session) -> None:
    sessions = Sessions(log.nats, log.database)
    await sessions.start()
    await _begin(Generations(log.database), dead)
    running = asyncio.create_task(sessions.run())
    await asyncio.sleep(sessions_module._LOOK_SECONDS + 1)
    running.cancel()
    assert await _is_aborted(dead)
    await sessions.stop()


async def test_who_lives_keeps_what_it_has_begun(log: Log) -> None:
    generations = Generations(log.database)
    generation = (await generations.open(Ledger())).generation
    alive, other = Sessions(log.nats, log.database), Sessions(log.nats, log.database)
    await alive.start()
    await other.start()
    first, second = await alive.open(), await other.open()
    async with transaction(log.database, first):
        assert await generations.advance(generation, first, previous=0, sequence=1, owner="first")
        await other.abort_the_dead()
        with pytest.raises(OperationFailure) as refused:
            await generations.claim(generation, second, owner="second")
        assert is_write_conflict(refused.value)
    assert await generations.checkpoint(generation) == (1, "first")
    await generations.claim(generation, second, owner="second")
    assert await generations.checkpoint(generation) == (1, "second")
    await other.stop()
    await alive.stop()


async def test_who_ends_leaves_nothing_open_and_no_trace(log: Log) -> None:
    sessions = Sessions(log.nats, log.database)
    await sessions.start()
    session = await sessions.open()
    await _begin(Generations(log.database), session)
    await sessions.stop()
    assert await _is_aborted(session)
    assert await _processes(log) == []


async def test_the_dead_are_forgotten_when_nothing_of_theirs_can_be_open(
    log: Log, dead: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(log.nats, log.database)
    await sessions.start()
    [gone] = [process for process in await _processes(log) if session_id(dead) in process["sessions"]]
    assert "gone_ms" in gone
    await sessions.abort_the_dead()
    assert len(await _processes(log)) == 2
    monkeypatch.setattr(sessions_module, "_LINGER_MS", -1)
    await sessions.abort_the_dead()
    [left] = await _processes(log)
    assert left["_id"] != gone["_id"]
    await sessions.stop()


@pytest.mark.parametrize("change", [{"$set": {"gone_ms": 1}}, None], ids=["gone", "forgotten"])
async def test_who_was_thought_dead_says_that_it_is_there(
    log: Log, change: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "_LOOK_SECONDS", 0.05)
    sessions = Sessions(log.nats, log.database)
    await sessions.start()
    session = await sessions.open()
    if change is None:
        await log.database["processes"].delete_many({})
    else:
        await log.database["processes"].update_many({}, change)
    running = asyncio.create_task(sessions.run())
    await asyncio.sleep(0.5)
    running.cancel()
    [process] = await _processes(log)
    assert process == {"_id": process["_id"], "sessions": [session_id(session)]}
    await sessions.stop()


async def test_to_abort_what_is_not_open_does_nothing(log: Log) -> None:
    async with await log.client.start_session() as session:
        await abort_transactions_of(log.database, [session_id(session), "00" * 16])
        await abort_transactions_of(log.database, [])


async def _processes(log: Log) -> list[dict[str, Any]]:
    return await log.database["processes"].find({}).to_list(None)


def test_a_view_that_is_not_bound_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Ledger().collection("accounts")


def test_a_database_that_does_not_answer_is_told_from_one_that_refuses() -> None:
    assert is_away(ServerSelectionTimeoutError("nobody"))
    assert is_away(AutoReconnect("gone"))
    assert not is_away(OperationFailure("no such operator", 9))
    assert not is_away(ValueError("other"))
