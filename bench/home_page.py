"""A member's whole home page through the live platform: one request that all four services answer."""

import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from bench.harness import Line, percentile
from bench.live import BRAND, READER, load, platform, post_request

_QUERY = (Path(__file__).resolve().parents[1] / "docs/clients/operations/home.graphql").read_text()
#: As many as a gateway always lets in.
_CONNECTIONS = (1, 8)
_REQUESTS = 160


async def run() -> list[Line]:
    """A row for one reader at a time, and one for many."""
    async with platform() as running:
        url, token = f"{running.url}/graphql", running.token(READER)
        asked: dict[str, object] = {
            "query": _QUERY,
            "variables": {"brand": BRAND, "now": datetime.now(UTC).isoformat()},
        }
        size = await _size(url, token, asked)
        processes = [psutil.Process(one.process.pid) for one in running.services.values() if one.process is not None]
        request = post_request(url, asked, token)
        await load(url, request, connections=4, each=5)
        return [await _row(url, request, processes, connections, size) for connections in _CONNECTIONS]


async def _row(url: str, request: bytes, processes: list[psutil.Process], connections: int, size: int) -> Line:
    before, began = _cpu(processes), time.perf_counter()
    took = await load(url, request, connections=connections, each=_REQUESTS // connections)
    rate, worked = len(took) / (time.perf_counter() - began), _cpu(processes) - before
    p50, p99 = percentile(took, 0.5) * 1000, percentile(took, 0.99) * 1000
    return Line(
        what=f"home page of a member, {connections} connections",
        measured=rate,
        unit="/s",
        note=f"{size:,} bytes, p50 {p50:.1f} ms, p99 {p99:.1f} ms, CPU {worked / len(took) * 1000:.2f} ms a request",
    )


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


async def _size(url: str, token: str, asked: dict[str, object]) -> int:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(url, json=asked, headers={"Authorization": f"Bearer {token}"})
    found = answer.json()
    brand = found["data"]["brand"]
    counts = [len(brand[name]["nodes"]) for name in ("posts", "events", "ideas")]
    if "errors" in found or counts != [20, 5, 5]:
        raise RuntimeError(f"not the page that was to be measured: {answer.text[:500]}")
    return len(answer.content)
