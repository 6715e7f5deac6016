"""The processes that follow what members do in the other services."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import Struct
from nats.errors import Error as NatsError

from libs.shared.domain import Unavailable
from libs.shared.event_store import Subject
from libs.shared.follower import Follower
from libs.shared.recorded import Recorded
from libs.shared.service import App
from libs.shared.streams import ensure_streams, event_stream
from services.members.journeys import facts
from services.members.journeys.facts import Deed
from services.members.journeys.guide import Guide
from services.members.journeys.journey import StepKind
from services.members.journeys.nudger import Nudger

_POLL_SECONDS: Final = 0.05


class _Opening(Struct, frozen=True):
    """The first event of a thread: who wrote its post."""

    actor: str


class Deeds:
    """Lets what members do complete their steps and break their silence."""

    def __init__(self, app: App, guide: Guide, nudger: Nudger, following: Follower) -> None:
        self._app = app
        self._guide = guide
        self._nudger = nudger
        self._following = following

    @classmethod
    def register(cls, app: App, guide: Guide, nudger: Nudger, following: Follower) -> None:
        """Follow the streams for as long as the service runs, also those of services that have not started yet."""
        deeds = cls(app, guide, nudger, following)
        for stream, events in facts.FOREIGN.items():
            follower = Follower(f"journeys_{stream.lower()}", stream, facts.SUBJECTS[stream], events, deeds.handle)
            app.background(follower.name, _loop(app, follower))
        streams = [event_stream(stream.lower(), app.settings.stream_replicas) for stream in facts.FOREIGN]
        app.on_start(lambda: ensure_streams(app.nats, *streams))

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """What follows from one deed; False for what nobody did."""
        deed = facts.deed(recorded)
        if deed is None:
            return False
        if deed.contributes:
            await self._nudger.expect(recorded.brand, deed.member, recorded.time)
        if deed.kind is StepKind.REPLY and not await self._is_to_somebody(recorded, deed):
            return True
        if not await self._guide.record(recorded, deed) and await self._was_ahead(recorded.brand, deed.member):
            await self._guide.record(recorded, deed)
        return True

    async def _is_to_somebody(self, recorded: Recorded[Any], deed: Deed) -> bool:
        """Whether the post that stands over a reply is somebody else's."""
        thread = str(Subject("discussions", recorded.brand, recorded.aggregate, recorded.aggregate_id))
        try:
            first = await self._app.nats.jetstream().get_msg(recorded.stream, seq=1, subject=thread, next=True)
        except (NatsError, OSError) as error:
            raise Unavailable("the discussions stream does not answer") from error
        return msgspec.json.decode(first.data or b"[]", type=list[_Opening])[0].actor != deed.member

    async def _was_ahead(self, brand: str, member: str) -> bool:
        """Let `following` come to the member's last fact; False when it had.

        Who joins and posts in the next moment may be met here before they have set out.
        """
        last, waited = await self._guide.last_fact(brand, member), False
        while await self._following.checkpoint(self._app.db) < last:
            waited = True
            await asyncio.sleep(_POLL_SECONDS)
        return waited


def _loop(app: App, follower: Follower) -> Callable[[], Awaitable[None]]:
    return lambda: follower.run(app.nats, app.db)
