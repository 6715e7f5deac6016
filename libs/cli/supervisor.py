"""Keeps a set of child processes running: starts them, restarts the ones that die, and stops them all."""

import asyncio
import contextlib
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.cli.child import Child, Spawn, follow, signal_group, spawn

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
#: A process that ran this long is forgiven its earlier deaths.
_STEADY_SECONDS = 30.0
#: Deaths before the first readiness after which a start is given up.
_EARLY_DEATHS = 3


class StartFailed(Exception):
    """A process did not become ready; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process: what to run, with which whole environment, and when it is ready.

    `ready` answers at once or within a second or two and does not raise.  Lines that match `hidden` are not shown.
    Asked to stop, it has `stop_seconds` before it is killed.  `spawn` is how it is started.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    hidden: re.Pattern[str] | None = None
    stop_seconds: float = 2.2
    spawn: Spawn = spawn


class Output(Protocol):
    """Where the supervisor shows what its processes print and what happens to them."""

    def line(self, name: str, text: str) -> None:
        """A line that process `name` printed, without its line break."""

    def note(self, name: str, text: str) -> None:
        """Something that happened to process `name`."""


class Supervisor:
    """Runs stages of processes; a later stage may rely on the earlier ones, and stops before them."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._stages: list[list[_Keeper]] = []

    async def start(self, specs: Sequence[ProcessSpec], *, timeout_seconds: float = 60) -> None:
        """Starts a stage, all of it at once, and returns when every process is ready; raises `StartFailed`."""
        stage = [_Keeper(spec, self._output) for spec in specs]
        self._stages.append(stage)
        for keeper in stage:
            keeper.start()
        waiting = [asyncio.create_task(keeper.until_ready(timeout_seconds)) for keeper in stage]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Stops every stage, the last one first; a process that takes longer than it may is killed."""
        while self._stages:
            await asyncio.gather(*(keeper.stop() for keeper in self._stages.pop()))


class _Keeper:
    """Keeps one process running."""

    def __init__(self, spec: ProcessSpec, output: Output) -> None:
        self._spec = spec
        self._output = output
        self._stopping = asyncio.Event()
        self._process: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths = 0
        self._last_words = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"keep {self._spec.name}")

    async def until_ready(self, timeout_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not (self._alive() and await self._spec.ready()):
            if self._task is not None and self._task.done():
                self._task.result()
            if self._deaths >= _EARLY_DEATHS:
                raise StartFailed(f"{self._spec.name} does not start: {self._last_words or 'it says nothing'}")
            if loop.time() - began > timeout_seconds:
                raise StartFailed(f"{self._spec.name} is not ready after {timeout_seconds:g} s")
            await asyncio.sleep(0.05)
        self._output.note(self._spec.name, f"ready in {loop.time() - began:.1f} s")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._task}, timeout=self._spec.stop_seconds)
        if not done:
            self._output.note(self._spec.name, f"has not stopped after {self._spec.stop_seconds:g} s and is killed")
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._task})

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            began = loop.time()
            ending = await self._run()
            if self._stopping.is_set():
                return
            self._deaths += 1
            if loop.time() - began > _STEADY_SECONDS:
                pause_seconds = _FIRST_PAUSE_SECONDS
            self._output.note(self._spec.name, f"{ending}; starts again in {pause_seconds:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
                return
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _run(self) -> str:
        """Runs the process once to its end and says how it ended."""
        try:
            self._process = process = await self._spec.spawn(self._spec.command, self._spec.env)
        except OSError as error:
            self._last_words = f"{self._spec.command[0]}: {error.strerror or error}"
            return f"cannot start ({self._last_words})"
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        code = await follow(process, self._show)
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"

    def _show(self, text: str) -> None:
        if not (self._spec.hidden and self._spec.hidden.search(text)):
            self._last_words = text
            self._output.line(self._spec.name, text)

    def _alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            signal_group(self._process, number)


async def run_once(
    name: str, command: Sequence[str], env: Mapping[str, str], output: Output, start: Spawn = spawn
) -> int:
    """Runs a command to its end and returns its exit code; it is killed when the caller is cancelled."""
    process = await start(command, env)
    return await follow(process, lambda text: output.line(name, text))
