"""Scalars and enums: how a column of values is checked and serialised at once."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect

_NONE: Final = type(None)


def _in_range(values: Sequence[Any]) -> bool:
    numbers = [value for value in values if value is not None]
    return not numbers or (min(numbers) >= GRAPHQL_MIN_INT and max(numbers) <= GRAPHQL_MAX_INT)


def _finite(values: Sequence[Any]) -> bool:
    return all(isfinite(value) for value in values if value is not None)


#: For the scalars of the specification: the class whose values stay as they are, and what else must hold of them.
_PLAIN: Final[dict[str, tuple[GraphQLLeafType, type, Callable[[Sequence[Any]], bool] | None]]] = {
    "String": (GraphQLString, str, None),
    "ID": (GraphQLID, str, None),
    "Boolean": (GraphQLBoolean, bool, None),
    "Int": (GraphQLInt, int, _in_range),
    "Float": (GraphQLFloat, float, _finite),
}


class Leaf:
    """How the values of one scalar or enum are serialised.

    Columns of exactly the classes in `plain` for which `holds` is true are in their final form already.
    """

    __slots__ = ("holds", "kind", "plain")

    def __init__(self, kind: GraphQLLeafType) -> None:
        self.kind = kind
        same, plain, holds = _PLAIN.get(kind.name, (None, _NONE, None))
        self.plain = frozenset({plain, _NONE}) if same is kind else frozenset({_NONE})
        self.holds = holds

    @staticmethod
    def of(kind: GraphQLLeafType) -> "Leaf":
        """The leaf for a type."""
        return Leaf(kind)

    def serialise(self, value: Any) -> Any:
        """One value in its final form; raises what the type raises, and TypeError when that is null."""
        coerced = self.kind.coerce_output_value(value)
        if coerced is None or coerced is Undefined:
            raise TypeError(
                f"Expected `{inspect(self.kind)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
                f" returned: {inspect(coerced)}"
            )
        return coerced

    def column(self, values: list[Any], kinds: set[type]) -> list[Any] | None:
        """All values in their final form; None when each must be looked at.  `kinds` are the classes among them."""
        if kinds <= self.plain and (self.holds is None or self.holds(values)):
            return values
        if _NONE in kinds:
            return None
        try:
            made = list(map(self.kind.coerce_output_value, values))
        except Exception:  # one of them: found when each is looked at
            return None
        return made if not any(value is None or value is Undefined for value in made) else None
