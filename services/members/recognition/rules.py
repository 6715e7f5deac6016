"""The rules of recognition of a brand: points for facts, badges, levels; in editions that hold from a day on.

A day is scored by one edition, and an edition is known before its first day begins: what a fact gives does not depend
on when it is looked at.
"""

from datetime import date, timedelta
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from libs.shared.text import Line, Slug
from services.members.recognition.facts import Fact, day_of

#: A brand can have so many editions of its own.
MAX_EDITIONS: Final = 500
#: An edition is published at least so long before the day from which it holds: longer than any process is behind.
NOTICE: Final = timedelta(hours=1)
#: A member's score stays below this.
MAX_SCORE: Final = 100_000_000

_Points = Annotated[int, Meta(ge=0, le=1_000)]
_Threshold = Annotated[int, Meta(ge=1, lt=MAX_SCORE)]


class Award(Struct, frozen=True, kw_only=True):
    """Points for a fact; of one day only the first `daily_cap` of its kind give any, None: all do."""

    fact: Fact
    points: _Points
    daily_cap: Annotated[int, Meta(ge=1, le=1_000)] | None = None


class Condition(Struct, frozen=True, kw_only=True):
    """So many facts of a kind, or so many points when no `fact` is named."""

    at_least: _Threshold
    fact: Fact | None = None


class BadgeRule(Struct, frozen=True, kw_only=True):
    """A badge; without a condition it is given by hand alone."""

    badge: Slug
    name: Line
    description: Line
    condition: Condition | None = None


class Level(Struct, frozen=True, kw_only=True):
    """What a member is called from so many points on."""

    name: Line
    points: Annotated[int, Meta(ge=0, lt=MAX_SCORE)]


class Rules(Struct, frozen=True, kw_only=True):
    """All that an edition says.  A fact without an award gives no points, and counts for badges all the same."""

    awards: Annotated[tuple[Award, ...], Meta(max_length=len(Fact))] = ()
    badges: Annotated[tuple[BadgeRule, ...], Meta(max_length=50)] = ()
    levels: Annotated[tuple[Level, ...], Meta(max_length=20)] = ()

    def check(self) -> None:
        """Raise INVALID for what contradicts itself."""
        if len({award.fact for award in self.awards}) < len(self.awards):
            raise Invalid("each fact has one award", ("awards",))
        if len({rule.badge for rule in self.badges}) < len(self.badges):
            raise Invalid("each badge is there once", ("badges",))
        thresholds = [level.points for level in self.levels]
        if sorted(set(thresholds)) != thresholds:
            raise Invalid("each level asks for more points than the one before", ("levels",))

    def award(self, fact: Fact) -> Award:
        """What a fact gives."""
        return next((award for award in self.awards if award.fact is fact), Award(fact=fact, points=0))

    def badge(self, badge: str) -> BadgeRule | None:
        """A badge by its slug."""
        return next((rule for rule in self.badges if rule.badge == badge), None)

    def level(self, points: int) -> Level | None:
        """The highest level that is reached."""
        return next((level for level in reversed(self.levels) if level.points <= points), None)

    def next_level(self, points: int) -> Level | None:
        """The lowest level that is not."""
        return next((level for level in self.levels if level.points > points), None)


class Edition(Struct, frozen=True, kw_only=True):
    """Rules and the first day on which they hold."""

    number: int
    holds_from: date
    rules: Rules


#: The edition that holds until a brand publishes its own.
FIRST: Final = Edition(number=0, holds_from=date.min, rules=Rules())

# Events


class RecognitionRulesPublished(Event, frozen=True, kw_only=True):
    """A leader gave the brand rules of recognition, which hold from a day (UTC) on.  `edition` counts from 1."""

    wire_name: ClassVar[str] = "recognition_rules_published"

    edition: int
    holds_from: date
    rules: Rules


# State


class Rulebook(Struct, frozen=True, kw_only=True):
    """All editions of a brand, the oldest first; its own begin with the second."""

    editions: tuple[Edition, ...] = (FIRST,)

    @property
    def newest(self) -> Edition:
        """The last one, whether it holds already or not."""
        return self.editions[-1]

    def with_first(self, rules: Rules) -> "Rulebook":
        """The same book, with these rules until the brand's own."""
        return Rulebook(editions=(structs.replace(FIRST, rules=rules), *self.editions[1:]))

    def on(self, day: date) -> Edition:
        """The edition that holds on a day."""
        return next(edition for edition in reversed(self.editions) if edition.holds_from <= day)

    def between(self, first: date, last: date) -> list[Edition]:
        """The editions that hold on some day of these; one that was replaced before it began never does."""
        numbers = range(self.on(first).number, self.on(last).number + 1)
        return [self.editions[n] for n in numbers if self.on(self.editions[n].holds_from).number == n]


def evolve(state: Rulebook, event: RecognitionRulesPublished) -> Rulebook:
    """The rulebook after `event`."""
    edition = Edition(number=event.edition, holds_from=event.holds_from, rules=event.rules)
    return Rulebook(editions=(*state.editions, edition))


# Commands


class PublishRecognitionRules(Command, frozen=True, kw_only=True):
    """Publish a new edition.  It holds from the next day on, of UTC; one within its last hour from the day after.

    Leaders only.  Envelope: brand = `brand_id`.
    """

    wire_name: ClassVar[str] = "publish_recognition_rules"

    brand_id: Id
    rules: Rules


# Decisions


def decide(state: Rulebook, command: PublishRecognitionRules) -> list[RecognitionRulesPublished]:
    """The fact that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, INVALID, TOO_MANY_EDITIONS."""
    require(command.roles, LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    command.rules.check()
    newest = state.newest
    if newest.number and newest.rules == command.rules:
        return []
    if newest.number >= MAX_EDITIONS:
        raise DomainError("TOO_MANY_EDITIONS", f"a brand has at most {MAX_EDITIONS} editions of its rules")
    tomorrow = day_of(command.now + NOTICE) + timedelta(days=1)
    return [
        RecognitionRulesPublished(
            edition=newest.number + 1, holds_from=max(tomorrow, newest.holds_from), rules=command.rules
        )
    ]


# Five hundred editions do not fit in a snapshot, and few brands have more than ten.
DECIDER: Decider[Rulebook, PublishRecognitionRules, RecognitionRulesPublished] = Decider(
    aggregate="recognition_rules",
    initial=Rulebook(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(PublishRecognitionRules,),
    events=(RecognitionRulesPublished,),
    snapshots=False,
)
