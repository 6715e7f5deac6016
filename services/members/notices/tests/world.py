"""The members service with the streams of all others, as a test writes them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from nats.aio.msg import Msg

from libs.access.view import AccessView
from libs.shared.bus import BusClient
from libs.shared.clock import Clock
from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import Accepted, Command, Event, Query
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.mongo import Database
from libs.shared.pull import head, is_next_within
from libs.shared.settings import Settings
from libs.shared.streams import ensure_streams, event_stream
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.views import shown
from services.members import brand, member, member_decisions
from services.members.member import MemberJoined
from services.members.notices import follow
from services.members.notices.facts import STREAMS
from services.members.notices.follow import Target, TargetFollowed
from services.members.notices.inbox import NoticePage, NoticePageResult, NoticeView
from services.members.notices.views.people import EventPeopleView, IdeaPeopleView, ThreadPeopleView
from services.members.notices.views.spaces import ExclusiveSpacesView
from services.members.segments import membership

R = TypeVar("R")
KEY = "a key of at least thirty-two characters"

_EVENTS: dict[str, tuple[type[Event], ...]] = {
    "discussions": (*STREAMS["DISCUSSIONS"][1], *ThreadPeopleView.events, *ExclusiveSpacesView.events),
    "events": (*STREAMS["EVENTS"][1], *EventPeopleView.events),
    "feedback": (*STREAMS["FEEDBACK"][1], *IdeaPeopleView.events),
}
_SECONDS = 60.0


class World:
    """Writes events of all services past their rules, sends commands to the members service, and reads inboxes.

    Each brand of a test is its own; `brand` is the one that is meant when nothing is said.
    """

    def __init__(self, nats: Connection, database: Database, clock: Clock) -> None:
        self.nats = nats
        self.bus = BusClient(nats)
        self.database = database
        self.clock = clock
        self.brand = uuid7()
        #: The ids of the tags that each member may see; nobody sees any before a test says so.
        self.tags: dict[str, set[str]] = {}
        own = (
            *brand.DECIDER.events,
            *member_decisions.DECIDER.events,
            *follow.DECIDER.events,
            *membership.DECIDER.events,
        )
        upcasters = {**brand.UPCASTERS, **member.UPCASTERS}
        self._stores = {"members": JetStreamEventStore(nats, Codec("members", own, upcasters))}
        for service, events in _EVENTS.items():
            self._stores[service] = JetStreamEventStore(nats, Codec(service, dict.fromkeys(events)))

    async def write(
        self,
        service: str,
        aggregate: str,
        id: str,  # noqa: A002 – the word of the field
        *events: Event,
        actor: str = "system",
        brand: str = "",
        time: datetime | None = None,
    ) -> None:
        """Append events of one aggregate as one commit."""
        subject = Subject(service, brand or self.brand, aggregate, id)
        await self._stores[service].append(
            subject,
            [
                Pending(
                    event=event, id=uuid7(), brand=subject.brand, aggregate=aggregate, aggregate_id=id, actor=actor,
                    time=time or self.clock.now(), causation_id=uuid7(), correlation_id="c",
                )
                for event in events
            ],
            expected=None,
        )  # fmt: skip

    async def join(self, members: Iterable[str], *, brand: str = "", email: bool = False) -> None:
        """Let members join."""
        await self._many(
            self.write(
                "members", "member", one,
                MemberJoined(identity=f"i-{one}", display_name=one, email=f"{one}@example.org" if email else None),
                actor=one, brand=brand,
            )
            for one in members
        )  # fmt: skip

    async def follow(self, members: Iterable[str], target: Target) -> None:
        """Let members follow something."""
        followed = TargetFollowed(kind=target.kind, target_id=target.id)
        await self._many(self.write("members", "follow", one, followed, actor=one) for one in members)

    async def stand_in(self) -> None:
        """Answer for discussions which tags are there for a member."""

        async def tags_get_many(message: Msg) -> None:
            asked = msgspec.json.decode(message.data)
            seen = self.tags.get(asked["viewer"], set()) if asked["brand"] == self.brand else set()
            found = [{"id": id_, "name": id_, "post_count": 1} if id_ in seen else None for id_ in asked["ids"]]
            await message.respond(msgspec.json.encode(found))

        await self.nats.subscribe("qry.discussions.tags_get_many", cb=tags_get_many)

    async def send(
        self, aggregate: str, kind: type[Command], actor: str, /, *, brand: str = "", **fields: Any
    ) -> Accepted:
        """Send a command to the members service."""
        envelope: dict[str, Any] = {
            "command_id": uuid7(),
            "brand": brand or self.brand,
            "actor": actor,
            "now": self.clock.now(),
        }
        command = kind(**envelope, **fields)
        return await self.bus.command("members", aggregate, kind.wire_name, command, timeout_seconds=_SECONDS)

    async def ask(self, reply: type[R], query: type[Query], viewer: str, /, *, brand: str = "", **fields: Any) -> R:
        """Ask the members service."""
        question = query(brand=brand or self.brand, viewer=viewer, **fields)
        return await self.bus.query("members", query.wire_name, question, reply)

    async def inbox(self, member: str, *, brand: str = "") -> list[NoticeView]:
        """What a member was told, once everything that has happened is told."""
        await self.settled()
        return list((await self.ask(NoticePageResult, NoticePage, member, brand=brand)).items)

    async def unread(self, member: str) -> int:
        """How many notifications of a member are unread."""
        return (await self.ask(NoticePageResult, NoticePage, member)).unread_count

    async def known(self) -> None:
        """Return when the service knows of everybody what they are."""
        await shown(AccessView("members"), self.database, self.nats.jetstream(), _SECONDS)

    async def settled(self) -> None:
        """Return when everything that has happened is told."""
        deadline = time.monotonic() + _SECONDS
        while not await self._is_settled():
            assert time.monotonic() < deadline, "not told in time"
            await asyncio.sleep(0.02)

    async def _is_settled(self) -> bool:
        js = self.nats.jetstream()
        for stream, (subjects, _) in STREAMS.items():
            kept = await self.database["followers"].find_one({"_id": f"notices_{stream.lower()}"})
            after, end = kept["sequence"] if kept else 0, await head(js, stream)
            if await is_next_within(js, stream, subjects, after=after, until=end):
                return False
        return await self.database["notice_jobs"].count_documents({}) == 0

    async def _many(self, work: Iterable[Any]) -> None:
        waiting = list(work)
        for start in range(0, len(waiting), 200):
            await asyncio.gather(*waiting[start : start + 200])


@asynccontextmanager
async def connected(nats_url: str) -> AsyncIterator[Connection]:
    """A connection, with the streams of all services there."""
    connection = Connection("test")
    await connection.open(nats_url)
    names = ("members", "discussions", "events", "feedback")
    await ensure_streams(connection, *(event_stream(name) for name in names))
    try:
        yield connection
    finally:
        await connection.close()


def settings(nats_url: str, mongo_url: str, **more: Any) -> Settings:
    """The settings of a members service."""
    given = {"nats_url": nats_url, "mongo_url": mongo_url, "identity_key": KEY, "master_keys": MASTER_KEYS}
    return Settings.model_validate({**given, **more})
