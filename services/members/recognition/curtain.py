"""The process that ends spotlights when their time has come: it schedules each end as soon as it is known."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from libs.shared.domain import SYSTEM, Event
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.recorded import Recorded
from libs.shared.schedules import Due
from libs.shared.service import App
from services.members.recognition.spotlight import EndSpotlight

#: The kind of what is scheduled.
KIND = "spotlight"


class MemberSpotlighted(Event, frozen=True, kw_only=True):
    """A spotlight begins; its text is not read."""

    wire_name: ClassVar[str] = "member_spotlighted"

    spotlight_id: str
    until: datetime


class SpotlightEnded(Event, frozen=True, kw_only=True):
    """A spotlight has ended."""

    wire_name: ClassVar[str] = "spotlight_ended"

    spotlight_id: str


class End(Struct, frozen=True):
    """What is scheduled: the end of a spotlight."""

    brand: str
    member: str
    spotlight: str


class Curtain:
    """Schedules and carries out the ends."""

    def __init__(self, app: App) -> None:
        self._app = app

    @classmethod
    def register(cls, app: App) -> None:
        """Let the service end spotlights for as long as it runs."""
        curtain = cls(app)
        events = (MemberSpotlighted, SpotlightEnded)
        follower = Follower("spotlights", "MEMBERS", ("evt.members.*.spotlight.*",), events, curtain.handle)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))
        app.on_due(KIND, curtain.end)

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """Schedule the end of what begins, and take back that of what has ended."""
        end = End(recorded.brand, recorded.aggregate_id, recorded.event.spotlight_id)
        name = derived_id(KIND, end.brand, end.member, end.spotlight)
        if isinstance(recorded.event, MemberSpotlighted):
            await self._app.timetable.reschedule(KIND, name, recorded.event.until, msgspec.json.encode(end))
        else:
            await self._app.timetable.cancel(KIND, name)
        return True

    async def end(self, due: Due) -> None:
        """End a spotlight whose time has come; raises `DomainError` when that is not known, and comes again."""
        end = msgspec.json.decode(due.data, type=End)
        command = EndSpotlight(
            command_id=due.id,
            brand=end.brand,
            actor=SYSTEM,
            now=self._app.clock.now(),
            member_id=end.member,
            spotlight_id=end.spotlight,
        )
        await self._app.bus.command("members", "spotlight", command.wire_name, command)
