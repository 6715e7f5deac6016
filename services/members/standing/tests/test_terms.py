"""What has an end ends once: on a clock that the test turns, across restarts, and across a kill of the process."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from libs.shared.bus import BusClient
from libs.shared.connection import Connection
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Unavailable
from libs.shared.ids import member_id, uuid7
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.platform import MASTER_KEYS, Service
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.timetable import FakeTimetable
from services.members.service import compose
from services.members.standing.views.standings import (
    ActionPageResult,
    RoleChangePageResult,
    RoleHistory,
    StandingActions,
)

KEY = "a key of at least thirty-two characters"
DAY = timedelta(days=1)


class Servers(NamedTuple):
    """Where a service finds what it needs, and keeps its log."""

    nats: str
    mongo: str
    folder: Path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("terms")
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        yield Servers(nats.url, mongo.url, folder)


class Brittle(FakeTimetable):
    """A timetable that can be away."""

    away = False

    async def reschedule(self, kind: str, id: str, at: datetime, data: bytes = b"") -> None:  # noqa: A002
        if self.away:
            raise Unavailable
        await super().reschedule(kind, id, at, data)

    async def cancel(self, kind: str, id: str) -> None:  # noqa: A002
        if self.away:
            raise Unavailable
        await super().cancel(kind, id)


class World:
    """A brand with one member, and what happens to them; outlives the service."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.timetable = Brittle(self.clock, {"role_ends", "suspension_ends"})
        self.brand = uuid7()
        self.member = member_id(KEY.encode(), self.brand, "marie")
        self.bus: BusClient | None = None
        self.seen: dict[str, int] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The service, with the world's clock and timetable."""
        settings = Settings.model_validate(
            {
                "nats_url": self.servers.nats,
                "mongo_url": self.servers.mongo,
                "identity_key": KEY,
                "master_keys": MASTER_KEYS,
            }
        )
        app = App("members", settings, clock=self.clock, timetable=self.timetable)
        compose(app)
        await app.start()
        try:
            await app.ready()
            self.bus = app.bus
            yield
        finally:
            await app.stop()

    async def found(self) -> None:
        network = uuid7()
        await self.send("network.create_network", brand=NO_BRAND, network_id=network, name="N", slug=network)
        await self.send(
            "brand.create_brand", brand_id=self.brand, network_id=network, slug=self.brand, name="B", kind="club",
            locale="en",
        )  # fmt: skip
        await self.send("member.join_brand", member_id=self.member, identity="marie", display_name="Marie")

    async def send(self, to: str, **fields: Any) -> Accepted:
        assert self.bus is not None
        aggregate, name = to.split(".")
        now = self.clock.now()
        envelope = {"command_id": uuid7(), "brand": self.brand, "actor": SYSTEM, "now": now, **fields}
        accepted = await self.bus.command("members", aggregate, name, envelope, timeout_seconds=30)
        self.seen.update(accepted.position)
        return accepted

    async def grant(self, end: timedelta | None) -> datetime | None:
        at = None if end is None else self.clock.now() + end
        fields = {"role": "moderator", "space_id": "s1", "expires_at": at}
        await self.send("member.grant_role", member_id=self.member, **fields)
        return at

    async def revoke(self) -> None:
        await self.send("member.revoke_role", member_id=self.member, role="moderator", space_id="s1")

    async def roles(self) -> list[str]:
        """What became of roles, the oldest first."""
        assert self.bus is not None
        query = RoleHistory(brand=self.brand, viewer=self.member, member_id=self.member, at_least=await self.now())
        found = await self.bus.query("members", query.wire_name, query, RoleChangePageResult)
        return [one.change.value for one in reversed(found.items)]

    async def actions(self) -> list[tuple[str, str]]:
        """What was done about the member, the oldest first, and by whom."""
        assert self.bus is not None
        query = StandingActions(brand=self.brand, viewer=SYSTEM, member_id=self.member, at_least=await self.now())
        found = await self.bus.query("members", query.wire_name, query, ActionPageResult)
        return [(one.action.value, one.by) for one in reversed(found.items)]

    async def now(self) -> dict[str, int]:
        """The place of everything that has happened: that of a fact that is stored now."""
        await self.send("member.change_profile", member_id=self.member, display_name=uuid7())
        return self.seen

    async def until_waiting(self, ends: Sequence[datetime | None]) -> None:
        """Return when the timetable holds these ends: the process follows the log a moment later."""
        await until(lambda: self.waiting() == list(ends))

    def waiting(self) -> list[datetime]:
        """The ends that the timetable holds; other parts of the service keep theirs in it too."""
        kinds = ("role_ends", "suspension_ends")
        return sorted(at for (kind, _), (at, _) in self.timetable.waiting.items() if kind in kinds)


async def until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
async def world(servers: Servers) -> World:
    return World(servers)


async def test_a_role_ends_once_across_restarts_and_moves_with_each_grant(world: World) -> None:
    async with world.serving():
        await world.found()
        await world.until_waiting([await world.grant(14 * DAY)])
    async with world.serving():
        await world.timetable.advance(7 * DAY)
        await world.until_waiting([await world.grant(30 * DAY)])
        await world.timetable.advance(10 * DAY)
        assert await world.roles() == ["granted", "granted"], "it was extended"
        await world.until_waiting([await world.grant(2 * DAY)])
        await world.timetable.advance(1 * DAY)
        assert await world.roles() == ["granted"] * 3, "it was shortened, and is not over"
    async with world.serving():
        await world.timetable.advance(1 * DAY)
        assert await world.roles() == ["granted"] * 3 + ["expired"]
        assert world.waiting() == []
    async with world.serving():
        await world.timetable.advance(90 * DAY)
        assert await world.roles() == ["granted"] * 3 + ["expired"]


async def test_revoking_cancels_and_a_grant_without_an_end_too(world: World) -> None:
    async with world.serving():
        await world.found()
        await world.until_waiting([await world.grant(DAY)])
        await world.revoke()
        await world.until_waiting([])
        await world.until_waiting([await world.grant(DAY)])
        await world.grant(None)
        await world.until_waiting([])
        await world.timetable.advance(2 * DAY)
        assert await world.roles() == ["granted", "revoked", "granted", "granted"]


async def test_what_died_between_the_log_and_the_timetable_is_caught_up_with(world: World) -> None:
    async with world.serving():
        await world.found()
        await world.until_waiting([await world.grant(DAY)])
        world.timetable.away = True
        await world.revoke()
        await world.grant(3 * DAY)
        await asyncio.sleep(0.1)
    assert world.waiting() == [world.clock.now() + DAY], "the old end waits, of a grant that is gone"
    world.timetable.away = False
    async with world.serving():
        await world.timetable.advance(2 * DAY)
        assert await world.roles() == ["granted", "revoked", "granted"], "the end of another grant ends nothing"
        await world.timetable.advance(2 * DAY)
        assert await world.roles() == ["granted", "revoked", "granted", "expired"]


async def test_what_is_handed_over_again_ends_nothing_twice(world: World) -> None:
    async with world.serving():
        await world.found()
        await world.until_waiting([await world.grant(DAY)])
        kept = {key: value for key, value in world.timetable.waiting.items() if key[0] == "role_ends"}
        await world.timetable.advance(DAY)
        world.timetable.waiting.update(kept)  # as when the process died before it was acknowledged
        await world.timetable.advance(DAY)
        await world.until_waiting([await world.grant(DAY)])
        world.timetable.waiting.update(kept)  # and came back when the role had been given anew
        await world.timetable.advance(timedelta())
        assert await world.roles() == ["granted", "expired", "granted"]
        await world.until_waiting([world.clock.now() + DAY])


async def test_a_suspension_ends_once_and_not_before(world: World) -> None:
    async def suspend(end: timedelta | None) -> None:
        until = None if end is None else world.clock.now() + end
        await world.send("member.suspend_member", member_id=world.member, reason="Shouts", until=until)

    async with world.serving():
        await world.found()
        await suspend(DAY)
        await world.until_waiting([world.clock.now() + DAY])
        await suspend(7 * DAY)
        await world.until_waiting([world.clock.now() + 7 * DAY])
    async with world.serving():
        await world.timetable.advance(6 * DAY)
        assert await world.actions() == [("suspended", SYSTEM)] * 2
        await world.timetable.advance(DAY)
        assert await world.actions() == [("suspended", SYSTEM)] * 2 + [("reinstated", SYSTEM)]
        await suspend(DAY)
        await world.until_waiting([world.clock.now() + DAY])
        await world.send("member.reinstate_member", member_id=world.member)
        await world.until_waiting([])
        await suspend(None)
        await world.timetable.advance(900 * DAY)
        assert (await world.actions())[3:] == [("suspended", SYSTEM), ("reinstated", SYSTEM), ("suspended", SYSTEM)]


@pytest.mark.timeout(120)
async def test_a_role_ends_once_by_the_servers_own_clock_though_its_service_is_killed(servers: Servers) -> None:
    environment = {
        "NATS_URL": servers.nats,
        "MONGO_URL": servers.mongo,
        "ARCHIPEL_IDENTITY_KEY": KEY,
        "ARCHIPEL_MASTER_KEYS": MASTER_KEYS,
    }
    service = Service("members", environment, servers.folder)
    world, connection = World(servers), Connection("test")
    world.clock = FakeClock(datetime.now(UTC))
    await connection.open(servers.nats)
    world.bus = BusClient(connection)
    service.start()
    try:
        await asyncio.to_thread(service.wait_ready)
        await world.found()
        world.clock = FakeClock(datetime.now(UTC))
        await world.grant(timedelta(seconds=1.5))
        await asyncio.sleep(0.5)  # scheduled or not, it is in the log
        service.end(signal.SIGKILL)
        await asyncio.sleep(1.5)
        service.start()
        await asyncio.to_thread(service.wait_ready)
        deadline = time.monotonic() + 30
        while (found := await world.roles()) != ["granted", "expired"]:
            assert found == ["granted"] and time.monotonic() < deadline
            await asyncio.sleep(0.1)
        service.end(signal.SIGKILL)
        service.start()
        await asyncio.to_thread(service.wait_ready)
        assert await world.roles() == ["granted", "expired"]
    finally:
        service.end()
        await connection.close()
