"""What is written and who is told of it, handed from one consumer each to every subscriber of this process."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Hashable, Iterable
from contextlib import aclosing
from typing import ClassVar, Final, TypeVar

import msgspec
from msgspec import Struct
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from libs.shared.codec import Codec
from libs.shared.domain import DomainError, Event, Unavailable
from libs.shared.event_store import CorruptEvent, StoredMessage
from libs.shared.logs import logger
from libs.shared.pull import ReaderLost, StreamReader, head
from libs.shared.recorded import Recorded
from services.gateway.listeners import Listeners

T = TypeVar("T")

#: The service and stream whose events are handed on.
SERVICE: Final = "discussions"
STREAM: Final = "DISCUSSIONS"
#: Subscribers of one process, and those of them that one identity may be.
MAX_SUBSCRIBERS: Final = 10_000
MAX_OF_ONE: Final = 100


class PostPublished(Event, frozen=True):
    """A new post; the aggregate is its thread."""

    wire_name: ClassVar[str] = "post_published"


class ReplyPublished(Event, frozen=True):
    """A new reply in the thread that is the aggregate."""

    wire_name: ClassVar[str] = "reply_published"

    reply_id: str


_CODEC: Final = Codec(SERVICE, (PostPublished, ReplyPublished), skip_unknown=True)
_SUBJECTS: Final = (f"evt.{SERVICE}.*.thread.*",)
#: Where the members service says whose inbox has changed.
_NOTICES: Final = "live.notices.*"
_RETRY_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 30.0

log = logger(__name__)


class Written(Struct, frozen=True):
    """Something was written: a post (no `reply`) or a reply in the thread `post`; visible from `position` on."""

    brand: str
    post: str
    reply: str | None
    position: int


class Changed(Struct, frozen=True):
    """Inboxes that changed: member → the id of the notification."""

    brand: str
    notices: dict[str, str]


class Feed:
    """Who listens to what is written in a brand, and who to their own inbox."""

    def __init__(self) -> None:
        self._written = Listeners[Written]()
        self._notified = Listeners[str]()
        self._held: Counter[str] = Counter()

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return len(self._written) + len(self._notified)

    def offer(self, events: Iterable[Recorded[Event]]) -> None:
        """Hand events on to whoever subscribed to their brand."""
        for recorded in events:
            event = recorded.event
            reply = event.reply_id if isinstance(event, ReplyPublished) else None
            written = Written(recorded.brand, recorded.aggregate_id, reply, recorded.sequence)
            self._written.offer(recorded.brand, written)

    def offer_notices(self, changed: Changed) -> None:
        """Hand notifications on to the members whose they are."""
        for member, notice in changed.notices.items():
            self._notified.offer((changed.brand, member), notice)

    def written(self, brand: str, identity: str) -> AsyncGenerator[Written, None]:
        """What is written in a brand from now on, for the identity that listens.

        Raises `TooSlow` to who is dropped, after what was still queued, and `TOO_MANY_OPERATIONS`.
        """
        return self._listen(self._written, brand, identity)

    def notified(self, brand: str, member: str, identity: str) -> AsyncGenerator[str, None]:
        """The ids of a member's notifications that are new or have more in them from now on; raises as `written`."""
        return self._listen(self._notified, (brand, member), identity)

    async def _listen(self, listeners: Listeners[T], key: Hashable, identity: str) -> AsyncGenerator[T, None]:
        if self.subscribers >= MAX_SUBSCRIBERS:
            raise Unavailable("too many subscriptions")
        if self._held[identity] >= MAX_OF_ONE:
            raise DomainError("TOO_MANY_OPERATIONS", f"you have {MAX_OF_ONE} subscriptions already")
        self._held[identity] += 1
        try:
            async with aclosing(listeners.listen(key)) as items:
                async for item in items:
                    yield item
        finally:
            self._held[identity] -= 1
            if not self._held[identity]:
                del self._held[identity]


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


async def follow_notices(nats: Nats, feed: Feed) -> None:
    """Hand on what the members service says of inboxes, once and for all: the connection keeps to it.

    What is said while nobody hears it is in the inboxes all the same.
    """

    async def receive(message: Msg) -> None:
        try:
            feed.offer_notices(msgspec.json.decode(message.data, type=Changed))
        except msgspec.MsgspecError as error:
            log.error("feed_skipped_message", subject=message.subject, reason=str(error))

    await nats.subscribe(_NOTICES, cb=receive)
