"""What a viewer could send about brands, boards and ideas here: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from services.feedback.board import BoardKind, OpenBoard
from services.feedback.idea import ChangeIdeaStatus, Status, SubmitIdea
from services.feedback.vote import CastVote, WithdrawVote


async def _brand(asked: Asked) -> list[Example]:
    return named(asked.example(OpenBoard, board_id=NEW, slug=NEW, name=NEW, kind=BoardKind.PRODUCT))


async def _board(asked: Asked) -> list[Example]:
    return named(asked.example(SubmitIdea, idea_id=NEW, board_id=asked.id, title=NEW))


async def _idea(asked: Asked) -> list[Example]:
    idea = {"idea_id": asked.id}
    return named(
        asked.example(CastVote, **idea),
        asked.example(WithdrawVote, **idea),
        *(asked.example(ChangeIdeaStatus, **idea, status=status) for status in Status),
    )


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "board": _board, "idea": _idea}
