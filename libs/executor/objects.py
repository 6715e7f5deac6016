"""Which object type each value of a field is of: by its class, by `is_type_of`, by the abstract type's own word."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    default_type_resolver,
)
from graphql.pyutils import inspect, is_awaitable

from .level import Failure, Work
from .plan import Field
from .sources import Info, infos

if TYPE_CHECKING:
    from .run import Run


def find(run: "Run", work: Work, kinds: set[type]) -> list[Any]:
    """The type of each value, None where there is no object; with exceptions among them, and with awaitables.

    `kinds` are the classes of the values.
    """
    known = work.field.classes
    if kinds <= known.keys():
        return [known[type(value)] for value in work.values]
    told: list[Info] | None = None
    found: list[Any] = []
    for value, owner in zip(work.values, work.owners(), strict=True):
        if value is None or isinstance(value, Failure):
            found.append(None)
            continue
        try:
            kind = known.get(type(value))
            if kind is None:
                told = told or infos(run, work)
                found.append(_type_of(work.field, value, told[owner]))
            else:
                found.append(kind)
        except Exception as error:
            found.append(error)
    return found


def _type_of(field: Field, value: Any, info: Info) -> GraphQLObjectType | Awaitable[GraphQLObjectType]:
    if not field.abstract:
        return _confirmed(field, field.named, value, info)
    name = (field.named.resolve_type or default_type_resolver)(value, info, field.named)
    if is_awaitable(name):
        return _later(field, value, info, name)
    return _confirmed(field, _object_type(field, name, value, info.schema), value, info)


async def _later(field: Field, value: Any, info: Info, name: Awaitable[Any]) -> GraphQLObjectType:
    kind = _confirmed(field, _object_type(field, await name, value, info.schema), value, info)
    return kind if isinstance(kind, GraphQLObjectType) else await kind


def _confirmed(
    field: Field, kind: GraphQLObjectType, value: Any, info: Info
) -> GraphQLObjectType | Awaitable[GraphQLObjectType]:
    if kind.is_type_of is None:
        return kind
    answer = kind.is_type_of(value, info)
    if is_awaitable(answer):
        return _confirmed_later(field, kind, value, answer)
    if not answer:
        raise _foreign(field, kind, value)
    return kind


async def _confirmed_later(
    field: Field, kind: GraphQLObjectType, value: Any, answer: Awaitable[bool]
) -> GraphQLObjectType:
    if not await answer:
        raise _foreign(field, kind, value)
    return kind


def _foreign(field: Field, kind: GraphQLObjectType, value: Any) -> GraphQLError:
    return GraphQLError(f"Expected value of type '{kind}' but got: {inspect(value)}.", field.nodes)


def _object_type(field: Field, name: Any, value: Any, schema: GraphQLSchema) -> GraphQLObjectType:
    """The type that an abstract type named; raises `GraphQLError` with the words of graphql-core."""
    abstract, place = field.named, f"'{field.parent}.{field.name}'"
    if name is None:
        message = (
            f"Abstract type '{abstract}' must resolve to an Object type at runtime for field {place}. Either the"
            f" '{abstract}' type should provide a 'resolve_type' function or each possible type should provide an"
            " 'is_type_of' function."
        )
    elif not isinstance(name, str):
        message = (
            f"Abstract type '{abstract}' must resolve to an Object type at runtime for field {place} with value"
            f" {inspect(value)}, received '{inspect(name)}', which is not a valid Object type name."
        )
    elif (kind := schema.get_type(name)) is None:
        message = f"Abstract type '{abstract}' was resolved to a type '{name}' that does not exist inside the schema."
    elif not isinstance(kind, GraphQLObjectType):
        message = f"Abstract type '{abstract}' was resolved to a non-object type '{name}'."
    elif not schema.is_sub_type(abstract, kind):
        message = f"Runtime Object type '{kind}' is not a possible type for '{abstract}'."
    else:
        return kind
    raise GraphQLError(message, field.nodes)
