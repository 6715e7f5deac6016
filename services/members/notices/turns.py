"""Jobs that take turns, a bounded step each: a long one holds up no short one, whichever process does them."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from nats.errors import Error as NatsError

from libs.shared.app import App
from libs.shared.domain import DomainError
from libs.shared.logs import logger
from libs.shared.mongo import described, is_transient

_LOOK_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.5
_JOBS_AT_ONCE: Final = 1_000

_log = logger(__name__)


class Turns:
    """The jobs in a collection.  `step` does the next step of one and says whether there is more to do.

    Who does a step also moves the job on, in one transaction: of two processes one does it.  The last step takes the
    job out of the collection.
    """

    def __init__(self, app: App, collection: str, step: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
        self._app = app
        self._name = collection
        self._step = step
        self._waiting: deque[str] = deque()
        self._more = asyncio.Event()
        app.background(collection, self.run)

    @property
    def jobs(self) -> Any:
        """The collection."""
        return self._app.db[self._name]

    def add(self, job: str) -> None:
        """Give a job its turn without waiting for the next look at the collection."""
        self._waiting.append(job)
        self._more.set()

    async def run(self) -> None:
        """Give each job its turn, for ever; what cannot be done now waits, and the others go on."""
        while True:
            if not self._waiting:
                await self._look()
                continue
            id_ = self._waiting.popleft()
            try:
                job = await self.jobs.find_one({"_id": id_})
                if job is not None and await self._step(job):
                    self._waiting.append(id_)
            except Exception as problem:
                if not (isinstance(problem, DomainError | NatsError | OSError) or is_transient(problem)):
                    raise
                _log.info("job waits", jobs=self._name, job=id_, reason=described(problem)[:300])
                self._waiting.append(id_)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _look(self) -> None:
        """Find the jobs that wait: those of a process that has ended, too."""
        self._more.clear()
        found = await self.jobs.find({}, {"_id": 1}).to_list(_JOBS_AT_ONCE)
        jobs = [document["_id"] for document in found]
        random.shuffle(jobs)  # two processes rarely take the same
        self._waiting.extend(jobs)
        if not jobs:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._more.wait()
