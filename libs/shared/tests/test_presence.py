"""Who is there answers; who is not, or does not answer, counts as gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import nats
import pytest
from nats.aio.client import Client as Nats

from libs.shared.presence import is_present, present


@pytest.fixture
async def connections(nats_url: str) -> AsyncIterator[tuple[Nats, Nats]]:
    first, second = await nats.connect(nats_url), await nats.connect(nats_url)
    yield first, second
    await first.close()
    await second.close()


async def test_one_is_there_for_as_long_as_the_context_lasts(connections: tuple[Nats, Nats]) -> None:
    one, other = connections
    async with present(one, "a"):
        assert await is_present(one, "a")
        assert await is_present(other, "a")
        assert not await is_present(other, "b")
    assert not await is_present(one, "a")
    assert not await is_present(other, "a")


async def test_of_a_lost_connection_the_server_tells_at_once(
    connections: tuple[Nats, Nats], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.shared.presence._ANSWER_SECONDS", 60.0)  # not because nobody answered in time
    one, other = connections
    async with present(one, "a"):
        await one.close()
        async with asyncio.timeout(30):
            while True:
                with suppress(TimeoutError):  # the server has not noticed yet
                    assert not await asyncio.wait_for(is_present(other, "a"), 0.5)
                    break


async def test_who_does_not_answer_counts_as_gone(
    connections: tuple[Nats, Nats], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = connections
    monkeypatch.setattr("libs.shared.presence._ANSWER_SECONDS", 0.2)
    await one.subscribe("present.a")
    assert not await is_present(one, "a")


async def test_nobody_is_there_without_a_connection(connections: tuple[Nats, Nats]) -> None:
    one, _ = connections
    await one.close()
    assert not await is_present(one, "a")
