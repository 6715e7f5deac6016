"""Ends what a test began."""

import asyncio


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel until it is over: before Python 3.12 nats-py's waiting may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)
