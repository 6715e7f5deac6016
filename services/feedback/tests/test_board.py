"""What a board decides."""

import pytest

from libs.shared.testing.bdd import given
from services.feedback.board import DECIDER, BoardKind, BoardOpened
from services.feedback.tests.builders import LEADER, MEMBER, MODERATOR, STRANGER, open_board

OPENED = BoardOpened(slug="ideas", name="Ideas", kind=BoardKind.PRODUCT)


def test_a_leader_opens_a_board() -> None:
    given(DECIDER).when(open_board()).then(OPENED)


@pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
def test_nobody_else_does(roles: frozenset[str]) -> None:
    given(DECIDER).when(open_board(roles=roles)).then_raises("FORBIDDEN")


def test_repeated_it_changes_nothing() -> None:
    given(DECIDER, OPENED).when(open_board(roles=LEADER)).then_nothing()


def test_an_id_stands_for_one_board() -> None:
    given(DECIDER, OPENED).when(open_board(slug="bugs")).then_raises("ID_TAKEN", ("board_id",))
