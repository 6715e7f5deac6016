"""The process that lets facts count: it follows the streams of all services and sends what each event means.

What it remembers (who made what, which things were counted) it keeps beside its checkpoints, in the order of each
stream.  Whatever is handled again is known there and in the score by its place in the stream, so it counts once.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from libs.shared.domain import BrandId
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.insisting import Insisting, Send
from libs.shared.mongo import Collection, Database
from libs.shared.recorded import Recorded
from libs.shared.service import App
from libs.shared.streams import ensure_streams, event_stream
from services.members.recognition import sources
from services.members.recognition.sources import Away, Back, Credit, Made, Source


class Recording:
    """Handles events of every stream; each stream comes in its order, at least once."""

    def __init__(self, memory: Collection, send: Send) -> None:
        self._memory = memory
        self._insisting = Insisting(send)

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """Send what an event means.  It is False always: a repeat costs little, and a checkpoint a batch suffices."""
        for meaning in sources.read(recorded):
            match meaning:
                case Made(thing, member):
                    await self._remember(recorded.brand, thing, {"member": member})
                case Credit():
                    await self._credit(recorded, meaning)
                case Away(member, reason):
                    await self._remember(recorded.brand, f"away:{member}", {})
                    await self._send(recorded, "note_absence", member, reason=reason.value, absent=True)
                case Back(member, reason):
                    # Most who join were never away, and need no command.
                    if await self._recall(recorded.brand, f"away:{member}") is not None:
                        await self._send(recorded, "note_absence", member, reason=reason.value, absent=False)
                case _:
                    assert_never(meaning)
        return False

    async def _credit(self, recorded: Recorded[Any], credit: Credit) -> None:
        maker = None
        if credit.thing is not None:
            made = await self._recall(recorded.brand, credit.thing)
            maker = made["member"] if made else None
        member = credit.member or maker
        if member is None or (maker is not None and maker == credit.by):
            return
        if credit.once is None or await self._is_first(recorded, credit.once):
            await self._send(recorded, "record_fact", member, fact=credit.fact.value, about=credit.about)

    async def _is_first(self, recorded: Recorded[Any], name: str) -> bool:
        """Whether this is the event that counts under a name: the first one, also when it comes again."""
        place = [recorded.sequence, recorded.index]
        kept: Mapping[str, Any] = await self._remember(recorded.brand, name, {"place": place})
        return bool(kept["place"] == place)

    async def _remember(self, brand: BrandId, name: str, what: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keep what is not kept yet under a name, and return what is."""
        key = f"{brand}:{name}"
        await self._memory.update_one({"_id": key}, {"$setOnInsert": {"brand": brand, **what}}, upsert=True)
        kept = await self._memory.find_one({"_id": key})
        return kept or what

    async def _recall(self, brand: BrandId, name: str) -> Mapping[str, Any] | None:
        kept: Mapping[str, Any] | None = await self._memory.find_one({"_id": f"{brand}:{name}"})
        return kept

    async def _send(self, recorded: Recorded[Any], command: str, member: str, **fields: object) -> None:
        """Send a command about a member until it is answered; what is refused for good is not to count."""
        place = {
            "stream": recorded.stream, "sequence": recorded.sequence, "index": recorded.index, "id": recorded.id,
        }  # fmt: skip
        command_id = derived_id(command, recorded.brand, member, recorded.id)
        await self._insisting.send(
            f"members.score.{command}",
            command_id,
            recorded.brand,
            recorded.time,
            {"member_id": member, "place": place, **fields},
        )


def register_recording(app: App) -> None:
    """Let the service record facts for as long as it runs; a stream may be there before its service has started."""

    async def ensure() -> None:
        wanted = (event_stream(source.service, app.settings.stream_replicas) for source in sources.SOURCES)
        await ensure_streams(app.nats, *wanted)

    app.on_start(ensure)
    for source in sources.SOURCES:
        _follow(app, source)


def _follow(app: App, source: Source) -> None:
    async def run() -> None:
        database: Database = app.db
        recording = Recording(database["recognition_memory"], app.bus.command)
        follower = Follower(
            f"recognition_{source.service}", source.service.upper(), source.subjects, source.events, recording.handle
        )
        await follower.run(app.nats, database)

    app.background(f"recognition {source.service}", run)
