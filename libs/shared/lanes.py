"""Who works on which aggregate when: one queue an aggregate, one worker a queue, as long as there is anything in it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from libs.shared.domain import Command, Unavailable
from libs.shared.event_store import Subject
from libs.shared.plan import Waiting

C = TypeVar("C", bound=Command)


class _Turn:
    """A time in which only one holder works on an aggregate."""

    __slots__ = ("begun", "ended")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def fail(self, error: Exception) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)


class _Lane(Generic[C]):
    __slots__ = ("queue", "task")

    def __init__(self) -> None:
        self.queue: deque[Waiting[C] | _Turn] = deque()
        self.task: asyncio.Task[None] | None = None

    def commands(self, most: int) -> Iterator[Waiting[C]]:
        """Give the commands at the start of the queue that someone still waits for."""
        for entry in self.queue:
            if isinstance(entry, _Turn) or most == 0:
                return
            if not entry.answer.done():
                most -= 1
                yield entry

    def drop_answered(self) -> None:
        """Take away what is at the start of the queue and answered, or waited for by nobody."""
        while self.queue:
            first = self.queue[0]
            if isinstance(first, _Turn) or not first.answer.done():
                return
            self.queue.popleft()


class Lanes(Generic[C]):
    """Queues of commands by aggregate.  `run` gets the next ones of a queue, at most `most`, and answers the first.

    Callers only wait for answers; the work is done in tasks of its own, so that a cancelled caller stops nobody else.
    """

    def __init__(self, run: Callable[[Subject, Sequence[Waiting[C]]], Awaitable[None]], most: int) -> None:
        self._run = run
        self._most = most
        self._lanes: dict[Subject, _Lane[C]] = {}

    def add(self, subject: Subject, entry: Waiting[C] | _Turn) -> None:
        """Put a command at the end of the aggregate's queue."""
        lane = self._lanes.get(subject)
        if lane is None:
            lane = self._lanes[subject] = _Lane()
            lane.queue.append(entry)
            lane.task = asyncio.get_running_loop().create_task(self._work(subject, lane))
        else:
            lane.queue.append(entry)

    @asynccontextmanager
    async def turn(self, subject: Subject) -> AsyncIterator[None]:
        """Keep the aggregate's commands waiting for as long as the context lasts; it waits in the queue like them."""
        turn = _Turn()
        self.add(subject, turn)
        try:
            await turn.begun
            yield
        finally:
            if not turn.ended.done():
                turn.ended.set_result(None)

    async def settle(self) -> None:
        """Wait until all queues are empty."""
        while self._lanes:
            await asyncio.wait([lane.task for lane in self._lanes.values() if lane.task is not None])

    async def _work(self, subject: Subject, lane: _Lane[C]) -> None:
        try:
            while lane.queue:
                first = lane.queue[0]
                if isinstance(first, _Turn):
                    lane.queue.popleft()
                    if not first.begun.done():
                        first.begun.set_result(None)
                        await first.ended
                elif waiting := list(lane.commands(self._most)):
                    await self._run(subject, waiting)
                lane.drop_answered()
        finally:
            del self._lanes[subject]
            for entry in lane.queue:  # something is left only when the process is ending
                entry.fail(Unavailable("the service is stopping"))
