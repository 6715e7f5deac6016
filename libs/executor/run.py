"""One run of a plan: level by level, all objects of a field at once; what is awaited is awaited together."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from itertools import compress
from typing import Any, Final

from graphql import GraphQLError, GraphQLObjectType, Undefined
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable, is_iterable
from graphql.type.definition import GraphQLResolveInfoHelpers

from . import awaiting, objects, sources
from .level import Failure, Level, Work
from .plan import TYPENAME, Field, Plan
from .roles import AWAITED, EMPTY, ERROR, GENERATOR, PLAIN, STREAM, VALUE, role
from .rows import rows

_NONE: Final = type(None)


class Run:
    """One run.  After `select` and `drive` the rows of a level hold what is to be answered, with a `Failure` in each
    place where something went wrong; `failed` says whether there is any."""

    def __init__(self, plan: Plan, root: Any, context: Any, variables: VariableValues) -> None:
        self.plan = plan
        self.root = root
        self.context = context
        self.variables = variables
        self.failed = False
        #: Levels below fields of an abstract type: the field does not tell of which type their objects are.
        self.abstract: list[Level] = []
        self.helpers = GraphQLResolveInfoHelpers(gather=awaiting.gather, track=self._track)
        self._waiting: list[Work] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def waiting(self) -> bool:
        """Whether something is to be awaited."""
        return bool(self._waiting or self._tasks)

    def select(self, level: Level) -> list[Any]:
        """The rows of a level, complete but for what is still awaited."""
        selection = level.selection
        if selection.error is not None:
            return [self.fail(selection.error) for _ in level.sources]
        columns = [self._column(field, level) for field in selection.fields]
        level.rows = rows(selection.keys, columns, len(level.sources))
        return level.rows

    def begin(self, field: Field, level: Level) -> None:
        """Set one field on rows that are there already."""
        _set(field, level, self._column(field, level))

    def fail(self, error: Exception, *, of_list: bool = False) -> Failure:
        """A mark for the place where something went wrong."""
        self.failed = True
        return Failure(error, of_list=of_list)

    # From the values of a field to what the response shows of them

    def _column(self, field: Field, level: Level) -> Sequence[Any]:
        """A value for each object; nulls for the time being when something is awaited first."""
        if field.name == TYPENAME:
            return [field.parent.name] * len(level.sources)
        if field.quick is not None:
            source, plain, holds = field.quick
            values = sources.attributes(self, field, level, source)
            if plain.issuperset(map(type, values)) and (holds is None or holds(values)):
                return values  # in their final form already, as nearly all attributes are
            work = Work(field, level, values)
        else:
            work = sources.read(self, field, level)
        completed = self._complete(work)
        if completed is None:
            self._waiting.append(work)
            return [None] * len(level.sources)
        return completed

    def _complete(self, work: Work) -> list[Any] | None:
        """The completed values; None when something has to be awaited first."""
        if work.call is not None:
            return None
        field = work.field
        while True:
            kinds = self._admit(work)
            if kinds is None:
                return None
            if len(work.lists) == field.lists:
                break
            self._unwrap(work)
        values = self._leaves(work, kinds) if field.leaf is not None else self._objects(work, kinds)
        return work.wrapped(values) if values is not None and work.lists else values

    def _admit(self, work: Work) -> set[type] | None:
        """The classes of the values after nulls and exceptions were judged; None when something is awaited first."""
        values, depth = work.values, len(work.lists)
        kinds = set(map(type, values))
        if kinds <= PLAIN:
            return kinds
        roles = {role(kind) for kind in kinds}
        if roles == {VALUE}:
            return kinds
        if not roles.isdisjoint((AWAITED, STREAM, GENERATOR)) and any(map(self._awaited(work), values)):
            return None
        required = work.field.required[depth]
        if ERROR in roles or (EMPTY in roles and (required or type(Undefined) in kinds)):
            work.values = [self._judged(work.field, value, required) for value in values]
            kinds = set(map(type, work.values))
        return kinds

    def _judged(self, field: Field, value: Any, required: bool) -> Any:
        if isinstance(value, Exception):
            return self.fail(value)
        if value is None or value is Undefined:
            if not required:
                return None
            return self.fail(TypeError(f"Cannot return null for non-nullable field {field.parent}.{field.name}."))
        return value

    def _unwrap(self, work: Work) -> None:
        """Take the items out of the lists that the values are."""
        holders = work.values
        counts: list[int] = []
        items: list[Any] = []
        for place, holder in enumerate(holders):
            before = len(items)
            if isinstance(holder, list | tuple):
                items.extend(holder)
            elif holder is not None and not isinstance(holder, Failure):
                if is_iterable(holder):
                    self._iterate(holder, items)
                else:
                    message = "Expected Iterable, but did not find one for field"
                    holders[place] = self.fail(GraphQLError(f"{message} '{work.field.parent}.{work.field.name}'."))
            counts.append(len(items) - before)
        work.lists.append((holders, counts))
        work.values = items

    def _iterate(self, values: Iterable[Any], items: list[Any]) -> None:
        try:
            items.extend(values)
        except Exception as error:  # what came before it stays
            items.append(self.fail(error, of_list=True))

    def _leaves(self, work: Work, kinds: set[type]) -> list[Any]:
        leaf = work.field.leaf
        assert leaf is not None
        if Failure not in kinds:
            made = leaf.column(work.values, kinds)
            if made is not None:
                return made
        values: list[Any] = []
        for value in work.values:
            if value is not None and not isinstance(value, Failure):
                try:
                    value = leaf.serialise(value)  # noqa: PLW2901
                except Exception as error:
                    value = self.fail(error)  # noqa: PLW2901
            values.append(value)
        return values

    def _objects(self, work: Work, kinds: set[type]) -> list[Any] | None:
        field = work.field
        if not work.values:
            return []
        if not field.abstract and field.named.is_type_of is None:
            return self._objects_of(work, field.named, kinds)
        if work.types is None:
            work.types = objects.find(self, work, kinds)
        types, first = work.types, work.types[0]
        if isinstance(first, GraphQLObjectType) and all(kind is first for kind in types):
            return self._objects_of(work, first, kinds)
        if any(map(is_awaitable, types)):
            return None
        values: list[Any] = [
            self.fail(kind) if isinstance(kind, Exception) else value
            for kind, value in zip(types, work.values, strict=True)
        ]
        for kind in dict.fromkeys(kind for kind in types if isinstance(kind, GraphQLObjectType)):
            self._fill(work, values, kind, [index for index, other in enumerate(types) if other is kind])
        return values

    def _objects_of(self, work: Work, kind: GraphQLObjectType, kinds: set[type]) -> list[Any]:
        """The rows of values that are all of one type, nulls and failures aside."""
        values = work.values
        if kinds.isdisjoint((_NONE, Failure)):
            return self._rows(Level(self.plan.select(work.field, kind), values, (work, None)))
        there = [value is not None and not isinstance(value, Failure) for value in values]
        if any(there):
            values = list(values)
            self._fill(work, values, kind, list(compress(range(len(values)), there)))
        return values

    def _fill(self, work: Work, values: list[Any], kind: GraphQLObjectType, places: list[int]) -> None:
        level = Level(self.plan.select(work.field, kind), [work.values[place] for place in places], (work, places))
        for place, row in zip(places, self._rows(level), strict=True):
            values[place] = row

    def _rows(self, level: Level) -> list[Any]:
        made = self.select(level)
        if level.origin is not None and level.origin[0].field.abstract:
            self.abstract.append(level)
        return made

    # What is awaited

    async def drive(self) -> None:
        """Await everything that is to be awaited, and what comes of it.

        Fields go on independently of each other, each in a task of its own; whoever is alone needs none.  A
        cancellation ends all of them before it goes on.
        """
        try:
            await self._proceed()
            while self._tasks:
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                self._tasks -= done
                for task in done:
                    task.result()
        except BaseException:
            await self._abandon()
            raise

    def stop(self) -> None:
        """End what was begun and is not awaited."""
        for work in self._waiting:
            sources.discard([work.call, *work.values, *(work.types or ())])
        self._waiting.clear()

    async def _proceed(self) -> None:
        while self._waiting:
            work, *others = self._waiting
            self._waiting.clear()
            for other in others:
                self._tasks.add(asyncio.create_task(self._resume(other)))
            await self._settle(work)

    async def _resume(self, work: Work) -> None:
        await self._settle(work)
        await self._proceed()

    async def _settle(self, work: Work) -> None:
        """Await what keeps a field, until its values are in the rows."""
        values = None
        while values is None:
            await self._await(work)
            values = self._complete(work)
        _set(work.field, work.level, values)

    async def _await(self, work: Work) -> None:
        if work.call is not None:
            call, work.call = work.call, None
            try:
                work.values = sources.answered(work, await call)
            except Exception as error:  # of all of them
                work.values = [error] * len(work.level.sources)
            return
        places = work.values if work.types is None else work.types
        awaited = self._awaited(work) if work.types is None else is_awaitable
        found = [(place, value) for place, value in enumerate(places) if awaited(value)]
        results = await awaiting.together([value if is_awaitable(value) else self._items(value) for _, value in found])
        for (place, _), result in zip(found, results, strict=True):
            places[place] = result

    def _awaited(self, work: Work) -> Any:
        """Tells whether a value has to be awaited: for a list also whether its items come one by one."""
        if len(work.lists) == work.field.lists:
            return is_awaitable
        return lambda value: is_awaitable(value) or hasattr(value, "__aiter__")

    async def _items(self, stream: AsyncIterable[Any]) -> list[Any]:
        iterator = aiter(stream)
        items: list[Any] = []
        try:
            async for item in iterator:
                items.append(item)
        except Exception as error:
            items.append(self.fail(error, of_list=True))
        finally:
            if (close := getattr(iterator, "aclose", None)) is not None:
                await close()
        return items

    def _track(self, values: Sequence[Any]) -> None:
        """Work of resolvers that nobody waits for, but that the operation does not end before."""
        for value in values:
            if is_awaitable(value):
                self._tasks.add(asyncio.ensure_future(awaiting.quiet(value)))

    async def _abandon(self) -> None:
        self.stop()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:  # gathering nothing would ask for a loop, and there is none where nothing may be awaited
            await asyncio.gather(*tasks, return_exceptions=True)
        self.stop()


def _set(field: Field, level: Level, values: Sequence[Any]) -> None:
    key = field.key
    for row, value in zip(level.rows, values, strict=True):
        row[key] = value
