"""Votes: the open set of members who want an idea; the last word of a member wins."""

from typing import ClassVar, assert_never

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from services.feedback.idea import Idea

# Events


class VoteCast(Event, frozen=True, kw_only=True):
    """The member wants the idea."""

    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


class VoteWithdrawn(Event, frozen=True, kw_only=True):
    """The member no longer says so."""

    wire_name: ClassVar[str] = "vote_withdrawn"

    member_id: str


VoteEvent = VoteCast | VoteWithdrawn

# State: none.  Votes never conflict, so nobody has to know who else voted.


def evolve(_state: None, _event: VoteEvent) -> None:
    """Nothing to remember."""


# Commands


class CastVote(Command, frozen=True, kw_only=True):
    """Vote for an idea.  Members, for themselves; the platform itself names whose vote it records."""

    wire_name: ClassVar[str] = "cast_vote"

    idea_id: Id
    member_id: Id | None = None


class WithdrawVote(Command, frozen=True, kw_only=True):
    """Take a vote back.  Members, their own; the platform itself names whose."""

    wire_name: ClassVar[str] = "withdraw_vote"

    idea_id: Id
    member_id: Id | None = None


VoteCommand = CastVote | WithdrawVote

# Decisions


def decide(_state: None, command: VoteCommand) -> list[VoteEvent]:
    """The fact that `command` makes true, even when it was true before.  Raises FORBIDDEN, INVALID."""
    require(command.roles, Role.MEMBER)
    match command:
        case CastVote():
            return [VoteCast(member_id=_voter(command))]
        case WithdrawVote():
            return [VoteWithdrawn(member_id=_voter(command))]
        case _:
            assert_never(command)


def _voter(command: VoteCommand) -> str:
    if command.actor != SYSTEM:
        if command.member_id not in (None, command.actor):
            raise Forbidden("nobody votes for another", ("member_id",))
        return command.actor
    if command.member_id in (None, SYSTEM):
        raise Invalid("the platform has no vote of its own", ("member_id",))
    return command.member_id


def admit_vote(idea: Idea, command: VoteCommand) -> None:
    """Whether votes on the idea may change.  Raises FORBIDDEN (strangers, before all), NOT_FOUND, IDEA_CLOSED.

    The platform itself may: it imports the votes of ideas that are long closed.
    """
    require(command.roles, Role.MEMBER)
    if not idea.exists:
        raise NotFound("there is no such idea", ("idea_id",))
    if not idea.status.is_open and command.actor != SYSTEM:
        raise DomainError("IDEA_CLOSED", "this idea takes no more votes", ("idea_id",))


DECIDER: Decider[None, VoteCommand, VoteEvent] = Decider(
    aggregate="vote",
    initial=None,
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.idea_id,
    commands=(CastVote, WithdrawVote),
    events=(VoteCast, VoteWithdrawn),
)
