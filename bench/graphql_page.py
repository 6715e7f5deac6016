"""A page of 20 posts with authors through GraphQL, beside `{ __typename }` and beside bare ASGI bytes.

`ARCHIPEL_BENCH_NODEBB` may be the address of a category page of a NodeBB that runs on this machine, which is then
measured in the same run: a rate that was measured elsewhere says nothing here.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import psutil

from bench.harness import Line, compare, percentile
from bench.live import BRAND, READER, load, platform, post_request
from libs.shared.ports import free_port
from libs.shared.testing.platform import Platform

PAGE = (
    'query Page { brand(slug: "' + BRAND + '") { posts(first: 20) { nodes '
    "{ id title body publishedAt replyCount author { id displayName } } } } }"
)
_CONNECTIONS = 32
_WARM_UP = 5
_TIMES_PEER = 5


async def run() -> list[Line]:
    """Three rows: the page, the empty query and bytes, each with its latency and its CPU a request."""
    async with platform() as running:
        url, token = f"{running.url}/graphql", running.token(READER)
        page = post_request(url, {"query": PAGE}, token)
        size = await _size(url, token)
        async with _bare(size) as (bare_url, bare_process):
            gateway = running.services["gateway"].process
            assert gateway is not None
            services = _processes(running)
            empty = post_request(url, {"query": "{ __typename }"}, token)
            bytes_ = await _measure(bare_url, post_request(bare_url, {"query": PAGE}), [bare_process], each=200)
            nothing = await _measure(url, empty, [psutil.Process(gateway.pid)], each=60)
            posts = await _measure(url, page, services, each=20)
        nodebb = await _nodebb(os.environ.get("ARCHIPEL_BENCH_NODEBB"))
    return [
        Line(
            what=f"page of 20 posts, {_CONNECTIONS} connections",
            measured=posts[0],
            unit="/s",
            limit=bytes_[0],
            limit_what="bare ASGI bytes",
            ratio=posts[0] / bytes_[0],
            note=posts[1],
        ),
        *(
            compare("page of 20 posts", posts[0], rate, limit_what="NodeBB's category page", at_least=_TIMES_PEER)
            for rate in nodebb
        ),
        compare("{ __typename }", nothing[0], bytes_[0], limit_what="bare ASGI bytes", note=nothing[1]),
        compare("page of 20 posts", posts[0], nothing[0], limit_what="{ __typename }", note=f"{size:,} bytes"),
    ]


async def _nodebb(url: str | None) -> list[float]:
    """Requests a second for a page of NodeBB; nothing when none is named."""
    if url is None:
        return []
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/html\r\n\r\n".encode()
    return [(await _measure(url, request, [], each=20))[0]]


def _processes(running: Platform) -> list[psutil.Process]:
    return [psutil.Process(one.process.pid) for one in running.services.values() if one.process is not None]


async def _measure(url: str, request: bytes, processes: list[psutil.Process], *, each: int) -> tuple[float, str]:
    """Requests a second, and in words the latency and what these processes worked for one."""
    await load(url, request, connections=_CONNECTIONS, each=_WARM_UP)
    before, began = _cpu(processes), time.perf_counter()
    took = await load(url, request, connections=_CONNECTIONS, each=each)
    seconds, worked = time.perf_counter() - began, _cpu(processes) - before
    p50, p99 = percentile(took, 0.5) * 1000, percentile(took, 0.99) * 1000
    return len(took) / seconds, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, CPU {worked / len(took) * 1000:.2f} ms a request"


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


async def _size(url: str, token: str) -> int:
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, json={"query": PAGE}, headers={"Authorization": f"Bearer {token}"})
    posts = answer.json()["data"]["brand"]["posts"]["nodes"]
    if len(posts) != 20 or not all(post["author"]["displayName"] for post in posts):
        raise RuntimeError(f"not the page that was to be measured: {answer.text[:500]}")
    return len(answer.content)


@asynccontextmanager
async def _bare(size_bytes: int) -> AsyncIterator[tuple[str, psutil.Process]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bare", str(port), str(size_bytes))
    try:
        async with asyncio.timeout(20):
            while not await _listens(port):  # noqa: ASYNC110 – another process is waited for
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
