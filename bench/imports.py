"""What it takes to bring members in: an import on a live platform, and the importer's memory."""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import nats
from rich.console import Console

from bench.harness import Line, mongo_server, nats_server, rate, scratch
from libs.cli.import_report import Outcome, Report
from libs.cli.importer import import_files
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, BrandId
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.privacy import MasterKeys
from libs.shared.streams import ensure_streams, event_stream, key_stream, snapshot_stream
from libs.shared.testing.platform import MASTER_KEYS, Platform
from libs.shared.vault import Vault
from services.members.member import JoinBrand
from services.members.member_decisions import DECIDER

_MEMBERS = 5_000
_A_SECOND = 500
_SMALL, _LARGE = 2_000, 20_000
#: The memory of an importer whose file is ten times as long.
_GROWTH = 1.2
#: As many as the importer has on their way.
_WRITERS = 64
_ROOT = Path(__file__).resolve().parents[1]


async def run() -> list[Line]:
    """Rows for creating, for showing, and for the importer's memory."""
    with (
        nats_server() as nats_url,
        mongo_server() as mongo_url,
        scratch() as folder,
        Platform(folder, nats_url, mongo_url) as platform,
    ):
        file = member_file(folder, _MEMBERS)
        await _import(platform, "warm", member_file(folder, 100))
        limit = await _handled()
        created, shown = await _import(platform, "harbour", file)
        again = await _import_again(platform, "harbour", file)
    small, large = [await _memory_mb(lines) for lines in (_SMALL, _LARGE)]
    return [
        Line(
            what=f"import of {_MEMBERS:,} members with encryption: in the log",
            measured=_MEMBERS / created,
            unit="/s",
            limit=limit,
            limit_what="through the command handler, 64 at once",
            ratio=_MEMBERS / created / limit,
            budget=f"≥ {_A_SECOND} /s",
            met=_MEMBERS / created >= _A_SECOND,
        ),
        Line(what="the same: shown by every view", measured=_MEMBERS / shown, unit="/s"),
        Line(what="the same file again, 0 created", measured=_MEMBERS / again, unit="/s"),
        Line(
            what=f"memory of the importer (RSS), {_LARGE:,} lines",
            measured=large,
            unit="MB",
            limit=small,
            limit_what=f"{_SMALL:,} lines",
            ratio=large / small,
            budget=f"≤ {_GROWTH:g} ×",
            met=large <= _GROWTH * small,
        ),
    ]


class _Stopwatch(Report):
    """A report that prints nothing and knows how long the deciding took."""

    def __init__(self) -> None:
        quiet = Console(quiet=True)
        super().__init__(quiet, quiet)
        self.decided_after = 0.0
        self._since = time.perf_counter()

    def decided(self) -> None:
        super().decided()
        self.decided_after = time.perf_counter() - self._since


async def _import(platform: Platform, brand: str, file: Path) -> tuple[float, float]:
    """Seconds until all are created, and until the import says that they are shown."""
    async with platform.bus() as bus:
        report = _Stopwatch()
        began = time.perf_counter()
        await import_files(bus, platform.identity_key, brand, [file], report, create=True)
        shown = time.perf_counter() - began
    if report.of("member", Outcome.CREATED) != sum(1 for _ in file.open()):
        raise RuntimeError("not everybody was brought in")
    return report.decided_after, shown


async def _import_again(platform: Platform, brand: str, file: Path) -> float:
    async with platform.bus() as bus:
        report = _Stopwatch()
        await import_files(bus, platform.identity_key, brand, [file], report)
    if report.of("member", Outcome.CREATED) or report.refused:
        raise RuntimeError("a repeat changed something")
    return report.decided_after


async def _memory_mb(lines: int) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.import_memory", str(lines)), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}")
    return float(printed)


async def _handled() -> float:
    """Joinings a second through the command handler alone: no bus, no guards, no views beside it."""
    with nats_server() as url:
        connection = await nats.connect(url)
        await ensure_streams(connection, key_stream(), snapshot_stream(), event_stream("members"))
        vault = Vault(connection, MasterKeys.parse(MASTER_KEYS))
        handler = CommandHandler(DECIDER, JetStreamEventStore(connection, Codec("members"), vault=vault), "members")
        joinings = await rate(_WRITERS, _MEMBERS // _WRITERS, lambda _, __: handler.handle(_join(uuid7())))
        await handler.settle()
        await connection.close()
    return joinings


def _join(member: str) -> JoinBrand:
    return JoinBrand(
        command_id=uuid7(), brand=BrandId("b1"), actor=SYSTEM, now=datetime(2026, 1, 1, tzinfo=UTC), member_id=member,
        identity=member, display_name="Member 1000", email="m1000@example.org",
    )  # fmt: skip


def member_file(folder: Path, members: int) -> Path:
    """A file of so many members to import."""
    file = folder / f"{members}.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in _lines(members)))
    return file


def _lines(members: int) -> Iterator[dict[str, str]]:
    for number in range(members):
        yield {
            "kind": "member",
            "ref": f"m{number}",
            "display_name": f"Member {number}",
            "email": f"m{number}@example.org",
            "joined_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        }
