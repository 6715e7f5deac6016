"""The transactions of this part of the service: repeated when another writes the same, and not held by the dead.

The server keeps what a killed process has open for a minute, and whoever writes the same conflicts with it.  So every
process writes in a few sessions that it has named before (`notice_writers`); who conflicts for long aborts what the
others have open.  A process that lives only repeats it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from libs.shared.app import App
from libs.shared.ids import uuid7
from libs.shared.mongo import Session, abort_transaction_of, is_transient, session_id, transaction

T = TypeVar("T")

#: How many transactions one process writes at the same time, and how many processes are remembered.
_SESSIONS: Final = 8
_PROCESSES: Final = 50
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.02
#: After so many conflicts, which take about a second, somebody may be dead.
_LONG: Final = 10


class Writers:
    """Runs work in transactions."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._name = uuid7()
        self._free: asyncio.Queue[Session] = asyncio.Queue()
        app.on_start(self._prepare)

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in a transaction, again while another writes the same; raises what does not pass by itself."""
        session = await self._free.get()
        try:
            for number in range(1, _TRIES + 1):
                try:
                    async with transaction(self._app.db, session):
                        return await work(session)
                except Exception as error:
                    if not is_transient(error) or number == _TRIES:
                        raise
                if number == _LONG:
                    await self._abort_others()
                await asyncio.sleep(_PAUSE_SECONDS * number * random.uniform(0.5, 1.5))  # noqa: S311 – jitter
            raise AssertionError
        finally:
            self._free.put_nowait(session)

    async def _prepare(self) -> None:
        sessions = [await self._app.db.client.start_session() for _ in range(_SESSIONS)]
        await self._processes.insert_one({"_id": self._name, "sessions": [session_id(one) for one in sessions]})
        for old in await self._processes.find({}, {"_id": 1}).sort("_id", -1).skip(_PROCESSES).to_list(None):
            await self._processes.delete_one(old)
        for session in sessions:
            self._free.put_nowait(session)

    async def _abort_others(self) -> None:
        for process in await self._processes.find({"_id": {"$ne": self._name}}).to_list(None):
            for session in process["sessions"]:
                await abort_transaction_of(self._app.db, session)

    @property
    def _processes(self) -> Any:
        return self._app.db["notice_writers"]
