"""The process that lets facts count: it follows the streams of all services and sends what their events mean.

What it remembers (who made what, which event counted first) it keeps beside its checkpoints, each thing by the place of
its event.  Whatever is handled again is known there and in the score by its place in the stream, so it counts once.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pymongo import UpdateOne

from libs.shared.domain import DomainError, Erased
from libs.shared.follower import BatchFollower
from libs.shared.ids import derived_id
from libs.shared.insisting import Insisting, Send
from libs.shared.logs import logger
from libs.shared.mongo import Collection
from libs.shared.recorded import Recorded
from libs.shared.service import App
from libs.shared.streams import ensure_streams, event_stream
from services.members.recognition import sources
from services.members.recognition.sources import Away, Back, Credit, Made, Source

#: So many members' commands are under way at the same time; those of one member are sent in turn.
_AT_ONCE: Final = 16

#: Of who was erased nothing counts any more.
_ERASED: Final = Erased().code

_log = logger(__name__)


class _Order(NamedTuple):
    """A command to a member's score, which an event led to."""

    recorded: Recorded[Any]
    command: str
    member: str
    fields: Mapping[str, object]


class RecordingFailed(Exception):
    """A command was not understood or ended in a fault: it is sent again, and what follows waits."""


class Recording:
    """Handles what a stream has: in its order, at least once."""

    def __init__(self, memory: Collection, send: Send) -> None:
        self._memory = memory
        self._insisting = Insisting(send)

    async def handle(self, events: Sequence[Recorded[Any]]) -> None:
        """Send what events mean, each member's in turn, and return when all is answered.

        Raises `RecordingFailed`; the same events come again then.
        """
        meanings = [(recorded, meaning) for recorded in events for meaning in sources.read(recorded)]
        orders = await self._orders(meanings)
        by_member: dict[tuple[str, str], list[_Order]] = {}
        for order in orders:
            by_member.setdefault((order.recorded.brand, order.member), []).append(order)
        turn = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for those in by_member.values():
                tasks.create_task(self._send_in_turn(those, turn))

    async def _orders(self, meanings: Sequence[tuple[Recorded[Any], sources.Meaning]]) -> list[_Order]:
        """The commands that meanings lead to, by what is remembered from before and of themselves."""
        await self._remember(
            {_key(one, what.thing): {"member": what.member} for one, what in meanings if isinstance(what, Made)}
            | {_away(one, what): {"place": _place(one)} for one, what in meanings if isinstance(what, Away)}
        )
        kept = await self._recall(name for one, what in meanings if (name := _needed(one, what)))
        orders, firsts = list[tuple[_Order, str | None]](), dict[str, dict[str, Any]]()
        for one, what in meanings:
            order = _order(one, what, kept)
            once = _key(one, what.once) if isinstance(what, Credit) and what.once is not None else None
            if order is not None:
                orders.append((order, once))
                if once is not None:
                    firsts.setdefault(once, {"place": _place(one)})
        await self._remember(firsts)
        first = await self._recall(firsts)
        return [order for order, once in orders if once is None or first[once]["place"] == _place(order.recorded)]

    async def _remember(self, names: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what is not kept yet under a name."""
        if names:
            writes = [UpdateOne({"_id": name}, {"$setOnInsert": what}, upsert=True) for name, what in names.items()]
            await self._memory.bulk_write(writes)

    async def _recall(self, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """What is kept under names."""
        wanted = list(names)
        found = self._memory.find({"_id": {"$in": wanted}}) if wanted else None
        return {} if found is None else {document["_id"]: document async for document in found}

    async def _send_in_turn(self, orders: Sequence[_Order], turn: asyncio.Semaphore) -> None:
        async with turn:
            for order in orders:
                await self._send(order)

    async def _send(self, order: _Order) -> None:
        one = order.recorded
        answer = await self._insisting.send(
            f"members.score.{order.command}",
            derived_id(order.command, one.brand, order.member, one.id),
            one.brand,
            one.time,
            {
                "member_id": order.member,
                "place": {"stream": one.stream, "sequence": one.sequence, "index": one.index, "id": one.id},
                **order.fields,
            },
        )
        if isinstance(answer, DomainError) and answer.code != _ERASED:
            _log.error("a fact was refused", stream=one.stream, sequence=one.sequence, code=answer.code)
            raise RecordingFailed(f"{one.stream} {one.sequence}: {answer.code}")


def _needed(one: Recorded[Any], what: sources.Meaning) -> str | None:
    """What must be remembered to know what a meaning leads to."""
    match what:
        case Credit(thing=thing) if thing is not None:
            return _key(one, thing)
        case Back():
            return _away(one, what)
        case _:
            return None


def _order(one: Recorded[Any], what: sources.Meaning, kept: Mapping[str, Mapping[str, Any]]) -> _Order | None:
    """The command that a meaning leads to, if it is the first of its name; None for none."""
    known = kept.get(_needed(one, what) or "")
    match what:
        case Credit():
            maker = known["member"] if known else None
            member = what.member or maker
            if member is None or (maker is not None and maker == what.by):
                return None  # nobody made it, or it is done to one's own thing
            return _Order(one, "record_fact", member, {"fact": what.fact, "about": what.about})
        case Away():
            return _Order(one, "note_absence", what.member, {"reason": what.reason, "absent": True})
        case Back():
            if known is None or known["place"] > _place(one):
                return None  # most who join were never away
            return _Order(one, "note_absence", what.member, {"reason": what.reason, "absent": False})
        case Made():
            return None


def _key(one: Recorded[Any], name: str) -> str:
    return f"{one.brand}:{name}"


def _away(one: Recorded[Any], of: Away | Back) -> str:
    return _key(one, f"away:{of.member}")


def _place(one: Recorded[Any]) -> list[int]:
    return [one.sequence, one.index]


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
        recording = Recording(app.db["recognition_memory"], app.bus.command)
        follower = BatchFollower(name, source.service.upper(), source.subjects, source.events, recording.handle)
        await follower.run(app.nats, app.db)

    name = f"recognition_{source.service}"
    app.background(name, run)
