"""Rules, facts and commands for the tests of recognition."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from libs.shared.domain import SYSTEM
from services.members.recognition.facts import Fact, Place
from services.members.recognition.rules import Award, BadgeRule, Condition, Edition, Level, Rulebook, Rules
from services.members.recognition.score import ScoreFact

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TODAY = NOON.date()

RULES = Rules(
    awards=(
        Award(fact=Fact.POST_PUBLISHED, points=5, daily_cap=2),
        Award(fact=Fact.REPLY_PUBLISHED, points=3),
        Award(fact=Fact.VOTE_RECEIVED, points=1, daily_cap=3),
    ),
    badges=(
        BadgeRule(
            badge="first-post",
            name="First post",
            description="One post.",
            condition=Condition(fact=Fact.POST_PUBLISHED, at_least=1),
        ),
        BadgeRule(badge="twenty", name="Twenty", description="Twenty points.", condition=Condition(at_least=20)),
        BadgeRule(badge="thanks", name="Thanks", description="By hand."),
    ),
    levels=(Level(name="New", points=0), Level(name="Known", points=10)),
)


def rulebook(*later: tuple[date, Rules], first: Rules = RULES) -> Rulebook:
    """A book that begins with rules and has editions from days on."""
    editions = [Edition(number=n, holds_from=day, rules=rules) for n, (day, rules) in enumerate(later, 1)]
    return Rulebook(editions=(Edition(number=0, holds_from=date.min, rules=first), *editions))


def place(sequence: int, stream: str = "DISCUSSIONS", index: int = 0) -> Place:
    return Place(stream=stream, sequence=sequence, index=index, id=f"{stream}-{sequence}-{index}")


def score_fact(fact: Fact, at: Place, *, days: float = 0, **changes: Any) -> ScoreFact:
    """A fact of the member `m1`, so many days after noon."""
    given = {
        "command_id": f"c-{at.id}", "brand": "b1", "actor": SYSTEM, "now": NOON + timedelta(days=days),
        "member_id": "m1", "fact": fact, "about": ("t1",), "place": at, "rulebook": rulebook(), "erased": False,
    }  # fmt: skip
    return ScoreFact(**{**given, **changes})
