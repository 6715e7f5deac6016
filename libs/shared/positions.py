"""How far each view of this process's service has come, and waiting until it shows a position.

A projector announces each commit on core NATS as `view.<service>.<view>` (at most once: a hint); the checkpoint in
MongoDB is the truth, and is read when no announcement comes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog
from msgspec import Struct
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from pymongo.errors import PyMongoError

from libs.shared.domain import DomainError
from libs.shared.mongo import Database
from libs.shared.projection import View
from libs.shared.pull import is_next_within

#: The code of the refusal when a view does not reach a position in time; the same query may be sent again.
STALE_VIEW = "STALE_VIEW"

_POLL_SECONDS = 0.25
_log = structlog.get_logger(__name__)


class ViewCommitted(Struct, frozen=True, kw_only=True):
    """A view moved from `previous` to `sequence` of its stream, by events of `brands` (None: unknown, any)."""

    view: str
    generation: str
    stream: str
    previous: int
    sequence: int
    brands: Sequence[str] | None


Listener = Callable[[ViewCommitted], None]


@dataclass
class _Tracked:
    generation: str = ""
    sequence: int = 0
    looked: float = float("-inf")
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Listener] = field(default_factory=list)


class Positions:
    """The tracker of one process.  `start` before the projectors, `stop` after them."""

    def __init__(self, service: str, nats: Nats, database: Database) -> None:
        self._service = service
        self._nats = nats
        self._js = nats.jetstream()
        self._checkpoints = database["checkpoints"]
        self._views: dict[str, _Tracked] = {}
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Listen to the announcements of all processes of the service."""
        self._subscription = await self._nats.subscribe(f"view.{self._service}.*", cb=self._receive)

    async def stop(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            with contextlib.suppress(NatsError, OSError):
                await self._subscription.unsubscribe()

    def listen(self, view: str, listener: Listener) -> None:
        """Call `listener` after each commit of the view, by whichever process; synchronous and quick.

        A missed announcement shows as `brands` None at the next one or at the next look at the checkpoint.
        """
        self._tracked(view).listeners.append(listener)

    def reached(self, view: View) -> int:
        """Return the sequence of its stream up to which the view is known to show everything."""
        tracked = self._tracked(view.name)
        return tracked.sequence if tracked.generation == view.generation else 0

    def bound(self, view: View, sequence: int) -> None:
        """Note that the view's queries now read a generation that stands at `sequence`."""
        tracked = self._tracked(view.name)
        if tracked.generation != view.generation:
            tracked.generation, tracked.sequence = view.generation, 0
        self.observed(view, sequence)

    def observed(self, view: View, sequence: int) -> None:
        """Note what the checkpoint says."""
        self._apply(
            ViewCommitted(
                view=view.name,
                generation=view.generation,
                stream=view.stream,
                previous=-1,
                sequence=sequence,
                brands=None,
            )
        )

    async def announce(self, committed: ViewCommitted) -> None:
        """Tell this process and all others of a commit."""
        self._apply(committed)
        with contextlib.suppress(NatsError, OSError):  # the checkpoint tells it too
            await self._nats.publish(f"view.{self._service}.{committed.view}", msgspec.json.encode(committed))

    async def wait(self, view: View, position: Mapping[str, int], timeout_seconds: float = 5.0) -> None:
        """Return when the view shows `position` (stream → sequence; other streams than its own do not matter).

        Raises `DomainError` with the code `STALE_VIEW` after `timeout_seconds`.
        """
        target = position.get(view.stream, 0)
        if target <= self.reached(view) and view.generation:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._wait(view, target)
        except TimeoutError:
            raise DomainError(STALE_VIEW, f"{view.name} has not reached {view.stream} {target} yet") from None

    async def _wait(self, view: View, target: int) -> None:
        tracked = self._tracked(view.name)
        while not view.generation or self.reached(view) < target:
            moved = tracked.moved
            if view.generation and not await self._is_concerned(view, target):
                return
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await moved.wait()
            except TimeoutError:
                await self._look(view)

    async def _is_concerned(self, view: View, target: int) -> bool:
        """Say whether a message that the view reads is still missing; a view with subjects skips the others."""
        if not view.subjects:
            return True
        try:
            return await is_next_within(self._js, view.stream, view.subjects, after=self.reached(view), until=target)
        except (NatsError, OSError):
            return True

    async def _look(self, view: View) -> None:
        tracked, now = self._tracked(view.name), asyncio.get_running_loop().time()
        if now - tracked.looked < _POLL_SECONDS:
            return
        tracked.looked = now
        try:
            checkpoint = await self._checkpoints.find_one({"_id": f"{view.name}:{view.generation}"})
        except PyMongoError:
            return
        if checkpoint is not None:
            self.observed(view, checkpoint["sequence"])

    async def _receive(self, message: Msg) -> None:
        try:
            committed = msgspec.json.decode(message.data, type=ViewCommitted)
        except msgspec.DecodeError:
            _log.warning("announcement_not_understood", subject=message.subject)
            return
        self._apply(committed)

    def _apply(self, committed: ViewCommitted) -> None:
        tracked = self._tracked(committed.view)
        if committed.generation == tracked.generation:
            if committed.sequence <= tracked.sequence:
                return
            if committed.previous != tracked.sequence and committed.brands is not None:
                committed = msgspec.structs.replace(committed, brands=None)
            tracked.sequence = committed.sequence
            tracked.moved.set()
            tracked.moved = asyncio.Event()
        for listener in tracked.listeners:
            listener(committed)

    def _tracked(self, view: str) -> _Tracked:
        return self._views.setdefault(view, _Tracked())
