"""Suites that are written in JavaScript: how one is run, and how its outcome becomes a document of the repository."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "docs/conformance"
NODE = ROOT / "tests/conformance/node"

#: What the longest suite may take on a busy machine.
_SECONDS = 100


class Outcome(Struct, frozen=True):
    """One requirement and what came of it; `status` is `ok` or the suite's word for what is wrong."""

    name: str
    status: str
    reason: str = ""
    id: str = ""
    section: str = ""


async def node(*command: str, folder: Path = NODE) -> bytes:
    """Run a program of Node and return its output; what it says on standard error fails the test if it fails."""
    process = await asyncio.create_subprocess_exec(
        "node", *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"node {command[0]}:\n{(output + errors).decode()[-5000:]}"
    return output


async def outcomes(script: str, *arguments: str) -> list[Outcome]:
    """Run a suite, which prints its outcomes as JSON."""
    return msgspec.json.decode(await node(script, *arguments), type=list[Outcome])


def check_all_ok(results: Sequence[Outcome]) -> None:
    """Every outcome is `ok`; else the test fails with the reasons."""
    wrong = [f"{one.name}: {one.status} {one.reason}" for one in results if one.status != "ok"]
    assert not wrong, "\n\n".join(wrong)


def package_version(name: str) -> str:
    """The version of a package of the suites that is installed here."""
    version: str = json.loads((NODE / "node_modules" / name / "package.json").read_text())["version"]
    return version


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def check_report(name: str, text: str, *, write: bool) -> None:
    """The document is what the run made of it; with `write` it becomes that."""
    path = REPORTS / name
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"there is no {path.relative_to(ROOT)}: make conformance ARGS=--write-reports"
    assert path.read_text() == text, f"{path.relative_to(ROOT)} differs: make conformance ARGS=--write-reports"
