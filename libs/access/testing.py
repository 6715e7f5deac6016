"""A service on real servers of its own, with the members that a test lets join."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from libs.access.audiences import MembershipsView
from libs.access.view import AccessView, MemberJoined, RoleGranted
from libs.shared.bus import BusClient
from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import Accepted, Command, Event, Query
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.projection import View
from libs.shared.rebuild import rebuild
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.streams import ensure_streams, event_stream
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.views import NOON

T = TypeVar("T")


@dataclass
class World:
    """The running service, a client of it, and the members stream."""

    app: App
    bus: BusClient
    members: JetStreamEventStore

    async def join(self, members: Iterable[str], *roles: str, brand: str = "b1") -> None:
        """Let members join a brand, all with the same roles."""
        events = [MemberJoined(), *(RoleGranted(role=role) for role in roles)]
        await asyncio.gather(*(self.write(Subject("members", brand, "member", member), *events) for member in members))

    async def write(self, subject: Subject, *events: Event, after: int = 0) -> int:
        """Write events of one aggregate of the members service, its last ones at `after`; returns where they are."""
        return await self.members.append(
            subject,
            [
                Pending(
                    event=event,
                    id=uuid7(),
                    brand=subject.brand,
                    aggregate=subject.aggregate,
                    aggregate_id=subject.id,
                    actor=subject.id,
                    time=NOON,
                    causation_id="c",
                    correlation_id="c",
                )
                for event in events
            ],
            expected=after,
        )

    async def send(self, aggregate: str, command: Command) -> Accepted:
        """Send a command of one of the service's aggregates."""
        return await self.bus.command(self.app.name, aggregate, command.wire_name, command, timeout_seconds=60)

    async def ask(self, query: Query, reply: type[T]) -> T:
        """Ask a query."""
        return await self.bus.query(self.app.name, query.wire_name, query, reply)

    async def shown(self, at: Accepted) -> None:
        """Return when every view shows a position, however long it takes a busy machine."""
        for projector in self.app.projectors:
            await self.app.positions.wait(projector.view, at.position, timeout_seconds=60)

    def view(self, name: str) -> View:
        """One of the service's views."""
        return next(projector.view for projector in self.app.projectors if projector.view.name == name)

    async def rebuild(self, view: View) -> None:
        """Fill a view anew and return when the service reads the new one."""
        reads = asyncio.Event()
        before = view.generation
        self.app.positions.listen(view.name, lambda _: reads.set() if view.generation != before else None)
        app = self.app
        await rebuild(view, lambda _: None, nats=app.nats, database=app.db, positions=app.positions, vault=app.vault)
        async with asyncio.timeout(20):
            await reads.wait()


@asynccontextmanager
async def running(name: str, compose: Callable[[App], None], folder: Path) -> AsyncGenerator[World, None]:
    """Start NATS, MongoDB and a service, and stop them at the end."""
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        connection = Connection("test")
        await connection.open(nats.url)
        await ensure_streams(connection, event_stream("members"))
        app = App(name, Settings(nats_url=nats.url, mongo_url=mongo.url, master_keys=SecretStr(MASTER_KEYS)))
        compose(app)
        await app.start()
        try:
            await app.ready()
            members = JetStreamEventStore(connection, Codec("members", (*AccessView.events, *MembershipsView.events)))
            yield World(app, BusClient(connection), members)
        finally:
            await app.stop()
            await connection.close()
