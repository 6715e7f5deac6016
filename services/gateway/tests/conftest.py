from collections.abc import AsyncGenerator, Iterator

import pytest

from libs.shared.testing.issuer import Issuer
from services.gateway.tests.world import World, world


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with Issuer("ES256", "RS256", "EdDSA") as started:
        yield started


@pytest.fixture
async def gateway(issuer: Issuer) -> AsyncGenerator[World, None]:
    async with world(issuer) as started:
        yield started
