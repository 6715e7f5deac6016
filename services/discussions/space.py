"""A space: a named place of a brand where posts stand, and who may post there."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any, ClassVar, assert_never

from msgspec import Struct, structs

from libs.access.audience import Audience
from libs.access.roles import LEADERS, SPEAKERS, Role, require
from libs.shared.codec import Upcaster
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
    """A leader opened a space: for an audience only, or for every member."""

    wire_name: ClassVar[str] = "space_created"
    version: ClassVar[int] = 2

    slug: str
    name: str
    kind: SpaceKind
    audience: Audience | None = None


class SpaceAudienceChanged(Event, frozen=True, kw_only=True):
    """From now on the space, with all that stands in it, is for this audience only; None: for every member."""

    wire_name: ClassVar[str] = "space_audience_changed"

    audience: Audience | None


SpaceEvent = SpaceCreated | SpaceAudienceChanged


def _created_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Spaces were for every member."""
    return {**data, "audience": None}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {(SpaceCreated.wire_name, 1): _created_v1}

# State


class Space(Struct, frozen=True, kw_only=True):
    """What a space must remember to decide."""

    slug: str = ""
    kind: SpaceKind = SpaceKind.DISCUSSION
    audience: Audience | None = None

    @property
    def exists(self) -> bool:
        """Whether it was created."""
        return bool(self.slug)


def evolve(state: Space, event: SpaceEvent) -> Space:
    """The space after `event`."""
    match event:
        case SpaceCreated():
            return structs.replace(state, slug=event.slug, kind=event.kind, audience=event.audience)
        case SpaceAudienceChanged():
            return structs.replace(state, audience=event.audience)
        case _:
            assert_never(event)


# Commands


class CreateSpace(Command, frozen=True, kw_only=True):
    """Open a space under a slug of its own in the brand, for an audience or for every member.  Leaders only."""

    wire_name: ClassVar[str] = "create_space"

    space_id: Id
    slug: Slug
    name: Line
    kind: SpaceKind
    audience: Audience | None = None


class ChangeSpaceAudience(Command, frozen=True, kw_only=True):
    """Let only an audience into a space, or (None) every member.  Leaders only."""

    wire_name: ClassVar[str] = "change_space_audience"

    space_id: Id
    audience: Audience | None


SpaceCommand = CreateSpace | ChangeSpaceAudience

# Decisions


def decide(state: Space, command: SpaceCommand) -> list[SpaceEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, ID_TAKEN."""
    match command:
        case CreateSpace():
            return _create(state, command)
        case ChangeSpaceAudience():
            return _change_audience(state, command)
        case _:
            assert_never(command)


def _create(state: Space, command: CreateSpace) -> list[SpaceEvent]:
    require(command.roles, *LEADERS)
    if not state.exists:
        return [SpaceCreated(slug=command.slug, name=command.name, kind=command.kind, audience=command.audience)]
    if state.slug != command.slug:
        raise DomainError("ID_TAKEN", "another space has this id", ("space_id",))
    return []


def _change_audience(state: Space, command: ChangeSpaceAudience) -> list[SpaceEvent]:
    require(command.roles, *LEADERS)
    if not state.exists:
        raise NotFound("there is no such space", ("space_id",))
    return [] if command.audience == state.audience else [SpaceAudienceChanged(audience=command.audience)]


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
    commands=(CreateSpace, ChangeSpaceAudience),
    events=(SpaceCreated, SpaceAudienceChanged),
)
