"""What happens in discussions, handed from one stream consumer to every subscriber of this process."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import ClassVar, Final

from msgspec import Struct
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError

from libs.shared.codec import Codec
from libs.shared.domain import DomainError, Event, Unavailable
from libs.shared.event_store import CorruptEvent, StoredMessage
from libs.shared.logs import logger
from libs.shared.pull import ReaderLost, StreamReader, head
from libs.shared.recorded import Recorded

#: The service and stream whose events are handed on.
SERVICE: Final = "discussions"
STREAM: Final = "DISCUSSIONS"
#: What a subscriber may be behind before it is dropped.
QUEUE_LENGTH: Final = 256
#: Subscribers of one process.
MAX_SUBSCRIBERS: Final = 10_000


class PostPublished(Event, frozen=True):
    """A new post; the aggregate is its thread."""

    wire_name: ClassVar[str] = "post_published"


class ReplyPublished(Event, frozen=True):
    """A new reply in the thread that is the aggregate."""

    wire_name: ClassVar[str] = "reply_published"

    reply_id: str


_CODEC: Final = Codec(SERVICE, (PostPublished, ReplyPublished), skip_unknown=True)
_SUBJECTS: Final = (f"evt.{SERVICE}.*.thread.*",)
_RETRY_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 30.0

log = logger(__name__)


class Written(Struct, frozen=True):
    """Something was written: a post (no `reply`) or a reply in the thread `post`; visible from `position` on."""

    brand: str
    post: str
    reply: str | None
    position: int


class TooSlow(DomainError):
    """The subscriber did not read for too long; it may subscribe again and read what it missed as a page."""

    def __init__(self) -> None:
        super().__init__("SLOW_CONSUMER", "events came faster than they were read")


class _Subscriber:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[Written] = asyncio.Queue(QUEUE_LENGTH)
        self.dropped = False


class Feed:
    """Subscribers by brand.  `offer` never waits: who cannot keep up is dropped, not waited for."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[_Subscriber]] = {}

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return sum(map(len, self._subscribers.values()))

    def offer(self, events: Iterable[Recorded[Event]]) -> None:
        """Hand events on to whoever subscribed to their brand."""
        for recorded in events:
            event = recorded.event
            reply = event.reply_id if isinstance(event, ReplyPublished) else None
            written = Written(recorded.brand, recorded.aggregate_id, reply, recorded.sequence)
            for subscriber in tuple(self._subscribers.get(recorded.brand, ())):
                if subscriber.queue.full():
                    subscriber.dropped = True
                    self._leave(recorded.brand, subscriber)
                else:
                    subscriber.queue.put_nowait(written)

    async def written(self, brand: str) -> AsyncGenerator[Written, None]:
        """What is written in a brand from now on; raises `TooSlow` to who is dropped, after what was still queued."""
        if self.subscribers >= MAX_SUBSCRIBERS:
            raise Unavailable("too many subscriptions")
        subscriber = _Subscriber()
        self._subscribers.setdefault(brand, set()).add(subscriber)
        try:
            while not (subscriber.dropped and subscriber.queue.empty()):
                yield await subscriber.queue.get()
            raise TooSlow
        finally:
            self._leave(brand, subscriber)

    def _leave(self, brand: str, subscriber: _Subscriber) -> None:
        subscribers = self._subscribers.get(brand, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers.pop(brand, None)


async def follow(nats: Nats, feed: Feed) -> None:
    """Hand on what is appended from now on, for as long as the process runs: one consumer, in order, without gaps.

    When the consumer is lost it is made again after the last message that was handed on.
    """
    after: int | None = None
    while True:
        try:
            if after is None:
                after = await head(nats.jetstream(), STREAM)
            async with StreamReader(nats, STREAM, _SUBJECTS, after=after) as reader:
                while True:
                    for message in await reader.take(_PATIENCE_SECONDS):
                        _offer(feed, message)
                        after = message.sequence
        except (ReaderLost, NatsError, OSError) as error:
            log.info("feed_interrupted", reason=repr(error))
            await asyncio.sleep(_RETRY_SECONDS)


def _offer(feed: Feed, message: StoredMessage) -> None:
    try:
        feed.offer(_CODEC.decode(message))
    except CorruptEvent as error:
        log.error("feed_skipped_message", sequence=error.sequence, reason=error.reason)
