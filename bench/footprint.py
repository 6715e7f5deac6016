"""What the idle platform takes: memory of the five services, and the time from `archipel up` to ready."""

import asyncio
import os
import sys
import time
from pathlib import Path

import psutil

from bench.harness import Line, below, scratch
from libs.cli.up import SERVICES
from libs.shared.ports import free_port

_MIB = 1024 * 1024
_SETTLE_SECONDS = 3
_ROOT = Path(__file__).resolve().parents[1]


async def run() -> list[Line]:
    """Three rows: the first start with the demo community, a later one, and the services' memory."""
    with scratch() as folder:
        first, _ = await _start(folder)
        again, memory = await _start(folder)
    return [
        below("start of the whole platform, with data", again, "s", 10),
        Line(what="first start, with the import of the demo community", measured=first, unit="s"),
        below("memory of the five idle services and the mailbox (RSS)", memory, "MB", 600),
    ]


async def _start(data: Path) -> tuple[float, float]:
    environment = {**os.environ, "ARCHIPEL_DATA": str(data), "ARCHIPEL_GATEWAY_PORT": str(free_port())}
    began = time.perf_counter()
    platform = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "libs.cli.main", "up"),
        cwd=_ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert platform.stdout is not None
        async for line in platform.stdout:
            if line.startswith(b"Archipel is ready"):
                break
        else:
            raise RuntimeError("the platform did not start")
        seconds = time.perf_counter() - began
        reading = asyncio.create_task(platform.stdout.read())
        await asyncio.sleep(_SETTLE_SECONDS)
        memory = _memory_mb(platform.pid)
    finally:
        platform.terminate()
    await reading
    await platform.wait()
    return seconds, memory


def _memory_mb(supervisor: int) -> float:
    """Most services are forked from one process and share what it imported; RSS counts that once for each."""
    services: list[psutil.Process] = []
    for child in psutil.Process(supervisor).children():
        arguments = child.cmdline()
        if "libs.cli.nursery_process" in arguments:
            services += child.children()
        elif any(argument.startswith("services.") for argument in arguments):
            services.append(child)
    expected = len(SERVICES) + 1  # the mailbox comes from the same process
    if len(services) != expected:
        raise RuntimeError(f"{len(services)} processes run, not {expected}")
    return sum(service.memory_info().rss for service in services) / _MIB
