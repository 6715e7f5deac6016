"""One child process: how it is started, shown and ended, so that nothing of it can be left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

_PR_SET_PDEATHSIG = 1
_LONGEST_LINE_BYTES = 65_536


class Child(Protocol):
    """A running process that leads a process group; `stdout` carries standard error too."""

    @property
    def pid(self) -> int:
        """The process, and its group."""

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it prints."""

    async def wait(self) -> int:
        """Returns `returncode` when it has ended."""


#: Starts a command with a whole environment; raises OSError.
Spawn: TypeAlias = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Child]]


async def spawn(command: Sequence[str], env: Mapping[str, str]) -> Child:
    """Starts a program that ends at the latest with this process."""
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C in the terminal must reach the supervisor alone
        preexec_fn=leash(),
    )


async def follow(child: Child, show: Callable[[str], None]) -> int:
    """Shows line by line what a process prints until it ends; nothing of its process group outlives it."""
    assert child.stdout is not None
    pump = asyncio.create_task(_pump(child.stdout, show))
    try:
        code = await child.wait()
        await asyncio.wait({pump}, timeout=0.2)
    finally:
        signal_group(child, signal.SIGKILL)
    await asyncio.wait({pump}, timeout=0.2)
    pump.cancel()
    return code


def signal_group(child: Child, number: signal.Signals) -> None:
    """Sends a signal to the process and to whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def leash() -> Callable[[], None] | None:
    """What a forked child does first so that it cannot outlive this process, not even when that is killed by -9.

    Linux only (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return tie


async def _pump(stream: asyncio.StreamReader, show: Callable[[str], None]) -> None:
    rest = b""
    while chunk := await stream.read(_LONGEST_LINE_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                show(text)
    if rest.strip():
        show(rest.decode(errors="replace").rstrip())
