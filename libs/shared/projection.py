"""What a read model is: an event in, write operations out; pure, and the same whatever the batches are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from pymongo import DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from libs.shared.domain import Event, Unavailable
from libs.shared.recorded import Recorded

if TYPE_CHECKING:
    from libs.shared.mongo import Collection

Document: TypeAlias = dict[str, Any]
Operation: TypeAlias = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany | DeleteOne | DeleteMany


class Write(NamedTuple):
    """One operation on a collection of the view, by its logical name.

    Neighbouring updates and replacements travel together, other kinds break the run: an upserting ReplaceOne is
    cheaper among updates than an InsertOne.
    """

    collection: str
    operation: Operation


class Counter(NamedTuple):
    """A number in a document: `field` (dotted path) of the document `id`, which is made when it is missing."""

    collection: str
    id: str
    field: str


class SetMember(NamedTuple):
    """Membership in a growing set: the last write wins and the counters are exact.

    `document` is stored under `_id` = `id`, None takes it out.  Each counter goes up by 1 when it becomes a member,
    down by 1 when it stops, and is not touched when it was so already.  A set's collection is written by SetMember
    alone, and no counter stands in it.
    """

    collection: str
    id: str
    document: Mapping[str, Any] | None
    counters: Sequence[Counter] = ()


class Increment(NamedTuple):
    """Numbers in a document go up or down; those of neighbouring events are summed, so that they are one write a batch.

    A document that is missing is made, with the `fields`, which are the same at every time.
    """

    collection: str
    id: str
    amounts: Mapping[str, int]
    fields: Mapping[str, str] = {}


Change: TypeAlias = Write | SetMember | Increment


class View(ABC):
    """A read model: the shape of its documents, what each event does to them, and its queries.

    `name` is unique in the service; `version` grows with the shape and makes a rebuild.  `events` are all the types
    under `subjects` (JetStream filters; none = the whole stream), or with `foreign`, for another service's stream, the
    small structs of the types it reads.  `collections`: logical name → indexes besides `_id`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    stream: ClassVar[str]
    events: ClassVar[tuple[type[Event], ...]]
    upcasters: ClassVar[Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    foreign: ClassVar[bool] = False
    subjects: ClassVar[tuple[str, ...]] = ()
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]]

    _generation: str = ""
    _collections: Mapping[str, "Collection"] = {}

    @abstractmethod
    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """Return the changes that one event makes.  Pure: it reads nothing but the event."""

    @property
    def generation(self) -> str:
        """The generation of collections that queries read, e.g. `v3` or after rebuilds `v3g2`; empty while unbound."""
        return self._generation

    def bind(self, generation: str, collections: Mapping[str, "Collection"]) -> None:
        """Let queries read this generation; the projector calls it at start and after each switch."""
        self._generation = generation
        self._collections = collections

    def collection(self, name: str) -> "Collection":
        """Return the collection behind a logical name.  Ask for it in each query: a switch changes it.

        Raises `Unavailable` while the view's projector has not started: a service has just come up.
        """
        if not self._generation:
            raise Unavailable(f"the view {self.name} is not ready yet")
        return self._collections[name]


class ViewError(RuntimeError):
    """A view's changes contradict the documented rules of `Write` and `SetMember`."""


def set_ids(changes: Iterable[Change]) -> dict[str, list[str]]:
    """Return what must be known before `Planner.plan`: for each set's collection, the ids that occur."""
    ids: dict[str, dict[str, None]] = {}
    for change in changes:
        if isinstance(change, SetMember):
            ids.setdefault(change.collection, {})[change.id] = None
    return {collection: list(found) for collection, found in ids.items()}


class Planner:
    """Turns the changes of a batch into ordered operations for each collection, sets and counts folded."""

    def __init__(self, collections: Iterable[str]) -> None:
        self._known = frozenset(collections)
        self._sets: set[str] = set()
        self._others: set[str] = set()

    def plan(self, changes: Iterable[Change], present: Mapping[str, AbstractSet[str]]) -> dict[str, list[Operation]]:
        """Return the operations by logical collection.

        `present` holds, for each collection of `set_ids(changes)`, those ids that are members before the batch.
        Raises `ViewError` for an unknown collection or a set that is also written otherwise.
        """
        batch: dict[str, _Operations] = {}
        members: dict[str, dict[str, bool]] = {}
        for change in changes:
            if isinstance(change, Write):
                self._check(change.collection, is_set=False)
                batch.setdefault(change.collection, _Operations()).write(change.operation)
                continue
            if isinstance(change, Increment):
                self._check(change.collection, is_set=False)
                batch.setdefault(change.collection, _Operations()).add(change.id, change.amounts, change.fields)
                continue
            self._check(change.collection, is_set=True)
            before = present.get(change.collection, frozenset())
            now = members.setdefault(change.collection, {})
            was, becomes = now.get(change.id, change.id in before), change.document is not None
            now[change.id] = becomes
            if was or becomes:
                batch.setdefault(change.collection, _Operations()).put(change, existed=change.id in before)
            if was is becomes:
                continue
            for counter in change.counters:
                self._check(counter.collection, is_set=False)
                amounts = {counter.field: 1 if becomes else -1}
                batch.setdefault(counter.collection, _Operations()).add(counter.id, amounts, {})
        return {collection: ready for collection, operations in batch.items() if (ready := operations.finish())}

    def _check(self, collection: str, *, is_set: bool) -> None:
        mine, theirs = (self._sets, self._others) if is_set else (self._others, self._sets)
        if collection not in self._known:
            raise ViewError(f"the view declares no collection {collection!r}")
        if collection in theirs:
            raise ViewError(f"{collection!r} is a set: SetMember alone writes it, and no counter stands in it")
        mine.add(collection)


class _Operations:
    """The operations of one collection in order; what is counted is summed up to the next plain write."""

    def __init__(self) -> None:
        self._ready: list[Operation] = []
        self._counts: dict[str, tuple[dict[str, int], dict[str, str]]] = {}
        self._set: dict[str, tuple[Mapping[str, Any] | None, bool]] = {}

    def write(self, operation: Operation) -> None:
        self._flush_counts()
        self._ready.append(operation)

    def add(self, id_: str, amounts: Mapping[str, int], fields: Mapping[str, str]) -> None:
        # A sum of zero is still written: it makes the field exist, as it would had the batch been cut in between.
        sums, made = self._counts.setdefault(id_, ({}, {}))
        for field, amount in amounts.items():
            sums[field] = sums.get(field, 0) + amount
        made.update(fields)

    def put(self, change: SetMember, *, existed: bool) -> None:
        self._set[change.id] = (change.document, existed)

    def finish(self) -> list[Operation]:
        self._flush_counts()
        return [*self._ready, *self._set_operations()]

    def _flush_counts(self) -> None:
        for id_, (sums, fields) in self._counts.items():
            change = {"$inc": sums, "$setOnInsert": fields} if fields else {"$inc": sums}
            self._ready.append(UpdateOne({"_id": id_}, change, upsert=True))
        self._counts = {}

    def _set_operations(self) -> Iterator[Operation]:
        # One operation an id, so they commute; grouped by kind, because each change of kind is a round trip.
        for id_, (document, existed) in self._set.items():
            if document is not None and not existed:
                yield InsertOne({**document, "_id": id_})
        for id_, (document, existed) in self._set.items():
            if document is not None and existed:
                yield ReplaceOne({"_id": id_}, {**document, "_id": id_})
        for id_, (document, existed) in self._set.items():
            if document is None and existed:
                yield DeleteOne({"_id": id_})
