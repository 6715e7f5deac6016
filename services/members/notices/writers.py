"""The transactions of this part of the service: some at a time, repeated when another writes the same."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from libs.shared.app import App
from libs.shared.mongo import Session, is_transient, transaction

T = TypeVar("T")

_AT_ONCE: Final = 8
#: These take about four seconds: what a dead process has open is aborted sooner.
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.02


class Writers:
    """Runs work in transactions."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._free: asyncio.Queue[Session | None] = asyncio.Queue()
        app.on_start(self._prepare)

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in a transaction, again while another writes the same; raises what does not pass by itself."""
        session = await self._free.get()
        try:
            session = session or await self._app.sessions.open()
            return await self._insist(work, session)
        except asyncio.CancelledError:
            session = None  # the driver's thread may go on in it: the next one gets another
            raise
        finally:
            self._free.put_nowait(session)

    async def _insist(self, work: Callable[[Session], Awaitable[T]], session: Session) -> T:
        for number in range(1, _TRIES + 1):
            try:
                async with self._app.sessions.turns.turn(), transaction(self._app.db, session):
                    return await work(session)
            except Exception as error:
                if not is_transient(error) or number == _TRIES:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS * number * random.uniform(0.5, 1.5))  # noqa: S311 – jitter
        raise AssertionError

    async def _prepare(self) -> None:
        for session in await asyncio.gather(*(self._app.sessions.open() for _ in range(_AT_ONCE))):
            self._free.put_nowait(session)
