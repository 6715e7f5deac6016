"""What this gateway knows of ended sessions: for each identity the moment up to which its tokens no longer count."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from libs.shared.event_store import StoredMessage
from libs.shared.logs import logger
from libs.shared.pull import ReaderLost, StreamReader, head
from libs.shared.signed_out import KEPT_SECONDS, STREAM, SUBJECTS, bucket, read
from libs.shared.streams import ensure_streams

_PATIENCE_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.5

log = logger(__name__)


class Revocations:
    """Ended sessions by identity.  `clock` is the time of day in unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}
        #: Whether all that was in the bucket has been read; before that nobody can be told from a signed-out one.
        self.known = False

    def note(self, identity: str, until: float) -> None:
        """Tokens of the identity that were issued before `until` (unix seconds) no longer count."""
        self._until[identity] = max(until, self._until.get(identity, 0.0))
        for event in self._waiting.get(identity, ()):
            event.set()

    def refuses(self, identity: str, issued_at: float) -> bool:
        """Whether a token issued at that time (unix seconds) no longer counts."""
        return issued_at < self._until.get(identity, 0.0)

    async def refused(self, identity: str, issued_at: float) -> None:
        """Return when a token of the identity issued at that time no longer counts."""
        changed = asyncio.Event()
        waiting = self._waiting.setdefault(identity, set())
        waiting.add(changed)
        try:
            while not self.refuses(identity, issued_at):
                await changed.wait()
                changed.clear()
        finally:
            waiting.discard(changed)
            if not waiting and self._waiting.get(identity) is waiting:
                del self._waiting[identity]

    def forget(self) -> None:
        """Drop what is too old to concern any token."""
        oldest = self._clock() - KEPT_SECONDS
        self._until = {identity: until for identity, until in self._until.items() if until >= oldest}


async def follow(nats: Nats, revocations: Revocations, replicas: int = 1) -> None:
    """Read all of the bucket and then what is added, for as long as the process runs.

    Without NATS what is known stays known, and nobody can add anything either.
    """
    after = 0
    while True:
        try:
            await ensure_streams(nats, bucket(replicas))
            if await head(nats.jetstream(), STREAM) < after:
                after = 0  # the bucket was made anew
            async with StreamReader(nats, STREAM, (SUBJECTS,), after=after) as reader:
                while True:
                    revocations.known = revocations.known or not reader.left(after)
                    messages = await reader.take(_PATIENCE_SECONDS if revocations.known else _RETRY_SECONDS)
                    for message in messages:
                        _read(revocations, message)
                        after = message.sequence
                    # What was counted may have grown too old before it came.
                    revocations.known = revocations.known or not messages
                    revocations.forget()
        except (ReaderLost, NatsError, APIError, OSError) as error:
            log.info("revocations_interrupted", reason=repr(error))
            await asyncio.sleep(_RETRY_SECONDS)


def _read(revocations: Revocations, message: StoredMessage) -> None:
    try:
        revocations.note(*read(message))
    except ValueError:
        log.error("revocation_not_understood", sequence=message.sequence)
