"""The rules of segments: conditions on what is known of a member, combined with all, any and not.  Pure.

A rule is a value: the log keeps it, clients send it, `matches` says whether it holds for a member on a day.  Days are
days of UTC, counted from 1970; "within the last n days" is the day itself and the n - 1 before it.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias, assert_never

from msgspec import Meta, Struct

from libs.access.roles import Role
from libs.shared.domain import Id, Invalid
from libs.shared.text import Slug
from services.members.profiles.fields import Value

#: A rule has at most so many parts, none of them deeper than so many levels.
MAX_PARTS = 50
MAX_DEPTH = 6

#: The longest time that a rule looks back, in days.
MAX_DAYS = 366

#: How rules are read.  Raised, with the version of the view `segments`, when the same rule comes to other members than
#: before because the code was wrong about them: then everybody is held against every rule once more.
READING = 2

_Days = Annotated[int, Meta(ge=1, le=MAX_DAYS)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Parts = Annotated[tuple["Rule", ...], Meta(min_length=1, max_length=MAX_PARTS)]


class Act(StrEnum):
    """What members do that is counted; each is counted once, also when it is taken back later."""

    POSTED = "posted"
    REPLIED = "replied"
    REACTED = "reacted"
    SUBMITTED_IDEA = "submitted_idea"
    VOTED = "voted"
    CHECKED_IN = "checked_in"


class HasRole(Struct, frozen=True, kw_only=True, tag_field="is", tag="has_role"):
    """The member has this role."""

    role: Role


class JoinedWithin(Struct, frozen=True, kw_only=True, tag_field="is", tag="joined_within"):
    """The member joined within the last days."""

    days: _Days


class CameBy(Struct, frozen=True, kw_only=True, tag_field="is", tag="came_by"):
    """The member joined by this source."""

    source: Slug


class BroughtBy(Struct, frozen=True, kw_only=True, tag_field="is", tag="brought_by"):
    """The member was brought by another one: by this one, or by anybody."""

    referrer: Id | None = None


class Did(Struct, frozen=True, kw_only=True, tag_field="is", tag="did"):
    """The member did something at least so often, ever or within the last days."""

    act: Act
    at_least: _Count = 1
    within_days: _Days | None = None


class HasValue(Struct, frozen=True, kw_only=True, tag_field="is", tag="has_value", omit_defaults=True):
    """In this field of the brand's form the member has one of these choices, this answer, or a value in this range.

    The ends belong to a range.  Which of them a field is compared by, its type says (`fields.py`).
    """

    field: Slug
    one_of: Annotated[tuple[Slug, ...], Meta(min_length=1, max_length=20)] | None = None
    yes: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    earliest: date | None = None
    latest: date | None = None


class Not(Struct, frozen=True, kw_only=True, tag_field="is", tag="not"):
    """The rule does not hold."""

    rule: "Rule"


class AllOf(Struct, frozen=True, kw_only=True, tag_field="is", tag="all"):
    """All of the rules hold."""

    rules: _Parts


class AnyOf(Struct, frozen=True, kw_only=True, tag_field="is", tag="any"):
    """At least one of the rules holds."""

    rules: _Parts


Condition: TypeAlias = HasRole | JoinedWithin | CameBy | BroughtBy | Did | HasValue
Rule: TypeAlias = HasRole | JoinedWithin | CameBy | BroughtBy | Did | HasValue | Not | AllOf | AnyOf


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of somebody who is in the brand.

    `counts`: how often they did something, ever.  `days`: how often on each day, as far back as a rule looks.
    `values`: what rules may know of the fields of their profile, by key.
    """

    roles: frozenset[str] = frozenset()
    joined_day: int = 0
    source: str | None = None
    referrer: str | None = None
    counts: Mapping[Act, int] = {}
    days: Mapping[Act, Mapping[int, int]] = {}
    values: Mapping[str, Value] = {}


#: What a condition looks at: something that is done, who the member is, or what they say in fields.
Subject: TypeAlias = Act | Literal["profile", "fields"]


def check(rule: Rule) -> None:
    """Raise INVALID for a rule that has too many parts or is too deep."""
    parts = 0
    level: list[Rule] = [rule]
    for _ in range(MAX_DEPTH):
        parts += len(level)
        level = [inner for outer in level for inner in _inner(outer)]
        if parts + len(level) > MAX_PARTS:
            raise Invalid(f"a rule has at most {MAX_PARTS} parts", ("rule",))
        if not level:
            return
    raise Invalid(f"a rule has at most {MAX_DEPTH} levels", ("rule",))


def matches(rule: Rule, facts: Facts, today: int) -> bool:
    """Whether the rule holds for somebody of whom this is known, on a day."""
    match rule:
        case HasRole():
            return rule.role.value in facts.roles
        case JoinedWithin():
            return facts.joined_day > today - rule.days
        case CameBy():
            return facts.source == rule.source
        case BroughtBy():
            return facts.referrer is not None and rule.referrer in (None, facts.referrer)
        case Did():
            return _times(rule, facts, today) >= rule.at_least
        case HasValue():
            return _has_value(rule, facts.values.get(rule.field))
        case Not():
            return not matches(rule.rule, facts, today)
        case AllOf():
            return all(matches(inner, facts, today) for inner in rule.rules)
        case AnyOf():
            return any(matches(inner, facts, today) for inner in rule.rules)
        case _:
            assert_never(rule)


def conditions(rule: Rule) -> Iterator[Condition]:
    """All that the rule asks, at whatever depth."""
    if isinstance(rule, Not | AllOf | AnyOf):
        for inner in _inner(rule):
            yield from conditions(inner)
    else:
        yield rule


def subjects(rule: Rule) -> frozenset[Subject]:
    """What must change of a member for the rule to come to something else, the passing of days aside."""
    return frozenset(_subject(one) for one in conditions(rule))


def fields(rule: Rule) -> frozenset[str]:
    """The keys of the fields that the rule asks about."""
    return frozenset(one.field for one in conditions(rule) if isinstance(one, HasValue))


def windows(rule: Rule) -> dict[Subject, frozenset[int]]:
    """How far back the rule looks at what, in days.

    With a day, it can change for those only who did that, or joined, exactly so many days before.
    """
    found: dict[Subject, set[int]] = {}
    for one in conditions(rule):
        if isinstance(one, JoinedWithin):
            found.setdefault("profile", set()).add(one.days)
        elif isinstance(one, Did) and one.within_days is not None:
            found.setdefault(one.act, set()).add(one.within_days)
    return {subject: frozenset(days) for subject, days in found.items()}


def _times(rule: Did, facts: Facts, today: int) -> int:
    if rule.within_days is None:
        return facts.counts.get(rule.act, 0)
    first = today - rule.within_days + 1
    return sum(times for day, times in facts.days.get(rule.act, {}).items() if first <= day <= today)


def _has_value(rule: HasValue, value: Value | None) -> bool:
    match value:
        case None:
            return False
        case bool():
            return value is rule.yes
        case float():
            low, high = rule.minimum, rule.maximum
            return (low is None or value >= low) and (high is None or value <= high)
        case list():
            return not frozenset(rule.one_of or ()).isdisjoint(value)
        case str() if rule.one_of is not None:
            return value in rule.one_of
        case str():  # a day as YYYY-MM-DD: its order is that of the text
            first, last = rule.earliest, rule.latest
            return (first is None or value >= first.isoformat()) and (last is None or value <= last.isoformat())


def _subject(one: Condition) -> Subject:
    match one:
        case Did():
            return one.act
        case HasValue():
            return "fields"
        case _:
            return "profile"


def _inner(rule: Rule) -> tuple[Rule, ...]:
    match rule:
        case Not():
            return (rule.rule,)
        case AllOf() | AnyOf():
            return rule.rules
        case _:
            return ()
