"""A bounded window of concurrent work in which pieces that share a key run in the order they were given."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial


class OrderedWindow:
    """At most `running` pieces of work run at once; at most `waiting` pieces and `waiting_bytes` are held in memory.

    Used inside `async with`: it leaves when all work is done.  An exception of any piece cancels the others and is
    raised there, in an `ExceptionGroup`.
    """

    def __init__(self, *, running: int, waiting: int, waiting_bytes: int) -> None:
        self._running = asyncio.Semaphore(running)
        self._most = waiting
        self._most_bytes = waiting_bytes
        self._held = 0
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> "OrderedWindow":
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._tasks.__aexit__(*error)  # type: ignore[arg-type]

    async def submit(self, work: Callable[[], Awaitable[None]], *, key: str, after: Iterable[str], size: int) -> None:
        """Waits for room, then lets `work` run when the last piece given under `key` and those of `after` are done."""
        while self._held and (self._held >= self._most or self._held_bytes + size > self._most_bytes):
            self._room.clear()
            await self._room.wait()
        before = {self._last[name] for name in (key, *after) if name in self._last}
        task = self._tasks.create_task(self._run(before, work))
        self._held += 1
        self._held_bytes += size
        self._last[key] = task
        task.add_done_callback(partial(self._done, key, size))

    async def _run(self, before: set[asyncio.Task[None]], work: Callable[[], Awaitable[None]]) -> None:
        if before:
            await asyncio.wait(before)
        async with self._running:
            await work()

    def _done(self, key: str, size: int, task: asyncio.Task[None]) -> None:
        self._held -= 1
        self._held_bytes -= size
        if self._last.get(key) is task:
            del self._last[key]
        self._room.set()
