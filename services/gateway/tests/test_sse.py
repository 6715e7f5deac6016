"""GraphQL over SSE, distinct connections mode, event by event."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.gateway import sse
from services.gateway.feed import PostPublished
from services.gateway.listeners import QUEUE_LENGTH
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.test_websocket import ACTIVITY, listening, until
from services.gateway.tests.world import World

STREAM = {"Accept": "text/event-stream"}
VOTE = 'mutation { castVote(input: {ideaId: "x"}) { errors { code } } }'


@asynccontextmanager
async def streamed(
    gateway: World, query: str = ACTIVITY, subject: str | None = "alice"
) -> AsyncGenerator[httpx.Response, None]:
    headers = {**STREAM, **gateway.headers(subject)}
    async with gateway.client.stream("POST", "/graphql", json={"query": query}, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        yield response


async def events(response: httpx.Response) -> AsyncGenerator[tuple[str, Any], None]:
    """Name and data of each event until the server ends the stream; a comment has the name `:`."""
    block: list[str] = []
    async for line in response.aiter_lines():
        if line:
            block.append(line)
            continue
        fields = dict(part.split(":", 1) for part in block)
        block = []
        if "" in fields:
            yield ":", None
        else:
            data = fields.get("data", "").strip()
            yield fields["event"].strip(), json.loads(data) if data else None


async def whole(gateway: World, query: str, subject: str | None = "alice") -> list[tuple[str, Any]]:
    async with asyncio.timeout(10), streamed(gateway, query, subject) as response:
        return [event async for event in events(response)]


async def test_a_query_and_a_mutation_are_one_event(gateway: World) -> None:
    (name, answer), end = await whole(gateway, "{ me { identity } }")
    assert (name, answer["data"]) == ("next", {"me": {"identity": gateway.identity()}})
    assert end == ("complete", None)
    (_, answer), _ = await whole(gateway, VOTE)
    assert answer["data"]["castVote"]["errors"] == [{"code": "NOT_FOUND"}]


async def test_a_query_may_come_by_get_and_a_mutation_may_not(gateway: World) -> None:
    response = await gateway.client.get("/graphql", params={"query": "{ __typename }"}, headers=STREAM)
    assert response.text.startswith('event: next\ndata: {"data":{"__typename":"Query"}')
    response = await gateway.client.get("/graphql", params={"query": VOTE}, headers=STREAM)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_a_subscription_is_told_what_happens(gateway: World) -> None:
    async with asyncio.timeout(10), streamed(gateway) as response:
        heard = events(response)
        await listening(gateway)
        for number in (11, 12):
            gateway.gateway.feed.offer([recorded(PostPublished(), sequence=number)])
            name, answer = await anext(heard)
            post = {"__typename": "Post", "title": "Title t1", "author": {"displayName": "Name of mt1"}}
            assert (name, answer) == ("next", {"data": {"brandActivity": post}})
    await listening(gateway, 0)


async def test_a_client_that_goes_away_ends_its_operation(gateway: World) -> None:
    async with streamed(gateway):
        await listening(gateway)
    await listening(gateway, 0)


async def test_who_may_read_no_more_is_told_so(gateway: World) -> None:
    async with asyncio.timeout(10), streamed(gateway) as response:
        await listening(gateway)
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=n) for n in range(QUEUE_LENGTH + 50)])
        *_, last, end = [event async for event in events(response)]
    assert last[1]["errors"][0]["extensions"]["code"] == "SLOW_CONSUMER"
    assert end == ("complete", None)


async def test_a_stream_ends_with_its_token_and_says_so(gateway: World) -> None:
    token = gateway.issuer.token("alice", exp=time.time() - 4)  # within the leeway for one second more
    headers = {**STREAM, "Authorization": f"Bearer {token}"}
    async with gateway.client.stream("POST", "/graphql", json={"query": ACTIVITY}, headers=headers) as response:
        (name, answer), end = [event async for event in events(response)]
    assert (name, answer["errors"][0]["extensions"]) == ("next", {"code": "UNAUTHENTICATED"})
    assert end == ("complete", None)
    await listening(gateway, 0)


async def test_a_stream_ends_when_its_sender_signs_out(gateway: World) -> None:
    async with asyncio.timeout(10), streamed(gateway) as response:
        await listening(gateway)
        gateway.revocations.note(gateway.identity("alice"), time.time() + 60)
        (name, answer), end = [event async for event in events(response)]
    assert (name, answer["errors"][0]["extensions"]) == ("next", {"code": "UNAUTHENTICATED"})
    assert end == ("complete", None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + "__typename " * 2_000 + "}", "QUERY_TOO_COMPLEX"),
        ("query($s: String!) { brand(slug: $s) { id } }", "BAD_USER_INPUT"),
        ("subscription($s: String!) { brandActivity(brandSlug: $s) { __typename } }", "BAD_USER_INPUT"),
        ('subscription { brandActivity(brandSlug: "nope") { __typename } }', "NOT_FOUND"),
    ],
)
async def test_what_cannot_run_is_told_within_the_stream(gateway: World, query: str, code: str) -> None:
    (name, answer), end = await whole(gateway, query)
    assert (name, end) == ("next", ("complete", None))
    assert "data" not in answer or answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == code


async def test_an_anonymous_client_may_not_subscribe(gateway: World) -> None:
    (_, answer), _ = await whole(gateway, ACTIVITY, subject=None)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"query": 1}', {}, 400),
        (b'{"query": "{ __typename }"}', {"Content-Type": "text/plain"}, 415),
        (b'{"query": "{ __typename }"}', {"Authorization": "Bearer e30.e30.e30"}, 401),
        (b'{"query": "{ __typename }"}', {"Archipel-Consistency-Token": "!"}, 400),
        (b'{"query": "{ __typename }"}', {"Origin": "https://elsewhere.example"}, 403),
        (b'{"query": "{ __typename }"}', {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_what_is_no_request_is_refused_by_its_status(
    gateway: World, content: bytes, headers: dict[str, str], status: int
) -> None:
    headers = {"Content-Type": "application/json", **STREAM, **headers}
    response = await gateway.client.post("/graphql", content=content, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")


async def test_an_idle_stream_shows_that_it_lives(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    async with asyncio.timeout(10), streamed(gateway) as response:
        heard = events(response)
        assert [await anext(heard), await anext(heard)] == [(":", None), (":", None)]


async def test_a_client_that_does_not_read_is_not_waited_for(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.2)
    gateway.bus.answers["discussions.posts_get_many"] = _long_posts
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]), limit=1)
    body = json.dumps({"query": ACTIVITY}).encode()
    head = [
        "POST /graphql HTTP/1.1", "Host: x", "Content-Type: application/json", "Accept: text/event-stream",
        f"Authorization: {gateway.headers()['Authorization']}", f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(head).encode() + body)
    await listening(gateway)

    def flooded() -> bool:
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=1)])
        return gateway.gateway.feed.subscribers == 0

    await until(flooded)
    writer.close()
    assert reader is not None


def _long_posts(asked: dict[str, Any]) -> list[dict[str, Any]]:
    at = "2026-01-02T03:04:05Z"
    row = {
        "space_id": "s1", "author_id": "m1", "title": "x" * 500_000, "body": "", "published_at": at, "locked": False,
        "reply_count": 0, "last_activity_at": at,
    }  # fmt: skip
    return [{"id": key, **row} for key in asked["ids"]]
