"""What facts give, when badges are earned, and who is honoured by hand."""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import given
from services.members.recognition.facts import Fact, Window, day_of
from services.members.recognition.rules import MAX_SCORE, Award, BadgeRule, Condition, Rules
from services.members.recognition.score import (
    Absence,
    BadgeAwarded,
    BadgeRevoked,
    Evidence,
    FactScored,
    GrantBadge,
    LeaderboardEntered,
    LeaderboardLeft,
    NoteAbsence,
    RevokeBadge,
    Score,
    ScoreEvent,
    ScoreFact,
    ShowOnLeaderboard,
)
from services.members.recognition.scoring import DECIDER
from services.members.recognition.tests.examples import NOON, RULES, TODAY, place, rulebook, score_fact

POST, REPLY, VOTE = Fact.POST_PUBLISHED, Fact.REPLY_PUBLISHED, Fact.VOTE_RECEIVED
WINDOWS = ("2026-W10", "2026-03", "all")
FIRST_POST = BadgeAwarded(
    badge="first-post", name="First post", edition=0, evidence=Evidence(fact=POST, reached=1, through=1)
)


def scored(fact: Fact, sequence: int, points: int, total: int, **changes: Any) -> FactScored:
    fields = {
        "fact": fact, "about": ("t1",), "place": place(sequence), "number": sequence, "day": TODAY, "edition": 0,
        "points": points, "windows": dict.fromkeys(WINDOWS, total), "shown": True,
    }  # fmt: skip
    return FactScored(**{**fields, **changes})


def run(commands: Iterable[ScoreFact | NoteAbsence]) -> tuple[Score, list[ScoreEvent]]:
    """The score after commands in turn, and all that happened."""
    state, events = DECIDER.initial, list[ScoreEvent]()
    for command in commands:
        new = DECIDER.decide(state, command)
        state = reduce(DECIDER.evolve, new, state)
        events += new
    return state, events


def test_a_fact_gives_points_in_each_window_and_earns_a_badge() -> None:
    given(DECIDER).when(score_fact(POST, place(1))).then(scored(POST, 1, 5, 5), FIRST_POST)


def test_what_came_from_a_place_before_counts_once() -> None:
    history = (scored(POST, 1, 5, 5), FIRST_POST, scored(REPLY, 2, 3, 8))
    for sequence, index in ((1, 0), (2, 0)):
        given(DECIDER, *history).when(score_fact(POST, place(sequence, index=index))).then_nothing()
    # The next event of the same commit, and the same place of another stream, are others.
    for other in (place(2, index=1), place(1, "FEEDBACK")):
        given(DECIDER, *history).when(score_fact(REPLY, other)).then(scored(REPLY, 3, 3, 11, place=other))


def test_beyond_the_daily_cap_a_fact_counts_and_gives_nothing() -> None:
    history = (scored(POST, 1, 5, 5), FIRST_POST, scored(POST, 2, 5, 10))
    given(DECIDER, *history).when(score_fact(POST, place(3))).then(scored(POST, 3, 0, 10))
    tomorrow = scored(POST, 3, 5, 15, day=TODAY + timedelta(days=1))
    given(DECIDER, *history).when(score_fact(POST, place(3), days=1)).then(tomorrow)


def test_a_window_begins_anew() -> None:
    history = (scored(REPLY, 1, 3, 3),)
    later = TODAY + timedelta(days=28)
    given(DECIDER, *history).when(score_fact(REPLY, place(2), days=28)).then(
        scored(REPLY, 2, 3, 0, day=later, windows={"2026-W14": 3, "2026-04": 3, "all": 6})
    )


def test_a_fact_of_long_ago_counts_in_its_own_time() -> None:
    history = (scored(REPLY, 1, 3, 3),)
    given(DECIDER, *history).when(score_fact(REPLY, place(2), days=-28)).then(
        scored(REPLY, 2, 3, 0, day=TODAY - timedelta(days=28), windows={"2026-W06": 3, "2026-02": 3, "all": 6})
    )


def test_a_day_is_scored_by_the_edition_that_holds_on_it() -> None:
    book = rulebook((TODAY, Rules(awards=(Award(fact=REPLY, points=7),))))
    given(DECIDER).when(score_fact(REPLY, place(1), rulebook=book)).then(scored(REPLY, 1, 7, 7, edition=1))
    yesterday = scored(REPLY, 1, 3, 3, day=TODAY - timedelta(days=1))
    given(DECIDER).when(score_fact(REPLY, place(1), rulebook=book, days=-1)).then(yesterday)


def test_a_fact_without_an_award_counts_for_badges() -> None:
    rules = Rules(
        badges=(BadgeRule(badge="pair", name="Pair", description="Two.", condition=Condition(fact=VOTE, at_least=2)),)
    )
    book = rulebook(first=rules)
    earned = BadgeAwarded(badge="pair", name="Pair", edition=0, evidence=Evidence(fact=VOTE, reached=2, through=2))
    given(DECIDER, scored(VOTE, 1, 0, 0)).when(score_fact(VOTE, place(2), rulebook=book)).then(
        scored(VOTE, 2, 0, 0), earned
    )


def test_points_earn_a_badge_once() -> None:
    _, events = run(score_fact(REPLY, place(n)) for n in range(1, 20))
    badges = [event for event in events if isinstance(event, BadgeAwarded)]
    assert badges == [BadgeAwarded(badge="twenty", name="Twenty", edition=0, evidence=Evidence(reached=21, through=7))]


def test_a_badge_of_a_new_edition_is_earned_with_the_next_fact() -> None:
    rule = BadgeRule(badge="talker", name="Talker", description="Two.", condition=Condition(fact=REPLY, at_least=2))
    book = rulebook((TODAY + timedelta(days=1), Rules(badges=(rule,))))
    state, before = run(score_fact(REPLY, place(n), rulebook=book) for n in (1, 2, 3))
    assert not any(isinstance(event, BadgeAwarded) for event in before)
    [_, earned] = DECIDER.decide(state, score_fact(VOTE, place(4), rulebook=book, days=1))
    evidence = Evidence(fact=REPLY, reached=3, through=4)
    assert earned == BadgeAwarded(badge="talker", name="Talker", edition=1, evidence=evidence)


def test_a_score_has_an_end() -> None:
    full = MAX_SCORE - 2
    given(DECIDER, scored(REPLY, 1, full, full)).when(score_fact(REPLY, place(2))).then(
        scored(REPLY, 2, 1, full + 1), BadgeAwarded(
            badge="twenty", name="Twenty", edition=0, evidence=Evidence(reached=full + 1, through=2)
        )
    )  # fmt: skip


def test_of_who_was_erased_nothing_more_counts() -> None:
    given(DECIDER).when(score_fact(POST, place(1), erased=True)).then_nothing()


def test_only_the_platform_says_what_counts() -> None:
    given(DECIDER).when(score_fact(POST, place(1), actor="m1")).then_raises("FORBIDDEN")
    given(DECIDER).when(absence(Absence.LEFT, absent=True, actor="m1")).then_raises("FORBIDDEN")


# Leaderboards


def absence(reason: Absence, *, absent: bool, sequence: int = 50, actor: str = SYSTEM) -> NoteAbsence:
    return NoteAbsence(
        command_id=f"a{sequence}", brand="b1", actor=actor, now=NOON, member_id="m1", reason=reason, absent=absent,
        place=place(sequence, "MEMBERS"),
    )  # fmt: skip


def show(*, on: bool, actor: str = "m1") -> ShowOnLeaderboard:
    return ShowOnLeaderboard(command_id="s1", brand="b1", actor=actor, now=NOON, member_id="m1", on=on)


SHOWN = (scored(REPLY, 1, 3, 3), scored(VOTE, 2, 0, 0, windows={"2025-W01": 0, "2025-01": 0, "all": 3}))
TAKEN_OFF = dict.fromkeys(WINDOWS, 3)
LEFT = LeaderboardLeft(reason=Absence.LEFT, windows=TAKEN_OFF, place=place(50, "MEMBERS"))
OPTED_OUT = LeaderboardLeft(reason=Absence.OPTED_OUT, windows=TAKEN_OFF)


def test_who_leaves_is_taken_off_every_leaderboard_and_put_back_on_returning() -> None:
    given(DECIDER, *SHOWN).when(absence(Absence.LEFT, absent=True)).then(LEFT)
    given(DECIDER, *SHOWN, LEFT).when(absence(Absence.LEFT, absent=True, sequence=51)).then_nothing()
    given(DECIDER, *SHOWN, LEFT).when(absence(Absence.LEFT, absent=False, sequence=51)).then(
        LeaderboardEntered(reason=Absence.LEFT, windows=TAKEN_OFF, place=place(51, "MEMBERS"))
    )


def test_an_absence_that_comes_again_does_not_undo_the_return() -> None:
    back = LeaderboardEntered(reason=Absence.LEFT, windows=TAKEN_OFF, place=place(51, "MEMBERS"))
    for sequence, absent in ((50, True), (51, False)):
        again = absence(Absence.LEFT, absent=absent, sequence=sequence)
        given(DECIDER, *SHOWN, LEFT, back).when(again).then_nothing()


def test_a_member_chooses_not_to_be_shown() -> None:
    given(DECIDER, *SHOWN).when(show(on=False)).then(OPTED_OUT)
    given(DECIDER, *SHOWN, OPTED_OUT).when(show(on=False)).then_nothing()
    given(DECIDER, *SHOWN, OPTED_OUT).when(show(on=True)).then(
        LeaderboardEntered(reason=Absence.OPTED_OUT, windows=TAKEN_OFF)
    )
    given(DECIDER).when(show(on=True)).then_nothing()
    given(DECIDER).when(show(on=False, actor="m2")).then_raises("FORBIDDEN")


def test_with_a_second_reason_leaderboards_do_not_change() -> None:
    also = LeaderboardLeft(reason=Absence.LEFT, windows={}, place=place(50, "MEMBERS"))
    given(DECIDER, *SHOWN, OPTED_OUT).when(absence(Absence.LEFT, absent=True)).then(also)
    given(DECIDER, *SHOWN, OPTED_OUT, also).when(show(on=True)).then(
        LeaderboardEntered(reason=Absence.OPTED_OUT, windows={})
    )


def test_points_go_on_while_nobody_sees_them() -> None:
    given(DECIDER, *SHOWN, LEFT).when(score_fact(REPLY, place(9))).then(scored(REPLY, 9, 3, 6, number=3, shown=False))


# By hand


def grant(**changes: Any) -> GrantBadge:
    fields = {
        "command_id": "g1", "brand": "b1", "actor": "olga", "now": NOON, "roles": frozenset({Role.BUILDER}),
        "member_id": "m1", "badge": "thanks", "reason": "She was there.", "rulebook": rulebook(), "joined": True,
    }  # fmt: skip
    return GrantBadge(**{**fields, **changes})


def revoke(**changes: Any) -> RevokeBadge:
    fields = {
        "command_id": "r1", "brand": "b1", "actor": "olga", "now": NOON, "roles": frozenset({Role.OWNER}),
        "member_id": "m1", "badge": "thanks", "reason": "A mistake.",
    }  # fmt: skip
    return RevokeBadge(**{**fields, **changes})


THANKED = BadgeAwarded(badge="thanks", name="Thanks", edition=0, reason="She was there.")
REVOKED = BadgeRevoked(badge="thanks", reason="A mistake.")


def test_a_leader_gives_a_badge_and_takes_it_back() -> None:
    given(DECIDER).when(grant()).then(THANKED)
    given(DECIDER, THANKED).when(grant(command_id="g2")).then_nothing()
    given(DECIDER, THANKED).when(revoke()).then(REVOKED)
    given(DECIDER, THANKED, REVOKED).when(revoke(command_id="r2")).then_nothing()
    given(DECIDER, THANKED, REVOKED).when(grant(command_id="g2")).then(THANKED)


def test_no_rule_gives_again_what_was_taken_back() -> None:
    taken = BadgeRevoked(badge="first-post", reason="Copied.")
    history = (scored(POST, 1, 5, 5), FIRST_POST, taken)
    given(DECIDER, *history).when(score_fact(POST, place(2))).then(scored(POST, 2, 5, 10))
    given(DECIDER, *history).when(grant(badge="first-post", reason="Sorry.")).then(
        BadgeAwarded(badge="first-post", name="First post", edition=0, reason="Sorry.")
    )


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"roles": frozenset({Role.MEMBER, Role.MODERATOR})}, "FORBIDDEN", ()),
        ({"member_id": "olga"}, "FORBIDDEN", ("member_id",)),
        ({"joined": False}, "NOT_A_MEMBER", ("member_id",)),
        ({"badge": "unheard-of"}, "NOT_FOUND", ("badge",)),
    ],
)
def test_a_badge_that_is_not_given(changes: dict[str, Any], code: str, path: tuple[str, ...]) -> None:
    given(DECIDER).when(grant(**changes)).then_raises(code, path)


def test_only_leaders_take_a_badge_back() -> None:
    given(DECIDER, THANKED).when(revoke(roles=frozenset({Role.MEMBER}))).then_raises("FORBIDDEN")


# What always holds

STREAMS = {"DISCUSSIONS": (POST, REPLY, Fact.REPLY_REACTION_RECEIVED), "FEEDBACK": (VOTE, Fact.IDEA_SUBMITTED)}
LATER = structs.replace(
    RULES,
    awards=(Award(fact=POST, points=1), Award(fact=REPLY, points=9, daily_cap=1), Award(fact=VOTE, points=4)),
    badges=(
        BadgeRule(badge="twelve", name="Twelve", description="-", condition=Condition(at_least=12)),
        BadgeRule(badge="votes", name="Votes", description="-", condition=Condition(fact=VOTE, at_least=2)),
    ),
)
BOOK = rulebook((TODAY, LATER), (TODAY + timedelta(days=1), RULES))


@st.composite
def histories(draw: st.DrawFn) -> list[list[ScoreFact]]:
    """The facts of each stream, in its order."""
    made = []
    for stream, facts in STREAMS.items():
        kinds = draw(st.lists(st.tuples(st.sampled_from(facts), st.integers(-1, 2)), max_size=12))
        made.append(
            [score_fact(fact, place(n, stream), days=days, rulebook=BOOK) for n, (fact, days) in enumerate(kinds, 1)]
        )
    return made


def interleaved(draw: st.DataObject, histories: list[list[ScoreFact]]) -> list[ScoreFact]:
    """The streams in some order among each other, some of it come twice, as after a crash."""
    turns = draw.draw(st.permutations([n for n, facts in enumerate(histories) for _ in facts]))
    left = [iter(facts) for facts in histories]
    done: list[list[ScoreFact]] = [[] for _ in histories]
    order: list[ScoreFact] = []
    for turn in turns:
        done[turn].append(next(left[turn]))
        again = draw.draw(st.integers(0, len(done[turn]) - 1)) if draw.draw(st.booleans()) else len(done[turn]) - 1
        order += [done[turn][-1], *done[turn][again:]]
    return order


def test_an_edition_that_has_passed_without_a_fact_is_asked_too() -> None:
    before = [score_fact(VOTE, place(n, "FEEDBACK"), days=-1, rulebook=BOOK) for n in (1, 2)]
    after = score_fact(REPLY, place(1), days=2, rulebook=BOOK)
    for order in ([*before, after], [after, *before], [before[0], after, before[1]]):
        state, _ = run(order)
        assert state.badges == {"votes": True}, "of the only day of that edition, on which there was nothing"


@for_all(histories(), st.data())
def test_the_score_does_not_depend_on_how_streams_mix_nor_on_what_comes_twice(
    streams: list[list[ScoreFact]], draw: st.DataObject
) -> None:
    plain, _ = run(fact for facts in streams for fact in facts)
    mixed, _ = run(interleaved(draw, streams))
    assert dict(mixed.windows.items()) == dict(plain.windows.items())
    assert mixed.number == plain.number
    assert mixed.badges == plain.badges
    assert mixed.tallies == plain.tallies


@for_all(histories(), st.data())
def test_a_score_is_the_sum_of_its_entries_in_every_window_at_any_time(
    streams: list[list[ScoreFact]], draw: st.DataObject
) -> None:
    state, events = DECIDER.initial, list[FactScored]()
    for command in interleaved(draw, streams):
        new = DECIDER.decide(state, command)
        state = reduce(DECIDER.evolve, new, state)
        events += [event for event in new if isinstance(event, FactScored)]
        sums: dict[str, int] = {}
        for event in events:
            for window in Window:
                key = window.key(event.day)
                sums[key] = sums.get(key, 0) + event.points
        assert dict(state.windows.items()) == sums
    assert [event.number for event in events] == list(range(1, len(events) + 1))


@for_all(histories())
def test_a_score_is_what_the_rules_say_of_the_facts_of_each_day(streams: list[list[ScoreFact]]) -> None:
    facts = [fact for stream in streams for fact in stream]
    state, _ = run(facts)
    expected = 0
    by_kind = sorted(facts, key=lambda one: (day_of(one.now), one.fact))
    for (day, fact), those in groupby(by_kind, key=lambda one: (day_of(one.now), one.fact)):
        award, count = BOOK.on(day).rules.award(fact), len(list(those))
        expected += award.points * min(count, award.daily_cap or count)
    assert state.windows.get("all", 0) == expected
