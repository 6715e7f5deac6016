"""What holds after a crash: each acknowledged event is in the log once, and the views are what the log makes."""

import asyncio
import copy
import importlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from nats.aio.client import Client as Nats

from libs.shared.app import App
from libs.shared.generations import Generations
from libs.shared.mongo import Client, connect
from libs.shared.privacy import MasterKeys
from libs.shared.projecting import Applier
from libs.shared.projection import View
from libs.shared.pull import ReaderLost, StreamReader, head
from libs.shared.settings import Settings
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.views import canonical, shown
from libs.shared.vault import Vault
from tests.integration.crash_clients import Answered

OWNERS = ("members", "discussions", "events", "feedback")
_CATCH_UP_SECONDS = 60
_AT_ONCE = 8


class Fact(NamedTuple):
    """An event in the log: where, of which type, and its id."""

    stream: str
    sequence: int
    type: str
    id: str


class _Stored(Struct):
    id: str
    type: str
    brand: str
    causationid: str


class Log:
    """All streams, read from the start once and then from where the last reading ended."""

    def __init__(self, nats: Nats) -> None:
        self._nats = nats
        self._read = dict.fromkeys((owner.upper() for owner in OWNERS), 0)
        self.by_cause: dict[str, list[Fact]] = defaultdict(list)

    async def read_on(self) -> None:
        """Read what has come."""
        for stream, after in self._read.items():
            end = await head(self._nats.jetstream(), stream)
            if end == after:
                continue
            async with StreamReader(self._nats, stream, (), after=after) as reader:
                while self._read[stream] < end:
                    for message in await reader.take(5):
                        self._read[stream] = message.sequence
                        for event in msgspec.json.decode(message.data, type=list[_Stored]):
                            fact = Fact(stream, message.sequence, event.type, event.id)
                            self.by_cause[event.causationid].append(fact)

    def problems(self, answered: Iterable[Answered]) -> list[str]:
        """What is wrong with the log: an acknowledged command without its event there, or an event that came twice."""
        found = []
        for one in answered:
            facts = [fact for fact in self.by_cause.get(one.command_id, ()) if fact.type.startswith(one.event)]
            places = [(fact.stream, fact.sequence) for fact in facts]
            if places != [(one.stream, one.position)]:
                found.append(f"{one.event} of {one.command_id} acknowledged at {one.position}, in the log at {places}")
        for cause, facts in self.by_cause.items():
            types = [(fact.stream, fact.type) for fact in facts]
            if len(types) != len(set(types)):
                found.append(f"command {cause} took effect more than once: {facts}")
        ids = [fact.id for facts in self.by_cause.values() for fact in facts]
        if len(ids) != len(set(ids)):
            found.append("an event id is there twice")
        return found


class Views:
    """The views of all services, and the same views made by one undisturbed reading of the log from sequence 1.

    The second set stands in a database server of its own and is only ever written by this class, in order.
    """

    def __init__(self, nats: Nats, nats_url: str, mongo_url: str, shadow_mongo_url: str) -> None:
        self._nats = nats
        self._settings = Settings.model_construct(nats_url=nats_url, mongo_url=mongo_url)
        self._vault = Vault(nats, MasterKeys.parse(MASTER_KEYS))
        self._shadow: Client = connect(shadow_mongo_url)
        self._appliers: dict[type[View], Applier] = {}
        self._apps = {owner: self._compose(owner) for owner in OWNERS}

    def close(self) -> None:
        """Disconnect from the databases."""
        self._shadow.close()
        for app in self._apps.values():
            app.db.client.close()

    async def differences(self) -> list[str]:
        """The names of the views that are not, byte for byte, what a rebuild makes."""
        same: dict[type[View], list[tuple[App, View]]] = defaultdict(list)
        for app in self._apps.values():
            for view in app.views.values():
                same[type(view)].append((app, view))
        turns = asyncio.Semaphore(_AT_ONCE)

        async def compare(those: list[tuple[App, View]]) -> list[str]:
            async with turns:
                for app, view in those:
                    await self._settled(app, view)
                expected = await self._rebuilt(those[0][1])
                contents = [(app, view, await canonical(view)) for app, view in those]
                return [
                    f"{app.name}.{view.name}: {_first_difference(content, expected)}"
                    for app, view, content in contents
                    if content != expected
                ]

        # One that fails ends the others: at the next look each view has to have one writer again.
        async with asyncio.TaskGroup() as group:
            comparing = [group.create_task(compare(those)) for those in same.values()]
        return [one for task in comparing for one in task.result()]

    def _compose(self, owner: str) -> App:
        app = App(owner, self._settings)
        importlib.import_module(f"services.{owner}.service").compose(app)
        return app

    async def _settled(self, app: App, view: View) -> None:
        """Bind the view to the generation that serves, once nothing that it reads is left in its stream."""
        active = await shown(view, app.db, self._nats.jetstream(), _CATCH_UP_SECONDS)
        view.bind(active.key, Generations(app.db).collections(view, active))

    async def _rebuilt(self, view: View) -> bytes:
        applier = self._appliers.get(type(view))
        if applier is None:
            applier = self._appliers[type(view)] = await self._open(view)
        end, done = await head(self._nats.jetstream(), view.stream), False
        while not done:
            # The reader is lost when this process is too busy for its heartbeats.
            with suppress(ReaderLost):
                await self._read_on(applier)
                done = True
        assert applier.sequence <= end
        return await canonical(applier.view)

    async def _read_on(self, applier: Applier) -> None:
        view = applier.view
        async with StreamReader(self._nats, view.stream, view.subjects, after=applier.sequence) as reader:
            while reader.left(applier.sequence):
                batch = await applier.project(await reader.take(5))
                assert batch.failure is None, batch.failure
                if batch.sequence > applier.sequence:
                    await applier.commit(batch)

    async def _open(self, view: View) -> Applier:
        shadow = copy.copy(view)
        database = self._shadow[f"shadow_{view.name}"]
        generations = Generations(database)
        opened = await generations.open(shadow)
        shadow.bind(opened.generation.key, generations.collections(shadow, opened.generation))
        return Applier(shadow, opened.generation, 0, database, "shadow", vault=self._vault)


def _first_difference(live: bytes, rebuilt: bytes) -> str:
    mine, theirs = (_by_id(content) for content in (live, rebuilt))
    for place in sorted({*mine, *theirs}):
        if mine.get(place) != theirs.get(place):
            return f"{place}: {mine.get(place)} instead of {theirs.get(place)}"
    return "the same documents in other bytes"


def _by_id(content: bytes) -> Mapping[str, Any]:
    collections = msgspec.json.decode(content, type=dict[str, list[dict[str, Any]]])
    return {f"{name} {document['_id']}": document for name, documents in collections.items() for document in documents}
