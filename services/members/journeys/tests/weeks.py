"""The members service on real servers, with a clock that a test turns and that outlives the service's restarts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import SecretStr

from libs.shared.codec import Codec
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Event
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import member_id, uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.mongo import connect
from libs.shared.pull import head, is_next_within
from libs.shared.rebuild import rebuild
from libs.shared.recorded import Recorded
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.tasks import end
from libs.shared.testing.timetable import FakeTimetable
from libs.shared.testing.views import canonical
from services.members.journeys import facts, following, renewal
from services.members.journeys.facts import PostPublished, ReplyPublished
from services.members.journeys.journey import Step
from services.members.service import compose

KEY: Final = "a key of at least thirty-two characters"
_CATCH_UP_SECONDS: Final = 60

#: The processes of the journeys: which streams and subjects each follows.
_PROCESSES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "journeys": ("MEMBERS", following.SUBJECTS),
    "journey_renewal": ("MEMBERS", renewal.SUBJECTS),
    **{f"journeys_{stream.lower()}": (stream, subjects) for stream, subjects in facts.SUBJECTS.items()},
}


class Weeks:
    """The running service.  Members are named by their identities; `brand` is a brand that is open."""

    def __init__(self, nats_url: str, mongo_url: str) -> None:
        # Ahead of the servers' clock, so that nothing is recorded before it happens.
        self.clock = FakeClock(datetime.now(UTC) + timedelta(days=1))
        self.timetable = FakeTimetable(self.clock, {"journey", "nudge"})
        self.start_day = self.clock.now()
        self.brand = uuid7()
        self.app = self._new(nats_url, mongo_url)
        self._urls = (nats_url, mongo_url)

    def member(self, identity: str) -> str:
        return member_id(KEY.encode(), self.brand, identity)

    def day(self, at: datetime) -> float:
        """How many days after the start an instant is."""
        return (at - self.start_day) / timedelta(days=1)

    # The service

    async def start(self) -> None:
        """Start, and return when it serves."""
        await self.app.start()
        await self.app.ready()

    async def stop(self) -> None:
        """End as a release does."""
        await self.app.stop()

    async def kill(self) -> None:
        """End in the middle of everything: nothing that is under way is finished, nothing is said to the servers."""
        tasks, self.app._tasks = self.app._tasks, []
        await asyncio.gather(*(end(task) for task in tasks))
        await self.app.nats.close()
        await self.app._responder.stop(grace_seconds=0)
        self.app.db.client.close()

    async def restart(self, *, killed: bool = False) -> None:
        """End in one way or the other, and begin again with nothing but what the servers and the timetable keep."""
        await (self.kill() if killed else self.stop())
        self.app = self._new(*self._urls)
        await self.start()

    async def lose_database(self) -> None:
        """Begin again with an empty database: without any view, and from the first event of every stream."""
        await self.stop()
        client = connect(self._urls[1])
        await client.drop_database(self.app.db.name)
        client.close()
        self.app = self._new(*self._urls)
        await self.start()

    def _new(self, nats_url: str, mongo_url: str) -> App:
        settings = Settings(
            nats_url=nats_url,
            mongo_url=mongo_url,
            identity_key=SecretStr(KEY),
            master_keys=SecretStr(MASTER_KEYS),
            stale_seconds=_CATCH_UP_SECONDS,
        )
        app = App("members", settings, clock=self.clock, timetable=self.timetable)
        compose(app)
        return app

    # What happens

    async def found(self, **brand: Any) -> None:
        """Open the brand."""
        network = uuid7()
        await self.send("network.create_network", NO_BRAND, network_id=network, name="Net", slug=f"n-{network}")
        fields = {"brand_id": self.brand, "network_id": network, "slug": f"b-{self.brand}", "name": "Sailors"}
        await self.send("brand.create_brand", **fields, kind="club", locale="en", **brand)

    async def send(self, to: str, brand: str | None = None, actor: str = SYSTEM, **fields: Any) -> Accepted:
        """Send a command to `<aggregate>.<name>` now."""
        aggregate, name = to.split(".")
        envelope = {"command_id": uuid7(), "brand": brand or self.brand, "actor": actor, "now": self.clock.now()}
        return await self.app.bus.command("members", aggregate, name, {**envelope, **fields}, timeout_seconds=60)

    async def act(self, to: str, identity: str, /, **fields: Any) -> Accepted:
        """Send a command of a member's own about themselves."""
        member = self.member(identity)
        return await self.send(to, actor=member, member_id=member, **fields)

    async def join(self, identity: str, /, **fields: Any) -> str:
        """Let somebody join, or come back."""
        await self.act("member.join_brand", identity, identity=identity, display_name=identity.title(), **fields)
        return self.member(identity)

    async def elsewhere(self, stream: str, aggregate: str, id_: str, event: Event, actor: str) -> None:
        """Let another service write an event now."""
        service = stream.lower()
        pending = Pending(
            event=event, id=uuid7(), brand=self.brand, aggregate=aggregate, aggregate_id=id_, actor=actor,
            time=self.clock.now(), causation_id=uuid7(), correlation_id="c",
        )  # fmt: skip
        store = JetStreamEventStore(self.app.nats, Codec(service, (type(event),)))
        await store.append(Subject(service, self.brand, aggregate, id_), [pending], expected=None)

    async def publish(self, *steps: Step) -> None:
        """Publish an edition of the journey."""
        await self.send("journey.publish_journey", brand_id=self.brand, steps=msgspec.to_builtins(steps))

    async def post(self, member: str, thread: str, space: str = "s1") -> None:
        """Let a member open a thread."""
        await self.elsewhere("DISCUSSIONS", "thread", thread, PostPublished(space_id=space), member)

    async def reply(self, member: str, thread: str) -> None:
        """Let a member reply in a thread."""
        await self.elsewhere("DISCUSSIONS", "thread", thread, ReplyPublished(), member)

    async def settled(self) -> None:
        """Return when every process has followed everything there is, and every view shows it."""
        js = self.app.nats.jetstream()
        async with asyncio.timeout(_CATCH_UP_SECONDS):
            while True:
                ends = {stream: await head(js, stream) for stream in ("MEMBERS", *facts.FOREIGN)}
                left = [name for name in _PROCESSES if await self._is_left(name, ends)]
                if not left and ends == {stream: await head(js, stream) for stream in ends}:
                    break
                await asyncio.sleep(0.02)
        for view in self.app.views.values():
            await self.app.positions.wait(view, ends, _CATCH_UP_SECONDS)

    async def _is_left(self, process: str, ends: Mapping[str, int]) -> bool:
        stream, subjects = _PROCESSES[process]
        kept = await self.app.db["followers"].find_one({"_id": process})
        after = kept["sequence"] if kept else 0
        return await is_next_within(self.app.nats.jetstream(), stream, subjects, after=after, until=ends[stream])

    async def pass_days(self, days: float) -> None:
        """Let time pass once everything has settled, and settle again."""
        await self.settled()
        await self.timetable.advance(timedelta(days=days))
        await self.settled()

    async def told(self, aggregate: str, member: str) -> list[Recorded[Any]]:
        """All events of an aggregate of a member."""
        return await self.app.store.load(Subject("members", self.brand, aggregate, member), leader=True)

    async def reminded(self, member: str) -> list[tuple[str, float]]:
        """Of which steps a member was reminded, and on which day each time."""
        told = await self.told("progress", member)
        return [
            (one.event.step_id, round(self.day(one.time), 3)) for one in told if one.event.wire_name == "step_reminded"
        ]

    async def nudged(self, member: str) -> list[float]:
        """On which days a member was nudged."""
        told = await self.told("nudge", member)
        return [round(self.day(one.time), 3) for one in told if one.event.wire_name == "member_nudged"]

    async def happened(self, member: str) -> Counter[str]:
        """How often each kind of event happened on a member's way."""
        return Counter(one.event.wire_name for one in await self.told("progress", member))

    async def differences(self) -> list[str]:
        """The views of the journeys that a rebuild makes otherwise than they are."""
        await self.settled()
        found, app = list[str](), self.app
        for name in ("journeys", "nudges", "posted", "proposed"):
            view = app.views[name]
            before, incremental = view.generation, await canonical(view)
            await rebuild(
                view, lambda _: None, nats=app.nats, database=app.db, positions=app.positions, vault=app.vault
            )
            async with asyncio.timeout(30):
                while view.generation == before:  # noqa: ASYNC110 – a view without events announces nothing
                    await asyncio.sleep(0.01)
            if await canonical(view) != incremental:
                found.append(name)
        return found


@asynccontextmanager
async def weeks(nats_url: str, mongo_url: str) -> AsyncIterator[Weeks]:
    """Start the service, with a brand of its own, and stop it at the end."""
    made = Weeks(nats_url, mongo_url)
    await made.start()
    try:
        await made.found()
        yield made
    finally:
        await made.stop()


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """Start servers of one's own: events that others put into the members stream would not be this service's."""
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        yield nats.url, mongo.url
