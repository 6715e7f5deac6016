"""What the fields of a random schema answer: it depends on the object, the field and the arguments, and nothing else.

For `reference` nothing is awaited, which gives the order of errors that the executor promises; else things have to be
awaited at every place where graphql-core takes an awaitable.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from zlib import crc32

from graphql import GraphQLError, Undefined

from libs.executor.tests.random_spec import LEAVES, FieldSpec, SchemaSpec


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


def serialise_odd(value: Any) -> Any:
    """The scalar that takes odd numbers only."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return {"odd": [value]} if value % 2 else None
