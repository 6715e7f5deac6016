"""What services schedule is handed over to them: by the server's clock, and by one that a test turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from libs.shared.ids import uuid7
from libs.shared.schedules import Due
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.tasks import end
from libs.shared.testing.timetable import FakeTimetable
from libs.shared.tests import counting


async def test_a_service_gets_what_it_scheduled_when_it_is_due(nats_url: str, mongo_url: str) -> None:
    app = App(f"c{uuid7()[-12:]}", Settings(nats_url=nats_url, mongo_url=mongo_url, startup_seconds=10))
    counting.compose(app)
    received: asyncio.Queue[tuple[str, Due]] = asyncio.Queue()

    async def tea(due: Due) -> None:
        await received.put(("tea", due))

    async def lunch(due: Due) -> None:
        await received.put(("lunch", due))

    app.on_due("tea", tea)
    app.on_due("lunch", lunch)
    with pytest.raises(ValueError, match="twice"):
        app.on_due("tea", lunch)
    await app.start()
    try:
        await app.timetable.create("lunch", "one", app.clock.now(), b"soup")
        async with asyncio.timeout(20):
            assert await received.get() == ("lunch", Due("lunch", "one", b"soup", 1))
        await app.timetable.create("tea", "two", app.clock.now() + timedelta(seconds=0.2))
        async with asyncio.timeout(20):
            assert await received.get() == ("tea", Due("tea", "two", b"", 1))
    finally:
        await app.stop()


class Diary:
    """Notes what is due; fails the first `failures` times, and schedules `again` a day later once."""

    def __init__(self, timetable: FakeTimetable, *, failures: int = 0, again: bool = False) -> None:
        self.notes: list[str] = []
        self._timetable = timetable
        self._failures = failures
        self._again = again

    async def __call__(self, due: Due) -> None:
        now = self._timetable.clock.now()
        self.notes.append(f"{now:%d} {due.kind} {due.id} {due.attempt}")
        if self._failures > 0:
            self._failures -= 1
            raise RuntimeError("not now")
        if self._again:
            self._again = False
            await self._timetable.reschedule(due.kind, due.id, now + timedelta(days=1))


@asynccontextmanager
async def serving(diary: Diary, timetable: FakeTimetable) -> AsyncIterator[None]:
    task = asyncio.create_task(timetable.deliver(diary))
    try:
        yield
    finally:
        await end(task)


async def test_a_turned_clock_hands_over_in_the_order_of_the_times_across_services() -> None:
    timetable = FakeTimetable(FakeClock())
    start = timetable.clock.now()
    await timetable.create("b", "late", start + timedelta(days=3))
    await timetable.create("a", "soon", start + timedelta(days=1))
    await timetable.create("a", "soon", start + timedelta(days=9))  # once
    await timetable.create("a", "never", start + timedelta(days=2))
    await timetable.cancel("a", "never")
    first = Diary(timetable, again=True)
    async with serving(first, timetable):
        await timetable.advance(timedelta(days=1))
    second = Diary(timetable, failures=2)
    async with serving(second, timetable):
        await timetable.advance(timedelta(days=10))
    assert first.notes == ["02 a soon 1"]
    assert second.notes == ["03 a soon 1", "03 a soon 2", "03 a soon 3", "04 b late 1"]
    assert timetable.waiting == {}
    assert timetable.clock.now() == start + timedelta(days=11)


async def test_what_cannot_be_handled_is_told_and_goes_on_waiting() -> None:
    timetable = FakeTimetable(FakeClock())
    await timetable.create("a", "one", timetable.clock.now())
    async with serving(Diary(timetable, failures=3), timetable):
        with pytest.raises(RuntimeError):
            await timetable.advance(timedelta())
        assert list(timetable.waiting) == [("a", "one")]
        await timetable.advance(timedelta())
    assert timetable.waiting == {}


async def test_what_is_no_matter_of_the_test_is_forgotten() -> None:
    timetable = FakeTimetable(FakeClock(), {"a"})
    await timetable.create("a", "one", timetable.clock.now())
    await timetable.create("b", "two", timetable.clock.now())
    diary = Diary(timetable)
    async with serving(diary, timetable):
        await timetable.advance(timedelta())
    assert diary.notes == ["01 a one 1"]
    assert timetable.waiting == {}
