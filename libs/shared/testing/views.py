"""Tests of views on a real database: project given events, ask the view, compare its canonical form."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec
from nats.js.client import JetStreamContext

from libs.shared.domain import BrandId, Event
from libs.shared.generations import Generation, Generations
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, Document, connect
from libs.shared.projecting import Applier, Projected
from libs.shared.projection import View
from libs.shared.pull import head, is_next_within
from libs.shared.recorded import Recorded

V = TypeVar("V", bound=View)

#: When the events of tests happen, unless they say otherwise.
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class ViewBench(Generic[V]):
    """A view in a database of its own.  Each event given is a commit of its own, a second after the one before."""

    def __init__(self, view: V, database: Database, applier: Applier) -> None:
        self.view = view
        self.database = database
        self._applier = applier

    async def given(
        self,
        *events: Event,
        brand: str = "b1",
        aggregate: str = "thing",
        id: str = "t1",  # noqa: A002 – the word of the field
        actor: str = "m1",
        time: datetime | None = None,
    ) -> None:
        """Project events of one aggregate in one transaction, as the projector does with a batch."""
        await self.given_recorded(
            *(
                Recorded(
                    event=event,
                    id=uuid7(),
                    brand=BrandId(brand),
                    aggregate=aggregate,
                    aggregate_id=id,
                    actor=actor,
                    time=time or NOON + timedelta(seconds=sequence),
                    recorded_at=NOON + timedelta(seconds=sequence),
                    causation_id=f"c{sequence}",
                    correlation_id=f"c{sequence}",
                    stream=self.view.stream,
                    sequence=sequence,
                )
                for sequence, event in enumerate(events, start=self._applier.sequence + 1)
            )
        )

    async def given_recorded(self, *recorded: Recorded[Event]) -> None:
        """Project recorded events in one transaction; their sequences go on where the last ended."""
        changes = [change for one in recorded for change in self.view.project(one)]
        brands = frozenset(one.brand for one in recorded)
        await self._applier.commit(Projected(recorded[-1].sequence, changes, len(recorded), brands))

    async def documents(self, collection: str) -> list[Document]:
        """Return all documents of a collection, by its logical name, in the order of `_id`."""
        found = await self.view.collection(collection).find({}).to_list(None)
        return sorted(found, key=lambda document: str(document["_id"]))


@asynccontextmanager
async def view_bench(view: V, mongo_url: str) -> AsyncIterator[ViewBench[V]]:
    """Bind a view to a fresh database of the server at `mongo_url`, dropped at the end."""
    client = connect(mongo_url)
    database = client[f"test_{uuid7()}"]
    generations = Generations(database)
    try:
        opened = await generations.open(view)
        view.bind(opened.generation.key, generations.collections(view, opened.generation))
        yield ViewBench(view, database, Applier(view, opened.generation, opened.sequence, database, "bench"))
    finally:
        await client.drop_database(database.name)
        client.close()


async def shown(view: View, database: Database, js: JetStreamContext, seconds: float) -> Generation:
    """Return the generation that serves, once it shows all that the view's stream holds now."""
    generations, end = Generations(database), await head(js, view.stream)
    deadline, pause, reached = time.monotonic() + seconds, 0.01, 0
    while time.monotonic() < deadline:
        active = await generations.active(view.name)
        if active is not None:
            reached = await generations.sequence(active) or 0
            if not await is_next_within(js, view.stream, view.subjects, after=reached, until=end):
                return active
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.3)  # to look keeps the server from what is waited for
    raise TimeoutError(f"after {seconds:g} s {view.name} shows {view.stream} up to {reached}, not {end}")


async def canonical(view: View) -> bytes:
    """Return a view's whole content as JSON with sorted keys and documents: equal bytes, equal views."""
    content = {}
    for name in view.collections:
        documents = await view.collection(name).find({}).to_list(None)
        content[name] = sorted(documents, key=lambda document: str(document["_id"]))
    return msgspec.json.encode(content, order="sorted")
