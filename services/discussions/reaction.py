"""Reactions: the open set of (member, target, emoji) under one thread; the last word of a member wins."""

from enum import StrEnum
from typing import ClassVar, assert_never

from libs.access.roles import Role, require
from libs.shared.domain import Command, Decider, Event, Id, NotFound
from services.discussions.thread import Thread


class Emoji(StrEnum):
    """What a reaction can say; the order is the order in which counts are shown."""

    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"
    HEART = "heart"
    LAUGH = "laugh"
    HOORAY = "hooray"
    CLAP = "clap"
    ROCKET = "rocket"
    FIRE = "fire"
    EYES = "eyes"
    THINKING = "thinking"
    IDEA = "idea"
    SAD = "sad"


# Events


class ReactionAdded(Event, frozen=True, kw_only=True):
    """The event's actor reacts to the target: the thread's post (by the thread's id) or one of its replies."""

    wire_name: ClassVar[str] = "reaction_added"

    target_id: str
    emoji: Emoji


class ReactionRemoved(Event, frozen=True, kw_only=True):
    """The event's actor no longer reacts so to the target."""

    wire_name: ClassVar[str] = "reaction_removed"

    target_id: str
    emoji: Emoji


ReactionEvent = ReactionAdded | ReactionRemoved

# State: none.  Adding and removing never conflict, so nobody has to know who else reacted.


def evolve(state: None, event: ReactionEvent) -> None:
    """Nothing to remember."""


# Commands


class AddReaction(Command, frozen=True, kw_only=True):
    """React to a thread's post or one of its replies.  Members, also while the thread is locked."""

    wire_name: ClassVar[str] = "add_reaction"

    thread_id: Id
    target_id: Id
    emoji: Emoji


class RemoveReaction(Command, frozen=True, kw_only=True):
    """Take one's reaction back."""

    wire_name: ClassVar[str] = "remove_reaction"

    thread_id: Id
    target_id: Id
    emoji: Emoji


ReactionCommand = AddReaction | RemoveReaction

# Decisions


def decide(_state: None, command: ReactionCommand) -> list[ReactionEvent]:
    """The fact that `command` makes true, even when it was true before.  Raises FORBIDDEN."""
    require(command.roles, Role.MEMBER)
    match command:
        case AddReaction():
            return [ReactionAdded(target_id=command.target_id, emoji=command.emoji)]
        case RemoveReaction():
            return [ReactionRemoved(target_id=command.target_id, emoji=command.emoji)]
        case _:
            assert_never(command)


def admit_reaction(thread: Thread, command: ReactionCommand) -> None:
    """Whether the target stands in the thread.  Raises FORBIDDEN (strangers, before all), NOT_FOUND."""
    require(command.roles, Role.MEMBER)
    if not thread.exists or (command.target_id != command.thread_id and command.target_id not in thread.replies):
        raise NotFound("there is nothing of this id in the thread", ("target_id",))


DECIDER: Decider[None, ReactionCommand, ReactionEvent] = Decider(
    aggregate="reaction",
    initial=None,
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.thread_id,
    commands=(AddReaction, RemoveReaction),
    events=(ReactionAdded, ReactionRemoved),
)
