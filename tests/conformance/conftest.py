"""The gateway on a real socket, for suites that look at it as any client would."""

from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest

from libs.shared.testing.issuer import Issuer
from services.gateway.tests.world import World, world
from tests.conformance.suites import published


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
    async with published(issuer) as gateway:
        yield gateway
