"""Suites that are written in JavaScript, and how one is run."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from libs.shared.testing.issuer import Issuer
from services.gateway.feed import PostPublished
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.world import World, world

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "tests/conformance/node"

#: What the longest suite may take on a busy machine.
_SECONDS = 100
_EVERY_SECONDS = 0.02


class Outcome(Struct, frozen=True):
    """One requirement and what came of it; `status` is `ok` or the suite's word for what is wrong."""

    name: str
    status: str
    reason: str = ""
    id: str = ""
    section: str = ""


async def node(*command: str, folder: Path = NODE, **environment: str) -> bytes:
    """Run a program of Node and return its output; what it says on standard error fails the test if it fails."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
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


@asynccontextmanager
async def published(issuer: Issuer) -> AsyncGenerator[World, None]:
    """A gateway on whose brand `acme` posts are published all the time."""
    async with world(issuer) as gateway:
        task = asyncio.create_task(_publish(gateway))
        yield gateway
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _publish(gateway: World) -> None:
    sequence = 0
    while True:
        sequence += 1
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=sequence)])
        await asyncio.sleep(_EVERY_SECONDS)


async def nobody_listens(gateway: World) -> None:
    """Return when every subscription of the clients that have gone is over; fails when one stays."""
    async with asyncio.timeout(20):
        while gateway.gateway.feed.subscribers:  # noqa: ASYNC110 – it is only looked at from outside
            await asyncio.sleep(0.01)


def package_version(name: str) -> str:
    """The version of a package of the suites that is installed here."""
    version: str = json.loads((NODE / "node_modules" / name / "package.json").read_text())["version"]
    return version
