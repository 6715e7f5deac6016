"""The protocol graphql-transport-ws, message by message."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from libs.shared.domain import Forbidden
from services.gateway import websocket
from services.gateway.context import Context
from services.gateway.execution import Operation
from services.gateway.feed import PostPublished, ReplyPublished
from services.gateway.listeners import QUEUE_LENGTH
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.world import IDENTITY_KEY, World

PROTOCOL = Subprotocol(websocket.PROTOCOL)
ACTIVITY = """subscription { brandActivity(brandSlug: "acme") {
  __typename ... on Post { title author { displayName } } ... on Reply { number } } }"""


@asynccontextmanager
async def opened(gateway: World, subject: str | None = None, **payload: Any) -> AsyncGenerator[ClientConnection, None]:
    """A connection that has been acknowledged."""
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        if subject:
            payload["Authorization"] = gateway.headers(subject)["Authorization"]
        await send(socket, type="connection_init", payload=payload)
        assert await receive(socket) == {"type": "connection_ack"}
        yield socket


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))
    return message


async def subscribe(socket: ClientConnection, query: str = ACTIVITY, key: str = "1", **members: Any) -> None:
    await send(socket, type="subscribe", id=key, payload={"query": query, **members})


async def closed(socket: ClientConnection) -> int:
    """The code with which the server closes."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await asyncio.wait_for(socket.recv(), 10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is only looked at from outside
            await asyncio.sleep(0.005)


async def listening(gateway: World, subscribers: int = 1) -> None:
    await until(lambda: gateway.gateway.feed.subscribers == subscribers)


async def test_a_query_and_a_mutation_run_over_the_socket(gateway: World) -> None:
    async with opened(gateway, "alice") as socket:
        await subscribe(socket, "{ me { identity } }")
        answer = await receive(socket)
        assert (answer["type"], answer["id"]) == ("next", "1")
        assert answer["payload"]["data"] == {"me": {"identity": gateway.identity()}}
        assert answer["payload"]["extensions"]["cost"]["requested"] == 2
        assert await receive(socket) == {"type": "complete", "id": "1"}
        await subscribe(socket, 'mutation { castVote(input: {ideaId: "x"}) { errors { code } } }')
        answer = await receive(socket)
        assert answer["payload"]["data"]["castVote"]["errors"] == [{"code": "NOT_FOUND"}]


async def test_activity_arrives_with_its_objects_as_fresh_as_the_event(gateway: World) -> None:
    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        await listening(gateway)
        gateway.gateway.feed.offer([recorded(PostPublished(), brand="b2", sequence=10)])
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=11)])
        gateway.gateway.feed.offer([recorded(ReplyPublished(reply_id="t1r2"), sequence=12)])
        first, second = await receive(socket), await receive(socket)
        post = {"__typename": "Post", "title": "Title t1", "author": {"displayName": "Name of mt1"}}
        assert first == {"type": "next", "id": "1", "payload": {"data": {"brandActivity": post}}}
        assert second["payload"]["data"]["brandActivity"] == {"__typename": "Reply", "number": 2}
        asked = {name: asked["at_least"] for name, asked in gateway.bus.asked}
        assert asked["discussions.posts_get_many"] == {"DISCUSSIONS": 11}
        assert asked["discussions.replies_get_many"] == {"DISCUSSIONS": 12}
        await send(socket, type="complete", id="1")
        await listening(gateway, 0)
        await subscribe(socket)  # the id is free again
        await listening(gateway)
    await listening(gateway, 0)


async def test_a_subscription_keeps_nothing_of_its_events(gateway: World) -> None:
    principal = await gateway.gateway.principals.authenticate(gateway.headers()["Authorization"])
    context = Context(gateway.bus, IDENTITY_KEY, principal, feed=gateway.gateway.feed)
    results = gateway.gateway.engine.subscribe(Operation(ACTIVITY), context)
    following = asyncio.ensure_future(anext(results))
    await listening(gateway)
    sizes = []
    for number in range(50):
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=number + 1)])
        assert "errors" not in (await following).body
        sizes.append(len(context._scopes))
        following = asyncio.ensure_future(anext(results))
    assert sizes == [1] * 50
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await listening(gateway, 0)


async def test_the_token_may_come_with_the_http_request(gateway: World) -> None:
    headers = gateway.headers()
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL], additional_headers=headers) as socket:
        await send(socket, type="connection_init")
        await receive(socket)
        await subscribe(socket, "{ me { identity } }")
        assert (await receive(socket))["payload"]["data"]["me"]["identity"] == gateway.identity()


async def test_an_anonymous_client_may_not_subscribe(gateway: World) -> None:
    async with opened(gateway) as socket:
        await subscribe(socket)
        answer = await receive(socket)
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert answer["payload"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize("left", [True, False])
async def test_who_is_no_member_may_not_subscribe(gateway: World, left: bool) -> None:
    def refuse(_: dict[str, Any]) -> Any:
        if not left:
            raise Forbidden
        at = "2026-01-02T03:04:05Z"
        return [{"id": "m", "display_name": "Gone", "bio": "", "roles": [], "joined_at": at, "left_at": at}]

    gateway.bus.answers["members.members_get_many"] = refuse
    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        answer = await receive(socket)
        assert answer["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        assert gateway.gateway.feed.subscribers == 0


async def test_a_subscription_ends_when_the_member_may_read_no_more(gateway: World) -> None:
    def refuse(_: dict[str, Any]) -> Any:
        raise Forbidden

    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        await listening(gateway)
        gateway.bus.answers["discussions.posts_get_many"] = refuse
        gateway.gateway.feed.offer([recorded(PostPublished())])
        answer = await receive(socket)
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
        await listening(gateway, 0)


async def test_a_slow_subscriber_is_told_and_dropped(gateway: World) -> None:
    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        await listening(gateway)
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=n) for n in range(QUEUE_LENGTH + 50)])
        while (answer := await receive(socket))["type"] == "next":
            pass
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "SLOW_CONSUMER")
        assert gateway.gateway.feed.subscribers == 0


async def test_a_client_that_vanishes_leaves_nothing_behind(gateway: World) -> None:
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        await send(socket, type="connection_init", payload=gateway.headers())
        await receive(socket)
        for key in "123":
            await subscribe(socket, key=key)
        await listening(gateway, 3)
        socket.transport.abort()
    await listening(gateway, 0)


DOCUMENTS = {
    "a syntax error": ("{", "GRAPHQL_PARSE_FAILED"),
    "an unknown field": ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
    "too much": ("{ " + "__typename " * 2_000 + "}", "QUERY_TOO_COMPLEX"),
    "a missing variable": ("query($s: String!) { brand(slug: $s) { id } }", "BAD_USER_INPUT"),
    "a missing variable of a subscription": (
        "subscription($s: String!) { brandActivity(brandSlug: $s) { __typename } }",
        "BAD_USER_INPUT",
    ),
    "an unknown brand": ('subscription { brandActivity(brandSlug: "nope") { __typename } }', "NOT_FOUND"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_bad_document_ends_its_operation_and_no_other(gateway: World, name: str) -> None:
    query, code = DOCUMENTS[name]
    async with opened(gateway, "alice") as socket:
        await subscribe(socket, key="other")
        await listening(gateway)
        await subscribe(socket, query)
        answer = await receive(socket)
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert answer["payload"][0]["extensions"]["code"] == code
        gateway.gateway.feed.offer([recorded(PostPublished())])
        assert (await receive(socket))["id"] == "other"


CLOSING: dict[str, tuple[str | bytes, int]] = {
    "not JSON": ("{", 4400),
    "a list": ("[]", 4400),
    "a string": ('"x"', 4400),
    "a number": ("1", 4400),
    "null": ("null", 4400),
    "binary": (b"{}", 4400),
    "20,000 lists deep": ("[" * 20_000, 4400),
    "no type": ("{}", 4400),
    "an unknown type": ('{"type": "start"}', 4400),
    "a type that is an object": ('{"type": {}}', 4400),
    "a second introduction": ('{"type": "connection_init"}', 4429),
    "no id": ('{"type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    "an id that is an object": ('{"type": "subscribe", "id": {}, "payload": {"query": "{ __typename }"}}', 4400),
    "an id that is too long": (json.dumps({"type": "complete", "id": "x" * 300}), 4400),
    "no payload": ('{"type": "subscribe", "id": "1"}', 4400),
    "a payload that is null": ('{"type": "subscribe", "id": "1", "payload": null}', 4400),
    "a payload that is a list": ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
    "no query": ('{"type": "subscribe", "id": "1", "payload": {}}', 4400),
    "a query that is a number": ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
    "variables that are a list": (
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": []}}',
        4400,
    ),
}


@pytest.mark.parametrize("name", CLOSING)
async def test_what_is_no_message_closes_with_its_code(gateway: World, name: str) -> None:
    message, code = CLOSING[name]
    async with opened(gateway) as socket:
        await socket.send(message)
        assert await closed(socket) == code


async def test_an_id_that_is_in_use_closes(gateway: World) -> None:
    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        await subscribe(socket)
        assert await closed(socket) == 4409
    await listening(gateway, 0)


async def test_too_many_operations_are_refused_one_by_one(gateway: World) -> None:
    async with opened(gateway, "alice") as socket:
        for number in range(websocket.MAX_OPERATIONS + 1):
            await subscribe(socket, key=f"n{number}")
        answer = await receive(socket)
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "TOO_MANY_OPERATIONS")
        await send(socket, type="ping")
        assert await receive(socket) == {"type": "pong"}


async def test_ping_is_answered_and_unknown_ids_may_be_completed(gateway: World) -> None:
    async with opened(gateway) as socket:
        await send(socket, type="complete", id="nope")
        await send(socket, type="pong")
        await send(socket, type="ping", payload={"a": 1})
        assert await receive(socket) == {"type": "pong"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"Authorization": "Bearer e30.e30.e30"}, 4403),
        ({"Authorization": 7}, 4403),
        ({"authorization": ""}, 4403),
        ({"Archipel-Consistency-Token": "!"}, 4400),
        ([], 4400),
        ("x", 4400),
    ],
)
async def test_a_bad_introduction_closes(gateway: World, payload: object, code: int) -> None:
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        await send(socket, type="connection_init", payload=payload)
        assert await closed(socket) == code


async def test_nothing_runs_before_the_introduction(gateway: World) -> None:
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        await subscribe(socket, "{ __typename }")
        assert await closed(socket) == 4401


async def test_who_says_nothing_is_not_waited_for(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.1)
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        assert await closed(socket) == 4408


async def test_the_connection_ends_with_its_token(gateway: World) -> None:
    token = gateway.issuer.token("alice", exp=time.time() - 4)  # within the leeway for one second more
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        await receive(socket)
        await subscribe(socket)
        assert await closed(socket) == 4401
    await listening(gateway, 0)


@pytest.mark.parametrize("offered", [None, [Subprotocol("graphql-ws")]])
async def test_another_protocol_is_not_spoken(gateway: World, offered: list[Subprotocol] | None) -> None:
    async with connect(gateway.ws_url, subprotocols=offered) as socket:
        assert await closed(socket) == 4406


async def test_a_message_over_the_limit_closes(gateway: World) -> None:
    async with opened(gateway) as socket:
        await socket.send("x" * 300_000)
        assert await closed(socket) == 1009
