"""How a field gets its values: by reading an attribute, by one call for all parents, or by one call a parent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
)

#: The key in `GraphQLField.extensions` under which a schema keeps a field's batch resolver: a function
#: `batch(parents, info, **arguments)` that returns, or is awaited for, a list with one value or exception a parent.
BATCH: Final = "executor.batch"


class BatchError(Exception):
    """A batch resolver did not answer with one value for each of its parents."""


class Attribute(NamedTuple):
    """The value is an attribute of the parent.  `lenient`: a missing one is null, mappings are read by key and what
    can be called is called with the info, as graphql-core's default resolver does; else a missing one is an error."""

    name: str
    lenient: bool = False


class Batch(NamedTuple):
    """One call answers all parents of a level."""

    call: Callable[..., Any]


class Resolver(NamedTuple):
    """One call a parent: `call(parent, info, **arguments)`; what is to be awaited is awaited together."""

    call: Callable[..., Any]


Source: TypeAlias = Attribute | Batch | Resolver


class Adapter:
    """What the executor asks of the library that built the schema.  This one knows plain graphql-core."""

    def source(self, parent: GraphQLObjectType, name: str, field: GraphQLField) -> Source:  # noqa: ARG002
        """How the field gets its values."""
        if (batch := field.extensions.get(BATCH)) is not None:
            return Batch(batch)
        resolve = field.resolve or default_field_resolver
        # With arguments the default resolver may hand them to a method.
        if resolve is default_field_resolver and not field.args:
            return Attribute(name, lenient=True)
        return Resolver(resolve)

    def classes(
        self,
        schema: GraphQLSchema,  # noqa: ARG002
        named: GraphQLObjectType | GraphQLAbstractType,  # noqa: ARG002
    ) -> Mapping[type, GraphQLObjectType]:
        """Python classes whose exact instances are known to be of an object type, without asking `is_type_of`."""
        return {}


def answers(name: str, answer: object, count: int) -> list[Any]:
    """What the batch resolver of a field answered, as a list of its own; raises `BatchError`."""
    if not isinstance(answer, Sequence) or len(answer) != count:
        given = f"{len(answer)} values" if isinstance(answer, Sequence) else type(answer).__name__
        raise BatchError(f"{name} answered {given} for {count} objects")
    return list(answer)
