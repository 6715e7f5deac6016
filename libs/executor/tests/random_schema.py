"""Graphql-core schemas from random descriptions: one to compare with, and one whose fields are batches, attributes and
resolvers that have to be awaited."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
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
)

from libs.executor import BATCH
from libs.executor.tests.behaviour import Behaviour, serialise_odd
from libs.executor.tests.random_spec import FieldSpec, SchemaSpec


def build(spec: SchemaSpec, behaviour: Behaviour) -> GraphQLSchema:
    """The schema of a specification, with this behaviour."""
    colour = GraphQLEnumType("Colour", {"RED": 1, "GREEN": 2, "BLUE": "blue"})
    odd = GraphQLScalarType("Odd", serialize=serialise_odd)
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
