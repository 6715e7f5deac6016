"""Nonsense of all kinds, over HTTP and WebSocket, on real sockets: the server stays healthy and leaks nothing."""

import asyncio
import json
import logging
import random
import struct
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from services.gateway.tests.world import World

SEEDS = range(20)
ROUNDS = 15

QUERY = b'{"query": "{ __typename }"}'
HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
LINES = (
    b"GET /graphql?query={__typename} HTTP/1.1", b"POST /graphql HTTP/1.1", b"GET / HTTP/0.9", b"PRI * HTTP/2.0",
    b"GET //graphql HTTP/1.1", b"GET /graphql?documentId=%zz HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"TRACE /graphql HTTP/1.1",
)  # fmt: skip
FIELDS = (
    b"Host: x", b"Host: \xff\xfe", b"Content-Length: -1", b"Content-Length: 5", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Content-Type: application/json",
    b"Content-Type: \x00", b"Accept: ,;q=,", b"Accept: */*;q=nan", b"Accept: text/event-stream", b"Origin: http://[",
    b"Authorization: Bearer \xff", b"Expect: 100-continue", b"Connection: Upgrade", b"Upgrade: websocket",
    b"If-None-Match: \xe9", b"Archipel-Consistency-Token: \xff", b": no name", b"no colon", b" folded",
)  # fmt: skip
MESSAGES: tuple[object, ...] = (
    {"type": "connection_init"}, {"type": "connection_init", "payload": {"Authorization": {}}}, {"type": "ping"},
    {"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}, {"type": "complete", "id": "1"},
    {"type": "subscribe", "id": "2", "payload": {"query": "{", "variables": {"a": [[[]]]}}}, {"type": 1}, [], None,
    {"type": "subscribe", "id": "3", "payload": {"query": 'subscription { brandActivity(brandSlug: "acme") { id } }'}},
)  # fmt: skip


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The same bytes with some of them changed, dropped or repeated."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(3):
            case 0:
                changed[at : at + 1] = rng.randbytes(1)
            case 1:
                del changed[at : at + rng.randrange(1, 9)]
            case _:
                changed[at:at] = changed[at : at + rng.randrange(1, 40)]
    return bytes(changed)


def http(rng: random.Random) -> bytes:
    """A request that is nearly one."""
    match rng.randrange(3):
        case 0:
            return mutated(rng, HEAD % len(QUERY) + QUERY)
        case 1:
            fields = rng.sample(FIELDS, rng.randrange(6))
            return b"\r\n".join([rng.choice(LINES), *fields, b"", b""]) + rng.choice(
                [QUERY, b"", b"5\r\nhello\r\n0\r\n\r\n"]
            )
        case _:
            body = mutated(rng, QUERY)
            return HEAD % len(body) + body


def frame(rng: random.Random, payload: bytes) -> bytes:
    """A WebSocket frame (RFC 6455 §5.2), most often a proper one of text."""
    first = 0x81 if rng.random() < 0.7 else rng.randrange(256)
    length = len(payload) if rng.random() < 0.9 else rng.randrange(1 << 16)
    mask = rng.randbytes(4)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
    return bytes([first]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def websocket(rng: random.Random) -> bytes:
    """A connection whose frames are nearly the protocol's."""
    frames = []
    for _ in range(rng.randrange(1, 8)):
        text = json.dumps(rng.choice(MESSAGES)).encode()
        frames.append(frame(rng, mutated(rng, text) if rng.random() < 0.3 else text))
    sent = b"".join(frames)
    return UPGRADE + (mutated(rng, sent) if rng.random() < 0.3 else sent)


async def thrown(port: int, data: bytes, *, half: bool) -> None:
    """Send this, listen for a moment, and go away, in order or not.

    Frames wait for the answer to the upgrade: uvicorn drops those that come with it.
    """
    upgrade, frames = (UPGRADE, data.removeprefix(UPGRADE)) if data.startswith(UPGRADE) else (data, b"")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(upgrade)
        if frames:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frames)
        if half:
            writer.transport.abort()
            return
        async with asyncio.timeout(0.1):
            while await reader.read(65536):
                pass
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("make", [http, websocket])
async def test_nonsense_leaves_the_server_healthy(
    gateway: World, make: Callable[[random.Random], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    port = int(gateway.url.rsplit(":", 1)[1])
    with capture_logs() as logs:
        for seed in SEEDS:
            rng = random.Random(seed)
            data = [make(rng) for _ in range(ROUNDS)]
            await asyncio.gather(*(thrown(port, one, half=rng.random() < 0.2) for one in data))
            answer = await gateway.graphql("{ __typename }")
            assert answer == {"data": {"__typename": "Query"}}
    assert not [entry for entry in logs if entry["log_level"] in {"error", "critical"}]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    async with asyncio.timeout(20):
        while gateway.gateway.feed.subscribers:  # noqa: ASYNC110 – the last connections are still being closed
            await asyncio.sleep(0.01)
    assert (await gateway.client.get("/readyz")).status_code == 200


def masked(first: int, payload: bytes) -> bytes:
    """A frame of a client, with a mask that changes nothing."""
    return bytes([first, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


#: What no client sends that means well, by what is wrong with it.
HOSTILE = {
    "text that is not UTF-8": UPGRADE + masked(0x81, b"\xff\xfe"),
    "text that is not UTF-8, after a proper message": UPGRADE + masked(0x81, b"{}") + masked(0x81, b"\xc3("),
    "a character that is cut in two by the end": UPGRADE + masked(0x01, b"\xe2\x82") + masked(0x80, b"a"),
    "text that is not UTF-8, twice": UPGRADE + masked(0x81, b"\xff") * 2,
    "text that is not UTF-8, after a close": UPGRADE + masked(0x88, b"\x03\xe8") + masked(0x81, b"\xff"),
    "a reason that is not UTF-8": UPGRADE + masked(0x88, b"\x03\xe8\xff\xfe"),
    "a closing code of one byte": UPGRADE + masked(0x88, b"\x03"),
    "a closing code that is not for clients": UPGRADE + masked(0x88, b"\x03\xed"),
    "the rest of nothing": UPGRADE + masked(0x80, b"rest"),
    "an unknown kind of frame": UPGRADE + masked(0x83, b""),
    "reserved bits": UPGRADE + masked(0xF1, b"{}"),
    "a frame without a mask": UPGRADE + b"\x81\x02{}",
    "a ping that is too long": UPGRADE + b"\x89\xfe\x01\x00" + bytes(4) + bytes(256),
    "a frame of 2^63 bytes": UPGRADE + b"\x81\xff\xff" + bytes(7) + bytes(4),
    "an address that is not ASCII": UPGRADE.replace(b"/graphql", b"/graphql?a=\xff"),
    "a path that is not ASCII": UPGRADE.replace(b"/graphql", b"/\xff\xfe"),
    "a path that is not UTF-8": UPGRADE.replace(b"/graphql", b"/%ff%fe"),
    "a header that is not ASCII": UPGRADE.replace(b"Host: x", b"Host: \xff\xfe"),
    "an origin that is not ASCII": UPGRADE.replace(b"Host: x", b"Host: x\r\nOrigin: \xff"),
    "a protocol that is not ASCII": UPGRADE.replace(b"graphql-transport-ws", b"\xff"),
    "a key that is none": UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"\xff"),
    "another version": UPGRADE.replace(b"Version: 13", b"Version: x"),
    "no key": UPGRADE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3,
    "a length that is none": HEAD.replace(b"%d", b"x") + QUERY,
    "two lengths": HEAD.replace(b"%d", b"1\r\nContent-Length: 2") + QUERY,
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_a_hostile_client_sends_is_one_line_of_the_log_at_most(
    gateway: World, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    with capture_logs() as logs:
        await thrown(int(gateway.url.rsplit(":", 1)[1]), HOSTILE[what], half=False)
    assert await gateway.graphql("{ __typename }") == {"data": {"__typename": "Query"}}
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in told if record.exc_info or record.levelno > logging.WARNING] == []
    assert len(told) + len([entry for entry in logs if entry["log_level"] not in {"debug", "info"}]) <= 1
    if "text that is not UTF-8" in what and "close" not in what:
        assert [record.getMessage() for record in told] == ["Invalid UTF-8 sequence received from client."]
