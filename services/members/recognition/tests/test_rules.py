"""Editions of rules: who publishes them, from which day they hold, and what contradicts itself."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs

from libs.access.roles import Role
from libs.shared.testing.bdd import given
from services.members.brand import BrandKind, BrandType
from services.members.recognition.defaults import default_rules
from services.members.recognition.facts import Fact, Window
from services.members.recognition.rules import (
    DECIDER,
    MAX_EDITIONS,
    Award,
    Level,
    PublishRecognitionRules,
    RecognitionRulesPublished,
    Rules,
)
from services.members.recognition.tests.examples import NOON, RULES, TODAY, rulebook

TOMORROW = TODAY + timedelta(days=1)


def publish(rules: Rules = RULES, now: datetime = NOON, **changes: Any) -> PublishRecognitionRules:
    fields = {"command_id": "c1", "brand": "b1", "actor": "olga", "roles": frozenset({Role.OWNER}), "brand_id": "b1"}
    return PublishRecognitionRules(**{**fields, "now": now, "rules": rules, **changes})


def published(edition: int = 1, holds_from: date = TOMORROW, rules: Rules = RULES) -> RecognitionRulesPublished:
    return RecognitionRulesPublished(edition=edition, holds_from=holds_from, rules=rules)


def test_an_edition_holds_from_tomorrow() -> None:
    given(DECIDER).when(publish()).then(published())
    given(DECIDER, published()).when(publish()).then_nothing()


@pytest.mark.parametrize(
    ("now", "holds_from"),
    [
        ("2026-03-04T22:59:59+00:00", date(2026, 3, 5)),
        ("2026-03-04T23:00:00+00:00", date(2026, 3, 6)),
        ("2026-03-05T00:30:00+01:00", date(2026, 3, 6)),
        ("2026-03-04T22:30:00-08:00", date(2026, 3, 6)),
    ],
)
def test_it_is_known_an_hour_before_its_first_day(now: str, holds_from: date) -> None:
    given(DECIDER).when(publish(now=datetime.fromisoformat(now))).then(published(holds_from=holds_from))


def test_another_edition_on_the_same_day_takes_its_place() -> None:
    other = Rules(levels=(Level(name="All", points=0),))
    given(DECIDER, published()).when(publish(other)).then(published(2, rules=other))
    book = given(DECIDER, published(), published(2, rules=other)).state
    assert [book.on(TODAY).number, book.on(TOMORROW).number] == [0, 2]
    assert [edition.number for edition in book.between(TODAY, TOMORROW)] == [0, 2]


def test_a_clock_that_goes_back_does_not_bring_an_edition_before_the_last_one() -> None:
    given(DECIDER, published(holds_from=TOMORROW + timedelta(days=9), rules=Rules())).when(publish()).then(
        published(2, holds_from=TOMORROW + timedelta(days=9))
    )


@pytest.mark.parametrize("role", [Role.MEMBER, Role.MODERATOR, Role.AMBASSADOR])
def test_only_leaders_publish(role: Role) -> None:
    given(DECIDER).when(publish(roles=frozenset({role}))).then_raises("FORBIDDEN")


def test_it_is_of_its_own_brand() -> None:
    given(DECIDER).when(publish(brand_id="b2")).then_raises("NOT_FOUND", ("brand_id",))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"awards": (*RULES.awards, Award(fact=Fact.POST_PUBLISHED, points=9))}, "awards"),
        ({"badges": (*RULES.badges, RULES.badges[0])}, "badges"),
        ({"levels": (*RULES.levels, Level(name="Again", points=10))}, "levels"),
        ({"levels": tuple(reversed(RULES.levels))}, "levels"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, Any], path: str) -> None:
    given(DECIDER).when(publish(structs.replace(RULES, **change))).then_raises("INVALID", (path,))


def test_there_is_an_end_to_editions() -> None:
    history = (published(n, rules=Rules()) for n in range(1, MAX_EDITIONS + 1))
    given(DECIDER, *history).when(publish()).then_raises("TOO_MANY_EDITIONS")


@pytest.mark.parametrize("locale", ["en", "fr-CA", "de"])
@pytest.mark.parametrize("kind", BrandKind)
@pytest.mark.parametrize("type_", [None, *BrandType])
def test_every_brand_begins_with_rules_that_it_could_have_published(
    type_: BrandType | None, kind: BrandKind, locale: str
) -> None:
    rules = default_rules(type_, kind, locale)
    sent = msgspec.json.encode(publish(rules))
    assert msgspec.json.decode(sent, type=PublishRecognitionRules).rules == rules
    rules.check()
    assert {award.fact for award in rules.awards} == set(Fact)
    assert rules.levels[0].points == 0
    assert any(rule.condition is None for rule in rules.badges), "one to give by hand"


def test_what_a_brand_begins_with_goes_by_its_kind_then_its_type() -> None:
    def points(fact: Fact, type_: BrandType | None, kind: BrandKind) -> int:
        return default_rules(type_, kind, "en").award(fact).points

    assert points(Fact.EVENT_ATTENDED, None, BrandKind.OTHER) == 10
    assert points(Fact.EVENT_ATTENDED, BrandType.VIRTUAL_WORLD, BrandKind.OTHER) == 20
    assert points(Fact.REPLY_PUBLISHED, BrandType.RELATION, BrandKind.CLUB) == 5
    assert points(Fact.EVENT_ATTENDED, BrandType.RELATION, BrandKind.CLUB) == 20


def test_levels() -> None:
    assert RULES.level(0) == RULES.levels[0]
    assert RULES.level(10) == RULES.levels[1]
    assert (RULES.next_level(9), RULES.next_level(10)) == (RULES.levels[1], None)
    assert Rules(levels=(Level(name="Later", points=5),)).level(4) is None


def test_a_book_without_editions_of_its_own_gives_nothing() -> None:
    assert rulebook(first=Rules()).on(TODAY).rules.award(Fact.POST_PUBLISHED).points == 0


@pytest.mark.parametrize(
    ("day", "week", "month"),
    [
        (date(2026, 3, 4), "2026-W10", "2026-03"),
        (date(2026, 1, 1), "2026-W01", "2026-01"),
        (date(2027, 1, 1), "2026-W53", "2027-01"),
        (date(996, 5, 1), "0996-W17", "0996-05"),
    ],
)
def test_the_windows_of_a_day(day: date, week: str, month: str) -> None:
    assert [window.key(day) for window in Window] == [week, month, "all"]
