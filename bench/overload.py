"""What happens at three times the sustainable rate: accepted requests stay fast, the others are told so at once.

The load is open: requests leave when they are due, whether earlier ones were answered or not, and the time of each
counts from the moment in which it was due.
"""

import asyncio
import time
from collections import deque
from urllib.parse import urlsplit

from msgspec import Struct

from bench.graphql_page import PAGE
from bench.harness import Line, percentile
from bench.live import READER, load, platform, post_request

_SECONDS = 6.0
#: Of what is possible at most, so that queues stay short.
_SUSTAINABLE = 0.7
_TIMES = 3
_BUDGET = 2.0

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Outcome(Struct):
    """Seconds that answers took, by what they were."""

    accepted: list[float] = []
    refused: list[float] = []
    other: int = 0


async def run() -> list[Line]:
    """Three rows: the rate and its latency, the latency at three times that, and how fast the rest is refused."""
    async with platform() as running:
        url = f"{running.url}/graphql"
        request = post_request(url, {"query": PAGE}, running.token(READER))
        await load(url, request, connections=8, each=20)
        began = time.perf_counter()
        most = len(await load(url, request, connections=16, each=60)) / (time.perf_counter() - began)
        rate = most * _SUSTAINABLE
        await _offered(url, request, rate, 2.0)
        calm = await _offered(url, request, rate, _SECONDS)
        storm = await _offered(url, request, rate * _TIMES, _SECONDS)
    before, after = percentile(calm.accepted, 0.99) * 1000, percentile(storm.accepted, 0.99) * 1000
    sent = len(storm.accepted) + len(storm.refused)
    return [
        Line(
            what=f"page of 20 posts at {_SUSTAINABLE:.0%} of the most possible, p99",
            measured=before,
            unit="ms",
            note=f"{rate:.0f} requests a second; {len(calm.refused)} refused, {calm.other} failed",
        ),
        Line(
            what=f"accepted at {_TIMES} × that rate, p99",
            measured=after,
            unit="ms",
            limit=before,
            limit_what="p99 before",
            ratio=after / before,
            budget=f"≤ {_BUDGET:g} ×",
            met=after <= _BUDGET * before and not storm.other,
            note=f"{len(storm.accepted) / _SECONDS:.0f} accepted a second, p50 {_p50(storm.accepted):.1f} ms; "
            f"{storm.other} failed",
        ),
        Line(
            what="refused with 503 and Retry-After, p99",
            measured=percentile(storm.refused or [0.0], 0.99) * 1000,
            unit="ms",
            note=f"{len(storm.refused) / sent:.0%} of the requests, p50 {_p50(storm.refused or [0.0]):.1f} ms",
        ),
    ]


def _p50(seconds: list[float]) -> float:
    return percentile(seconds, 0.5) * 1000


async def _offered(url: str, request: bytes, rate: float, seconds: float) -> Outcome:
    """Offer `rate` requests a second and return what came of them."""
    address = urlsplit(url)
    outcome = Outcome([], [])
    idle: deque[_Connection] = deque()

    async def one(due: float) -> None:
        try:
            connection = idle.pop() if idle else await asyncio.open_connection(address.hostname, address.port)
            status = await _ask(connection, request)
        except (OSError, asyncio.IncompleteReadError):
            outcome.other += 1
            return
        took = time.perf_counter() - due
        if status == 200:
            outcome.accepted.append(took)
        elif status == 503:
            outcome.refused.append(took)
        else:
            outcome.other += 1
        idle.append(connection)

    began = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return outcome


async def _ask(connection: _Connection, request: bytes) -> int:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    status = int(head.split(b" ", 2)[1])
    if status == 503 and (b"retry-after" not in head.lower() or b"OVERLOADED" not in body):
        raise RuntimeError(head.decode())
    return status
