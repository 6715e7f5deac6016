"""The read models of recognition on a real database."""

import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from functools import reduce
from typing import Any

import pytest

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import BrandId, Event
from libs.shared.paging import PageRequest
from libs.shared.recorded import Recorded
from libs.shared.testing.views import ViewBench, canonical, view_bench
from services.members.brand import BrandCreated, BrandKind, BrandType
from services.members.member import MemberJoined, MemberLeft
from services.members.recognition.defaults import default_rules
from services.members.recognition.facts import Fact, Window
from services.members.recognition.rules import RecognitionRulesPublished, Rules
from services.members.recognition.score import (
    Absence,
    BadgeAwarded,
    BadgeRevoked,
    Evidence,
    NoteAbsence,
    Score,
    ScoreEvent,
    ScoreFact,
)
from services.members.recognition.scoring import DECIDER
from services.members.recognition.spotlight import MemberSpotlighted, SpotlightEnded
from services.members.recognition.tests.examples import NOON, RULES, TODAY, place, rulebook, score_fact
from services.members.recognition.views.badges import BadgesGetMany, BadgesView, BadgeView
from services.members.recognition.views.rules import (
    RecognitionRules,
    RecognitionRulesPage,
    RecognitionRulesView,
)
from services.members.recognition.views.scores import (
    Leaderboard,
    LeaderboardResult,
    ScoreEntries,
    ScoresView,
    StandingOfMember,
)
from services.members.recognition.views.spotlights import SpotlightPage, SpotlightsGetMany, SpotlightsView

ERASED = ErasureRecorded(key_destroyed_at=NOON)


def absence(member: str, sequence: int, reason: Absence = Absence.LEFT, *, absent: bool) -> NoteAbsence:
    return NoteAbsence(
        command_id=f"a{sequence}", brand="b1", actor="system", now=NOON, member_id=member, reason=reason,
        absent=absent, place=place(sequence),
    )  # fmt: skip


class Scores:
    """Scores of a brand, decided as the service does and shown in the view."""

    def __init__(self, bench: ViewBench[ScoresView]) -> None:
        self.bench = bench
        self.states: dict[str, Score] = {}
        self._places = 0

    async def add(self, member: str, *facts: Fact, days: float = 0) -> None:
        for fact in facts:
            self._places += 1
            await self.handle(score_fact(fact, place(self._places), days=days, member_id=member))

    async def absent(self, member: str, reason: Absence = Absence.LEFT, *, absent: bool = True) -> None:
        self._places += 1
        await self.handle(absence(member, self._places, reason, absent=absent))

    async def handle(self, command: ScoreFact | NoteAbsence) -> None:
        state = self.states.get(command.member_id, DECIDER.initial)
        events: list[ScoreEvent] = DECIDER.decide(state, command)
        self.states[command.member_id] = reduce(DECIDER.evolve, events, state)
        await self.bench.given(*events, aggregate="score", id=command.member_id, time=command.now)

    async def board(
        self, window: Window = Window.ALL, day: date = TODAY, brand: str = "b1", **page: Any
    ) -> LeaderboardResult:
        query = Leaderboard(brand=brand, viewer="m1", window=window, day=day, page=PageRequest(**page))
        return await self.bench.view.leaderboard(query)

    async def places(self, *asked: Any, **page: Any) -> list[tuple[str, int, int | None]]:
        return [(one.member_id, one.score, one.rank) for one in (await self.board(*asked, **page)).items]

    async def standing(self, member: str, window: Window = Window.ALL) -> tuple[int, int | None]:
        query = StandingOfMember(brand="b1", viewer=member, member_id=member, window=window, day=TODAY)
        found = await self.bench.view.standing_of_member(query)
        return found.score, found.rank

    async def entries(self, member: str, **asked: Any) -> list[tuple[int, Fact, int]]:
        [found] = await self.bench.view.score_entries(ScoreEntries(brand="b1", viewer=member, ids=[member], **asked))
        return [(one.number, one.fact, one.points) for one in found.items]


@pytest.fixture
async def scores(mongo_url: str) -> AsyncIterator[Scores]:
    async with view_bench(ScoresView(), mongo_url) as bench:
        yield Scores(bench)


POST, REPLY, VOTE = Fact.POST_PUBLISHED, Fact.REPLY_PUBLISHED, Fact.VOTE_RECEIVED


async def test_a_leaderboard_has_exact_ranks_and_ties_share_one(scores: Scores) -> None:
    await scores.add("ada", REPLY, REPLY)
    await scores.add("bob", POST)
    await scores.add("cleo", REPLY, VOTE, VOTE)
    await scores.add("dan", VOTE)
    await scores.add("eve", Fact.EVENT_ATTENDED)
    found = await scores.places()
    assert [(score, rank) for _, score, rank in found] == [(6, 1), (5, 2), (5, 2), (1, 4)]
    assert [name for name, _, _ in found[:1] + sorted(found[1:3]) + found[3:]] == ["ada", "bob", "cleo", "dan"]
    assert (await scores.board()).total_count == 4, "who has no points is not on it"
    assert [await scores.standing(member) for member in ("bob", "dan", "eve", "nobody")] == [
        (5, 2), (1, 4), (0, None), (0, None),
    ]  # fmt: skip
    assert (await scores.board(brand="b2")).items == []


async def test_pages_of_a_leaderboard_go_on_where_the_last_one_ended(scores: Scores) -> None:
    for number in range(9):
        await scores.add(f"m{number}", *[REPLY] * (number // 2 + 1))
    whole = await scores.places()
    assert [rank for _, _, rank in whole] == [1, 2, 2, 4, 4, 6, 6, 8, 8]
    seen, after = [], None
    while True:
        found = await scores.board(first=2, after=after)
        seen += [(one.member_id, one.score, one.rank) for one in found.items]
        if not found.has_next:
            break
        after = found.cursors[-1]
    assert seen == whole
    assert [one.member_id for one in (await scores.board(last=2)).items] == [member for member, _, _ in whole[-2:]]


async def test_weeks_and_months_have_leaderboards_of_their_own(scores: Scores) -> None:
    await scores.add("ada", REPLY, REPLY)
    await scores.add("bob", REPLY, days=7)
    await scores.add("cleo", POST, days=28)
    assert await scores.places(Window.WEEK) == [("ada", 6, 1)]
    assert await scores.places(Window.WEEK, TODAY + timedelta(days=7)) == [("bob", 3, 1)]
    assert await scores.places(Window.MONTH) == [("ada", 6, 1), ("bob", 3, 2)]
    assert await scores.places(Window.MONTH, date(2026, 4, 30)) == [("cleo", 5, 1)]
    assert await scores.places() == [("ada", 6, 1), ("cleo", 5, 2), ("bob", 3, 3)]


async def test_who_is_away_is_on_no_leaderboard_and_comes_back_with_what_they_have(scores: Scores) -> None:
    await scores.add("ada", REPLY, REPLY)
    await scores.add("bob", POST)
    await scores.absent("ada")
    assert await scores.places() == [("bob", 5, 1)]
    assert await scores.standing("ada") == (6, None)
    await scores.add("ada", REPLY)
    await scores.absent("ada", Absence.OPTED_OUT)
    await scores.absent("ada", absent=False)
    assert await scores.places() == [("bob", 5, 1)], "one reason is left"
    await scores.absent("ada", Absence.OPTED_OUT, absent=False)
    assert await scores.places() == [("ada", 9, 1), ("bob", 5, 2)]
    assert await scores.places(Window.WEEK) == [("ada", 9, 1), ("bob", 5, 2)]


async def test_entries_are_listed_and_add_up(scores: Scores) -> None:
    await scores.add("ada", POST, REPLY, POST, VOTE, POST)
    assert await scores.entries("ada") == [(5, POST, 0), (4, VOTE, 1), (3, POST, 5), (2, REPLY, 3), (1, POST, 5)]
    assert await scores.entries("ada", fact=POST) == [(5, POST, 0), (3, POST, 5), (1, POST, 5)]
    assert await scores.entries("ada", fact=POST, through=4) == [(3, POST, 5), (1, POST, 5)]
    assert await scores.entries("ada", through=1) == [(1, POST, 5)]
    assert await scores.entries("bob") == []
    assert (await scores.standing("ada"))[0] == 14
    query = ScoreEntries(brand="b1", viewer="ada", ids=["bob", "ada"], page=PageRequest(last=1))
    nothing, [oldest] = (found.items for found in await scores.bench.view.score_entries(query))
    assert nothing == []
    assert (oldest.about, oldest.happened_at, oldest.source_id, oldest.edition) == (("t1",), NOON, "DISCUSSIONS-1-0", 0)


async def test_of_who_was_erased_no_facts_are_left(scores: Scores) -> None:
    await scores.add("ada", REPLY)
    await scores.add("bob", REPLY)
    await scores.absent("ada")
    await scores.bench.given(ERASED, aggregate="erasure", id="ada")
    for collection in scores.bench.view.collections:
        assert "ada" not in repr(await scores.bench.documents(collection))
    assert await scores.places() == [("bob", 3, 1)]


async def test_the_view_is_the_sum_of_the_facts_of_who_is_there_whatever_the_batches(mongo_url: str) -> None:
    chance = random.Random(1)
    contents = set()
    states, recorded = _history(chance)
    for size in (len(recorded), 20):
        async with view_bench(ScoresView(), mongo_url) as bench:
            scores = Scores(bench)
            for start in range(0, len(recorded), size):
                await bench.given_recorded(*recorded[start : start + size])
            there = sorted(
                ((s.windows["all"], m) for m, s in states.items() if not s.absent and s.windows.get("all", 0)),
                reverse=True,
            )
            points = [score for score, _ in there]
            found = await scores.places(first=100)
            assert sorted(found) == sorted((m, s, points.index(s) + 1) for s, m in there)
            assert [score for _, score, _ in found] == points
            for member in states:
                gave = sum(gave for _, _, gave in await scores.entries(member, page=PageRequest(first=100)))
                assert gave == (await scores.standing(member))[0]
            contents.add(await canonical(bench.view))
    assert len(contents) == 1


def _history(chance: random.Random) -> tuple[dict[str, Score], list[Recorded[Event]]]:
    """What happens to ten members, some of whom leave and come back, and the scores that it leads to."""
    states = {f"m{number}": DECIDER.initial for number in range(10)}
    recorded: list[Recorded[Event]] = []
    for number in range(1, 100):
        member = chance.choice(list(states))
        command: ScoreFact | NoteAbsence
        if chance.random() < 0.8:
            fact, days = chance.choice([POST, REPLY, VOTE]), chance.randrange(9)
            command = score_fact(fact, place(number), days=days, member_id=member)
        else:
            command = absence(member, number, absent=chance.random() < 0.5)
        events = DECIDER.decide(states[member], command)
        states[member] = reduce(DECIDER.evolve, events, states[member])
        recorded += [
            Recorded(
                event=event,
                id=f"e{number}",
                brand=BrandId("b1"),
                aggregate="score",
                aggregate_id=member,
                actor="system",
                time=command.now,
                recorded_at=NOON,
                causation_id="c",
                correlation_id="c",
                stream="MEMBERS",
                sequence=number,
            )
            for event in events
        ]
    return states, recorded


# Badges


@pytest.fixture
async def badges(mongo_url: str) -> AsyncIterator[ViewBench[BadgesView]]:
    async with view_bench(BadgesView(), mongo_url) as bench:
        yield bench


EARNED = BadgeAwarded(badge="pair", name="Pair", edition=2, evidence=Evidence(fact=VOTE, reached=2, through=9))
THANKED = BadgeAwarded(badge="thanks", name="Thanks", edition=2, reason="She was there.")


async def held(bench: ViewBench[BadgesView], *ids: str) -> list[list[BadgeView]]:
    return await bench.view.badges_get_many(BadgesGetMany(brand="b1", viewer="m1", ids=list(ids)))


async def test_badges_are_shown_with_what_earned_them(badges: ViewBench[BadgesView]) -> None:
    await badges.given(EARNED, aggregate="score", id="m1", actor="system", time=NOON)
    await badges.given(THANKED, aggregate="score", id="m1", actor="olga", time=NOON)
    await badges.given(THANKED, aggregate="score", id="m1", brand="b2")
    earned = BadgeView(
        badge="pair", name="Pair", awarded_at=NOON, edition=2, evidence=EARNED.evidence, awarded_by=None, reason=None
    )
    thanked = BadgeView(
        badge="thanks", name="Thanks", awarded_at=NOON, edition=2, evidence=None, awarded_by="olga",
        reason="She was there.",
    )  # fmt: skip
    assert await held(badges, "m2", "m1") == [[], [earned, thanked]]


async def test_a_badge_that_was_taken_back_is_kept_for_the_member_alone(badges: ViewBench[BadgesView]) -> None:
    await badges.given(THANKED, BadgeRevoked(badge="thanks", reason="A mistake."), aggregate="score", id="m1")
    assert await held(badges, "m1") == [[]]
    [kept] = await badges.documents("badges")
    assert (kept["held"], kept["revoked_reason"]) == (False, "A mistake.")
    await badges.given(THANKED, aggregate="score", id="m1")
    assert [one.badge for [one] in await held(badges, "m1")] == ["thanks"]
    await badges.given(ERASED, aggregate="erasure", id="m1")
    assert await badges.documents("badges") == []


# Spotlights


@pytest.fixture
async def lights(mongo_url: str) -> AsyncIterator[ViewBench[SpotlightsView]]:
    async with view_bench(SpotlightsView(), mongo_url) as bench:
        yield bench


def lit(days: int, id_: str = "s1") -> MemberSpotlighted:
    return MemberSpotlighted(spotlight_id=id_, text=f"Look {id_}.", until=NOON + timedelta(days=days))


async def shining(bench: ViewBench[SpotlightsView], days: float = 0) -> list[str]:
    at = NOON + timedelta(days=days)
    listed = await bench.view.spotlight_page(SpotlightPage(brand="b1", viewer="m1", at=at))
    members = [one.member_id for one in listed.items]
    ids = ["ada", "bob", "cleo"]
    many = await bench.view.spotlights_get_many(SpotlightsGetMany(brand="b1", viewer="m1", ids=ids, at=at))
    assert {one.member_id: one for one in many if one} == {one.member_id: one for one in listed.items}
    return members


async def test_who_stands_in_the_light_now(lights: ViewBench[SpotlightsView]) -> None:
    await lights.given(lit(7), aggregate="spotlight", id="ada", actor="olga")
    await lights.given(lit(3), aggregate="spotlight", id="bob")
    await lights.given(lit(5), aggregate="spotlight", id="cleo", brand="b2")
    assert await shining(lights) == ["bob", "ada"]
    assert await shining(lights, 3) == ["ada"], "its time has come, whether its end is known or not"
    ended = SpotlightEnded(spotlight_id="s1")
    await lights.given(ended, lit(9, "s2"), aggregate="spotlight", id="ada")
    assert await shining(lights, 8) == ["ada"]
    await lights.given(SpotlightEnded(spotlight_id="s2"), aggregate="spotlight", id="ada")
    assert await shining(lights) == ["bob"]


async def test_it_goes_out_for_who_leaves(lights: ViewBench[SpotlightsView]) -> None:
    await lights.given(lit(7), aggregate="spotlight", id="ada")
    await lights.given(MemberLeft(), MemberJoined(identity="i", display_name="A"), aggregate="member", id="ada")
    assert await shining(lights) == []
    await lights.given(ERASED, aggregate="erasure", id="ada")
    assert await lights.documents("spotlights") == []


# Rules


@pytest.fixture
async def rules(mongo_url: str) -> AsyncIterator[ViewBench[RecognitionRulesView]]:
    async with view_bench(RecognitionRulesView(), mongo_url) as bench:
        yield bench


def published(edition: int, days: int, rules: Rules = RULES) -> RecognitionRulesPublished:
    return RecognitionRulesPublished(edition=edition, holds_from=TODAY + timedelta(days=days), rules=rules)


async def test_the_rules_of_a_day_and_those_to_come(rules: ViewBench[RecognitionRulesView]) -> None:
    async def asked(days: int) -> tuple[int, int | None]:
        query = RecognitionRules(brand="b1", viewer="m1", day=TODAY + timedelta(days=days))
        found = await rules.view.recognition_rules(query)
        return found.current.edition, None if found.coming is None else found.coming.edition

    created = BrandCreated(
        network_id="n1", slug="b", name="B", kind=BrandKind.CLUB, locale="fr", type=BrandType.RELATION
    )
    await rules.given(created, aggregate="brand", id="b1")
    first = await rules.view.recognition_rules(RecognitionRules(brand="b1", viewer="m1", day=TODAY))
    assert first.current.rules == default_rules(BrandType.RELATION, BrandKind.CLUB, "fr")
    assert await asked(0) == (0, None)
    editions = (published(1, 1), published(2, 1, Rules()), published(3, 5))
    await rules.given(*editions, aggregate="recognition_rules", id="b1")
    assert [await asked(days) for days in (0, 1, 4, 5)] == [(0, 3), (2, 3), (2, 3), (3, None)]
    assert await rules.view.rules_on("b1", TODAY + timedelta(days=2)) == Rules()
    assert await rules.view.rules_on("b1", TODAY + timedelta(days=9)) == RULES == rulebook().editions[0].rules
    listed = await rules.view.recognition_rules_page(RecognitionRulesPage(brand="b1", viewer="m1"))
    assert [one.edition for one in listed.items] == [3, 2, 1]
    other = await rules.view.recognition_rules_page(RecognitionRulesPage(brand="b2", viewer="m1"))
    assert other.items == []
