"""What the benchmarks share: the result of one, real servers for one, and ways to measure fairly on a busy machine."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from libs.shared.testing.servers import MongoServer, NatsServer

#: How often each contestant runs, in turn with the others; the median counts.
ROUNDS = 3


class Line(Struct, frozen=True, kw_only=True):
    """One row of the table: what was measured, and the limit it stands beside.

    `ratio` is measured ÷ limit; `budget` is in words, `met` None where there is no budget.
    """

    what: str
    measured: float
    unit: str
    limit: float | None = None
    limit_what: str = ""
    ratio: float | None = None
    budget: str = ""
    met: bool | None = None
    note: str = ""


def compare(
    what: str,
    measured: float,
    limit: float,
    *,
    limit_what: str,
    unit: str = "/s",
    at_least: float | None = None,
    note: str = "",
) -> Line:
    """A row for a rate beside the limit's rate; the budget is a ratio that it should reach."""
    ratio = measured / limit
    return Line(
        what=what,
        measured=measured,
        unit=unit,
        limit=limit,
        limit_what=limit_what,
        ratio=ratio,
        budget="" if at_least is None else f"≥ {at_least:g} ×",
        met=None if at_least is None else ratio >= at_least,
        note=note,
    )


def below(what: str, measured: float, unit: str, budget: float, *, note: str = "") -> Line:
    """A row for something that should stay below a budget in its own unit."""
    return Line(
        what=what, measured=measured, unit=unit, budget=f"< {budget:g} {unit}", met=measured < budget, note=note
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0…1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999_999) - 1))]


async def in_turn(*runs: Callable[[], Awaitable[float]], rounds: int = ROUNDS) -> list[float]:
    """The median result of each run.  They run alternately, so that what else the machine does hits all alike."""
    results: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, kept in zip(runs, results, strict=True):
            kept.append(await run())
    return [statistics.median(kept) for kept in results]


async def rate(writers: int, each: int, work: Callable[[int, int], Awaitable[object]]) -> float:
    """How often a second `work(writer, number)` ran: `writers` at the same time, each `each` times in turn."""

    async def one(writer: int) -> None:
        for number in range(each):
            await work(writer, number)

    began = time.perf_counter()
    await asyncio.gather(*(one(writer) for writer in range(writers)))
    return writers * each / (time.perf_counter() - began)


@contextmanager
def nats_server() -> Iterator[str]:
    """The address of a nats-server of its own, with nothing in it."""
    with scratch() as folder, NatsServer(folder / "nats") as server:
        yield server.url


@contextmanager
def mongo_server() -> Iterator[str]:
    """The address of a MongoDB-wire server of its own, with nothing in it."""
    with scratch() as folder, MongoServer(folder / "mongo") as server:
        yield server.url


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; `TMPDIR` says on which disk."""
    with tempfile.TemporaryDirectory(prefix=f"archipel-bench-{os.getpid()}-") as folder:
        yield Path(folder)
