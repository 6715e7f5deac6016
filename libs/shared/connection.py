"""A connection to NATS: it outlives restarts of the server, and tells at once when it is lost."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client

from libs.shared.logs import logger

_RETRY_SECONDS = 0.25
_PING_SECONDS = 10
_PENDING_BYTES = 8 * 1024 * 1024

_log = logger(__name__)


class NotReachable(Exception):
    """A server that a process cannot do without did not answer in time."""


class Connection(Client):
    """nats-py's client, made before it is connected so that a service can be composed first.

    It reconnects for ever.  Only a server that refuses it, by its credentials for instance, closes it for good.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._lost: list[Callable[[], None]] = []
        self._connected = asyncio.Event()

    def on_loss(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever the connection is lost: answers under way will not come."""
        self._lost.append(tell)

    async def open(self, servers: str, *, timeout_seconds: float = 30.0) -> None:
        """Connect to one of `servers` (addresses separated by commas); raises NotReachable when none answers."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.connect(
                    servers.split(","),
                    name=self._name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # it is only slept for
                    ping_interval=_PING_SECONDS,
                    pending_size=_PENDING_BYTES,
                    error_cb=self._failed,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                )
        except TimeoutError:
            raise NotReachable(f"NATS does not answer within {timeout_seconds:g} s: {self.last_error}") from None
        self._connected.set()

    async def close(self) -> None:
        """Close the connection, if it was ever made."""
        if self.options:
            await super().close()

    async def wait_connected(self, timeout_seconds: float) -> bool:
        """Wait while the connection is being made again; False when that takes longer."""
        if self.is_connected:
            return True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._connected.wait()
        except TimeoutError:
            return False
        return self.is_connected

    async def _failed(self, error: Exception) -> None:
        # While it is being made, each try that fails comes here, four times a second.
        (_log.warning if self.is_connected else _log.debug)("nats error", error=repr(error))

    async def _disconnected(self) -> None:
        self._connected.clear()
        if not self.is_closed:
            _log.warning("nats connection lost")
        for tell in self._lost:
            tell()

    async def _reconnected(self) -> None:
        self._connected.set()
        _log.info("nats connection made again")
