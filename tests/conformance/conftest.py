"""The gateway on a real socket, for suites that look at it as any client would."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress

import httpx
import pytest

from libs.shared.testing.issuer import Issuer
from services.gateway.feed import PostPublished
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.world import World, world

_EVERY_SECONDS = 0.02


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with Issuer("ES256") as started:
        yield started


@pytest.fixture
async def client(issuer: Issuer) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with world(issuer) as gateway:
        yield gateway.client


@pytest.fixture
async def publishing(issuer: Issuer) -> AsyncGenerator[World, None]:
    """A gateway on whose brand `acme` posts are published all the time."""
    async with world(issuer) as gateway:
        task = asyncio.create_task(_publish(gateway))
        yield gateway
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _publish(gateway: World) -> None:
    sequence = 0
    while True:
        sequence += 1
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=sequence)])
        await asyncio.sleep(_EVERY_SECONDS)
