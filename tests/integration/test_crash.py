"""kill -9 of every process, at random points, with thousands of commands in flight: nothing lost, nothing twice.

`ARCHIPEL_SEED` repeats a run's choices, `ARCHIPEL_CRASH_ROUNDS` runs every case that often, and
`ARCHIPEL_CRASH_COMMANDS` says how many commands are in flight.
"""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest

from libs.shared.testing.platform import Platform, Service
from libs.shared.testing.servers import MongoServer, NatsServer
from services import members
from services.members.member import GrantRole
from tests.integration.crash_checks import OWNERS, Log, Views
from tests.integration.crash_clients import SEATS, Clients, Community, storm
from tests.integration.crash_members import PARTS, of_a_part

SEED = int(os.environ.get("ARCHIPEL_SEED") or random.SystemRandom().randrange(1 << 32))
ROUNDS = int(os.environ.get("ARCHIPEL_CRASH_ROUNDS", "1"))
COMMANDS = int(os.environ.get("ARCHIPEL_CRASH_COMMANDS", "2000"))
MEMBERS = 40

Strike = Callable[[], Awaitable[None]]


@dataclass
class Battlefield:
    """A platform of its own, since its servers are killed, and what watches over it."""

    nats: NatsServer
    mongo: MongoServer
    shadow: MongoServer
    platform: Platform


@dataclass
class Witnesses:
    """What compares the log and the views with what clients were told."""

    log: Log
    views: Views


@pytest.fixture(scope="module")
def battlefield(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Battlefield]:
    folder = tmp_path_factory.mktemp("crash")
    with (
        NatsServer(folder / "nats") as nats_server,
        MongoServer(folder / "mongo") as mongo,
        MongoServer(folder / "shadow") as shadow,
        Platform(folder, nats_server.url, mongo.url) as platform,
    ):
        yield Battlefield(nats_server, mongo, shadow, platform)


@pytest.fixture(scope="module")
async def witnesses(battlefield: Battlefield) -> AsyncIterator[Witnesses]:
    connection = await nats.connect(battlefield.nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    views = Views(connection, battlefield.nats.url, battlefield.mongo.url, battlefield.shadow.url)
    yield Witnesses(Log(connection), views)
    views.close()
    await connection.close()


@pytest.fixture(params=range(ROUNDS), ids=lambda number: f"round{number}")
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Give the choices of this test: by the seed, the test and the round."""
    seed = f"{SEED}:{request.node.name}"
    print(f"ARCHIPEL_SEED={SEED}")  # noqa: T201 – pytest shows it when the test fails
    request.node.user_properties.append(("seed", str(SEED)))
    return random.Random(seed)


async def fight(
    battlefield: Battlefield,
    witnesses: Witnesses,
    dice: random.Random,
    strike: Strike,
    *,
    strikes: int,
) -> None:
    """Send a storm, strike at random points of it, and check everything when all clients have their answers."""
    async with _clients(battlefield.platform, dice) as (clients, http):
        community = await clients.found(MEMBERS)
        before = len(clients.answered)
        sending = [asyncio.create_task(work) for work in storm(clients, community, COMMANDS, http)]
        for share in sorted(dice.uniform(0.02, 0.7) for _ in range(strikes)):
            while len(clients.answered) < before + share * COMMANDS and not all(task.done() for task in sending):
                await asyncio.wait(sending, timeout=0.005)
            await strike()
        await asyncio.gather(*sending)
        for service in battlefield.platform.services.values():
            await asyncio.to_thread(service.wait_ready)
        assert clients.unresolved == []
        assert len(clients.answered) >= before + COMMANDS
        await _check(clients, community, witnesses)


async def _check(clients: Clients, community: Community, witnesses: Witnesses) -> None:
    await witnesses.log.read_on()
    assert witnesses.log.problems(clients.answered) == []
    assert await witnesses.views.differences() == []
    await _check_seats(clients, community)


async def _check_seats(clients: Clients, community: Community) -> None:
    """Whoever left made room for one who waited: as many go as there are seats, or wishes."""
    query = {"brand": community.brand, "viewer": community.members[0], "ids": [community.event]}
    [event] = await clients.bus.query("events", "events_get_many", query, list[dict[str, Any]])
    wishes = sum(one.event == "rsvp_" for one in clients.answered)
    wishes -= sum(one.event == "rsvp_cancelled" for one in clients.answered)
    assert event["going_in_person"] == min(SEATS, wishes)
    assert event["waitlisted_in_person"] == max(0, wishes - SEATS)


@asynccontextmanager
async def _clients(platform: Platform, dice: random.Random) -> AsyncIterator[tuple[Clients, httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(platform.bus())
        limits = httpx.Limits(max_connections=32)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=30, limits=limits))
        yield Clients(platform, bus, dice), http


def _kill_server(server: NatsServer | MongoServer, dice: random.Random) -> Strike:
    async def strike() -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(dice.uniform(0, 0.3))  # how long it is gone
        await asyncio.to_thread(server.start)

    return strike


def _kill_services(services: Sequence[Service], dice: random.Random) -> Strike:
    """Kills them in turn, in random order, from the first again after the last."""
    order = itertools.cycle(dice.sample(services, len(services)))

    async def strike() -> None:
        service = next(order)
        await asyncio.to_thread(service.end, signal.SIGKILL)
        await asyncio.sleep(dice.uniform(0, 0.3))
        service.start()  # as a supervisor does, without waiting for it

    return strike


def test_every_part_of_the_members_service_is_in_the_storm() -> None:
    commands = [of_a_part(number, "b", "m", "t").command for number in range(len(PARTS))]
    sent = {command.__module__.split(".")[2] for command in commands}
    parts = {path.parent.name for path in Path(members.__file__).parent.glob("*/README.md")}
    assert parts - sent == {"standing"}, "that one has its say on each role that is granted"
    assert GrantRole in commands


@pytest.mark.timeout(600)
async def test_nats_is_killed(battlefield: Battlefield, witnesses: Witnesses, dice: random.Random) -> None:
    await fight(battlefield, witnesses, dice, _kill_server(battlefield.nats, dice), strikes=3)


@pytest.mark.timeout(600)
async def test_mongodb_is_killed(battlefield: Battlefield, witnesses: Witnesses, dice: random.Random) -> None:
    await fight(battlefield, witnesses, dice, _kill_server(battlefield.mongo, dice), strikes=2)


@pytest.mark.timeout(600)
async def test_each_service_is_killed_in_turn(
    battlefield: Battlefield, witnesses: Witnesses, dice: random.Random
) -> None:
    services = list(battlefield.platform.services.values())
    await fight(battlefield, witnesses, dice, _kill_services(services, dice), strikes=len(services))


@pytest.mark.timeout(600)
async def test_two_copies_of_every_service_one_of_which_is_killed(
    battlefield: Battlefield, witnesses: Witnesses, dice: random.Random
) -> None:
    copies = [battlefield.platform.copy(name) for name in OWNERS]
    try:
        for copy in copies:
            copy.start()
        for copy in copies:
            await asyncio.to_thread(copy.wait_ready)
        await fight(battlefield, witnesses, dice, _kill_services(copies, dice), strikes=2)
    finally:
        for copy in copies:
            copy.end()
