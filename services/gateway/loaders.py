"""Loads many objects with one question: keys asked for in the same turn of the event loop travel together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from services.gateway.limits import MAX_PAGE

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loader(Generic[K, V]):
    """Values by key, each asked for once.  `fetch` takes at most 100 keys and answers in their order.

    It lives as long as one operation, so that nothing is remembered beyond it.
    """

    def __init__(self, fetch: Callable[[list[K]], Awaitable[Sequence[V]]]) -> None:
        self._fetch = fetch
        self._futures: dict[K, asyncio.Future[V]] = {}
        self._waiting: list[K] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, key: K) -> asyncio.Future[V]:
        """The value for a key; fails as the fetch fails."""
        future = self._futures.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._futures[key] = loop.create_future()
            if not self._waiting:
                loop.call_soon(self._dispatch)
            self._waiting.append(key)
        return future

    def known(self, key: K) -> V | None:
        """The value, if it has been loaded already."""
        future = self._futures.get(key)
        return future.result() if future is not None and future.done() and not future.exception() else None

    async def load_many(self, keys: Iterable[K]) -> list[V]:
        """The values in the order of the keys."""
        return await asyncio.gather(*map(self.load, keys))

    def _dispatch(self) -> None:
        keys, self._waiting = self._waiting, []
        for start in range(0, len(keys), MAX_PAGE):
            task = asyncio.get_running_loop().create_task(self._run(keys[start : start + MAX_PAGE]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, keys: list[K]) -> None:
        futures = [self._futures[key] for key in keys]
        try:
            values = await self._fetch(keys)
            for future, value in zip(futures, values, strict=True):
                if not future.done():
                    future.set_result(value)
        except Exception as error:
            for future in futures:
                if not future.done():
                    future.set_exception(error)
                    # Whoever asked may be gone by now; an answer nobody reads is no fault of the program.
                    future.exception()
