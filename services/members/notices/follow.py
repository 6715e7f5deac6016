"""Follows: the open set of what one member follows, has left or has muted; their last word on each thing counts."""

from enum import StrEnum
from typing import ClassVar, NamedTuple, assert_never

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id


class TargetKind(StrEnum):
    """What can be followed."""

    THREAD = "thread"
    SPACE = "space"
    TAG = "tag"
    MEMBER = "member"
    EVENT = "event"
    BOARD = "board"
    IDEA = "idea"


class Target(NamedTuple):
    """One thing of a brand that can be followed."""

    kind: TargetKind
    id: str


# Events


class TargetFollowed(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) wants to hear of the target."""

    wire_name: ClassVar[str] = "target_followed"

    kind: TargetKind
    target_id: str


class TargetUnfollowed(Event, frozen=True, kw_only=True):
    """The member does not follow the target, also where who takes part follows by itself."""

    wire_name: ClassVar[str] = "target_unfollowed"

    kind: TargetKind
    target_id: str


class TargetMuted(Event, frozen=True, kw_only=True):
    """The member wants to hear nothing of the target, whatever else they follow."""

    wire_name: ClassVar[str] = "target_muted"

    kind: TargetKind
    target_id: str


FollowEvent = TargetFollowed | TargetUnfollowed | TargetMuted

# State: none.  What members follow never conflicts, so nobody has to know what they followed before.


def evolve(_state: None, _event: FollowEvent) -> None:
    """Nothing to remember."""


# Commands


class Follow(Command, frozen=True, kw_only=True):
    """Hear of a thing.  Members, for themselves; that there is such a thing is proven before (`following.py`)."""

    wire_name: ClassVar[str] = "follow"

    kind: TargetKind
    target_id: Id


class Unfollow(Command, frozen=True, kw_only=True):
    """Follow a thing no more, or mute it no more.  Members, for themselves."""

    wire_name: ClassVar[str] = "unfollow"

    kind: TargetKind
    target_id: Id


class Mute(Command, frozen=True, kw_only=True):
    """Hear nothing of a thing.  Members, for themselves."""

    wire_name: ClassVar[str] = "mute"

    kind: TargetKind
    target_id: Id


FollowCommand = Follow | Unfollow | Mute

# Decisions


def decide(_state: None, command: FollowCommand) -> list[FollowEvent]:
    """The fact that `command` makes true, even when it was true before.  Raises FORBIDDEN."""
    require(command.roles, Role.MEMBER)
    if command.actor == SYSTEM:
        raise Forbidden("the platform follows nothing")
    if (command.kind, command.target_id) == (TargetKind.MEMBER, command.actor):
        raise Forbidden("nobody follows themselves", ("target_id",))
    match command:
        case Follow():
            return [TargetFollowed(kind=command.kind, target_id=command.target_id)]
        case Unfollow():
            return [TargetUnfollowed(kind=command.kind, target_id=command.target_id)]
        case Mute():
            return [TargetMuted(kind=command.kind, target_id=command.target_id)]
        case _:
            assert_never(command)


DECIDER: Decider[None, FollowCommand, FollowEvent] = Decider(
    aggregate="follow",
    initial=None,
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.actor,
    commands=(Follow, Unfollow, Mute),
    events=(TargetFollowed, TargetUnfollowed, TargetMuted),
)
