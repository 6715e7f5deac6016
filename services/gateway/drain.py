"""The orderly end: who holds a connection open is told to finish, and waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Drain:
    """Connections that last (WebSocket, SSE) and whether they are to end."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._open = 0

    @property
    def begun(self) -> bool:
        """Whether the process is about to end."""
        return self._begun.is_set()

    async def wait_begun(self) -> None:
        """Return when lasting connections are to end."""
        await self._begun.wait()

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Around the life of a connection that lasts."""
        self._open += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._empty.set()

    async def end(self, seconds: float) -> None:
        """Ask all lasting connections to end, and return when they have, or when the time is up."""
        self._begun.set()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return
