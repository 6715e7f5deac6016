"""Starts Python modules quickly: each is forked from one process that has imported already what they all need.

Importing is nearly all of what a service does at its start; four that share it start about as quickly as one.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from libs.cli.child import Child, leash


class _Answer(Struct, frozen=True):
    """A line of the nursery process: a child was born, or has ended with `code`."""

    pid: int
    code: int | None = None


class _Forked:
    """A `Child` whose parent is the nursery process."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


class Nursery:
    """Forks children that have imported `preload` before they begin; `env` is what their environments share."""

    def __init__(self, preload: Sequence[str], env: Mapping[str, str]) -> None:
        self._preload = preload
        self._env = dict(env)
        self._lock = asyncio.Lock()
        self._children: dict[int, _Forked] = {}
        self._listening: asyncio.Task[None] | None = None
        self._sending: socket.socket | None = None
        self._expected: tuple[asyncio.Future[_Forked], asyncio.StreamReader] | None = None

    async def warm(self) -> None:
        """Begins to import, so that the first child waits less."""
        async with self._lock:
            await self._open()

    async def spawn(self, command: Sequence[str], env: Mapping[str, str]) -> Child:
        """Runs `python -m <module> <argument>…`, with an environment that has all of the nursery's variables.

        Raises OSError when the nursery process ends meanwhile, as it does when it cannot import.
        """
        changed = {name: value for name, value in env.items() if self._env.get(name) != value}
        request = msgspec.json.encode({"argv": command[command.index("-m") + 1 :], "env": changed})
        loop = asyncio.get_running_loop()
        async with self._lock:
            sending = await self._open()
            output, inlet = os.pipe()
            stdout = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(output, "rb", 0))
            born: asyncio.Future[_Forked] = loop.create_future()
            self._expected = born, stdout
            try:
                socket.send_fds(sending, [request], [inlet])
            finally:
                os.close(inlet)
            return await born

    async def close(self) -> None:
        """Ends the nursery process, and with it whatever children it still has."""
        if self._sending is not None:
            self._sending.shutdown(socket.SHUT_RDWR)
        if self._listening is not None:
            await self._listening

    async def _open(self) -> socket.socket:
        """The way to the nursery process, which is started when it does not run."""
        if self._sending is not None:
            return self._sending
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "libs.cli.nursery_process", str(theirs.fileno()), *self._preload),
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=leash(),
            )
        self._sending = ours.dup()
        reader, writer = await asyncio.open_connection(sock=ours)
        self._listening = asyncio.create_task(self._listen(process, reader, writer))
        return self._sending

    async def _listen(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = msgspec.json.decode(line, type=_Answer)
                if answer.code is None:
                    self._enter(answer.pid)
                else:
                    self._children.pop(answer.pid).end(answer.code)
        writer.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self._forget()

    def _enter(self, pid: int) -> None:
        assert self._expected is not None
        born, stdout = self._expected
        child = self._children[pid] = _Forked(pid, stdout)
        if not born.done():
            born.set_result(child)

    def _forget(self) -> None:
        """The nursery process is gone, and all that it had."""
        if self._sending is not None:
            self._sending.close()
            self._sending = None
        if self._expected is not None and not self._expected[0].done():
            self._expected[0].set_exception(OSError("the process that forks services has ended"))
        for child in self._children.values():
            child.end(-signal.SIGKILL)
        self._children.clear()
