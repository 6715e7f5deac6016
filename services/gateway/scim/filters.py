"""A SCIM filter (RFC 7644, section 3.4.2.2) as the members service is asked: an "or" of clauses of comparisons."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

from msgspec import Struct
from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)

#: The longest filter, and the most clauses that one may come to: `(a or b) and (c or d)` is four.
MAX_CHARACTERS: Final = 2_000
MAX_CLAUSES: Final = 50


class Condition(Struct, frozen=True, omit_defaults=True):
    """One comparison of `field`; the service knows which of them it makes."""

    field: str
    op: str
    text: str | None = None
    flag: bool | None = None
    at: datetime | None = None


class Clause(Struct, frozen=True, omit_defaults=True):
    """All conditions hold; and of each of `entries`, all of its own hold of one e-mail address."""

    conditions: list[Condition] = []
    entries: list[list[Condition]] = []


def must_be_short(search: Mapping[str, Any]) -> None:
    """Raise `InvalidFilterException` for a filter that is too long to be parsed; names of attributes have no case."""
    for name, value in search.items():
        if name.lower() == "filter" and isinstance(value, str) and len(value) > MAX_CHARACTERS:
            raise _unsupported(f"a filter has at most {MAX_CHARACTERS} characters")


def clauses(scim_filter: "ScimFilter[Any]") -> list[Clause]:
    """The clauses of a filter that is bound to a model; raises `InvalidFilterException` for what is not supported."""
    return _Clauses(scim_filter).visit(scim_filter.ast)


def _unsupported(what: str) -> InvalidFilterException:
    return InvalidFilterException(detail=what)


class _Clauses(FilterVisitor[list[Clause]]):
    def __init__(self, scim_filter: "ScimFilter[Any]") -> None:
        self._filter = scim_filter

    def visit_comparison(self, node: Comparison) -> list[Clause]:
        return [Clause([self._condition(node.attr_path, node)])]

    def visit_logical_expr(self, node: LogicalExpr) -> list[Clause]:
        parts = [self.visit(term) for term in node.terms]
        if node.op is LogicalOperator.or_:
            return _bounded([clause for part in parts for clause in part])
        found = parts[0]
        for part in parts[1:]:
            if len(found) * len(part) > MAX_CLAUSES:
                raise _unsupported("the filter is too complex")
            found = [_joined(one, other) for one, other in product(found, part)]
        return found

    def visit_value_path(self, node: ValuePath) -> list[Clause]:
        inner = _Entries(self._filter, node.attr_path).visit(node.val_filter)
        return [Clause(entries=[clause.conditions]) for clause in inner]

    def visit_present(self, node: Present) -> list[Clause]:
        raise _unsupported(f"{node.attr_path} pr is not supported here")

    def visit_not(self, node: Not) -> list[Clause]:
        raise _unsupported(f"{node} is not supported here")

    def _condition(self, path: AttrPath, node: Comparison) -> Condition:
        """The comparison with the attribute's full name and a value of its type."""
        binding = self._filter.resolve_comparison(path)
        if binding is None:
            raise _unsupported(f"{path} is no attribute")
        names = [binding.field_name, *([binding.sub_field_name] if binding.sub_field_name else [])]
        field = ".".join(name.replace("_", "") for name in names)
        if node.op not in _OPERATORS:
            raise _unsupported(f"{path} {node.op.value} is not supported here")
        value = coerce_value(binding, node.value, node.op)
        match value:
            case bool():
                return Condition(field, node.op.value, flag=value)
            case datetime():
                return Condition(field, node.op.value, at=value if value.tzinfo else value.replace(tzinfo=UTC))
            case str():
                return Condition(field, node.op.value, text=str(value))
            case _:
                raise _unsupported(f"{path} cannot be compared with that")


class _Entries(_Clauses):
    """What stands in the brackets of `emails[…]`: about one value."""

    def __init__(self, scim_filter: "ScimFilter[Any]", outer: AttrPath) -> None:
        super().__init__(scim_filter)
        self._outer = outer

    def visit_value_path(self, node: ValuePath) -> list[Clause]:
        raise _unsupported(f"{node.attr_path}[…] stands in brackets itself")

    def _condition(self, path: AttrPath, node: Comparison) -> Condition:
        if path.sub_attr is not None or path.uri is not None:
            raise _unsupported(f"{path} is no attribute of {self._outer}")
        return super()._condition(AttrPath(self._outer.attr, path.attr, self._outer.uri), node)


_OPERATORS: Final = frozenset(
    {
        CompareOperator.eq,
        CompareOperator.sw,
        CompareOperator.gt,
        CompareOperator.ge,
        CompareOperator.lt,
        CompareOperator.le,
    }
)


def _joined(one: Clause, other: Clause) -> Clause:
    return _fitting(Clause([*one.conditions, *other.conditions], [*one.entries, *other.entries]))


def _fitting(clause: Clause) -> Clause:
    if len(clause.conditions) > MAX_CLAUSES or len(clause.entries) > MAX_CLAUSES:
        raise _unsupported("the filter is too complex")
    return clause


def _bounded(found: Sequence[Clause]) -> list[Clause]:
    if len(found) > MAX_CLAUSES:
        raise _unsupported("the filter is too complex")
    return list(found)
