"""The database sessions of a process, each named before its first transaction, and the end of those of the dead.

A server keeps what a killed process has open for a minute.  Until then nobody else can write the same documents, and
the embedded server, which keeps what was there before for it, becomes slow for everybody.  So every process has its
name and its sessions in the collection `processes` of its service, answers to that name, and aborts what those have
open who do not answer.  One that lives all the same repeats what it was doing.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from typing import Any

from nats.aio.client import Client as Nats
from pymongo.errors import PyMongoError

from libs.shared.ids import uuid7
from libs.shared.mongo import Collection, Database, Session, abort_transactions_of, session_id
from libs.shared.presence import is_present, present

_LOOK_SECONDS = 2.0
#: What a process asked for just before it was killed may begin after it was aborted; it ends by itself after so long.
_LINGER_MS = 60_000
_STOP_SECONDS = 1.0
_AT_ONCE = 4


class Turns:
    """Lets only so many transactions of a process be open at the same time; `Sessions.turns` is that of one process.

    With many at once the embedded server can come to a stand (docs/performance.md).
    """

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._large = asyncio.Semaphore()

    @asynccontextmanager
    async def turn(self, *, large: bool = False) -> AsyncIterator[None]:
        """Wait for a turn; of the large ones, which take long, only one waits among the others."""
        async with self._large if large else nullcontext(), self._all:
            yield


class Sessions:
    """The sessions of one process in the database of its service: `start`, `open`, `run` beside, `stop`."""

    def __init__(self, nats: Nats, database: Database) -> None:
        self.turns = Turns()
        self._nats = nats
        self._database = database
        self._processes: Collection = database["processes"]
        self._name = uuid7()
        self._names: list[str] = []
        self._presence = AsyncExitStack()

    async def start(self) -> None:
        """Answer from now on, and abort what the dead have open."""
        await self._presence.enter_async_context(present(self._nats, self._name))
        await self._register()
        await self.abort_the_dead()

    async def stop(self) -> None:
        """Abort what is still open here, which an interrupted call of the driver may have left."""
        await self._presence.aclose()
        with suppress(PyMongoError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await abort_transactions_of(self._database, self._names)
                await self._processes.delete_one({"_id": self._name})

    async def open(self) -> Session:
        """Return a new session, for one transaction at a time."""
        session = await self._database.client.start_session()
        self._names.append(session_id(session))
        change = {"$push": {"sessions": session_id(session)}}
        await self._processes.update_one({"_id": self._name}, change, upsert=True)
        return session

    async def replace(self, session: Session) -> Session:
        """Return a new session for one in which a call was interrupted, and abort what that one has open.

        The driver's thread goes on with the call, and does it in whatever is begun in the same session by then.
        """
        await abort_transactions_of(self._database, [session_id(session)])
        return await self.open()

    async def run(self) -> None:
        """Look after those that have died, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            me = await self._processes.find_one({"_id": self._name})
            if me is None or "gone_ms" in me:  # somebody thought so
                await self._register()
            await self.abort_the_dead()

    async def abort_the_dead(self) -> None:
        """Abort what processes have open that do not answer; without a connection nobody can be asked."""
        for process in await self._processes.find({"_id": {"$ne": self._name}}).to_list(None):
            if self._nats.is_connected and not await is_present(self._nats, process["_id"]):
                await abort_transactions_of(self._database, process["sessions"])
                await self._note_gone(process)

    async def _note_gone(self, process: dict[str, Any]) -> None:
        now_ms = time.time_ns() // 1_000_000
        if "gone_ms" not in process:
            await self._processes.update_one({"_id": process["_id"]}, {"$set": {"gone_ms": now_ms}})
        elif process["gone_ms"] < now_ms - _LINGER_MS:
            await self._processes.delete_one({"_id": process["_id"]})

    async def _register(self) -> None:
        await self._processes.replace_one({"_id": self._name}, {"sessions": self._names}, upsert=True)
