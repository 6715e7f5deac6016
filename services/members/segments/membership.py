"""Who enters and leaves a segment: 64 parts of each, so that no aggregate grows with the brand.

A part remembers only how often it has changed.  Who is in it, its view knows; a change says which state of the part it
was worked out on, and is refused when the part has gone on since.  So nobody enters twice, whoever works it out.
"""

import zlib
from collections.abc import Collection
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id
from services.members.segments.segment import SegmentId

#: A segment's members are spread over so many parts, evenly and for ever.
PARTS = 64

#: At most so many members are in one event.
MAX_MOVED = 1_000

#: The refusal of a change that was worked out on an older state of the part.
STALE = "STALE_EVALUATION"

_Moved = Annotated[tuple[Id, ...], Meta(max_length=MAX_MOVED)]


def part(member: str) -> int:
    """The part of every segment in which a member stands: 0–63."""
    return zlib.crc32(member.encode()) % PARTS


# Events


class SegmentEntered(Event, frozen=True, kw_only=True):
    """Members are in the segment from now on, by this edition of it."""

    wire_name: ClassVar[str] = "segment_entered"

    segment_id: str
    edition: int
    member_ids: tuple[str, ...]


class SegmentLeft(Event, frozen=True, kw_only=True):
    """Members are no longer in the segment."""

    wire_name: ClassVar[str] = "segment_left"

    segment_id: str
    edition: int
    member_ids: tuple[str, ...]


MembershipEvent = SegmentEntered | SegmentLeft

# State


class Part(Struct, frozen=True, kw_only=True):
    """How many events the part has."""

    changes: int = 0


def evolve(state: Part, _event: MembershipEvent) -> Part:
    """The part after `event`."""
    return Part(changes=state.changes + 1)


# Commands


class MoveMembers(Command, frozen=True, kw_only=True):
    """Let members of one part enter and leave, as worked out when it had `based_on` changes.

    The service makes it by itself: no client sends it.
    """

    wire_name: ClassVar[str] = "move_members"

    segment_id: SegmentId
    part: int
    edition: int
    based_on: int
    entered: _Moved = ()
    left: _Moved = ()


# Decisions


def decide(state: Part, command: MoveMembers) -> list[MembershipEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, STALE_EVALUATION."""
    require(command.roles, *LEADERS)
    if command.based_on != state.changes:
        raise DomainError(STALE, "the segment has changed since this was worked out")
    segment_id, edition = command.segment_id, command.edition
    events: list[MembershipEvent] = []
    if command.entered:
        events.append(SegmentEntered(segment_id=segment_id, edition=edition, member_ids=_sorted(command.entered)))
    if command.left:
        events.append(SegmentLeft(segment_id=segment_id, edition=edition, member_ids=_sorted(command.left)))
    return events


def _sorted(members: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(members))


def part_id(segment_id: str, number: int) -> str:
    """The id of a part of a segment."""
    return f"{segment_id}-{number:02}"


DECIDER: Decider[Part, MoveMembers, MembershipEvent] = Decider(
    aggregate="segment_part",
    initial=Part(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: part_id(command.segment_id, command.part),
    commands=(MoveMembers,),
    events=(SegmentEntered, SegmentLeft),
)
