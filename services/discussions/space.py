"""A space: a named place of a brand where posts stand, and who may post there."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.access.roles import LEADERS, SPEAKERS, Role, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, NotFound
from libs.shared.text import Line, Slug


class SpaceKind(StrEnum):
    """What a space is for.  In a broadcast space leaders and guest speakers post, and members reply."""

    DISCUSSION = "discussion"
    QUESTIONS = "questions"
    BROADCAST = "broadcast"
    RESOURCES = "resources"


# Events


class SpaceCreated(Event, frozen=True, kw_only=True):
    """A leader opened a space."""

    wire_name: ClassVar[str] = "space_created"

    slug: str
    name: str
    kind: SpaceKind


SpaceEvent = SpaceCreated

# State


class Space(Struct, frozen=True, kw_only=True):
    """What a space must remember to decide."""

    slug: str = ""
    kind: SpaceKind = SpaceKind.DISCUSSION

    @property
    def exists(self) -> bool:
        """Whether it was created."""
        return bool(self.slug)


def evolve(state: Space, event: SpaceEvent) -> Space:
    """The space after `event`."""
    match event:
        case SpaceCreated():
            return structs.replace(state, slug=event.slug, kind=event.kind)
        case _:
            assert_never(event)


# Commands


class CreateSpace(Command, frozen=True, kw_only=True):
    """Open a space under a slug of its own in the brand.  Leaders only."""

    wire_name: ClassVar[str] = "create_space"

    space_id: Id
    slug: Slug
    name: Line
    kind: SpaceKind


SpaceCommand = CreateSpace

# Decisions


def decide(state: Space, command: SpaceCommand) -> list[SpaceEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, ID_TAKEN."""
    match command:
        case CreateSpace():
            return _create(state, command)
        case _:
            assert_never(command)


def _create(state: Space, command: CreateSpace) -> list[SpaceEvent]:
    require(command.roles, *LEADERS)
    if not state.exists:
        return [SpaceCreated(slug=command.slug, name=command.name, kind=command.kind)]
    if state.slug != command.slug:
        raise DomainError("ID_TAKEN", "another space has this id", ("space_id",))
    return []


def admit_post(space: Space, roles: AbstractSet[str]) -> None:
    """Whether someone with `roles` in `space` (`in_space`) may post there.  Raises FORBIDDEN, NOT_FOUND.

    Members are told apart from strangers first: a stranger must not learn which spaces exist.
    """
    require(roles, Role.MEMBER)
    if not space.exists:
        raise NotFound("there is no such space", ("space_id",))
    if space.kind is SpaceKind.BROADCAST:
        require(roles, SPEAKERS)


DECIDER: Decider[Space, SpaceCommand, SpaceEvent] = Decider(
    aggregate="space",
    initial=Space(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.space_id,
    commands=(CreateSpace,),
    events=(SpaceCreated,),
)
