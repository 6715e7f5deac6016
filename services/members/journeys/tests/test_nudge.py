"""The specification of nudges, and of the rule of a brand."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.testing.bdd import given
from services.members.journeys import nudge, nudge_rule
from services.members.journeys.nudge import (
    ChooseNudges,
    MemberNudged,
    NudgeCommand,
    NudgeMember,
    NudgesDeclined,
    NudgesWelcomed,
)
from services.members.journeys.nudge_rule import NudgeRule, NudgeRuleSet, SetNudgeRule
from services.members.journeys.tests.builders import LEADER, NOW, day, envelope

NUDGED = MemberNudged(silent_since=NOW, after_days=14)


def nudge_at(silent_since: datetime) -> NudgeMember:
    return NudgeMember(**envelope(actor="system", member_id="m1", silent_since=silent_since, after_days=14))


def choose(*, on: bool, **changes: Any) -> ChooseNudges:
    return ChooseNudges(**envelope(member_id="m1", on=on, **changes))


def set_rule(days: int | None, **changes: Any) -> SetNudgeRule:
    return SetNudgeRule(**envelope(**{"brand_id": "b1", "after_days": days, "roles": LEADER, **changes}))


def test_a_silence_is_answered_once() -> None:
    given(nudge.DECIDER).when(nudge_at(NOW)).then(NUDGED)
    given(nudge.DECIDER, NUDGED).when(nudge_at(NOW)).then_nothing()
    given(nudge.DECIDER, NUDGED).when(nudge_at(day(-1))).then_nothing()
    given(nudge.DECIDER, NUDGED).when(nudge_at(day(20))).then(MemberNudged(silent_since=day(20), after_days=14))


def test_who_wants_none_gets_none() -> None:
    given(nudge.DECIDER).when(choose(on=False)).then(NudgesDeclined())
    given(nudge.DECIDER, NudgesDeclined()).when(nudge_at(NOW)).then_nothing()
    given(nudge.DECIDER, NudgesDeclined()).when(choose(on=False)).then_nothing()
    given(nudge.DECIDER, NudgesDeclined()).when(choose(on=True)).then(NudgesWelcomed())
    given(nudge.DECIDER).when(choose(on=True)).then_nothing()
    given(nudge.DECIDER, NudgesDeclined(), NudgesWelcomed()).when(nudge_at(NOW)).then(NUDGED)


def test_nobody_chooses_for_another() -> None:
    given(nudge.DECIDER).when(choose(on=False, actor="m2")).then_raises("FORBIDDEN")
    given(nudge.DECIDER).when(choose(on=False, roles=frozenset())).then_raises("FORBIDDEN")


@for_all(some.lists(some.one_of(some.builds(lambda at: nudge_at(day(at)), some.integers(0, 90)),
                                some.builds(lambda on: choose(on=on), some.booleans()))))  # fmt: skip
def test_no_silence_is_answered_twice(sent: list[NudgeCommand]) -> None:
    state, answered = nudge.DECIDER.initial, list[datetime]()
    for one in sent:
        declined = state.declined
        for event in nudge.DECIDER.decide(state, one):
            state = nudge.DECIDER.evolve(state, event)
            if isinstance(event, MemberNudged):
                assert not declined
                answered.append(event.silent_since)
        assert nudge.DECIDER.decide(state, one) == []
    assert answered == sorted(set(answered))


def test_a_brand_nudges_after_two_weeks_unless_it_says_otherwise() -> None:
    assert NudgeRule().due_at(NOW) == day(14)
    given(nudge_rule.DECIDER).when(set_rule(14)).then_nothing()
    given(nudge_rule.DECIDER).when(set_rule(7)).then(NudgeRuleSet(after_days=7))
    given(nudge_rule.DECIDER).when(set_rule(None)).then(NudgeRuleSet(after_days=None))
    never = given(nudge_rule.DECIDER, NudgeRuleSet(after_days=None))
    assert never.state.due_at(NOW) is None
    never.when(set_rule(None)).then_nothing()


def test_leaders_set_the_rule() -> None:
    given(nudge_rule.DECIDER).when(set_rule(7, roles={"member", "moderator"})).then_raises("FORBIDDEN")
    given(nudge_rule.DECIDER).when(set_rule(7, brand="b2")).then_raises("NOT_FOUND", ("brand_id",))


@pytest.mark.parametrize("days", [0, -1, 367])
def test_what_is_no_rule(days: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(set_rule(days)), SetNudgeRule)
