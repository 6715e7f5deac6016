"""Tiny programs that stand in for services, and an output that remembers."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from libs.cli.embedded import answers
from libs.cli.supervisor import ProcessSpec
from libs.shared.ports import LOOPBACK

#: Writes its pid to the file given, listens on the port given, and ends in order on SIGTERM.
SERVES = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
open(sys.argv[2] + "~", "w").write(str(os.getpid()))
os.replace(sys.argv[2] + "~", sys.argv[2])
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("serving", flush=True)
while True:
    server.accept()[0].close()
"""

#: As above, but deaf to SIGTERM.
DEAF = SERVES.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")

#: As above, with a child of its own that is deaf too.
PARENT = SERVES.replace(
    "server =",
    """import subprocess
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
open(sys.argv[2] + ".child", "w").write(str(child.pid))
server =""",
)


class Remembered:
    """An `Output` that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.notes: list[tuple[str, str]] = []

    def line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def note(self, name: str, text: str) -> None:
        self.notes.append((name, text))


def spec(name: str, program: str, port: int, folder: Path) -> ProcessSpec:
    """A process that runs `program` on `port` and leaves its pid in `<folder>/<name>.pid`."""
    return ProcessSpec(
        name=name,
        command=[sys.executable, "-S", "-c", program, str(port), str(folder / f"{name}.pid")],
        env=dict(os.environ),
        ready=partial(answers, LOOPBACK, port),
    )


def pid_of(name: str, folder: Path) -> int:
    return int((folder / f"{name}.pid").read_text())


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10) -> None:
    """Returns once the condition holds; fails the test when it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.01)
