"""Who may come in over HTTP and WebSocket, and that all who may not are told the same."""

import time
from typing import Any

import pytest
from websockets.asyncio.client import connect

from libs.shared.domain import NotFound, Unavailable
from libs.shared.ids import member_id
from services.gateway import principals
from services.gateway.api_keys import new_key
from services.gateway.tests.test_security import forgeries
from services.gateway.tests.test_websocket import PROTOCOL, closed, opened, send
from services.gateway.tests.world import BRAND, IDENTITY_KEY, World

ME = {"query": "{ me { identity } }"}
OWNER = {"brand": BRAND, "account_id": "sa_1", "expires_at": "2100-01-01T00:00:00Z"}


async def answer(gateway: World, credentials: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers, without those that differ from one answer to the next."""
    headers = {b"Authorization": b"Bearer " + credentials.encode("utf-8", "surrogateescape")}
    found = await gateway.client.post("/graphql", json=ME, headers=headers)
    return found.status_code, found.content, {key: text for key, text in found.headers.items() if key != "date"}


def key_of(gateway: World, owner: dict[str, Any] | None = None) -> str:
    """A key that the members service knows."""
    gateway.bus.answers["members.owner_of_api_key"] = lambda _: owner or OWNER
    return new_key("0" * 32).text


async def test_whatever_is_wrong_the_answer_is_the_same(gateway: World) -> None:
    def nobody(_: dict[str, Any]) -> Any:
        raise NotFound("no")

    gateway.bus.answers["members.owner_of_api_key"] = nobody
    bad = {**forgeries(gateway.issuer), "unknown key": new_key("0" * 32).text, "mistyped key": "ak_1_2"}
    gateway.revocations.note(gateway.identity("carol"), time.time() + 60)
    bad["signed out"] = gateway.issuer.token("carol")
    for name in ("empty", "spaces"):  # httpx itself would not send these
        bad.pop(name)
    expected = await answer(gateway, "nonsense")
    assert expected[0] == 401
    assert expected[2]["www-authenticate"] == 'Bearer error="invalid_token"'
    assert {name: found for name, text in bad.items() if (found := await answer(gateway, text)) != expected} == {}
    assert (await answer(gateway, gateway.issuer.token("alice")))[0] == 200


async def test_before_ended_sessions_are_known_nobody_can_be_told_from_a_signed_out_one(gateway: World) -> None:
    gateway.revocations.known = False
    status, body, headers = await answer(gateway, gateway.issuer.token())
    assert (status, headers["retry-after"]) == (503, "1")
    assert b'"UNAVAILABLE"' in body
    assert (await answer(gateway, "nonsense"))[0] == 401
    assert (await answer(gateway, key_of(gateway)))[0] == 200


async def test_a_token_that_was_verified_before_is_refused_once_its_session_ended(gateway: World) -> None:
    token = gateway.issuer.token("alice", iat=int(time.time()) - 10)
    assert (await answer(gateway, token))[0] == 200
    gateway.revocations.note(gateway.identity("alice"), time.time() - 5)
    assert (await answer(gateway, token))[0] == 401
    assert (await answer(gateway, gateway.issuer.token("alice")))[0] == 200


async def test_when_nobody_can_say_whose_a_key_is_it_is_503(gateway: World) -> None:
    def away(_: dict[str, Any]) -> Any:
        raise Unavailable

    key = key_of(gateway)
    gateway.bus.answers["members.owner_of_api_key"] = away
    assert (await answer(gateway, key))[0] == 503


async def test_a_service_account_acts_under_its_own_id_in_its_brand_and_is_nobody_elsewhere(gateway: World) -> None:
    here = {"Authorization": f"Bearer {key_of(gateway)}"}
    query = '{ brand(slug: "acme") { posts { nodes { title } } } }'
    await gateway.client.post("/graphql", json={"query": query}, headers=here)
    there = {"Authorization": f"Bearer {key_of(gateway, {**OWNER, 'brand': 'b2'})}"}
    await gateway.client.post("/graphql", json={"query": query}, headers=there)
    viewers = [asked["viewer"] for name, asked in gateway.bus.asked if name == "discussions.post_page"]
    assert viewers == ["sa_1", member_id(IDENTITY_KEY, BRAND, "sa_1")]


async def test_a_socket_opens_with_a_key_and_not_with_a_bad_one(gateway: World) -> None:
    key = key_of(gateway)
    async with opened(gateway, Authorization=f"Bearer {key}"):
        pass
    async with connect(gateway.ws_url, subprotocols=[PROTOCOL]) as socket:
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {key}x"})
        assert await closed(socket) == 4403


async def test_a_socket_is_closed_when_its_session_is_ended(gateway: World) -> None:
    async with opened(gateway, "alice") as mine, opened(gateway, "bob") as other:
        gateway.revocations.note(gateway.identity("alice"), time.time() + 1)
        assert await closed(mine) == 4403
        await send(other, type="ping")
        assert '"pong"' in str(await other.recv())


async def test_a_socket_is_closed_when_its_key_is_revoked_and_stays_while_nobody_can_say(
    gateway: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principals, "KNOWN_SECONDS", 0.05)
    problems: list[Exception] = [Unavailable(), Unavailable(), NotFound("revoked")]
    key = key_of(gateway)

    def found(_: dict[str, Any]) -> Any:
        if len(gateway.bus.asked) == 1:
            return OWNER
        raise problems[min(len(gateway.bus.asked), 4) - 2]

    gateway.bus.answers["members.owner_of_api_key"] = found
    async with opened(gateway, Authorization=f"Bearer {key}") as socket:
        assert await closed(socket) == 4403
    assert len(gateway.bus.asked) == 4


async def test_a_socket_is_closed_when_its_token_expires(gateway: World) -> None:
    now = int(time.time())
    token = gateway.issuer.token(iat=now - 100, exp=now - 3)  # the leeway keeps it for some two seconds
    async with opened(gateway, Authorization=f"Bearer {token}") as socket:
        assert await closed(socket) == 4401
