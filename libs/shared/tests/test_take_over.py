"""A projector that was killed in the middle of a commit does not hold up the next one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from libs.shared.domain import Unavailable
from libs.shared.generations import Generations
from libs.shared.mongo import Database, abort_transaction_of, is_away, is_transient, session_id, transaction
from libs.shared.tests.ledger import Deposited, Ledger, Log, open_log


@pytest.fixture
async def log(nats_url: str, mongo_url: str) -> AsyncIterator[Log]:
    async with open_log(nats_url, mongo_url) as opened:
        yield opened


async def test_the_transaction_that_a_dead_process_left_open_is_aborted(log: Log) -> None:
    end = await log.write_all([("a1", Deposited(amount=1)), ("a1", Deposited(amount=2))])
    generations = Generations(log.database)
    opened = await generations.open(Ledger())
    session = await log.client.start_session()
    await generations.claim(opened.generation, session, owner="session")
    # What kill -9 leaves behind: the checkpoint is written, and nobody commits or aborts.
    session.start_transaction()
    assert await generations.advance(opened.generation, session, previous=0, sequence=1, owner="dead")
    view = Ledger()
    async with log.running(view) as (_, positions):
        await positions.wait(view, {view.stream: end}, 20)  # the server itself would keep it for 60 s
    with pytest.raises(PyMongoError) as refused:
        await session.commit_transaction()
    assert is_transient(refused.value)


async def test_a_writer_that_was_passed_over_and_died_is_found_too(log: Log) -> None:
    generations = Generations(log.database)
    generation = (await generations.open(Ledger())).generation
    sessions = [await log.client.start_session() for _ in range(3)]
    first, second, third = sessions
    await generations.claim(generation, first, owner="first")
    await generations.claim(generation, second, owner="second")
    # The first lives on, is quicker with its next try, and is killed within it.
    first.start_transaction()
    assert await generations.advance(generation, first, previous=0, sequence=1, owner="dead")
    async with asyncio.timeout(5):
        await generations.claim(generation, third, owner="third")
        async with transaction(log.database, third):
            assert await generations.advance(generation, third, previous=0, sequence=1, owner="third")


async def test_a_claim_is_repeated_when_somebody_begins_in_the_middle_of_it(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = Generations(log.database)
    generation = (await generations.open(Ledger())).generation
    async with await log.client.start_session() as quick, await log.client.start_session() as claiming:
        await generations.claim(generation, quick, owner="quick")
        aborted = []

        async def abort_and_begin(database: Database, session: str) -> None:
            await abort_transaction_of(database, session)
            aborted.append(session)
            if len(aborted) == 1:
                quick.start_transaction()
                assert await generations.advance(generation, quick, previous=0, sequence=1, owner="quick")

        monkeypatch.setattr("libs.shared.generations.abort_transaction_of", abort_and_begin)
        async with asyncio.timeout(5):
            await generations.claim(generation, claiming, owner="claiming")
        assert aborted == [session_id(quick)] * 2
        with pytest.raises(PyMongoError):
            await quick.commit_transaction()


async def test_a_predecessor_that_lives_loses_one_try_and_can_go_on(log: Log) -> None:
    generations = Generations(log.database)
    generation = (await generations.open(Ledger())).generation
    async with await log.client.start_session() as first, await log.client.start_session() as second:
        await generations.claim(generation, first, owner="first")
        await generations.claim(generation, first, owner="first")  # to claim again what is one's own aborts nothing
        with pytest.raises(PyMongoError) as refused:
            async with transaction(log.database, first):
                assert await generations.advance(generation, first, previous=0, sequence=1, owner="first")
                await generations.claim(generation, second, owner="second")
        assert is_transient(refused.value)
        async with transaction(log.database, first):
            assert await generations.advance(generation, first, previous=0, sequence=1, owner="first")
        assert await generations.checkpoint(generation) == (1, "first")


async def test_to_abort_what_is_not_open_does_nothing(log: Log) -> None:
    async with await log.client.start_session() as session:
        await abort_transaction_of(log.database, session_id(session))
        await abort_transaction_of(log.database, "00" * 16)


def test_a_view_that_is_not_bound_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Ledger().collection("accounts")


def test_a_database_that_does_not_answer_is_told_from_one_that_refuses() -> None:
    assert is_away(ServerSelectionTimeoutError("nobody"))
    assert is_away(AutoReconnect("gone"))
    assert not is_away(OperationFailure("no such operator", 9))
    assert not is_away(ValueError("other"))
