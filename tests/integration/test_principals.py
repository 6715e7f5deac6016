"""Service accounts and ended sessions on the whole platform: what a key opens, and how soon it no longer does."""

import asyncio
import re
import time
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from services.gateway.api_keys import new_key
from tests.integration.community import Community, accepted, document, found, furnish, refused

#: What holds "within seconds", with room for a machine under load.
SOON_SECONDS = 30.0

ME = "{ me { identity memberships { brand { slug } } } }"
READING = """query($slug: String!) { brand(slug: $slug) {
  ideas { totalCount } posts { totalCount } members { totalCount } serviceAccounts { totalCount } } }"""


async def account_with(platform: Platform, made: Community, *scopes: str) -> tuple[str, str]:
    """A new service account with a key: the account's id and the key."""
    created = await accepted(
        platform, made.owner, "createServiceAccount", brandId=made.ids["Brand"], name="Bot", scopes=scopes
    )
    account: str = created["serviceAccount"]["id"]
    issued = await accepted(platform, made.owner, "issueApiKey", serviceAccountId=account)
    return account, issued["key"]


async def status(platform: Platform, token: str, url: str | None = None) -> tuple[int, Any, str | None]:
    """What a request with this token is answered: status, body and challenge."""
    async with httpx.AsyncClient(timeout=30) as client:
        headers = {"Authorization": f"Bearer {token}"}
        response = await client.post(f"{url or platform.url}/graphql", json={"query": ME}, headers=headers)
    return response.status_code, response.json(), response.headers.get("www-authenticate")


async def until_refused(platform: Platform, token: str) -> Any:
    """The answer to a token once it is refused."""
    deadline = time.monotonic() + SOON_SECONDS
    while (answer := await status(platform, token))[0] == 200:
        assert time.monotonic() < deadline, "still accepted"
        await asyncio.sleep(0.1)
    return answer


async def mutate(platform: Platform, key: str, name: str, /, **given: Any) -> list[str]:
    """The codes with which a mutation is refused; none when it was carried out."""
    answer = await platform.graphql(document(name), {"input": given}, key)
    assert "errors" not in answer, answer
    return [error["code"] for error in answer["data"][name]["errors"]]


async def test_a_key_opens_what_its_scopes_say_and_nothing_else(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    _, reader = await account_with(platform, made, "FEEDBACK_READ")
    _, manager = await account_with(platform, made, "FEEDBACK_MANAGE", "DISCUSSIONS_WRITE", "MEMBERS_READ")
    read = await platform.graphql(READING, {"slug": made.slug}, reader)
    assert read["data"]["brand"] == {
        "ideas": {"totalCount": 1}, "posts": None, "members": None, "serviceAccounts": None
    }  # fmt: skip
    assert {error["extensions"]["code"] for error in read["errors"]} == {"FORBIDDEN"}
    idea, brand = made.ids["Idea"], made.ids["Brand"]
    for name, given in (
        ("castVote", {"ideaId": idea}),
        ("submitIdea", {"boardId": made.ids["Board"], "title": "Mine"}),
        ("publishReply", {"postId": made.ids["Post"], "body": "Mine"}),
        ("createServiceAccount", {"brandId": brand, "name": "Mine", "scopes": ["FEEDBACK_READ"]}),
    ):
        assert await mutate(platform, reader, name, **given) == ["FORBIDDEN"], name
    assert await mutate(platform, manager, "changeIdeaStatus", ideaId=idea, status="PLANNED") == []
    assert await mutate(platform, manager, "openBoard", brandId=brand, slug="next", name="N", kind="PRODUCT") == []
    assert await mutate(platform, manager, "publishReply", postId=made.ids["Post"], body="Planned") == []
    for name, given in (
        ("createSpace", {"brandId": brand, "slug": "mine", "name": "Mine"}),
        ("cancelEvent", {"eventId": made.ids["Event"]}),
        ("grantRole", {"memberId": made.ids["Member"], "role": "OWNER"}),
        ("createServiceAccount", {"brandId": brand, "name": "Mine", "scopes": ["FEEDBACK_READ"]}),
        ("signOutMember", {"memberId": made.ids["Member"]}),
        ("signOutEverywhere", {}),
    ):
        assert await mutate(platform, manager, name, **given) == ["FORBIDDEN"], name
    query = """query($id: ID!) { node(id: $id) { ... on Post {
      replies(last: 1) { nodes { body author { displayName } } } } } }"""
    shown = await platform.graphql(query, {"id": made.ids["Post"]}, platform.token(made.member))
    assert shown["data"]["node"]["replies"]["nodes"] == [{"body": "Planned", "author": {"displayName": "Bot"}}]


async def test_a_key_sees_and_changes_nothing_in_another_brand(platform: Platform) -> None:
    mine, theirs = await found(platform), await found(platform)
    await furnish(platform, theirs)
    scopes = ("MEMBERS_READ", "DISCUSSIONS_MANAGE", "EVENTS_MANAGE", "FEEDBACK_MANAGE")
    account, key = await account_with(platform, mine, *scopes)
    read = await platform.graphql(READING, {"slug": theirs.slug}, key)
    assert set(read["data"]["brand"].values()) == {None}
    assert {error["extensions"]["code"] for error in read["errors"]} == {"FORBIDDEN"}
    ids = [value for kind, value in theirs.ids.items() if kind not in ("Brand", "Network")]
    nodes = await platform.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, key)
    assert nodes == {"data": {"nodes": [None] * len(ids)}}
    for name, given in (
        ("joinBrand", {"brandId": theirs.ids["Brand"], "displayName": "Bot"}),
        ("publishReply", {"postId": theirs.ids["Post"], "body": "Mine"}),
        ("changeIdeaStatus", {"ideaId": theirs.ids["Idea"], "status": "SHIPPED"}),
        ("rsvp", {"eventId": theirs.ids["Event"], "mode": "ONLINE"}),
        ("createNetwork", {"slug": f"net-{uuid7()[-12:]}", "name": "Mine"}),
    ):
        assert await mutate(platform, key, name, **given) == ["FORBIDDEN"], name
    for name, given in (
        ("issueApiKey", {"serviceAccountId": account}),
        ("revokeApiKey", {"serviceAccountId": account, "keyId": key.split("_")[1]}),
        ("closeServiceAccount", {"serviceAccountId": account}),
    ):
        assert await refused(platform, theirs.owner, name, **given) == ["FORBIDDEN"], name
        assert await refused(platform, mine.member, name, **given) == ["FORBIDDEN"], name


async def test_a_revoked_key_and_a_closed_account_are_refused_like_any_bad_token(platform: Platform) -> None:
    made = await found(platform)
    account, key = await account_with(platform, made, "FEEDBACK_READ")
    second = (await accepted(platform, made.owner, "issueApiKey", serviceAccountId=account))["key"]
    assert (await status(platform, key))[0] == (await status(platform, second))[0] == 200
    await accepted(platform, made.owner, "revokeApiKey", serviceAccountId=account, keyId=key.split("_")[1])
    answer = await until_refused(platform, key)
    assert (await status(platform, second))[0] == 200
    await accepted(platform, made.owner, "closeServiceAccount", serviceAccountId=account)
    assert await until_refused(platform, second) == answer
    stranger = new_key(uuid7()).text
    for bad in (stranger, stranger[:-1] + "x", "ak_", "ak_x_y", platform.token("x", exp=1), "nonsense"):
        assert await status(platform, bad) == answer, bad
    assert answer[0] == 401


async def test_a_key_is_shown_once(platform: Platform) -> None:
    made = await found(platform)
    account, _ = await account_with(platform, made, "FEEDBACK_READ")
    given = {"serviceAccountId": account, "commandId": "once"}
    first = await accepted(platform, made.owner, "issueApiKey", **given)
    again = await accepted(platform, made.owner, "issueApiKey", **given)
    assert first["key"] and again["key"] is None
    assert (await status(platform, first["key"]))[0] == 200
    [_, key] = again["serviceAccount"]["apiKeys"]
    assert (key["keyId"], key["lastFour"]) == (first["key"].split("_")[1], first["key"][-4:])


async def test_need_41_whoever_signs_out_everywhere_is_out_at_every_gateway_also_after_a_restart(
    platform: Platform,
) -> None:
    made = await found(platform)
    old = platform.token(made.member, iat=int(time.time()) - 60)
    other = platform.token(made.owner, iat=int(time.time()) - 60)
    later = platform.copy("gateway")
    assert (await status(platform, old))[0] == 200
    answer = await platform.graphql(document("signOutEverywhere"), {"input": {}}, old)
    assert answer["data"]["signOutEverywhere"]["signedOut"] is True
    out = await until_refused(platform, old)
    assert out == await status(platform, "nonsense")
    assert (await status(platform, platform.token(made.member, iat=int(time.time()) + 2)))[0] == 200
    assert (await status(platform, other))[0] == 200
    later.start()
    try:
        await asyncio.to_thread(later.wait_ready)
        assert await status(platform, old, later.url) == out
        assert (await status(platform, other, later.url))[0] == 200
    finally:
        later.end()


async def test_need_41_an_owner_signs_a_member_out(platform: Platform) -> None:
    made, theirs = await found(platform), await found(platform)
    token = platform.token(made.member, iat=int(time.time()) - 60)
    member = {"memberId": made.ids["Member"]}
    for subject in (made.member, theirs.owner):
        assert await refused(platform, subject, "signOutMember", **member) == ["FORBIDDEN"]
    assert (await status(platform, token))[0] == 200
    await accepted(platform, made.owner, "signOutMember", **member)
    await until_refused(platform, token)


async def closing_code(platform: Platform, token: str, mutation: str, subject: str, given: dict[str, Any]) -> int:
    """Open a socket with a token, then change something: the code that the socket is closed with."""
    async with connect(platform.websocket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await socket.send(msgspec.json.encode(hello).decode())
        assert msgspec.json.decode(await socket.recv()) == {"type": "connection_ack"}
        await accepted(platform, subject, mutation, **given)
        try:
            async with asyncio.timeout(SOON_SECONDS):
                await socket.recv()
        except ConnectionClosed as end:
            assert end.rcvd is not None
            return end.rcvd.code
    raise AssertionError("a message that nobody asked for")


async def test_open_sockets_are_closed_when_their_token_or_key_no_longer_counts(platform: Platform) -> None:
    made = await found(platform)
    account, key = await account_with(platform, made, "FEEDBACK_READ")
    token = platform.token(made.member, iat=int(time.time()) - 60)
    member = {"memberId": made.ids["Member"]}
    assert await closing_code(platform, token, "signOutMember", made.owner, member) == 4403
    revoked = {"serviceAccountId": account, "keyId": key.split("_")[1]}
    assert await closing_code(platform, key, "revokeApiKey", made.owner, revoked) == 4403


async def test_two_gateways_hold_a_sender_to_one_quota(platform: Platform) -> None:
    made = await found(platform)
    # One page of 20 costs less than a tenth of the quota, which comes back with 10 units a second.
    quota, refill = 600, 10
    gateways = [platform.copy("gateway", ARCHIPEL_RATE_PRINCIPAL=str(quota)) for _ in range(2)]
    headers = {"Authorization": f"Bearer {platform.token(made.member)}"}
    body = {"query": "query($slug: String!) { brand(slug: $slug) { members { nodes { id } } } }"}
    try:
        for gateway in gateways:
            gateway.start()
        for gateway in gateways:
            await asyncio.to_thread(gateway.wait_ready)
        began = time.monotonic()
        spent = 0
        async with httpx.AsyncClient(timeout=30) as client:

            async def ask(url: str) -> tuple[int, int]:
                given = {**body, "variables": {"slug": made.slug}}
                answer = await client.post(f"{url}/graphql", json=given, headers=headers)
                left = re.search(r'"principal";r=(\d+);', answer.headers["ratelimit"])
                assert left is not None
                return answer.status_code, int(left[1])

            _, after_one = await ask(gateways[0].url)
            cost = quota - after_one
            assert 0 < cost < quota / 10
            spent = cost
            # The other one hears of it.
            deadline = time.monotonic() + SOON_SECONDS
            while (await ask(gateways[1].url))[1] > quota - 2 * cost + refill:
                spent += cost
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            spent += cost
            refused_by: set[str] = set()
            while len(refused_by) < 2:
                assert time.monotonic() < deadline
                for gateway in gateways:
                    code, _ = await ask(gateway.url)
                    if code == 429:
                        refused_by.add(gateway.name + gateway.url)
                    else:
                        spent += cost
            elapsed = time.monotonic() - began
        assert quota - cost <= spent <= 2 * quota + refill * elapsed
    finally:
        for gateway in gateways:
            gateway.end()
