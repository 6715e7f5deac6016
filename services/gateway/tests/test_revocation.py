"""Ended sessions: what is refused, by every process, whatever became of NATS in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.shared import signed_out
from libs.shared.connection import Connection
from libs.shared.domain import Unavailable
from libs.shared.testing.servers import NatsServer
from libs.shared.testing.tasks import end
from services.gateway.revocation import Revocations, follow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = NOON.timestamp()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as started:
        yield started


@asynccontextmanager
async def following(server: NatsServer, revocations: Revocations) -> AsyncIterator[Connection]:
    """A gateway as far as sessions go."""
    nats = Connection("test")
    await nats.open(server.url)
    task = asyncio.create_task(follow(nats, revocations))
    try:
        yield nats
    finally:
        await end(task)
        await nats.close()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def clock() -> float:
    return AT + 60


def test_tokens_from_before_are_refused_and_later_ones_not() -> None:
    revocations = Revocations(clock)
    revocations.note("ada", AT)
    assert revocations.refuses("ada", AT - 0.001)
    assert not revocations.refuses("ada", AT)
    assert not revocations.refuses("bob", AT - 1)
    revocations.note("ada", AT - 100)
    assert revocations.refuses("ada", AT - 50), "an older entry takes nothing back"


def test_what_concerns_no_token_any_more_is_forgotten() -> None:
    now = [AT]
    revocations = Revocations(lambda: now[0])
    revocations.note("ada", AT)
    now[0] += signed_out.LONGEST_TOKEN_SECONDS
    revocations.forget()
    assert revocations.refuses("ada", AT - 1)
    now[0] += 2 * 3600
    revocations.forget()
    assert not revocations.refuses("ada", AT - 1)


async def test_who_waits_is_told_and_nobody_else_is() -> None:
    revocations = Revocations(clock)
    ada, later, bob = (
        asyncio.create_task(revocations.refused(identity, issued_at))
        for identity, issued_at in (("ada", AT - 1), ("ada", AT + 1), ("bob", AT - 1))
    )
    await asyncio.sleep(0)
    revocations.note("ada", AT)
    await asyncio.wait_for(ada, 10)
    assert not later.done() and not bob.done()
    revocations.note("ada", AT + 2)
    await asyncio.wait_for(later, 10)
    await end(bob)
    await asyncio.wait_for(revocations.refused("ada", AT), 10)


async def test_every_process_hears_of_it_and_a_new_one_knows_it_before_it_is_ready(server: NatsServer) -> None:
    first, second, third = Revocations(clock), Revocations(clock), Revocations(clock)
    assert not first.known
    async with following(server, first) as nats, following(server, second):
        await until(lambda: first.known and second.known)
        for identity in ("ada", "bob", "ada"):
            await signed_out.put(nats, identity, NOON)
        for revocations in (first, second):
            await until(lambda each=revocations: each.refuses("ada", AT - 1) and each.refuses("bob", AT - 1))  # type: ignore[misc]
    async with following(server, third):
        await until(lambda: third.known)
        assert third.refuses("ada", AT - 1) and third.refuses("bob", AT - 1)


async def test_what_is_known_outlives_nats_and_what_comes_later_is_heard(server: NatsServer) -> None:
    revocations = Revocations(clock)
    async with following(server, revocations) as nats:
        await until(lambda: revocations.known)
        await signed_out.put(nats, "ada", NOON)
        await until(lambda: revocations.refuses("ada", AT - 1))
        server.kill()
        with pytest.raises(Unavailable):
            await signed_out.put(nats, "bob", NOON)
        assert revocations.known and revocations.refuses("ada", AT - 1)
        server.start()
        await until(lambda: nats.is_connected)
        await signed_out.put(nats, "eve", NOON)
        await until(lambda: revocations.refuses("eve", AT - 1))


async def test_what_is_not_understood_harms_nothing(server: NatsServer) -> None:
    revocations = Revocations(clock)
    async with following(server, revocations) as nats:
        await until(lambda: revocations.known)
        for entry in (b"soon", b"", b"nan", b"inf", b"-1"):
            await nats.jetstream().publish("$KV.SIGNED_OUT.mallory", entry)
        await signed_out.put(nats, "ada", NOON)
        await until(lambda: revocations.refuses("ada", AT - 1))
