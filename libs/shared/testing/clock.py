"""A clock that stands still until a test turns it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from libs.shared.clock import to_milliseconds


class FakeClock:
    """A `Clock` whose time is `start` plus whatever `advance` was given; sleepers wake in the order of their times."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = to_milliseconds(start)
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    @property
    def sleepers(self) -> int:
        """How many tasks wait for this clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def now(self) -> datetime:
        """The time of day."""
        return to_milliseconds(self._now)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), future))
        await future

    async def advance(self, by: timedelta) -> None:
        """Turn the clock forward; each sleeper that is due runs at its own time before the next one wakes."""
        target = self._now + by
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not future.done():
                future.set_result(None)
            for _ in range(_TURNS):  # let the sleeper run up to its next sleep
                await asyncio.sleep(0)
        self._now = target


_TURNS = 10
