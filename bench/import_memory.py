"""`python -m bench.import_memory LINES`: an import into a platform that takes everything at once; prints its peak RSS.

In a process of its own, for memory is measured by the process.
"""

import asyncio
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct
from rich.console import Console

from bench.harness import scratch
from bench.imports import member_file
from libs.cli.import_report import Outcome, Report
from libs.cli.import_sender import Bus
from libs.cli.importer import import_files
from libs.shared.domain import Accepted

T = TypeVar("T")


class _Bus:
    """Takes every command, a moment later and further on in the stream, and has every answer."""

    def __init__(self) -> None:
        self._sequence = 0

    async def command(self, service: str, _: str, __: str, payload: Struct, **___: float) -> Accepted:
        """Encodes it as the real one does."""
        await asyncio.sleep(0)
        self._sequence += bool(msgspec.json.encode(payload))
        return Accepted(id=f"{service}{self._sequence}", position={"MEMBERS": self._sequence})

    async def query(self, _: str, __: str, ___: Mapping[str, Any], reply: type[T], **____: float) -> T:
        """The brand that was asked for; nobody looks at other answers."""
        return msgspec.convert({"id": "b1"}, reply)


async def _run(file: Path, lines: int) -> None:
    quiet = Console(quiet=True)
    report = Report(quiet, quiet)
    await import_files(cast(Bus, _Bus()), b"key" * 8, "harbour", [file], report)
    if report.of("member", Outcome.CREATED) != lines:
        raise RuntimeError("not everybody was brought in")


if __name__ == "__main__":
    with scratch() as folder:
        asyncio.run(_run(member_file(folder, int(sys.argv[1])), int(sys.argv[1])))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}\n")
