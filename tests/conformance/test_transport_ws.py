"""graphql-transport-ws: the reference client of npm and frames that it would never send, against the real gateway."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from libs.shared.testing.issuer import Issuer
from services.gateway.feed import PostPublished
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.world import World, world
from tests.conformance.suites import check_all_ok, outcomes, package_version
from tests.reports import check_report, table

_EVERY_SECONDS = 0.02


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


async def test_the_reference_client_and_hostile_frames(publishing: World, write_reports: bool) -> None:
    token = publishing.issuer.token("alice")
    results = await outcomes("transport_ws.mjs", publishing.ws_url, token, "acme")
    check_all_ok(results)
    assert len({result.name for result in results}) == len(results) > 40
    async with asyncio.timeout(20):
        while publishing.gateway.feed.subscribers:  # noqa: ASYNC110 – whoever has gone is no longer listened for
            await asyncio.sleep(0.01)
    rows = [(one.section, one.name, one.status) for one in results]
    text = f"""# GraphQL over WebSocket (graphql-transport-ws)

What npm's graphql-ws {package_version("graphql-ws")} and frames that it would never send met at the gateway, written
by `make conformance ARGS=--write-reports`: {len(results)} of {len(results)}. While one connection is misused, another
one has a subscription that must go on.

{table(["Message", "What was seen", "Result"], rows)}
"""
    check_report("docs/conformance/graphql-transport-ws.md", text, write=write_reports)
