"""The page of 20 posts with authors from memory: ours beside Node's GraphQL servers and Strawberry's own router.

One load generator, one machine, contestants in turn.  A cold plan is a document that the server has never seen.  Two
workers are two processes with half of the connections each.  On a machine that does other work, the CPU of a request
says more than how many there were a second.
"""

import asyncio
import itertools
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from bench.harness import ROUNDS, Line, compare
from bench.live import exchange
from bench.peers_servers import JIT, MERCURIUS, NODE, ROUTE, ROUTER, Contestant, Server, contestants

_CONNECTIONS: Final = 32
_WARM_UP_SECONDS: Final = 0.5
_SECONDS: Final = 1.0
_KINDS: Final = ("warm", "cold", "two workers")
_TIMES_JIT: Final = 1
_TIMES_ROUTER: Final = 10


async def run() -> list[Line]:
    """A row for each contestant beside mercurius, and two for the budgets."""
    npm = shutil.which("npm")
    if npm is None:
        return [
            Line(
                what="our route beside GraphQL servers of Node", measured=0, unit="", note="not measured: npm is needed"
            )
        ]
    await _install(npm)
    async with contestants() as found:
        for kind, _ in itertools.product(_KINDS, range(ROUNDS)):
            for one in found.values():
                await _measure(one, kind)
    ours = _rate(found[ROUTE], "warm")
    return [
        *(_row(one, found[MERCURIUS]) for one in found.values()),
        compare(ROUTE, ours, _rate(found[JIT], "warm"), limit_what=JIT, at_least=_TIMES_JIT),
        compare(ROUTE, ours, _rate(found[ROUTER], "warm"), limit_what=ROUTER, at_least=_TIMES_ROUTER),
    ]


def _row(one: Contestant, beside: Contestant) -> Line:
    others = ", ".join(
        f"{kind} {_rate(one, kind):,.0f} /s ({_rate(one, kind) / _rate(beside, kind):.2f} ×)" for kind in _KINDS[1:]
    )
    cpu, of_beside = statistics.median(one.cpu_ms), statistics.median(beside.cpu_ms)
    note = f"{others}, CPU {cpu:.2f} ms a request ({cpu / of_beside:.2f} ×)"
    return compare(one.name, _rate(one, "warm"), _rate(beside, "warm"), limit_what=beside.name, note=note)


def _rate(one: Contestant, kind: str) -> float:
    return statistics.median(one.rates[kind])


async def _install(npm: str) -> None:
    if not (NODE / "node_modules").is_dir():
        process = await asyncio.create_subprocess_exec(npm, "ci", "--silent", cwd=NODE)
        if await process.wait():
            raise RuntimeError("npm ci failed in bench/peers")


async def _measure(one: Contestant, kind: str) -> None:
    """One round: notes requests a second, and when warm the CPU that a request costs the server."""
    servers = one.servers if kind == "two workers" else one.servers[:1]
    cold = kind == "cold"
    await _drive(servers, one.query, cold=cold, seconds=_WARM_UP_SECONDS)
    before, began = _cpu(servers), time.perf_counter()
    count = await _drive(servers, one.query, cold=cold, seconds=_SECONDS)
    one.rates.setdefault(kind, []).append(count / (time.perf_counter() - began))
    if kind == "warm":
        one.cpu_ms.append((_cpu(servers) - before) / count * 1000)


async def _drive(servers: Sequence[Server], query: str, *, cold: bool, seconds: float) -> int:
    """Asks for the page over connections that are kept; how many answers there were."""
    until = time.perf_counter() + seconds

    async def one(server: Server) -> int:
        address = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        requests = _unseen(server, query) if cold else itertools.repeat(server.request(query))
        count = 0
        while time.perf_counter() < until:
            await exchange(reader, writer, next(requests))
            count += 1
        writer.close()
        await writer.wait_closed()
        return count

    spread = itertools.islice(itertools.cycle(servers), _CONNECTIONS)
    return sum(await asyncio.gather(*(one(server) for server in spread)))


_numbers = itertools.count()


def _unseen(server: Server, query: str) -> Iterator[bytes]:
    """The same page, asked for with a new document each time."""
    while True:
        yield server.request(query.replace("query Page", f"query Page{next(_numbers)}", 1))


def _cpu(servers: Sequence[Server]) -> float:
    return sum(times.user + times.system for times in (server.process.cpu_times() for server in servers))
