"""A gateway ends, as in every roll-out: npm's reference clients go on at another one by themselves."""

import asyncio

import pytest

from libs.shared.testing.issuer import Issuer
from tests.conformance.suites import nobody_listens, node, published


@pytest.mark.parametrize("protocol", ["websocket", "sse"])
async def test_subscriptions_go_on_at_another_gateway(issuer: Issuer, protocol: str) -> None:
    async with published(issuer) as first, published(issuer) as second:
        urls = [world.ws_url if protocol == "websocket" else f"{world.url}/graphql" for world in (first, second)]
        client = asyncio.create_task(node("roll_out.mjs", protocol, issuer.token("alice"), "acme", *urls))
        while not first.gateway.feed.subscribers and not client.done():  # noqa: ASYNC110 – another process subscribes
            await asyncio.sleep(0.01)
        await first.gateway.drain.end(10)
        await client
        await nobody_listens(second)
