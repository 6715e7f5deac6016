"""What a command takes at the edge."""

import json
from typing import Any

import msgspec
import pytest

from libs.shared.domain import Command
from services.feedback.board import OpenBoard
from services.feedback.idea import ChangeIdeaStatus, SubmitIdea
from services.feedback.vote import CastVote, WithdrawVote

ENVELOPE = {"command_id": "c1", "brand": "b1", "actor": "m1", "now": "1996-01-01T00:00:00Z"}
BOARD = {"board_id": "p1", "slug": "ideas", "name": "Ideas", "kind": "product"}
IDEA = {"idea_id": "i1", "board_id": "p1", "title": "Dark mode", "body": ""}
STATUS = {"idea_id": "i1", "status": "planned"}
VOTE = {"idea_id": "i1"}


def decode(command: type[Command], payload: dict[str, Any]) -> Command:
    return msgspec.json.decode(json.dumps({**ENVELOPE, **payload}), type=command)


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (OpenBoard, BOARD),
        (OpenBoard, {**BOARD, "kind": "community"}),
        (SubmitIdea, IDEA),
        (SubmitIdea, {**IDEA, "body": "x" * 20_000}),
        (ChangeIdeaStatus, STATUS),
        (ChangeIdeaStatus, {**STATUS, "note": "x" * 2_000}),
        (CastVote, VOTE),
        (WithdrawVote, {**VOTE, "member_id": "m2"}),
    ],
)
def test_accepted(command: type[Command], payload: dict[str, Any]) -> None:
    decode(command, payload)


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (OpenBoard, {**BOARD, "kind": "other"}),
        (OpenBoard, {**BOARD, "slug": "No Slug"}),
        (OpenBoard, {**BOARD, "name": ""}),
        (SubmitIdea, {**IDEA, "title": "  "}),
        (SubmitIdea, {**IDEA, "body": "x" * 20_001}),
        (SubmitIdea, {**IDEA, "board_id": "p.1"}),
        (ChangeIdeaStatus, {**STATUS, "status": "done"}),
        (ChangeIdeaStatus, {**STATUS, "note": "x" * 2_001}),
        (ChangeIdeaStatus, {**STATUS, "note": "a\x00b"}),
        (CastVote, {"idea_id": ""}),
        (CastVote, {**VOTE, "count": 2}),
    ],
)
def test_refused(command: type[Command], payload: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(command, payload)
