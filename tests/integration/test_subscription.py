"""Activity over WebSocket through the whole platform: from the stream to the members of the brand, nobody else."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from libs.shared.testing.platform import Platform
from tests.integration.community import Community, accepted, found, furnish

ACTIVITY = """subscription($slug: String!) { brandActivity(brandSlug: $slug) {
  __typename ... on Post { id title author { displayName } } ... on Reply { id number post { replyCount } } } }"""


@asynccontextmanager
async def subscribed(platform: Platform, subject: str, slug: str) -> AsyncGenerator[ClientConnection, None]:
    async with connect(platform.websocket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        payload: dict[str, Any] = {"Authorization": f"Bearer {platform.token(subject)}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        payload = {"query": ACTIVITY, "variables": {"slug": slug}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield socket


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message = json.loads(await asyncio.wait_for(socket.recv(), 20))
    assert message["type"] == "next", message
    found: dict[str, Any] = message["payload"]["data"]["brandActivity"]
    return found


async def first_heard(platform: Platform, made: Community, socket: ClientConnection) -> None:
    """Return when the subscription is known to be listening: posts are published until one is heard."""
    listening = asyncio.create_task(heard(socket))
    while not listening.done():
        await publish(platform, made, "Are you there?")
        await asyncio.wait([listening], timeout=1)
    assert (await listening)["title"] in {"Are you there?", "Now"}  # the latter was for one who listened before
    # What else was published meanwhile is heard in its order, before anything that comes after.
    await publish(platform, made, "Now")
    while (await heard(socket))["title"] != "Now":
        pass


async def publish(platform: Platform, made: Community, title: str) -> str:
    post = await accepted(platform, made.owner, "publishPost", spaceId=made.ids["Space"], title=title, body="Body")
    key: str = post["post"]["id"]
    return key


async def test_members_hear_of_what_is_written_as_soon_as_it_is(platform: Platform) -> None:
    made, other = await found(platform), await found(platform)
    for community in (made, other):
        await furnish(platform, community)
    async with subscribed(platform, made.member, made.slug) as socket:
        await first_heard(platform, made, socket)
        await publish(platform, other, "Elsewhere")
        post = await publish(platform, made, "Here")
        assert await heard(socket) == {
            "__typename": "Post", "id": post, "title": "Here", "author": {"displayName": "Olga"}
        }  # fmt: skip
        reply = await accepted(platform, made.member, "publishReply", postId=post, body="Yes")
        assert await heard(socket) == {
            "__typename": "Reply", "id": reply["reply"]["id"], "number": 1, "post": {"replyCount": 1}
        }  # fmt: skip


async def test_strangers_hear_nothing(platform: Platform) -> None:
    made, other = await found(platform), await found(platform)
    async with subscribed(platform, other.owner, made.slug) as socket:
        answer = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


async def test_who_leaves_hears_no_more(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    async with subscribed(platform, made.member, made.slug) as socket:
        await first_heard(platform, made, socket)
        await accepted(platform, made.member, "leaveBrand", brandId=made.ids["Brand"])
        for number in range(50):
            await publish(platform, made, f"Secret {number}")
            message = json.loads(await asyncio.wait_for(socket.recv(), 20))
            if message["type"] == "error":
                break
        assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        # Another service learns from the stream that somebody left; it must not take long.
        assert number < 3


async def test_a_gateway_that_ends_takes_its_clients_leave(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    gateway = platform.services["gateway"]
    try:
        async with subscribed(platform, made.member, made.slug) as socket:
            await first_heard(platform, made, socket)
            assert await asyncio.to_thread(gateway.end, signal.SIGTERM) == 0
            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 1001
    finally:
        await asyncio.to_thread(gateway.end)
        gateway.start()
        await asyncio.to_thread(gateway.wait_ready)
