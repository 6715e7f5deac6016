"""`python -m bench`: runs the benchmarks and prints a table; exit code 1 when a budget was missed."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench.harness import Line

#: Modules of this package with `async def run() -> list[Line]`, in the order in which they run.
NAMES = (
    "executor",
    "append",
    "hot_aggregate",
    "projector",
    "privacy",
    "rpc",
    "graphql_page",
    "home_page",
    "visibility",
    "footprint",
    "members",
    "imports",
)
#: The same, run only when they are named: they need more than Python, or more time.
NAMED = ("overload", "peers")

_WIDTH = 160


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; returns the exit code."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run", highlight=False)
    results: dict[str, list[Line]] = {}
    began = time.monotonic()
    for name in options.only or NAMES:
        with console.status(name):
            run: Callable[[], Awaitable[list[Line]]] = importlib.import_module(f"bench.{name}").run
            results[name] = uvloop.run(_collect(run))
    lines = [line for rows in results.values() for line in rows]
    console.print(_table(lines))
    console.print(f"in {time.monotonic() - began:.0f} s; medians of alternating runs", highlight=False)
    if options.json is not None:
        Path(options.json).write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    return 1 if any(line.met is False for line in lines) else 0


async def _collect(run: Callable[[], Awaitable[list[Line]]]) -> list[Line]:
    return await run()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    chosen = f"one of {', '.join(NAMES)}; and, when it is named, of {', '.join(NAMED)}"
    parser.add_argument("--only", action="append", choices=(*NAMES, *NAMED), metavar="NAME", help=chosen)
    parser.add_argument("--json", metavar="FILE", help="also write the results there")
    return parser.parse_args(arguments)


def _table(lines: Sequence[Line]) -> Table:
    table = Table(title="Archipel on this machine", title_justify="left")
    for heading in ("", "measured", "limit here", "ratio", "budget"):
        table.add_column(heading, justify="right" if heading in {"measured", "ratio"} else "left")
    for line in lines:
        mark = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[line.met]
        limit = "" if line.limit is None else f"{_number(line.limit)} {line.unit} ({line.limit_what})"
        ratio = "" if line.ratio is None else f"{line.ratio:.2f} ×"
        what = f"{line.what}\n  [dim]{line.note}[/dim]" if line.note else line.what
        table.add_row(what, f"{_number(line.measured)} {line.unit}", limit, ratio, f"{line.budget} {mark}")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
