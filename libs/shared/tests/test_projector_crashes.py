"""kill -9 of the database and of the log under load: each event counts exactly once all the same."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.shared.domain import Event
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.tests.ledger import Deposited, Ledger, Log, Voted, expected, held, open_log, until

EVENTS = 3_000


@pytest.fixture
def servers(tmp_path: Path) -> tuple[NatsServer, MongoServer]:
    return NatsServer(tmp_path / "nats"), MongoServer(tmp_path / "mongo")


@pytest.fixture
async def log(servers: tuple[NatsServer, MongoServer]) -> AsyncIterator[Log]:
    with servers[0] as bus, servers[1] as database:
        async with open_log(bus.url, database.url) as opened:
            yield opened


def make_events() -> list[tuple[str, Event]]:
    chance = random.Random(7)
    events: list[tuple[str, Event]] = []
    for number in range(EVENTS):
        if number % 2:
            events.append((f"a{chance.randrange(50)}", Deposited(amount=chance.randrange(100))))
        else:
            vote = Voted(member=f"m{chance.randrange(100)}", stands=chance.random() < 0.7)
            events.append((f"i{chance.randrange(20)}", vote))
    return events


async def test_the_database_dies(log: Log, servers: tuple[NatsServer, MongoServer]) -> None:
    events, view = make_events(), Ledger()
    async with log.running(view, batch=40) as (projector, positions):
        writing = asyncio.create_task(log.write_all(events))
        for kill_at in (200, 900, 1_800):
            await until(lambda at=kill_at: positions.reached(view) >= at, 30)  # type: ignore[misc]
            await asyncio.to_thread(servers[1].kill)
            await asyncio.to_thread(servers[1].start)
        end = await writing
        assert end == EVENTS
        await positions.wait(view, {"LEDGER": end}, 60)
        assert projector.failure is None
        assert await held(view) == expected(events)


async def test_the_log_dies(log: Log, servers: tuple[NatsServer, MongoServer]) -> None:
    events, view = make_events(), Ledger()
    async with log.running(view, batch=40) as (projector, positions):
        writing = asyncio.create_task(log.write_all(events, at_once=16))
        for kill_at in (300, 1_500):
            await until(lambda at=kill_at: positions.reached(view) >= at, 30)  # type: ignore[misc]
            await asyncio.to_thread(servers[0].kill)
            await asyncio.to_thread(servers[0].start)
        end = await writing
        await positions.wait(view, {"LEDGER": end}, 60)
        assert projector.failure is None
        assert end == EVENTS
        assert await held(view) == expected(events)


async def test_the_process_is_stopped_again_and_again(log: Log) -> None:
    events, chance = make_events()[:1_200], random.Random(3)
    end = await log.write_all(events)
    for _ in range(12):
        async with log.running(Ledger(), batch=25) as (projector, _positions):
            await asyncio.sleep(chance.random() * 0.4)
            log.processes[projector].cancel()
    view = Ledger()
    async with log.running(view, batch=25) as (_, positions):
        await positions.wait(view, {"LEDGER": end}, 60)
        assert await held(view) == expected(events)
