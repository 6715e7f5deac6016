"""What pages in browsers may do: origins, preflights, foreign sockets and streams; caching and compression."""

from collections.abc import AsyncGenerator
from typing import Any, Never

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from libs.shared.domain import NotFound, Unavailable
from libs.shared.testing.issuer import Issuer
from services.gateway.browsers import is_foreign
from services.gateway.execution import Engine
from services.gateway.origins import HOME_SECONDS, STRANGER_SECONDS, Origins
from services.gateway.tests.test_trusted import BRAND, key, registered
from services.gateway.tests.test_websocket import PROTOCOL
from services.gateway.tests.world import FakeBus, World, world

OURS, FOREIGN = "https://community.example", "https://elsewhere.example"
QUERY = {"query": "{ __typename }"}


@pytest.fixture
async def shared(issuer: Issuer) -> AsyncGenerator[World, None]:
    """A gateway that pages of one other origin may use, with one trusted document."""
    trusted = registered(BRAND)
    async with world(issuer, engine=Engine(trusted), trusted=trusted, origins=frozenset({OURS})) as started:
        yield started


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"origin": OURS}, False),
        ({"origin": f"{OURS}:8443"}, True),
        ({"origin": OURS.replace("https", "http")}, True),
        ({"origin": "https://x.community.example"}, True),
        ({"origin": "https://gateway.example", "host": "gateway.example"}, False),
        ({"origin": "https://gateway.example", "host": "GATEWAY.example"}, False),
        ({"origin": "https://gateway.example.evil.example", "host": "gateway.example"}, True),
        ({"origin": "null", "host": "gateway.example"}, True),
        ({"origin": "", "host": ""}, True),
        ({"origin": "http://[", "host": "gateway.example"}, True),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
    ],
)
def test_which_pages_are_foreign(headers: dict[str, str], foreign: bool) -> None:
    assert is_foreign(headers, frozenset({OURS})) is foreign


@pytest.mark.parametrize("origin", [FOREIGN, "null", None, OURS])
async def test_a_socket_is_not_opened_for_a_foreign_page(shared: World, origin: str | None) -> None:
    given = Origin(origin) if origin else None
    if origin in (None, OURS):
        async with connect(shared.ws_url, subprotocols=[PROTOCOL], origin=given):
            return
    with pytest.raises(InvalidStatus) as caught:
        await connect(shared.ws_url, subprotocols=[PROTOCOL], origin=given)
    assert caught.value.response.status_code == 403


async def test_a_page_of_a_named_origin_may_ask_and_read(shared: World) -> None:
    asked = {"Origin": OURS, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await shared.client.options("/graphql", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == OURS
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    answer = await shared.client.post("/graphql", json=QUERY, headers={"Origin": OURS})
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers
    shown = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(shown), "what tells a page how to go on"


@pytest.mark.parametrize("origin", [FOREIGN, "null", f"{OURS}.elsewhere.example"])
async def test_a_page_of_another_origin_may_not(shared: World, gateway: World, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for one in (shared, gateway):
        assert (await one.client.options("/graphql", headers=asked)).status_code in {400, 405}
        answer = await one.client.post("/graphql", json=QUERY, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


async def test_pages_at_the_home_of_a_brand_may_ask_and_read(gateway: World) -> None:
    gateway.bus.answers["members.brand_by_domain"] = lambda asked: (
        {"id": "b1"} if asked["domain"] == "home.example" else _missing()
    )
    home = "https://home.example"
    asked = {"Origin": home, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert (await gateway.client.options("/graphql", headers=asked)).headers["access-control-allow-origin"] == home
    answer = await gateway.client.post("/graphql", json=QUERY, headers={"Origin": home})
    assert answer.headers["access-control-allow-origin"] == home
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL], origin=Origin(home)):
        pass
    assert gateway.bus.names().count("members.brand_by_domain") == 1, "it is remembered"
    for other in ("http://home.example", f"{home}:8443", f"{home}.evil.example", "https://x.home.example"):
        answer = await gateway.client.post("/graphql", json=QUERY, headers={"Origin": other})
        assert "access-control-allow-origin" not in answer.headers


async def test_what_is_known_of_an_origin_is_asked_again() -> None:
    now, homes, bus = [0.0], {"home.example"}, FakeBus()
    bus.answers["members.brand_by_domain"] = lambda asked: {"id": "b1"} if asked["domain"] in homes else _missing()
    origins = Origins(frozenset({OURS}), bus, timer=lambda: now[0])
    for origin in (OURS, "https://home.example", "https://new.example", "null", "https://" + "a." * 200 + "example"):
        await origins.learn(origin)
    assert [origin in origins for origin in (OURS, "https://home.example", "https://new.example")] == [
        True,
        True,
        False,
    ]
    assert len(bus.asked) == 2
    homes ^= {"home.example", "new.example"}
    now[0] += STRANGER_SECONDS
    await origins.learn("https://new.example")
    assert "https://new.example" in origins
    now[0] += HOME_SECONDS
    await origins.learn("https://home.example")
    assert "https://home.example" not in origins
    bus.answers["members.brand_by_domain"] = lambda _: _away()
    await origins.learn("https://other.example")
    assert "https://other.example" not in origins
    bus.answers["members.brand_by_domain"] = lambda _: {"id": "b1"}
    await origins.learn("https://other.example")
    assert "https://other.example" in origins, "that nobody could say is not remembered"


def _missing() -> Never:
    raise NotFound("no such brand")


def _away() -> Never:
    raise Unavailable


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_can_send_without_a_preflight_does_nothing(gateway: World, kind: str) -> None:
    body = b'{"query": "mutation { castVote(input: {ideaId: \\"x\\"}) { errors { code } } }"}'
    headers = {"Origin": FOREIGN, **({"Content-Type": kind} if kind else {})}
    assert (await gateway.client.post("/graphql", content=body, headers=headers)).status_code == 415
    assert not gateway.bus.sent


async def cached(gateway: World, **headers: str) -> Any:
    parameters = {"documentId": f"sha256:{key(BRAND)}", "variables": '{"slug":"acme"}'}
    return await gateway.client.get("/graphql", params=parameters, headers=headers)


async def test_a_trusted_document_by_get_is_revalidated(shared: World) -> None:
    first = await cached(shared)
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "Accept"} <= {name.strip() for name in first.headers["vary"].split(",")}
    tag = first.headers["etag"]
    for known in (tag, f'"x", {tag}', "*"):
        again = await cached(shared, **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["x-content-type-options"] == "nosniff"
    shared.bus.answers["members.brand_by_slug"] = lambda _: {
        "id": "b1", "network_id": "n1", "slug": "acme", "name": "Renamed", "kind": "club", "locale": "fr",
        "created_at": "2026-01-02T03:04:05Z", "member_count": 3,
    }  # fmt: skip
    changed = await cached(shared, **{"If-None-Match": tag})
    assert (changed.status_code, changed.json()["data"]["brand"]["name"]) == (200, "Renamed")
    assert changed.headers["etag"] != tag


async def test_what_is_not_safe_to_keep_is_not_kept(shared: World) -> None:
    del shared.bus.answers["members.brand_by_slug"]
    shared.bus.answers["members.brand_by_slug"] = lambda _: 1 / 0
    answers = [
        await cached(shared),
        await shared.client.get("/graphql", params=QUERY),
        await shared.client.post("/graphql", json={"documentId": f"sha256:{key(BRAND)}", "variables": {"slug": "x"}}),
        await shared.client.get("/graphql", params={"documentId": "sha256:none"}),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


async def test_long_answers_are_compressed_for_who_asks(gateway: World) -> None:
    query = {"query": '{ brand(slug: "acme") { posts(first: 20) { nodes { id title body } } } }'}
    packed = await gateway.client.post("/graphql", json=query, headers={**gateway.headers(), "Accept-Encoding": "gzip"})
    plain = await gateway.client.post(
        "/graphql", json=query, headers={**gateway.headers(), "Accept-Encoding": "identity"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.json() == plain.json()
    short = await gateway.client.post("/graphql", json=QUERY, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers


async def test_a_head_has_the_headers_of_its_get(shared: World) -> None:
    head, get = await shared.client.head("/graphql", params=QUERY), await shared.client.get("/graphql", params=QUERY)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
