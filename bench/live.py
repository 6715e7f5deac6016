"""A running platform with a community in it, and HTTP load on it: what the benchmarks of the whole share."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from bench.harness import mongo_server, nats_server, scratch
from libs.cli.import_report import Report
from libs.cli.importer import import_files
from libs.shared.testing.platform import Platform

BRAND = "bench"
READER = "reader"
_MEMBERS = 20
_POSTS = 100
#: How long a client waits that was told to come back.
_BACK_SECONDS = 0.01
_BODY = "The lamp on the pier was dark last night, and nobody on the boats complained. " * 7


@asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    """The five services on servers of their own; 20 members, 100 posts, events, ideas and one reader who joined."""
    with (
        nats_server() as nats_url,
        mongo_server() as mongo_url,
        scratch() as folder,
        Platform(folder, nats_url, mongo_url) as running,
    ):
        await _fill(running, folder)
        yield running


async def _fill(running: Platform, folder: Path) -> None:
    file = folder / "community.jsonl"
    file.write_bytes(b"\n".join(msgspec.json.encode(line) for line in _lines()))
    quiet = Console(quiet=True)
    async with running.bus() as bus:
        await import_files(bus, running.identity_key, BRAND, [file], Report(quiet, quiet), create=True)
    await join(running, READER)


async def join(running: Platform, subject: str) -> None:
    """Let somebody join the brand."""
    brand = (await running.graphql(f'{{ brand(slug: "{BRAND}") {{ id }} }}'))["data"]["brand"]["id"]
    mutation = "mutation ($input: JoinBrandInput!) { joinBrand(input: $input) { errors { code } } }"
    await running.graphql(mutation, {"input": {"brandId": brand, "displayName": "Reader"}}, running.token(subject))


def _lines() -> list[dict[str, str]]:
    members = [
        {
            "kind": "member",
            "ref": f"m{number}",
            "display_name": f"Member {number}",
            "email": f"m{number}@example.org",
            "joined_at": "2026-01-01T00:00:00Z",
        }
        for number in range(_MEMBERS)
    ]
    posts = [
        {
            "kind": "post",
            "ref": f"p{number}",
            "space": "harbour",
            "author": f"m{number % _MEMBERS}",
            "title": f"Lamp {number}",
            "body": _BODY,
            "published_at": f"2026-02-{1 + number // 24:02}T{number % 24:02}:00:00Z",
        }
        for number in range(_POSTS)
    ]
    events = [
        {
            "kind": "event",
            "ref": f"e{number}",
            "title": f"Tide {number}",
            "format": "hybrid",
            "starts_on": f"2099-01-{number:02}",
        }
        for number in range(1, 6)
    ]
    ideas = [
        {
            "kind": "idea",
            "ref": f"i{number}",
            "board": "Wishes",
            "author": f"m{number}",
            "title": f"More lamps {number}",
            "submitted_at": f"2026-03-01T{number:02}:00:00Z",
        }
        for number in range(10)
    ]
    return [*members, *posts, *events, *ideas]


def post_request(url: str, body: Mapping[str, object], token: str | None = None) -> bytes:
    """The bytes of an HTTP/1.1 request with a JSON body."""
    parts = urlsplit(url)
    content = msgspec.json.encode(body)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(content)}",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def load(url: str, request: bytes, *, connections: int, each: int) -> list[float]:
    """Sends the request `each` times on each of `connections` kept-alive connections; seconds each one took.

    What is refused because of overload is sent again, and its time goes on.
    """
    address = urlsplit(url)
    took: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(each):
            began = time.perf_counter()
            await exchange(reader, writer, request)
            took.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(connections)))
    return took


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Sends a request on a kept connection, again while it is refused because of overload; the body of its answer.

    Raises RuntimeError for any other status than 200.
    """
    while True:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if head.startswith(b"HTTP/1.1 200"):
            return body
        if b"OVERLOADED" not in body:
            raise RuntimeError(head.decode())
        await asyncio.sleep(_BACK_SECONDS)
