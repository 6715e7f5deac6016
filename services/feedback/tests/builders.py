"""Commands as the tests of this service send them: one board `p1` and one idea `i1` of the brand `b1`."""

from datetime import UTC, datetime
from itertools import count

from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from services.feedback.board import BoardKind, OpenBoard
from services.feedback.idea import ChangeIdeaStatus, Status, SubmitIdea
from services.feedback.vote import CastVote, WithdrawVote

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

STRANGER: frozenset[str] = frozenset()
MEMBER = frozenset({Role.MEMBER.value})
MODERATOR = MEMBER | {Role.MODERATOR.value}
LEADER = MEMBER | {Role.BUILDER.value}
EVERY_ROLE = frozenset(role.value for role in Role)

_ids = count(1)


def open_board(
    *,
    brand: str = "b1",
    board_id: str = "p1",
    slug: str = "ideas",
    actor: str = "leader",
    roles: frozenset[str] = LEADER,
) -> OpenBoard:
    return OpenBoard(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=NOW,
        roles=roles,
        board_id=board_id,
        slug=slug,
        name="Ideas",
        kind=BoardKind.PRODUCT,
    )


def submit_idea(
    *,
    brand: str = "b1",
    idea_id: str = "i1",
    board_id: str = "p1",
    actor: str = "m1",
    now: datetime = NOW,
    roles: frozenset[str] = MEMBER,
) -> SubmitIdea:
    return SubmitIdea(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=now,
        roles=roles,
        idea_id=idea_id,
        board_id=board_id,
        title="Dark mode",
        body="For the night owls.",
    )


def change_status(
    status: Status,
    note: str | None = None,
    *,
    brand: str = "b1",
    idea_id: str = "i1",
    actor: str = "mod",
    now: datetime = NOW,
    roles: frozenset[str] = MODERATOR,
) -> ChangeIdeaStatus:
    return ChangeIdeaStatus(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=now,
        roles=roles,
        idea_id=idea_id,
        status=status,
        note=note,
    )


def cast(
    actor: str = "m1",
    *,
    brand: str = "b1",
    idea_id: str = "i1",
    member_id: str | None = None,
    now: datetime = NOW,
    roles: frozenset[str] = MEMBER,
) -> CastVote:
    return CastVote(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=now,
        roles=EVERY_ROLE if actor == SYSTEM else roles,
        idea_id=idea_id,
        member_id=member_id,
    )


def withdraw(
    actor: str = "m1",
    *,
    brand: str = "b1",
    idea_id: str = "i1",
    member_id: str | None = None,
    now: datetime = NOW,
    roles: frozenset[str] = MEMBER,
) -> WithdrawVote:
    return WithdrawVote(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=now,
        roles=EVERY_ROLE if actor == SYSTEM else roles,
        idea_id=idea_id,
        member_id=member_id,
    )
