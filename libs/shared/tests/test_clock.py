"""The clocks."""

import asyncio
from datetime import UTC, datetime, timedelta

from libs.shared.clock import Clock, SystemClock
from libs.shared.testing.clock import FakeClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_the_system_clock_tells_utc_in_milliseconds() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = clock.now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert before <= now <= datetime.now(UTC)
    began = asyncio.get_running_loop().time()
    await clock.sleep(0.02)
    assert asyncio.get_running_loop().time() - began >= 0.02


async def test_a_fake_clock_stands_still_until_it_is_turned() -> None:
    clock = FakeClock(NOON + timedelta(microseconds=1999))
    assert clock.now() == NOON + timedelta(milliseconds=1)
    await clock.advance(timedelta(weeks=4))
    assert clock.now() == NOON + timedelta(weeks=4, milliseconds=1)


async def test_sleepers_wake_in_the_order_of_their_times_and_at_their_times() -> None:
    clock: Clock
    clock = fake = FakeClock(NOON)
    woken: list[tuple[str, datetime]] = []

    async def every(name: str, seconds: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(seconds)
            woken.append((name, clock.now()))

    tasks = [asyncio.create_task(every("slow", 3, 1)), asyncio.create_task(every("quick", 2, 3))]
    await asyncio.sleep(0)
    assert fake.sleepers == 2
    await fake.advance(timedelta(seconds=5))
    assert woken == [
        ("quick", NOON + timedelta(seconds=2)),
        ("slow", NOON + timedelta(seconds=3)),
        ("quick", NOON + timedelta(seconds=4)),
    ]
    assert clock.now() == NOON + timedelta(seconds=5)
    await fake.advance(timedelta(seconds=1))
    await asyncio.gather(*tasks)
    assert fake.sleepers == 0


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock(NOON)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleepers == 0
    await clock.sleep(0)
    await clock.advance(timedelta(seconds=2))
    assert clock.now() == NOON + timedelta(seconds=2)
