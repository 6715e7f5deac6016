"""A small log and a view of it, for the tests of the read side: accounts that count up, and ideas with votes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import nats
from msgspec import structs
from nats.aio.client import Client as Nats
from nats.js.api import StreamConfig
from pymongo import InsertOne, UpdateOne
from pymongo.operations import IndexModel

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import Pending
from libs.shared.ids import uuid7
from libs.shared.mongo import Client, Database, connect
from libs.shared.positions import Positions
from libs.shared.projection import Change, Counter, SetMember, View, Write
from libs.shared.projector import Projector
from libs.shared.recorded import Recorded
from libs.shared.sessions import Sessions
from libs.shared.testing.streams import fresh_stream
from libs.shared.testing.tasks import end
from libs.shared.testing.views import NOON


class Deposited(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "deposited"

    amount: int


class Voted(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "voted"

    member: str
    stands: bool


class Ledger(View):
    name = "ledger"
    version = 1
    stream = "LEDGER"
    events: ClassVar[tuple[type[Event], ...]] = (Deposited, Voted)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "accounts": (IndexModel([("brand", 1), ("balance", 1), ("_id", 1)]),),
        "votes": (),
        "ideas": (),
    }

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        key = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case Deposited(amount=amount):
                change = {"$inc": {"balance": amount, "deposits": 1}, "$set": {"brand": recorded.brand}}
                yield Write("accounts", UpdateOne({"_id": key}, change, upsert=True))
            case Voted(member=member, stands=stands):
                document = {"idea": key, "member": member} if stands else None
                yield SetMember("votes", f"{key}:{member}", document, (Counter("ideas", key, "votes"),))


class LedgerV2(Ledger):
    """Doubles the balance."""

    version = 2

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        event = recorded.event
        if isinstance(event, Deposited):
            event = structs.replace(event, amount=event.amount * 2)
        return super().project(structs.replace(recorded, event=event))


class VotesOnly(Ledger):
    """Reads a part of the stream."""

    name = "votes_only"
    subjects = ("evt.ledger.*.idea.*",)


class Receipts(Ledger):
    """Inserts the same document twice when an account gets a second deposit."""

    name = "receipts"

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        yield Write("accounts", InsertOne({"_id": recorded.aggregate_id}))


class Failing(Ledger):
    """Does not like 13."""

    name = "failing"

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        if recorded.event == Deposited(amount=13):
            raise ZeroDivisionError("thirteen")
        return super().project(recorded)


def expected(events: Iterable[tuple[str, Event]]) -> dict[str, dict[str, Any]]:
    """What a ledger holds after events of brand b1: balances by account, votes by idea."""
    balances: dict[str, int] = {}
    members: dict[str, set[str]] = {}
    for id_, event in events:
        match event:
            case Deposited(amount=amount):
                balances[id_] = balances.get(id_, 0) + amount
            case Voted(member=member, stands=True):
                members.setdefault(id_, set()).add(member)
            case Voted(member=member):
                members.get(id_, set()).discard(member)
    return {"balances": balances, "votes": {id_: len(found) for id_, found in members.items()}}


async def held(view: View) -> dict[str, dict[str, Any]]:
    """What the view holds, in the form of `expected`; the vote documents must agree with the counters."""
    accounts = await view.collection("accounts").find({}).to_list(None)
    ideas = await view.collection("ideas").find({}).to_list(None)
    counted: dict[str, int] = {}
    async for document in view.collection("votes").find({}):
        counted[document["idea"]] = counted.get(document["idea"], 0) + 1
    assert {idea["_id"]: idea["votes"] for idea in ideas if idea["votes"]} == counted
    return {
        "balances": {account["_id"].partition(":")[2]: account["balance"] for account in accounts},
        "votes": {idea["_id"].partition(":")[2]: idea["votes"] for idea in ideas},
    }


class Log:
    """The stream LEDGER, empty at first, on one server, and a database; the ways of tests into both."""

    def __init__(self, bus: Nats, client: Client, database: Database) -> None:
        self.nats = bus
        self.js = bus.jetstream()
        self.client = client
        self.database = database
        self.codec = Codec("ledger", (Deposited, Voted))
        self.processes: dict[Projector, asyncio.Task[None]] = {}

    async def write(self, id_: str, *events: Event, brand: str = "b1") -> int:
        """Append one commit; returns its sequence."""
        aggregate = "idea" if isinstance(events[0], Voted) else "account"
        commit = [
            Pending(
                event=event,
                id=uuid7(),
                brand=brand,
                aggregate=aggregate,
                aggregate_id=id_,
                actor="m1",
                time=NOON,
                causation_id="c",
                correlation_id="c",
            )
            for event in events
        ]
        headers = {"Nats-Msg-Id": commit[0].id}
        subject, data = f"evt.ledger.{brand}.{aggregate}.{id_}", self.codec.encode(commit)
        while True:  # one message id: a repeat is stored once
            with suppress(nats.errors.Error, TimeoutError):
                return (await self.js.publish(subject, data, headers=headers, timeout=2)).seq
            await asyncio.sleep(0.1)

    async def write_all(self, events: Iterable[tuple[str, Event]], at_once: int = 64) -> int:
        """Append a commit an event, many at once but those of one id in order; returns the last sequence."""
        lanes: list[list[tuple[str, Event]]] = [[] for _ in range(at_once)]
        for id_, event in events:
            lanes[hash(id_) % at_once].append((id_, event))

        async def write(lane: list[tuple[str, Event]]) -> int:
            return max([await self.write(id_, event) for id_, event in lane], default=0)

        return max(await asyncio.gather(*map(write, lanes)))

    def positions(self, service: str = "tests") -> Positions:
        return Positions(service, self.nats, self.database)

    async def dropped(self, collection: str) -> None:
        """Wait until the database has no such collection any more."""
        async with asyncio.timeout(10):
            while collection in await self.database.list_collection_names():  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def running(self, view: View, **options: Any) -> AsyncIterator[tuple[Projector, Positions]]:
        """Run a projector with a tracker of its own, as one process does."""
        positions = self.positions()
        await positions.start()
        sessions = Sessions(self.nats, self.database)
        await sessions.start()
        projector = Projector(
            view, nats=self.nats, database=self.database, positions=positions, sessions=sessions, **options
        )
        task = self.processes[projector] = asyncio.create_task(projector.run())
        try:
            yield projector, positions
        finally:
            await end(task)
            await sessions.stop()
            await positions.stop()


@asynccontextmanager
async def open_log(nats_url: str, mongo_url: str) -> AsyncIterator[Log]:
    """A fresh log and database."""

    async def quiet(_: Exception) -> None:
        """Servers are killed here; what goes wrong shows in what the tests compare."""

    bus = await nats.connect(nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=quiet)
    client = connect(mongo_url)
    log = Log(bus, client, client[f"test_{uuid7()}"])
    await fresh_stream(log.js, StreamConfig(name="LEDGER", subjects=["evt.ledger.>"], allow_direct=True))
    try:
        yield log
    finally:
        with suppress(nats.js.errors.NotFoundError):
            await log.js.delete_stream("LEDGER")
        await client.drop_database(log.database.name)
        client.close()
        await bus.close()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that has no position to wait for, such as the state of a projector."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 – there is nothing that could set an event
            await asyncio.sleep(0.01)
