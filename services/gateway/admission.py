"""Load shedding: how many operations run at once, who waits for a moment, and who is told to come back later.

One process executes GraphQL on one core, so operations that are let in beyond what it can do only make each other
late.  How many that is depends on how long they wait for services; therefore the number is found while running: it
shrinks while the event loop is late (the core is busy) and grows while operations only wait (ADR 0012).
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from libs.shared.domain import DomainError

#: How often the lateness of the event loop is looked at while anything runs.
TICK_SECONDS: Final = 0.01


class Overloaded(DomainError):
    """More was asked than can be answered in good time; nothing was done, to ask again later is safe."""

    def __init__(self) -> None:
        super().__init__("OVERLOADED", "too busy at the moment; try again later")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Between `least` and `most` operations run at once; `waiting` more wait for at most `wait_seconds`.

    A loop that is more than `late_seconds` late is busy.
    """

    least: int = 8
    most: int = 256
    waiting: int = 16
    wait_seconds: float = 0.1
    late_seconds: float = 0.01


class Admission:
    """Lets operations in, in the order in which they came."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._limit = self._bounds.most
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ticking: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """How many may run at once just now."""
        return self._limit

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place to run one operation in; raises `Overloaded` at once, or after a short wait."""
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    def observe(self, late_seconds: float) -> None:
        """Adapt to how late the event loop was."""
        if late_seconds > self._bounds.late_seconds:
            self._limit = max(self._bounds.least, self._limit * 3 // 4)
        elif self._limit < self._bounds.most:
            self._limit = min(self._bounds.most, self._limit + 1)
            self._wake()

    async def _enter(self) -> None:
        if self._ticking is None:
            self._tick_later()
        if self._running < self._limit and not self._waiting:
            self._running += 1
            return
        if len(self._waiting) >= self._bounds.waiting:
            raise Overloaded
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        self._waiting.append(place)
        timer = loop.call_later(self._bounds.wait_seconds, _give_up, place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave()  # cancelled in the moment in which it came in
            elif place in self._waiting:
                self._waiting.remove(place)
            raise
        finally:
            timer.cancel()

    def _leave(self) -> None:
        self._running -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._running < self._limit:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)

    def _tick_later(self) -> None:
        due = time.monotonic() + TICK_SECONDS
        self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick, due)

    def _tick(self, due: float) -> None:
        self._ticking = None
        self.observe(time.monotonic() - due)
        if self._running or self._waiting or self._limit < self._bounds.most:
            self._tick_later()


def _give_up(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(Overloaded())
