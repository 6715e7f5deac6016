"""Streams for tests."""

import asyncio
from contextlib import suppress

from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError, ServerError

_SECONDS = 5.0


async def fresh_stream(js: JetStreamContext, config: StreamConfig) -> None:
    """Make a stream that is empty and begins at sequence 1, also when there was one of that name."""
    with suppress(NotFoundError):
        await js.delete_stream(config.name or "")
    async with asyncio.timeout(_SECONDS):
        while True:
            try:
                await js.add_stream(config)
            except ServerError:  # the folder of the deleted one may not be gone yet
                await asyncio.sleep(0.1)
            else:
                return
