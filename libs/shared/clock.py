"""The time of day as a port, so that nothing decides by a clock that a test cannot turn."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits.  Times are aware, in UTC, cut to whole milliseconds (what MongoDB keeps)."""

    def now(self) -> datetime:
        """The time of day."""

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` of this clock have passed."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time of day."""
        return to_milliseconds(datetime.now(UTC))

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


def to_milliseconds(time: datetime) -> datetime:
    """The same time without what is below a millisecond."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
