"""When a rule holds, what it asks, and how large it may be."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from libs.access.roles import Role
from libs.shared.domain import DomainError
from services.members.segments.rules import (
    MAX_DEPTH,
    MAX_PARTS,
    Act,
    AllOf,
    AnyOf,
    BroughtBy,
    CameBy,
    Did,
    Facts,
    HasRole,
    HasValue,
    JoinedWithin,
    Not,
    Rule,
    check,
    conditions,
    fields,
    matches,
    subjects,
    windows,
)

TODAY = 20_000
ADA = Facts(
    roles=frozenset({"member", "ambassador"}),
    joined_day=TODAY - 9,
    source="fair-2026",
    referrer="m9",
    counts={Act.REPLIED: 7},
    days={Act.REPLIED: {TODAY: 1, TODAY - 6: 2, TODAY - 7: 4}},
    values={"rig": "sloop", "seas": ["baltic", "north"], "skipper": False, "crew": 4.0, "since": "2024-05-01"},
)
NOBODY = Facts(roles=frozenset({"member"}), joined_day=TODAY - 400)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (HasRole(role=Role.AMBASSADOR), True),
        (HasRole(role=Role.OWNER), False),
        (JoinedWithin(days=10), True),
        (JoinedWithin(days=9), False),
        (CameBy(source="fair-2026"), True),
        (CameBy(source="newsletter"), False),
        (BroughtBy(), True),
        (BroughtBy(referrer="m9"), True),
        (BroughtBy(referrer="m8"), False),
        (Did(act=Act.REPLIED, at_least=7), True),
        (Did(act=Act.REPLIED, at_least=8), False),
        (Did(act=Act.POSTED), False),
        (Did(act=Act.REPLIED, at_least=1, within_days=1), True),
        (Did(act=Act.REPLIED, at_least=2, within_days=6), False),
        (Did(act=Act.REPLIED, at_least=3, within_days=7), True),
        (Did(act=Act.REPLIED, at_least=4, within_days=7), False),
        (Did(act=Act.REPLIED, at_least=7, within_days=8), True),
        (HasValue(field="rig", one_of=("ketch", "sloop")), True),
        (HasValue(field="rig", one_of=("ketch",)), False),
        (HasValue(field="seas", one_of=("north", "south")), True),
        (HasValue(field="seas", one_of=("south",)), False),
        (HasValue(field="skipper", yes=False), True),
        (HasValue(field="skipper", yes=True), False),
        (HasValue(field="crew", minimum=4, maximum=4), True),
        (HasValue(field="crew", minimum=4.5), False),
        (HasValue(field="crew", maximum=3.5), False),
        (HasValue(field="since", earliest=date(2024, 5, 1), latest=date(2024, 5, 1)), True),
        (HasValue(field="since", earliest=date(2024, 5, 2)), False),
        (HasValue(field="since", latest=date(2024, 4, 30)), False),
        (HasValue(field="boat", one_of=("sloop",)), False),
    ],
    ids=str,
)
def test_a_condition(rule: Rule, holds: bool) -> None:
    assert matches(rule, ADA, TODAY) is holds
    assert matches(Not(rule=rule), ADA, TODAY) is not holds
    assert not matches(rule, NOBODY, TODAY)


def test_with_the_days_it_falls_out() -> None:
    rule = Did(act=Act.REPLIED, at_least=3, within_days=7)
    assert [matches(rule, ADA, TODAY + more) for more in range(-1, 9)] == [True, True, *[False] * 8]
    assert [matches(JoinedWithin(days=10), ADA, TODAY + more) for more in range(2)] == [True, False]


YES, NO = HasRole(role=Role.AMBASSADOR), HasRole(role=Role.OWNER)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (AllOf(rules=(YES, YES)), True),
        (AllOf(rules=(YES, NO)), False),
        (AnyOf(rules=(NO, YES)), True),
        (AnyOf(rules=(NO, NO)), False),
        (AllOf(rules=(AnyOf(rules=(NO, YES)), Not(rule=NO))), True),
    ],
)
def test_combinations(rule: Rule, holds: bool) -> None:
    assert matches(rule, ADA, TODAY) is holds


def test_what_a_rule_asks() -> None:
    rule = AllOf(
        rules=(
            JoinedWithin(days=30),
            Not(rule=Did(act=Act.POSTED)),
            HasValue(field="rig", one_of=("sloop",)),
            AnyOf(rules=(Did(act=Act.VOTED, within_days=7), Did(act=Act.VOTED, within_days=90))),
        )
    )
    assert subjects(rule) == {"profile", "fields", Act.POSTED, Act.VOTED}
    assert fields(rule) == {"rig"}
    assert windows(rule) == {"profile": {30}, Act.VOTED: {7, 90}}
    assert len(list(conditions(rule))) == 5


def nested(depth: int) -> Rule:
    return YES if depth == 1 else Not(rule=nested(depth - 1))


def test_how_large_a_rule_may_be() -> None:
    check(nested(MAX_DEPTH))
    check(AllOf(rules=(YES,) * (MAX_PARTS - 1)))
    for rule in (nested(MAX_DEPTH + 1), AllOf(rules=(YES,) * MAX_PARTS), AnyOf(rules=(AllOf(rules=(YES,) * 25),) * 2)):
        with pytest.raises(DomainError) as refusal:
            check(rule)
        assert (refusal.value.code, refusal.value.path) == ("INVALID", ("rule",))


@pytest.mark.parametrize(
    "data",
    [
        {"is": "nothing"},
        {"is": "all", "rules": []},
        {"is": "did", "act": "posted", "at_least": 0},
        {"is": "did", "act": "posted", "within_days": 367},
        {"is": "joined_within", "days": 0},
        {"is": "came_by", "source": "Not A Slug"},
        {"is": "brought_by", "referrer": "a.b"},
        {"is": "has_value", "field": "rig", "one_of": []},
        {"is": "has_value", "field": "rig", "one_of": ["sloop"] * 21},
        {"is": "has_value", "field": "since", "earliest": "yesterday"},
    ],
)
def test_what_is_no_rule(data: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, Rule)


_CONDITIONS: st.SearchStrategy[Rule] = st.one_of(
    st.builds(HasRole, role=st.sampled_from(Role)),
    st.builds(JoinedWithin, days=st.integers(1, 12)),
    st.builds(BroughtBy, referrer=st.sampled_from([None, "m8", "m9"])),
    st.builds(
        Did,
        act=st.sampled_from([Act.REPLIED, Act.VOTED]),
        at_least=st.integers(1, 8),
        within_days=st.one_of(st.none(), st.integers(1, 9)),
    ),
    st.builds(HasValue, field=st.just("rig"), one_of=st.sampled_from([("sloop",), ("ketch", "yawl")])),
    st.builds(HasValue, field=st.just("crew"), minimum=st.floats(1, 9), maximum=st.none() | st.floats(1, 9)),
    st.builds(HasValue, field=st.just("since"), latest=st.dates(date(2024, 1, 1), date(2026, 1, 1))),
)
RULES: st.SearchStrategy[Rule] = st.recursive(
    _CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, rule=inner),
        st.builds(AllOf, rules=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, rules=st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
_FACTS = st.builds(
    Facts,
    roles=st.frozensets(st.sampled_from(["member", "owner", "ambassador"])),
    joined_day=st.integers(TODAY - 12, TODAY),
    referrer=st.sampled_from([None, "m9"]),
    counts=st.dictionaries(st.sampled_from([Act.REPLIED, Act.VOTED]), st.integers(0, 9)),
    days=st.dictionaries(
        st.sampled_from([Act.REPLIED, Act.VOTED]), st.dictionaries(st.integers(TODAY - 10, TODAY), st.integers(1, 3))
    ),
    values=st.fixed_dictionaries(
        {},
        optional={"rig": st.sampled_from(["sloop", "yawl"]), "crew": st.floats(1, 9), "since": st.just("2025-01-01")},
    ),
)


@for_all(RULES)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


@for_all(RULES, _FACTS)
def test_with_a_day_only_those_change_whose_day_falls_out(rule: Rule, facts: Facts) -> None:
    """What the schedules rest on: nobody else has to be looked at."""
    falls_out = any(
        (subject == "profile" and facts.joined_day == TODAY + 1 - days)
        or (isinstance(subject, Act) and TODAY + 1 - days in facts.days.get(subject, {}))
        for subject, lengths in windows(rule).items()
        for days in lengths
    )
    assert falls_out or matches(rule, facts, TODAY) is matches(rule, facts, TODAY + 1)


@for_all(RULES, _FACTS, _FACTS)
def test_what_a_rule_does_not_ask_does_not_matter(rule: Rule, facts: Facts, other: Facts) -> None:
    """What the triggers rest on: an act that no rule names changes nothing."""
    asked = subjects(rule)
    kept = {act: facts.counts[act] for act in facts.counts if act in asked}
    days = {act: facts.days[act] for act in facts.days if act in asked}
    changed = Facts(
        roles=facts.roles,
        joined_day=facts.joined_day,
        referrer=facts.referrer,
        counts={**{act: times for act, times in other.counts.items() if act not in asked}, **kept},
        days={**{act: times for act, times in other.days.items() if act not in asked}, **days},
        values=facts.values if "fields" in asked else other.values,
    )
    assert matches(rule, facts, TODAY) is matches(rule, changed, TODAY)
