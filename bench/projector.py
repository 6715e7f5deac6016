"""A projector from the log to MongoDB, beside bulk writes of the same operations that somebody made beforehand."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import nats
from nats.aio.client import Client as Nats
from pymongo import IndexModel, ReplaceOne, UpdateOne

from bench.harness import Line, compare, in_turn, mongo_server, nats_server
from bench.sample import BRAND, NOW, SERVICE, TEXT, EntryWritten, open_store
from libs.shared import mongo
from libs.shared.codec import Codec
from libs.shared.domain import BrandId, Event
from libs.shared.event_store import Pending
from libs.shared.ids import uuid7
from libs.shared.positions import Positions
from libs.shared.projection import Change, Planner, View, Write
from libs.shared.projector import Projector
from libs.shared.recorded import Recorded
from libs.shared.times import to_ms

_EVENTS = 4_000
_BOOKS = 100
_BATCH = 1_000


class Entries(View):
    """The entries of every book, and how many there are."""

    name: ClassVar[str] = "entries"
    stream: ClassVar[str] = SERVICE.upper()
    events: ClassVar[tuple[type[Event], ...]] = (EntryWritten,)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"entry": (), "book": ()}

    def project(self, recorded: Recorded[EntryWritten]) -> Iterable[Change]:
        """A document an entry, and a counter a book."""
        id_ = f"{recorded.brand}:{recorded.aggregate_id}"
        document = {
            "_id": f"{id_}:{recorded.event.number}",
            "author": recorded.actor,
            "text": recorded.event.text,
            "written_at_ms": to_ms(recorded.time),
        }
        yield Write("entry", ReplaceOne({"_id": document["_id"]}, document, upsert=True))
        yield Write("book", UpdateOne({"_id": id_}, {"$inc": {"entries": 1}}, upsert=True))


async def run() -> list[Line]:
    """One row, in events a second."""
    with nats_server() as nats_url, mongo_server() as mongo_url:
        connection = await nats.connect(nats_url)
        client = mongo.connect(mongo_url)
        await _fill(connection)
        fresh = itertools.count()

        async def projected() -> float:
            return await _project(connection, client[f"bench_{next(fresh)}"])

        async def written() -> float:
            return await _write(client[f"bench_{next(fresh)}"])

        measured, limit = await in_turn(projected, written)
        await connection.close()
        client.close()
    what = "projector, two writes an event"
    return [compare(what, measured, limit, limit_what="raw bulk_write of the same", unit="events/s", at_least=0.7)]


async def _fill(connection: Nats) -> None:
    await open_store(connection)
    codec = Codec(SERVICE, [EntryWritten])
    js = connection.jetstream()
    for start in range(0, _EVENTS, 500):
        commits = [_pending(number) for number in range(start, min(start + 500, _EVENTS))]
        await asyncio.gather(
            *(js.publish(f"evt.{SERVICE}.{BRAND}.book.{one.aggregate_id}", codec.encode([one])) for one in commits)
        )


def _pending(number: int) -> Pending:
    return Pending(
        event=EntryWritten(number=number, text=TEXT),
        id=uuid7(),
        brand=BRAND,
        aggregate="book",
        aggregate_id=f"book-{number % _BOOKS}",
        actor="m1",
        time=NOW,
        causation_id=uuid7(),
        correlation_id=uuid7(),
    )


async def _project(connection: Nats, database: mongo.Database) -> float:
    view = Entries()
    positions = Positions(SERVICE, connection, database)
    await positions.start()
    projector = Projector(view, nats=connection, database=database, positions=positions)
    began = time.perf_counter()
    running = asyncio.create_task(projector.run())
    await positions.wait(view, {view.stream: _EVENTS}, timeout_seconds=60)
    seconds = time.perf_counter() - began
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await positions.stop()
    await database.client.drop_database(database.name)
    return _EVENTS / seconds


async def _write(database: mongo.Database) -> float:
    """Nothing but `bulk_write`, in the batches that a projector has, each in a transaction: without, it is slower."""
    view, planner = Entries(), Planner(Entries.collections)
    batches = []
    for start in range(0, _EVENTS, _BATCH):
        recorded = [_recorded(number) for number in range(start, min(start + _BATCH, _EVENTS))]
        batches.append(planner.plan([change for one in recorded for change in view.project(one)], {}))
    began = time.perf_counter()
    for batch in batches:
        async with mongo.transaction(database) as session:
            for name, operations in batch.items():
                await database[name].bulk_write(operations, ordered=True, session=session)
    seconds = time.perf_counter() - began
    await database.client.drop_database(database.name)
    return _EVENTS / seconds


def _recorded(number: int) -> Recorded[EntryWritten]:
    pending = _pending(number)
    return Recorded(
        event=EntryWritten(number=number, text=TEXT),
        id=pending.id,
        brand=BrandId(BRAND),
        aggregate=pending.aggregate,
        aggregate_id=pending.aggregate_id,
        actor=pending.actor,
        time=NOW,
        recorded_at=NOW,
        causation_id=pending.causation_id,
        correlation_id=pending.correlation_id,
        stream=SERVICE.upper(),
        sequence=number + 1,
    )
