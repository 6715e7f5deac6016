"""The servers that `bench.peers` measures: how each is started, and that all answer the same page."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psutil

from bench.harness import scratch
from bench.live import post_request
from bench.static_page import AUTHORS, PAGE, POSTS, SCHEMA
from libs.shared.ports import free_port

NODE: Final = Path(__file__).parent / "peers"
#: How many processes of each there are.
WORKERS: Final = 2

MERCURIUS, JIT, APOLLO, YOGA = "mercurius", "mercurius jit", "Apollo Server", "GraphQL Yoga"
ROUTER, ROUTE, GATEWAY, BYTES = "Strawberry's router", "our route", "our gateway", "bare ASGI bytes"

#: The same page in the gateway's own schema, where posts belong to a brand.
_GATEWAY_PAGE: Final = PAGE.replace("{ posts", '{ brand(slug: "bench") { posts', 1) + " }"
_READY_SECONDS: Final = 60


@dataclass
class Server:
    """One process that answers the page."""

    url: str
    token: str
    process: psutil.Process

    def request(self, query: str) -> bytes:
        return post_request(self.url, {"query": query}, self.token or None)


@dataclass
class Contestant:
    """The processes of one kind of server, and what was measured of it."""

    name: str
    query: str
    servers: list[Server]
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def contestants() -> AsyncIterator[dict[str, Contestant]]:
    """Every contestant, by name, started and seen to answer what it should."""
    expected = await _expected()
    async with AsyncExitStack() as stack:
        data = stack.enter_context(scratch()) / "page.json"
        data.write_text(json.dumps(_rows()))
        ours = {ROUTER: "router", ROUTE: "route", GATEWAY: "gateway"}
        others: dict[str, Sequence[str]] = {
            MERCURIUS: ("node", "mercurius.mjs", "PORT", str(data), "0"),
            JIT: ("node", "mercurius.mjs", "PORT", str(data), "1"),
            APOLLO: ("node", "apollo.mjs", "PORT", str(data)),
            YOGA: ("node", "yoga.mjs", "PORT", str(data)),
            BYTES: (sys.executable, "-m", "bench.bare", "PORT", str(len(msgspec.json.encode({"data": expected})))),
        }
        found: dict[str, Contestant] = {}
        for name in (*ours, *others):
            starts = [_speaking(ours[name]) if name in ours else _listening(others[name]) for _ in range(WORKERS)]
            servers = [await stack.enter_async_context(start) for start in starts]
            found[name] = Contestant(name, _GATEWAY_PAGE if name == GATEWAY else PAGE, servers)
        for one in found.values():
            await _check(one, expected)
        yield found


def _rows() -> dict[str, Any]:
    posts = [
        {
            "id": post.id,
            "title": post.title,
            "body": post.body,
            "publishedAt": post.published_at,
            "replyCount": post.reply_count,
            "authorId": post.author_id,
        }
        for post in POSTS
    ]
    return {
        "posts": posts,
        "authors": {key: {"id": author.id, "displayName": author.display_name} for key, author in AUTHORS.items()},
    }


async def _expected() -> Mapping[str, Any]:
    result = await SCHEMA.execute(PAGE)
    assert result.data is not None, result.errors
    return result.data


async def _check(one: Contestant, expected: Mapping[str, Any]) -> None:
    """Every process answers the page; raises RuntimeError."""
    if one.name == BYTES:
        return
    async with httpx.AsyncClient(timeout=30) as client:
        for server in one.servers:
            headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
            answer = await client.post(server.url, json={"query": one.query}, headers=headers)
            data = answer.json().get("data") or {}
            same = data == expected
            if one.name == GATEWAY:  # its ids and times are its own
                nodes = data.get("brand", {}).get("posts", {}).get("nodes", [])
                same = len(nodes) == 20 and abs(len(answer.content) / len(msgspec.json.encode(expected)) - 1) < 0.2
            if not same:
                raise RuntimeError(f"{one.name} does not answer the page: {answer.text[:500]}")


@asynccontextmanager
async def _speaking(mode: str) -> AsyncIterator[Server]:
    """A server of `bench.peers_python`, which says itself where it listens."""
    command = (sys.executable, "-m", "bench.peers_python", mode)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), _READY_SECONDS))
        await _wait_until_it_listens(said["url"])
        yield Server(said["url"], said["token"], psutil.Process(process.pid))
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _listening(command: Sequence[str]) -> AsyncIterator[Server]:
    """A server that is told its port."""
    port = str(free_port())
    process = await asyncio.create_subprocess_exec(
        *(port if part == "PORT" else part for part in command),
        cwd=NODE if command[0] == "node" else None,
        env={**os.environ, "NODE_ENV": "production"},
    )
    try:
        url = f"http://127.0.0.1:{port}/graphql"
        await _wait_until_it_listens(url)
        yield Server(url, "", psutil.Process(process.pid))
    finally:
        process.terminate()
        await process.wait()


async def _wait_until_it_listens(url: str) -> None:
    address = httpx.URL(url)
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(address.host, address.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
