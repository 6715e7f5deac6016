"""Who in this process listens to what: subscribers by key, none of whom is ever waited for."""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from typing import Final, Generic, TypeVar

from libs.shared.domain import DomainError

T = TypeVar("T")

#: What a subscriber may be behind before it is dropped.
QUEUE_LENGTH: Final = 256


class TooSlow(DomainError):
    """The subscriber did not read for too long; it may subscribe again and read what it missed as a page."""

    def __init__(self) -> None:
        super().__init__("SLOW_CONSUMER", "events came faster than they were read")


class _Subscriber(Generic[T]):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[T] = asyncio.Queue(QUEUE_LENGTH)
        self.dropped = False


class Listeners(Generic[T]):
    """Subscribers by key.  `offer` never waits: who cannot keep up is dropped, not waited for."""

    def __init__(self) -> None:
        self._subscribers: dict[Hashable, set[_Subscriber[T]]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._subscribers.values()))

    def offer(self, key: Hashable, item: T) -> None:
        """Hand something on to whoever listens to `key`."""
        for subscriber in tuple(self._subscribers.get(key, ())):
            if subscriber.queue.full():
                subscriber.dropped = True
                self._leave(key, subscriber)
            else:
                subscriber.queue.put_nowait(item)

    async def listen(self, key: Hashable) -> AsyncGenerator[T, None]:
        """What is offered from now on; raises `TooSlow` to who is dropped, after what was still queued."""
        subscriber = _Subscriber[T]()
        self._subscribers.setdefault(key, set()).add(subscriber)
        try:
            while not (subscriber.dropped and subscriber.queue.empty()):
                yield await subscriber.queue.get()
            raise TooSlow
        finally:
            self._leave(key, subscriber)

    def _leave(self, key: Hashable, subscriber: _Subscriber[T]) -> None:
        subscribers = self._subscribers.get(key, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers.pop(key, None)
