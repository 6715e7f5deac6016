"""Wraps every data key with the newest master key, after which the older master keys are of no use to anybody."""

import asyncio
from collections.abc import Callable

from msgspec import Struct
from nats.aio.client import Client

from libs.shared.event_store import StoredMessage
from libs.shared.pull import StreamReader, head
from libs.shared.streams import KEYS
from libs.shared.vault import Vault

_AT_ONCE = 64
_IDLE_SECONDS = 1.0


class Rotated(Struct, frozen=True, kw_only=True):
    """How far a rotation has come: `keys` wrapped anew by this run, `left` messages of the stream to look at."""

    keys: int
    left: int


async def rotate(nats: Client, vault: Vault, on_progress: Callable[[Rotated], None]) -> int:
    """Wrap every key anew and return how many needed it; an interrupted run is simply begun again.

    Nothing that the keys encrypt is touched, and services go on meanwhile.  Raises `CannotOpen` at a key whose master
    key is missing, and `ReaderLost` or `Unavailable` when NATS goes away.
    """
    end, done, last = await head(nats.jetstream(), KEYS), 0, 0
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(message: StoredMessage) -> bool:
        async with limit:
            return await vault.rewrap(message)

    async with StreamReader(nats, KEYS, (), after=0) as reader:
        while last < end:
            messages = await reader.take(_IDLE_SECONDS)
            if not messages and not reader.left(last):
                break  # what stood at the end is gone
            done += sum(await asyncio.gather(*map(one, messages)))
            last = messages[-1].sequence if messages else last
            on_progress(Rotated(keys=done, left=max(0, end - last)))
    return done
