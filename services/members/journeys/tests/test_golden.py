"""Every version of every event of the journeys, as the log holds it, is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.members.journeys import journey, nudge, nudge_rule, progress_decisions
from services.members.journeys.journey import Completer, Step, StepKind, Wording
from services.members.journeys.progress import (
    Absence,
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
    StepCompleted,
    StepReminded,
    StepSkipped,
    planned,
)

DECIDERS = (journey.DECIDER, progress_decisions.DECIDER, nudge_rule.DECIDER, nudge.DECIDER)
CODEC = Codec("members", tuple(event for decider in DECIDERS for event in decider.events))
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
STEPS = (
    Step(
        id="hello",
        kind=StepKind.INTRODUCE,
        after_hours=72,
        wordings=(
            Wording(locale="fr-CA", title="Présentez-vous", text="Deux **lignes**\nsuffisent."),
            Wording(locale="en", title="Say hello"),
        ),
        space_id="s1",
    ),
    Step(
        id="coffee",
        kind=StepKind.CUSTOM,
        after_hours=0,
        wordings=(Wording(locale="en", title="Have a coffee with somebody"),),
        completed_by=Completer.LEADER,
    ),
)
SAMPLES = {
    "journey_published.v1": journey.JourneyPublished(edition=2, steps=STEPS, newcomers_from=AT),
    "journey_started.v1": JourneyStarted(edition=1, steps=planned(STEPS), origin=AT, fact=42_001),
    "journey_revised.v1": JourneyRevised(edition=2, steps=planned(STEPS[:1])),
    "step_reminded.v1": StepReminded(step_id="hello", due_at=AT),
    "step_completed.v1": StepCompleted(step_id="hello", after_seconds=3_600, fact="post_published", fact_id="e1"),
    "step_skipped.v1": StepSkipped(step_id="coffee"),
    "journey_paused.v1": JourneyPaused(reason=Absence.SUSPENDED, since=AT, fact=43_000),
    "journey_resumed.v1": JourneyResumed(reasons=(Absence.BANNED, Absence.SUSPENDED), origin=AT, fact=44_000),
    "journey_finished.v1": JourneyFinished(),
    "nudge_rule_set.v1": nudge_rule.NudgeRuleSet(after_days=30),
    "member_nudged.v1": nudge.MemberNudged(silent_since=AT, after_days=14),
    "nudges_declined.v1": nudge.NudgesDeclined(),
    "nudges_welcomed.v1": nudge.NudgesWelcomed(),
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)
