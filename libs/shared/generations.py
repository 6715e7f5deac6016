"""Which generation of a view's collections is active, how far each has come, and how they follow one another.

Everything stands in the collection `checkpoints` of the service's database:

- `_id` view: the pointer: `version` and `number` of the active generation, the `last_number` given out, the `retired`;
- `_id` view:key: the checkpoint of one generation: `stream`, `sequence` (all up to it is in the view), and the `owner`
  who projects it.

A generation whose checkpoint is gone is fenced: whoever still projects into it cannot commit.
"""

import time
from contextlib import suppress
from typing import NamedTuple

from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from libs.shared.mongo import Collection, Database, Session, is_write_conflict, transaction
from libs.shared.projection import View


class Generation(NamedTuple):
    """One set of collections of a view.  Number 0 is the first of a version; rebuilds count up."""

    view: str
    version: int
    number: int = 0

    @property
    def key(self) -> str:
        """`v3`, or for a rebuild `v3g2`."""
        return f"v{self.version}g{self.number}" if self.number else f"v{self.version}"

    @property
    def checkpoint(self) -> str:
        """The `_id` of its checkpoint."""
        return f"{self.view}:{self.key}"

    @property
    def prefix(self) -> str:
        """What the names of its collections begin with; the logical name follows."""
        return f"{self.view}_{self.key}__"


class Opened(NamedTuple):
    """A generation to go on with: projected up to `sequence`; `serving` when it is the active one."""

    generation: Generation
    sequence: int
    serving: bool


class NewerVersion(RuntimeError):
    """The database is served by a newer version of the view than this code knows; go back with a rebuild."""


class NotOpen(RuntimeError):
    """The generations moved while they were read; try again."""


class Generations:
    """The pointers and checkpoints of one service's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._documents: Collection = database["checkpoints"]

    async def open(self, view: View) -> Opened:
        """Return the generation this code projects into, made when there is none.

        A first start makes generation 0, active from the beginning.  When an older version is active, generation 0
        of this version is filled beside it and not yet `serving`.  Raises `NewerVersion`, `NotOpen`.
        """
        active = await self.active(view.name)
        if active is None:
            first = Generation(view.name, view.version)
            await self.prepare(view, first)
            pointer = {"_id": view.name, "version": first.version, "number": 0, "last_number": 0, "retired": []}
            try:
                await self._documents.insert_one(pointer)
            except DuplicateKeyError:
                return await self.open(view)  # another process was faster
            return Opened(first, await self._sequence_of(first), serving=True)
        if active.version > view.version:
            raise NewerVersion(
                f"view {view.name}: version {active.version} is active, this code has {view.version}; "
                "`archipel rebuild` brings the older one back"
            )
        if active.version == view.version:
            sequence = await self._sequence_of(active)  # first: of one that is gone no collection is made again
            await self._make_collections(view, active)
            return Opened(active, sequence, serving=True)
        following = Generation(view.name, view.version)
        await self._drop_if_retired(following)
        await self.prepare(view, following)
        return Opened(following, await self._sequence_of(following), serving=False)

    async def active(self, view: str) -> Generation | None:
        """Return the active generation of a view."""
        pointer = await self._documents.find_one({"_id": view})
        return None if pointer is None else Generation(view, pointer["version"], pointer["number"])

    async def sequence(self, generation: Generation) -> int | None:
        """Return how far a generation has come, None when it is gone."""
        return (await self.checkpoint(generation))[0]

    async def checkpoint(self, generation: Generation) -> tuple[int | None, str]:
        """Return how far a generation has come (None: it is gone) and who projects it."""
        document = await self._documents.find_one({"_id": generation.checkpoint})
        return (None, "") if document is None else (document["sequence"], document["owner"])

    async def claim(self, generation: Generation, session: Session, *, owner: str) -> None:
        """Name `owner` as the one that projects.

        In a transaction, what somebody else has begun is a conflict: without one, it would be waited for.
        """
        async with transaction(self._database, session):
            await self._documents.update_one(
                {"_id": generation.checkpoint}, {"$set": {"owner": owner}}, session=session
            )

    async def advance(
        self, generation: Generation, session: Session, *, previous: int, sequence: int, owner: str
    ) -> bool:
        """Move the checkpoint in a transaction; False when it did not stand at `previous`: fenced."""
        result = await self._documents.update_one(
            {"_id": generation.checkpoint, "sequence": previous},
            {"$set": {"sequence": sequence, "owner": owner}},
            session=session,
        )
        return result.matched_count == 1

    async def begin_rebuild(self, view: View) -> Generation:
        """Make an empty generation beside the active one; an unfinished older rebuild is fenced and dropped."""
        pointer = await self._documents.find_one({"_id": view.name})
        if pointer is None:
            await self.open(view)
        else:
            await self._drop_unfinished(view.name, Generation(view.name, pointer["version"], pointer["number"]))
        counted = await self._documents.find_one_and_update(
            {"_id": view.name}, {"$inc": {"last_number": 1}}, return_document=True
        )
        generation = Generation(view.name, view.version, counted["last_number"])
        await self.prepare(view, generation)
        return generation

    async def prepare(self, view: View, generation: Generation) -> None:
        """Make the collections, indexes and checkpoint of a generation where they are missing."""
        await self._make_collections(view, generation)
        start = {"view": view.name, "number": generation.number, "stream": view.stream, "sequence": 0, "owner": ""}
        await self._documents.update_one({"_id": generation.checkpoint}, {"$setOnInsert": start}, upsert=True)

    async def switch(self, generation: Generation) -> bool:
        """Make a generation the active one and fence all others, in one transaction.

        False when the active one has come further, or commits just now: a reader would go back in time; catch up and
        ask again.
        """
        try:
            return await self._switch(generation)
        except OperationFailure as error:
            if is_write_conflict(error):
                return False
            raise

    async def _switch(self, generation: Generation) -> bool:
        async with transaction(self._database) as session:
            pointer = await self._documents.find_one({"_id": generation.view}, session=session)
            mine = await self._documents.find_one({"_id": generation.checkpoint}, session=session)
            if pointer is None or mine is None:
                raise NotOpen(generation.view)
            active = Generation(generation.view, pointer["version"], pointer["number"])
            if active == generation:
                return True
            theirs = await self._documents.find_one({"_id": active.checkpoint}, session=session)
            if theirs is not None and theirs["stream"] == mine["stream"] and theirs["sequence"] > mine["sequence"]:
                return False
            others = {"view": generation.view, "_id": {"$ne": generation.checkpoint}}
            fenced = [document["_id"] async for document in self._documents.find(others, session=session)]
            await self._documents.delete_many({"_id": {"$in": fenced}}, session=session)
            now_ms = time.time_ns() // 1_000_000
            retired = [{"key": name.partition(":")[2], "at_ms": now_ms} for name in fenced]
            active_now = {"version": generation.version, "number": generation.number}
            change = {"$set": active_now, "$push": {"retired": {"$each": retired}}}
            await self._documents.update_one({"_id": generation.view}, change, session=session)
        return True

    async def abandon(self, generation: Generation) -> None:
        """Drop a generation, unless it became the active one."""
        if await self.active(generation.view) == generation:
            return
        await self._documents.delete_one({"_id": generation.checkpoint})
        await self._drop(generation.prefix)

    async def drop_retired(self, view: str, *, grace_seconds: float) -> None:
        """Drop the collections of generations that were active until `grace_seconds` ago or longer."""
        pointer = await self._documents.find_one({"_id": view})
        limit_ms = time.time_ns() // 1_000_000 - grace_seconds * 1000
        for retired in (pointer or {}).get("retired", []):
            if retired["at_ms"] <= limit_ms:
                await self._drop(f"{view}_{retired['key']}__")
                await self._documents.update_one({"_id": view}, {"$pull": {"retired": retired}})

    def collections(self, view: View, generation: Generation) -> dict[str, Collection]:
        """Return the collections of a generation by logical name."""
        return {name: self._database[generation.prefix + name] for name in view.collections}

    async def _make_collections(self, view: View, generation: Generation) -> None:
        existing = set(await self._database.list_collection_names())
        for name, collection in self.collections(view, generation).items():
            if collection.name not in existing:
                with suppress(CollectionInvalid):  # another process was faster
                    await self._database.create_collection(collection.name)
            if indexes := list(view.collections[name]):
                await collection.create_indexes(indexes)

    async def _sequence_of(self, generation: Generation) -> int:
        sequence = await self.sequence(generation)
        if sequence is None:
            raise NotOpen(generation.checkpoint)
        return sequence

    async def _drop_if_retired(self, generation: Generation) -> None:
        pointer = await self._documents.find_one({"_id": generation.view, "retired.key": generation.key})
        if pointer is not None:
            await self._drop(generation.prefix)
            change = {"$pull": {"retired": {"key": generation.key}}}
            await self._documents.update_one({"_id": generation.view}, change)

    async def _drop_unfinished(self, view: str, active: Generation) -> None:
        unfinished = {"view": view, "number": {"$gt": 0}, "_id": {"$ne": active.checkpoint}}
        async for document in self._documents.find(unfinished):
            await self._documents.delete_one({"_id": document["_id"]})
            await self._drop(f"{view}_{document['_id'].partition(':')[2]}__")

    async def _drop(self, prefix: str) -> None:
        for name in await self._database.list_collection_names():
            if name.startswith(prefix):
                await self._database.drop_collection(name)
