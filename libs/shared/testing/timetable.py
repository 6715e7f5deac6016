"""A timetable that follows a clock which a test turns: weeks pass in a moment."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from datetime import datetime, timedelta

from libs.shared.schedules import Due
from libs.shared.testing.clock import FakeClock


class FakeTimetable:
    """A `Timetable` that outlives the services of a test, as the server's does; `advance` turns its clock.

    `waiting` holds what is to come: (kind, id) → (time, data).  With `kinds`, what is due of others waits on: it is no
    matter of the test.
    """

    def __init__(self, clock: FakeClock, kinds: Collection[str] | None = None) -> None:
        self.clock = clock
        self._kinds = kinds
        self.waiting: dict[tuple[str, str], tuple[datetime, bytes]] = {}
        self._handle: asyncio.Future[Callable[[Due], Awaitable[None]]] | None = None

    async def create(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """See `Schedules.create`."""
        self.waiting.setdefault((kind, id), (at, data))

    async def reschedule(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        """See `Schedules.reschedule`."""
        self.waiting[kind, id] = (at, data)

    async def cancel(self, kind: str, id: str) -> None:  # noqa: A002
        """See `Schedules.cancel`."""
        self.waiting.pop((kind, id), None)

    async def deliver(self, handle: Callable[[Due], Awaitable[None]]) -> None:
        """Let `advance` hand over to this service from now on, until cancelled."""
        self._handler().set_result(handle)
        try:
            await asyncio.Event().wait()
        finally:
            self._handle = None

    async def advance(self, by: timedelta) -> None:
        """Turn the clock; what comes due meanwhile is handed over at its time, and again when it could not be handled.

        Raises what is raised for one that fails three times; it goes on waiting.
        """
        until = self.clock.now() + by
        while due := min(self._due(until), default=None):
            at, kind, id_ = due
            await self.clock.advance(max(timedelta(), at - self.clock.now()))
            await self._hand_over(kind, id_)
        await self.clock.advance(until - self.clock.now())

    def _due(self, until: datetime) -> Iterator[tuple[datetime, str, str]]:
        for (kind, id_), (at, _) in self.waiting.items():
            if at <= until and (self._kinds is None or kind in self._kinds):
                yield at, kind, id_

    async def _hand_over(self, kind: str, id_: str) -> None:
        kept = self.waiting[kind, id_]
        handle = await asyncio.shield(self._handler())
        for attempt in (1, 2, 3):
            try:
                await handle(Due(kind, id_, kept[1], attempt))
                break
            except Exception:
                if attempt == 3:
                    raise
        if self.waiting.get((kind, id_)) is kept:  # else it was scheduled anew meanwhile
            del self.waiting[kind, id_]

    def _handler(self) -> asyncio.Future[Callable[[Due], Awaitable[None]]]:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().create_future()
        return self._handle
