"""What a SCIM filter asks of a view: an "or" of clauses, each an "and" of conditions, as a MongoDB query."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from libs.shared.domain import Invalid
from libs.shared.times import to_ms
from services.members.provisioning.profile import folded

Operator = Literal["eq", "sw", "gt", "ge", "lt", "le"]


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One comparison: of the attribute `field` with a text, a truth value or an instant, whichever it holds."""

    field: Annotated[str, Meta(max_length=100)]
    op: Operator = "eq"
    text: Annotated[str, Meta(max_length=1_000)] | None = None
    flag: bool | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class Clause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All `conditions` hold; and for each of `entries`, all of its own hold of one e-mail address."""

    conditions: Annotated[list[Condition], Meta(max_length=50)] = []
    entries: Annotated[list[list[Condition]], Meta(max_length=50)] = []


Filter = Annotated[list[Clause], Meta(min_length=1, max_length=50)]

#: How a condition becomes one on documents.  Raises `Invalid` for an operator that it does not take.
Compile = Callable[[str, Condition], dict[str, Any]]


def to_query(brand: str, clauses: Sequence[Clause], fields: Mapping[str, Compile]) -> dict[str, Any]:
    """The query for the documents of a brand that match; raises `Invalid` for what no field of the view can answer."""
    found = [{"brand": brand, "$and": conditions} for clause in clauses if (conditions := _all(brand, clause, fields))]
    return found[0] if len(found) == 1 else {"$or": found}


def _all(brand: str, clause: Clause, fields: Mapping[str, Compile]) -> list[dict[str, Any]]:
    found = [_compile(brand, condition, fields) for condition in clause.conditions]
    return found + [{"emails": {"$elemMatch": _entry(brand, entry, fields)}} for entry in clause.entries]


def _entry(brand: str, entry: Sequence[Condition], fields: Mapping[str, Compile]) -> dict[str, Any]:
    """What holds of one value: the operators of each of its fields, since the embedded server has no `$and` there."""
    found: dict[str, dict[str, Any]] = {}
    for condition in entry:
        for name, value in _compile(brand, condition, fields).items():
            operators = value if isinstance(value, dict) else {"$eq": value}
            of_field = found.setdefault(name.removeprefix("emails."), {})
            if of_field.keys() & operators.keys():
                raise unsupported(condition)
            of_field.update(operators)
    return found


def _compile(brand: str, condition: Condition, fields: Mapping[str, Compile]) -> dict[str, Any]:
    compile_ = fields.get(condition.field.lower())
    if compile_ is None:
        raise unsupported(condition)
    return compile_(brand, condition)


def unsupported(condition: Condition) -> Invalid:
    """The refusal of a comparison that is not made here."""
    return Invalid(f"{condition.field} {condition.op} is not supported here", ("where",))


def text(key: str, *, fold: bool = True) -> Compile:
    """A text that is compared as a whole or by its beginning, without case unless `fold` is off."""

    def compile_(_: str, condition: Condition) -> dict[str, Any]:
        if condition.text is None or condition.op not in ("eq", "sw"):
            raise unsupported(condition)
        value = folded(condition.text) if fold else condition.text
        return {key: value if condition.op == "eq" else {"$gte": value, "$lt": f"{value}\U0010ffff"}}

    return compile_


def identifier(brand: str, condition: Condition) -> dict[str, Any]:
    """The resource's own id."""
    if condition.text is None or condition.op != "eq":
        raise unsupported(condition)
    return {"_id": f"{brand}:{condition.text}"}


def flag(key: str) -> Compile:
    """A truth value."""

    def compile_(_: str, condition: Condition) -> dict[str, Any]:
        if condition.flag is None or condition.op != "eq":
            raise unsupported(condition)
        return {key: condition.flag}

    return compile_


def instant(key: str) -> Compile:
    """An instant, in milliseconds as the views keep it."""
    operators = {"eq": "$eq", "gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte"}

    def compile_(_: str, condition: Condition) -> dict[str, Any]:
        if condition.at is None or condition.op not in operators:
            raise unsupported(condition)
        return {key: {operators[condition.op]: to_ms(condition.at)}}

    return compile_
