"""The events as they stand in the log for ever: one file in `golden/` for each wire name and version."""

from pathlib import Path

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.testing.golden import check_golden
from services.feedback import board, idea, vote
from services.feedback.board import BoardKind, BoardOpened
from services.feedback.idea import IdeaStatusChanged, IdeaSubmitted, Status
from services.feedback.vote import VoteCast, VoteWithdrawn

GOLDEN = Path(__file__).parent / "golden"

SAMPLES: dict[str, Event] = {
    "board_opened.v1": BoardOpened(slug="ideas", name="Ideas", kind=BoardKind.PRODUCT),
    "idea_submitted.v1": IdeaSubmitted(board_id="p1", title="Mode nuit – ☾", body="Pour les couche-tard.\n\nMerci !"),
    "idea_status_changed.v1": IdeaStatusChanged(status=Status.UNDER_REVIEW, note="We look into it."),
    "vote_cast.v1": VoteCast(member_id="m1"),
    "vote_withdrawn.v1": VoteWithdrawn(member_id="m1"),
}


def test_every_version_of_every_event() -> None:
    codec = Codec("feedback", (*board.DECIDER.events, *idea.DECIDER.events, *vote.DECIDER.events))
    check_golden(GOLDEN, codec, SAMPLES)
