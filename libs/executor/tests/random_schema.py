"""Random schemas whose resolvers do everything resolvers do, right and wrong, and always the same.

What a field answers depends only on the object, the field and its arguments.  A schema is made twice: as `reference`
every resolver is synchronous, which gives the order of errors that the executor promises; as `subject` fields are
attributes, batches, and resolvers that may have to be awaited, at every place where graphql-core takes an awaitable.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
)

from libs.executor import BATCH

LEAVES = ("Int", "Float", "String", "Boolean", "ID", "Colour", "Odd")


class FieldSpec(NamedTuple):
    """A field: its named type, wrappings from the inside (`!` and `[`), arguments, and how the subject answers it."""

    name: str
    kind: str
    wraps: str
    arguments: tuple[str, ...]
    how: str  # "default", "resolver", "awaited", "batch", "awaited batch"
    informed: bool  # it answers what it was told in its info


class SchemaSpec(NamedTuple):
    seed: int
    objects: dict[str, list[FieldSpec]]
    interfaces: dict[str, list[FieldSpec]]
    unions: dict[str, list[str]]
    implements: dict[str, list[str]]
    typed_by: dict[str, str]  # how abstract types tell the type: "is_type_of", "name", "awaited name", "attribute"

    def possible(self, kind: str) -> list[str]:
        """The object types that a composite type stands for."""
        if kind in self.unions:
            return self.unions[kind]
        return [kind] if kind in self.objects else [name for name, held in self.implements.items() if kind in held]


#: The type of each argument by its name; a field takes some of these.
ARGUMENTS = ("count", "needed", "words", "shade", "box", "limit")


def random_spec(seed: int) -> SchemaSpec:
    rng = Random(seed)
    interfaces = [f"I{number}" for number in range(rng.randint(1, 2))]
    objects = [f"T{number}" for number in range(rng.randint(2, 4))]
    implements = {name: [held for held in interfaces if rng.random() < 0.6] for name in objects}
    for held in interfaces:
        if not any(held in others for others in implements.values()):
            implements[objects[0]].append(held)
    unions = {"U0": rng.sample(objects, rng.randint(1, len(objects)))}
    composites = [*objects, *interfaces, *unions]

    def field(name: str, *, deep: bool) -> FieldSpec:
        kind = rng.choice(composites) if deep else rng.choice(LEAVES)
        wraps = rng.choice(("", "", "!", "[", "[!", "![", "![!", "[[", "![![!"))
        arguments = tuple(rng.sample(ARGUMENTS, rng.choice((0, 0, 1, 2))))
        how = rng.choice(("default", "default", "resolver", "awaited", "batch", "awaited batch"))
        informed = kind == "String" and not wraps.count("[") and "batch" not in how and rng.random() < 0.5
        return FieldSpec(name, kind, wraps, arguments, how, informed)

    shared = {held: [field(f"{held.lower()}f{n}", deep=n == 0) for n in range(2)] for held in interfaces}
    own = {
        name: [field(f"{name.lower()}f{n}", deep=n < 2) for n in range(rng.randint(3, 5))]
        + [one for held in implements[name] for one in shared[held]]
        for name in objects
    }
    for root in ("Query", "Mutation"):
        own[root] = [field(f"{root.lower()}f{n}", deep=n < 4) for n in range(5)]
        implements[root] = []
    ways = ("is_type_of", "name", "awaited name", "attribute")
    return SchemaSpec(seed, own, shared, unions, implements, {name: rng.choice(ways) for name in (*shared, *unions)})


class Node:
    """An object of a type; `key` decides everything about it.  It answers for the fields of the default resolver."""

    def __init__(self, behaviour: "Behaviour", kind: str, key: int) -> None:
        self.kind = kind
        self.key = key
        self._behaviour = behaviour
        if behaviour.names_itself:
            setattr(self, "_Node__typename", kind)  # noqa: B010 – what graphql-core looks for

    def __repr__(self) -> str:
        return f"<{self.kind} {self.key}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._behaviour.by_default(self, name)


class Mapped(dict[str, Any]):
    """The same as a mapping, whose values are made when they are asked for."""

    def __init__(self, node: Node, behaviour: "Behaviour") -> None:
        super().__init__(__typename=node.kind if behaviour.names_itself else None)
        self.node = node
        self.behaviour = behaviour

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default) if key.startswith("__") else self.behaviour.by_default(self.node, key)


class Trouble(Exception):
    pass


def node_of(source: Any) -> Node:
    node: Node = source.node if isinstance(source, Mapped) else source
    return node


class Behaviour:
    """What fields answer, and whether it has to be awaited.  `calls` notes the root fields of mutations."""

    def __init__(self, spec: SchemaSpec, *, reference: bool) -> None:
        self.spec = spec
        self.reference = reference
        self.names_itself = "attribute" in spec.typed_by.values()
        self.calls: list[str] = []
        self._fields = {(kind, one.name): one for kind, fields in spec.objects.items() for one in fields}

    def chance(self, *parts: Any) -> int:
        return crc32(repr((self.spec.seed, parts)).encode())

    def by_default(self, node: Node, name: str) -> Any:
        spec = self._fields.get((node.kind, name))
        if spec is None:
            return None
        if spec.arguments or spec.informed or self.chance(node.key, name, "method") % 4 == 0:
            return lambda info, **arguments: self.answer(spec, node, info, arguments)
        return self.answer(spec, node, None, {})

    def answer(self, spec: FieldSpec, source: Any, info: Any, arguments: dict[str, Any]) -> Any:
        """What a field answers; raises what it raises."""
        node = node_of(source)
        if node.kind == "Mutation":
            self.calls.append(spec.name)
        dice = self.chance(node.key, spec.name, sorted(arguments.items()))
        match dice % 40:
            case 0:
                raise Trouble(f"{spec.name} of {node}")
            case 1:
                raise GraphQLError(f"{spec.name} of {node}", extensions={"code": spec.name})
            case 2:
                return Trouble(f"{spec.name} of {node} as a value")
        if spec.informed:
            return (
                f"{info.path.as_list()} {info.parent_type} {info.field_name} {info.context} {sorted(arguments.items())}"
            )
        return self._value(spec, spec.wraps, dice)

    def _value(self, spec: FieldSpec, wraps: str, key: int) -> Any:
        dice = self.chance(key, wraps)
        match dice % 30:
            case 0:
                return None
            case 1:
                return Undefined
            case 2:
                return Trouble("an item") if wraps != spec.wraps else object
        inner = wraps.rstrip("!")
        if inner.endswith("["):
            if dice // 200 % 12 == 0:
                return 7 if dice % 2 else set[Any]()
            items = [self._value(spec, inner[:-1], self.chance(key, number)) for number in range(dice // 30 % 4)]
            return self._list(items, dice // 200)
        if spec.kind in LEAVES:
            return self._maybe_later(_leaf(spec.kind, dice // 30), dice // 90)
        possible = self.spec.possible(spec.kind)
        others = [name for name in self.spec.objects if name.startswith("T")]
        kind = possible[dice // 30 % len(possible)] if dice // 300 % 25 else others[dice // 30 % len(others)]
        node = Node(self, kind, dice)
        return self._maybe_later(Mapped(node, self) if dice // 700 % 3 == 0 else node, dice // 90)

    def _maybe_later(self, value: Any, dice: int) -> Any:
        """Items of lists may be awaitables of their own."""
        return value if self.reference or dice % 12 else _after(dice % 3, value)

    def _list(self, items: list[Any], dice: int) -> Any:
        match dice % 12:
            case 5:
                return tuple(items)
            case 1:
                return iter(items)
            case 2:
                return _broken(items)
            case 3:
                return iter(items) if self.reference else _stream(items)
            case 4:
                return _broken(items) if self.reference else _broken_stream(items)
        return items

    def is_type_of(self, kind: str, source: Any) -> bool:
        node = node_of(source)
        if node.kind != kind:
            return False
        match self.chance(node.key, "is_type_of") % 40:
            case 0:
                raise Trouble(f"type of {node}")
            case 1:
                return False
        return True

    def type_name(self, source: Any) -> Any:
        node = node_of(source)
        dice = self.chance(node.key, "type name")
        match dice % 60:
            case 0:
                return None
            case 1:
                return "Nobody"
            case 2:
                return "Colour"
            case 3:
                return 7
            case 4:
                raise Trouble(f"name of {node}")
        return node.kind


async def _after(turns: int, value: Any) -> Any:
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


def _broken(items: list[Any]) -> Iterator[Any]:
    yield from items
    raise Trouble("the list broke")


async def _stream(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item


async def _broken_stream(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
    raise Trouble("the list broke")


def _leaf(kind: str, dice: int) -> Any:
    values: dict[str, tuple[Any, ...]] = {
        "Int": (dice % 1000, -5, True, "12", "no", 2**31, 3.0, 3.5, [1]),
        "Float": (dice / 8, 3, float("nan"), float("inf"), "1.5", "no", False, {}),
        "String": (f"s{dice % 100}", "", 7, 1.5, True, b"no", ["no"], object),
        "Boolean": (True, False, 0, 1.0, "no", float("nan")),
        "ID": (f"id{dice % 100}", 12, 3.0, True, None, ()),
        "Colour": (1, 2, "blue", 99, [3], None),
        "Odd": (dice % 100 * 2 + 1, dice % 100 * 2, 7, None, "no", [1]),
    }
    found = values[kind]
    # Mostly what is right, which comes first.
    return found[0] if dice // 1000 % 4 else found[dice // 4000 % len(found)]


def _serialise_odd(value: Any) -> Any:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return {"odd": [value]} if value % 2 else None


def build(spec: SchemaSpec, behaviour: Behaviour) -> GraphQLSchema:
    """The schema of a specification, with this behaviour."""
    colour = GraphQLEnumType("Colour", {"RED": 1, "GREEN": 2, "BLUE": "blue"})
    odd = GraphQLScalarType("Odd", serialize=_serialise_odd)
    kinds: dict[str, Any] = {
        "Int": GraphQLInt, "Float": GraphQLFloat, "String": GraphQLString, "Boolean": GraphQLBoolean,
        "ID": GraphQLID, "Colour": colour, "Odd": odd,
    }  # fmt: skip
    box = GraphQLInputObjectType(
        "Box",
        lambda: {
            "size": GraphQLInputField(GraphQLNonNull(GraphQLInt)),
            "label": GraphQLInputField(GraphQLString, default_value="none"),
            "inner": GraphQLInputField(box),
        },
    )
    arguments = {
        "count": GraphQLArgument(GraphQLInt),
        "needed": GraphQLArgument(GraphQLNonNull(GraphQLInt)),
        "words": GraphQLArgument(GraphQLList(GraphQLNonNull(GraphQLString))),
        "shade": GraphQLArgument(colour, default_value=2),
        "box": GraphQLArgument(box),
        "limit": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=20),
    }

    def field(one: FieldSpec) -> GraphQLField:
        kind = kinds[one.kind]
        for wrap in one.wraps:
            kind = GraphQLNonNull(kind) if wrap == "!" else GraphQLList(kind)
        given = {name: arguments[name] for name in one.arguments}
        resolve, batch = _resolvers(behaviour, one)
        return GraphQLField(kind, given, resolve, extensions={BATCH: batch} if batch else None)

    def all_of(fields: list[FieldSpec]) -> dict[str, GraphQLField]:
        return {one.name: field(one) for one in fields}

    for name, fields in spec.interfaces.items():
        kinds[name] = GraphQLInterfaceType(
            name, partial(all_of, fields),
            resolve_type=_type_resolver(behaviour, spec.typed_by[name]),
        )  # fmt: skip
    for name, fields in spec.objects.items():
        kinds[name] = GraphQLObjectType(
            name, partial(all_of, fields),
            interfaces=[kinds[held] for held in spec.implements[name]],
            is_type_of=_type_test(behaviour, name),
        )  # fmt: skip
    for name, members in spec.unions.items():
        kinds[name] = GraphQLUnionType(
            name, [kinds[member] for member in members], resolve_type=_type_resolver(behaviour, spec.typed_by[name])
        )
    return GraphQLSchema(
        kinds["Query"],
        kinds["Mutation"],
        types=[kinds[name] for name in (*spec.objects, *spec.interfaces, *spec.unions)],
    )


def _resolvers(behaviour: Behaviour, one: FieldSpec) -> tuple[Callable[..., Any] | None, Callable[..., Any] | None]:
    if one.how == "default":
        return None, None

    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return behaviour.answer(one, source, info, arguments)

    async def resolve_later(source: Any, info: Any, **arguments: Any) -> Any:
        await asyncio.sleep(0)
        return behaviour.answer(one, source, info, arguments)

    def batch(sources: list[Any], info: Any, **arguments: Any) -> list[Any]:
        values = []
        for source in sources:
            try:
                values.append(behaviour.answer(one, source, info, arguments))
            except Exception as error:
                values.append(error)
        return values

    async def batch_later(sources: list[Any], info: Any, **arguments: Any) -> list[Any]:
        await asyncio.sleep(0)
        return batch(sources, info, **arguments)

    if behaviour.reference:
        return resolve, None
    return {
        "resolver": (resolve, None), "awaited": (resolve_later, None),
        "batch": (resolve, batch), "awaited batch": (resolve, batch_later),
    }[one.how]  # fmt: skip


def _type_resolver(behaviour: Behaviour, how: str) -> Callable[..., Any] | None:
    if how in {"is_type_of", "attribute"}:
        return None

    def name(source: Any, _info: Any, _abstract: Any) -> Any:
        return behaviour.type_name(source)

    async def name_later(source: Any, _info: Any, _abstract: Any) -> Any:
        await asyncio.sleep(0)
        return behaviour.type_name(source)

    return name_later if how == "awaited name" and not behaviour.reference else name


def _type_test(behaviour: Behaviour, kind: str) -> Callable[..., Any] | None:
    def test(source: Any, _info: Any) -> bool:
        return behaviour.is_type_of(kind, source)

    async def test_later(source: Any, _info: Any) -> bool:
        await asyncio.sleep(0)
        return behaviour.is_type_of(kind, source)

    dice = behaviour.chance(kind, "test") % 4
    if dice == 0 and "is_type_of" not in behaviour.spec.typed_by.values():
        return None
    return test_later if dice == 1 and not behaviour.reference else test
