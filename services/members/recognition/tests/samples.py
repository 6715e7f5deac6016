"""A sample of each event of recognition, as its golden file holds it."""

from datetime import UTC, date, datetime

from services.members.recognition import rules, scoring, spotlight
from services.members.recognition.facts import Fact, Place
from services.members.recognition.rules import RecognitionRulesPublished
from services.members.recognition.score import (
    Absence,
    BadgeAwarded,
    BadgeRevoked,
    Evidence,
    FactScored,
    LeaderboardEntered,
    LeaderboardLeft,
)
from services.members.recognition.spotlight import MemberSpotlighted, SpotlightEnded
from services.members.recognition.tests.examples import RULES

DECIDERS = (rules.DECIDER, scoring.DECIDER, spotlight.DECIDER)

_PLACE = Place(stream="MEMBERS", sequence=7, index=1, id="e7")

SAMPLES = {
    "recognition_rules_published.v1": RecognitionRulesPublished(edition=1, holds_from=date(2026, 1, 2), rules=RULES),
    "fact_scored.v1": FactScored(
        fact=Fact.REPLY_PUBLISHED,
        about=("t1", "r1"),
        place=Place(stream="DISCUSSIONS", sequence=9, id="e9"),
        number=3,
        day=date(2026, 1, 1),
        edition=0,
        points=3,
        windows={"2026-W01": 3, "2026-01": 3, "all": 11},
        shown=True,
    ),
    "leaderboard_left.v1": LeaderboardLeft(reason=Absence.LEFT, windows={"2026-01": 3, "all": 11}, place=_PLACE),
    "leaderboard_entered.v1": LeaderboardEntered(reason=Absence.OPTED_OUT, windows={"2026-01": 3, "all": 11}),
    "badge_awarded.v1": BadgeAwarded(
        badge="helper",
        name="Main tendue",
        edition=2,
        evidence=Evidence(fact=Fact.REPLY_REACTION_RECEIVED, reached=25, through=41),
        reason="Toujours là.",
    ),
    "badge_revoked.v1": BadgeRevoked(badge="helper", reason="A mistake."),
    "member_spotlighted.v1": MemberSpotlighted(
        spotlight_id="s1", text="Look at **her** maps.", until=datetime(2026, 1, 8, tzinfo=UTC)
    ),
    "spotlight_ended.v1": SpotlightEnded(spotlight_id="s1"),
}
