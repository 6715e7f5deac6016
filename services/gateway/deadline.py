"""The time that one operation has: it travels to the services with each question."""

import time
from typing import Any, Final, Protocol, TypeVar

from libs.shared.bus import Timeout
from libs.shared.domain import Accepted

T = TypeVar("T")

#: The longest that one command and one query may take within the operation.
COMMAND_SECONDS: Final = 10.0
QUERY_SECONDS: Final = 5.0


class TimedBus(Protocol):
    """`libs.shared.bus.BusClient`."""

    async def command(
        self, service: str, aggregate: str, name: str, payload: dict[str, Any], *, timeout_seconds: float = ...
    ) -> Accepted:
        """Send a command to its service."""

    async def query(
        self, service: str, name: str, payload: dict[str, Any], reply: type[T], *, timeout_seconds: float = ...
    ) -> T:
        """Ask a service; the answer is read as `reply`."""


class Deadline:
    """A bus whose questions all end `seconds` after it was made; later ones are refused with `TIMEOUT`, unsent.

    A field whose service is slow then fails alone, and the rest of the answer still comes.
    """

    def __init__(self, bus: TimedBus, seconds: float) -> None:
        self._bus = bus
        self._ends = time.monotonic() + seconds

    async def command(self, service: str, aggregate: str, name: str, payload: dict[str, Any]) -> Accepted:
        """Send a command to its service."""
        left = self._left(COMMAND_SECONDS)
        return await self._bus.command(service, aggregate, name, payload, timeout_seconds=left)

    async def query(self, service: str, name: str, payload: dict[str, Any], reply: type[T]) -> T:
        """Ask a service; the answer is read as `reply`."""
        return await self._bus.query(service, name, payload, reply, timeout_seconds=self._left(QUERY_SECONDS))

    def _left(self, most: float) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Timeout("the operation's time is up")
        return min(left, most)
