"""Sends the commands of processes: until each is answered for good, whatever is away meanwhile."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from libs.shared.domain import SYSTEM, Accepted, DomainError
from libs.shared.positions import STALE_VIEW

#: Sends a command: service, aggregate, name, message.
Send = Callable[[str, str, str, dict[str, object]], Awaitable[Accepted]]

#: Refusals that say nothing about the command: it is sent again.
_PASSING = frozenset({"UNAVAILABLE", "TIMEOUT", "CONFLICT", STALE_VIEW})
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 5.0


class Insisting:
    """Sends as the platform.  Who begins again after a crash sends the same `command_id`, and so the same command."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(
        self, to: str, command_id: str, brand: str, now: datetime, fields: Mapping[str, object]
    ) -> Accepted | DomainError:
        """Send to `<service>.<aggregate>.<name>`; returns what it was answered, a refusal too."""
        service, aggregate, name = to.split(".")
        message = {"command_id": command_id, "brand": brand, "actor": SYSTEM, "now": now, **fields}
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._send(service, aggregate, name, message)
            except DomainError as refusal:
                if refusal.code not in _PASSING:
                    return refusal
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 – jitter
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)
