"""What a SCIM filter asks of a view: an "or" of clauses, each an "and" of tests, as a MongoDB query."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from libs.shared.domain import Invalid
from libs.shared.times import to_ms
from services.members.provisioning.profile import folded

Operator = Literal["eq", "sw", "gt", "ge", "lt", "le"]


class Test(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One comparison: of the attribute `field` with a text, a truth value or an instant, whichever it holds."""

    field: Annotated[str, Meta(max_length=100)]
    op: Operator = "eq"
    text: Annotated[str, Meta(max_length=1_000)] | None = None
    flag: bool | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class Clause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All `tests` hold; and for each of `entries`, all of its tests hold of one value of a multi-valued attribute."""

    tests: Annotated[list[Test], Meta(max_length=50)] = []
    entries: Annotated[list[list[Test]], Meta(max_length=50)] = []


Filter = Annotated[list[Clause], Meta(min_length=1, max_length=50)]

#: How a test becomes a condition on documents.  Raises `Invalid` for an operator that it does not take.
Compile = Callable[[str, Test], dict[str, Any]]


def to_query(brand: str, clauses: Sequence[Clause], fields: Mapping[str, Compile]) -> dict[str, Any]:
    """The query for the documents of a brand that match; raises `Invalid` for what no field of the view can answer."""
    found = [{"brand": brand, "$and": conditions} for clause in clauses if (conditions := _all(brand, clause, fields))]
    return found[0] if len(found) == 1 else {"$or": found}


def _all(brand: str, clause: Clause, fields: Mapping[str, Compile]) -> list[dict[str, Any]]:
    conditions = [_compile(brand, test, fields) for test in clause.tests]
    for entry in clause.entries:
        one: dict[str, Any] = {}
        for test in entry:
            for key, value in _compile(brand, test, fields).items():
                one[key.removeprefix("emails.")] = value
        conditions.append({"emails": {"$elemMatch": one}})
    return conditions


def _compile(brand: str, test: Test, fields: Mapping[str, Compile]) -> dict[str, Any]:
    compile_ = fields.get(test.field.lower())
    if compile_ is None:
        raise unsupported(test)
    return compile_(brand, test)


def unsupported(test: Test) -> Invalid:
    """The refusal of a comparison that is not made here."""
    return Invalid(f"{test.field} {test.op} is not supported here", ("where",))


def text(key: str, *, fold: bool = True) -> Compile:
    """A text that is compared as a whole or by its beginning, without case unless `fold` is off."""

    def compile_(_: str, test: Test) -> dict[str, Any]:
        if test.text is None or test.op not in ("eq", "sw"):
            raise unsupported(test)
        value = folded(test.text) if fold else test.text
        return {key: value if test.op == "eq" else {"$gte": value, "$lt": f"{value}\U0010ffff"}}

    return compile_


def identifier(brand: str, test: Test) -> dict[str, Any]:
    """The resource's own id."""
    if test.text is None or test.op != "eq":
        raise unsupported(test)
    return {"_id": f"{brand}:{test.text}"}


def flag(key: str) -> Compile:
    """A truth value."""

    def compile_(_: str, test: Test) -> dict[str, Any]:
        if test.flag is None or test.op != "eq":
            raise unsupported(test)
        return {key: test.flag}

    return compile_


def instant(key: str) -> Compile:
    """An instant, in milliseconds as the views keep it."""
    operators = {"eq": "$eq", "gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte"}

    def compile_(_: str, test: Test) -> dict[str, Any]:
        if test.at is None or test.op not in operators:
            raise unsupported(test)
        return {key: {operators[test.op]: to_ms(test.at)}}

    return compile_
