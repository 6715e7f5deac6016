"""One timer of a kind for each member: when to look at them again.  The timetable of the service keeps it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from libs.access.gate import Gate, Stage
from libs.shared.ids import derived_id
from libs.shared.schedules import Due
from libs.shared.service import App

#: The stages in which nobody is reminded of anything: the brand is not there for its members yet, or no more.
_QUIET: Final = frozenset({Stage.DRAFT, Stage.ARCHIVED})


def is_quiet(gate: Gate) -> bool:
    """Whether nobody is to be reminded; when the brand enters another stage, all timers are set anew."""
    return gate.stage in _QUIET


class Alarm(Struct, frozen=True, kw_only=True):
    """Whom to look at, and when; a server's clock may be ahead of ours, so `at` is what counts as now at least."""

    brand: str
    member: str
    at: datetime


class Timers:
    """The timers of one kind.  `handle` is safe to repeat: it gets each alarm at least once."""

    def __init__(self, app: App, kind: str, handle: Callable[[Alarm], Awaitable[None]]) -> None:
        self._timetable = app.timetable
        self._kind = kind
        self._handle = handle
        app.on_due(kind, self._ring)

    async def propose(self, brand: str, member: str, at: datetime) -> None:
        """Look at a member then, unless a timer is set already."""
        alarm = Alarm(brand=brand, member=member, at=at)
        await self._timetable.create(self._kind, derived_id(brand, member), at, msgspec.json.encode(alarm))

    async def set(self, brand: str, member: str, at: datetime | None) -> None:
        """Look at a member then (None: not at all), whatever was set before."""
        id_ = derived_id(brand, member)
        if at is None:
            await self._timetable.cancel(self._kind, id_)
        else:
            alarm = Alarm(brand=brand, member=member, at=at)
            await self._timetable.reschedule(self._kind, id_, at, msgspec.json.encode(alarm))

    async def settle(self, brand: str, member: str, find: Callable[[], Awaitable[datetime | None]]) -> None:
        """Set the time that `find` says, until it says the same afterwards: of two who set, one knew less."""
        at = await find()
        while True:
            await self.set(brand, member, at)
            before, at = at, await find()
            if at == before:
                return

    async def _ring(self, due: Due) -> None:
        await self._handle(msgspec.json.decode(due.data, type=Alarm))
