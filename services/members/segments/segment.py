"""A segment: a named group of members, by a rule that is kept true for them or as a list that leaders keep."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.codec import Upcaster
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from libs.shared.text import Line
from services.members.profiles.form import Form
from services.members.segments.fields import check_rule
from services.members.segments.rules import READING, Rule

#: The id of a segment: shorter than other ids, since it is a part of those of its parts (`membership.py`).
SegmentId = Annotated[Id, Meta(max_length=60)]

# Events


class SegmentCreated(Event, frozen=True, kw_only=True):
    """A leader made a segment: its first edition.  Without a rule, leaders keep a list of its members."""

    wire_name: ClassVar[str] = "segment_created"

    name: str
    rule: Rule | None


class SegmentRenamed(Event, frozen=True, kw_only=True):
    """A leader calls it something else."""

    wire_name: ClassVar[str] = "segment_renamed"

    name: str


class SegmentRedefined(Event, frozen=True, kw_only=True):
    """A leader gave it another rule; `edition` counts from 2."""

    wire_name: ClassVar[str] = "segment_redefined"

    edition: int
    rule: Rule


class SegmentDeleted(Event, frozen=True, kw_only=True):
    """A leader gave it up: its last edition, in which nobody is."""

    wire_name: ClassVar[str] = "segment_deleted"

    edition: int


class SegmentSettled(Event, frozen=True, kw_only=True):
    """Everybody was held against an edition of the rule: those are in it for whom it holds, as it was read then."""

    wire_name: ClassVar[str] = "segment_settled"
    version: ClassVar[int] = 2

    edition: int
    reading: int


SegmentEvent = SegmentCreated | SegmentRenamed | SegmentRedefined | SegmentDeleted | SegmentSettled


def _settled_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Rules were read as at first."""
    return {**data, "reading": 1}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {(SegmentSettled.wire_name, 1): _settled_v1}

# State


class Segment(Struct, frozen=True, kw_only=True):
    """What a segment must remember to decide.  `edition` is 0 before it is made.

    `settled` is the edition that everybody was held against last, `reading` how it was read.
    """

    name: str = ""
    rule: Rule | None = None
    edition: int = 0
    settled: int = 0
    reading: int = 0
    deleted: bool = False


def evolve(state: Segment, event: SegmentEvent) -> Segment:
    """The segment after `event`."""
    match event:
        case SegmentCreated():
            return Segment(name=event.name, rule=event.rule, edition=1)
        case SegmentRenamed():
            return structs.replace(state, name=event.name)
        case SegmentRedefined():
            return structs.replace(state, rule=event.rule, edition=event.edition)
        case SegmentDeleted():
            return structs.replace(state, deleted=True, edition=event.edition)
        case SegmentSettled():
            return structs.replace(state, settled=event.edition, reading=event.reading)
        case _:
            assert_never(event)


# Commands


class CreateSegment(Command, frozen=True, kw_only=True):
    """Make a segment.  Leaders only; that a brand has not too many is checked before (`composition.py`)."""

    wire_name: ClassVar[str] = "create_segment"

    segment_id: SegmentId
    name: Line
    rule: Rule | None = None


class ChangeSegment(Command, frozen=True, kw_only=True):
    """Give it another name or another rule; None leaves it as it is.  Leaders only."""

    wire_name: ClassVar[str] = "change_segment"

    segment_id: SegmentId
    name: Line | None = None
    rule: Rule | None = None


class DeleteSegment(Command, frozen=True, kw_only=True):
    """Give it up, for good.  Leaders only."""

    wire_name: ClassVar[str] = "delete_segment"

    segment_id: SegmentId


class SettleSegment(Command, frozen=True, kw_only=True):
    """Record that everybody was held against an edition, as rules are read now.  The platform only."""

    wire_name: ClassVar[str] = "settle_segment"

    segment_id: SegmentId
    edition: int


class CreateSegmentBy(CreateSegment, frozen=True, kw_only=True):
    """With the brand's form, which the rule is held against."""

    form: Form


class ChangeSegmentBy(ChangeSegment, frozen=True, kw_only=True):
    """With the brand's form, which the rule is held against."""

    form: Form


SegmentCommand = CreateSegment | ChangeSegment | DeleteSegment | SettleSegment

# Decisions


def decide(state: Segment, command: SegmentCommand) -> list[SegmentEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, ID_TAKEN, or as `check_rule` does."""
    require(command.roles, *LEADERS)
    match command:
        case CreateSegment():
            return _create(state, command)
        case ChangeSegment():
            return _change(state, command)
        case DeleteSegment():
            _must_exist(state, deleted=True)
            return [] if state.deleted else [SegmentDeleted(edition=state.edition + 1)]
        case SettleSegment():
            return _settle(state, command)
        case _:
            assert_never(command)


def _create(state: Segment, command: CreateSegment) -> list[SegmentEvent]:
    if not state.edition:
        if command.rule is not None:
            check_rule(command.rule, _form(command))
        return [SegmentCreated(name=command.name, rule=command.rule)]
    if (state.name, state.rule, state.deleted) != (command.name, command.rule, False):
        raise DomainError("ID_TAKEN", "another segment has this id", ("segment_id",))
    return []


def _change(state: Segment, command: ChangeSegment) -> list[SegmentEvent]:
    _must_exist(state)
    events: list[SegmentEvent] = []
    if command.name not in (None, state.name):
        events.append(SegmentRenamed(name=command.name))
    if command.rule not in (None, state.rule):
        if state.rule is None:
            raise Invalid("leaders keep the list of this segment: it has no rule", ("rule",))
        check_rule(command.rule, _form(command))
        events.append(SegmentRedefined(edition=state.edition + 1, rule=command.rule))
    return events


def _settle(state: Segment, command: SettleSegment) -> list[SegmentEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform settles segments")
    _must_exist(state, deleted=True)
    # A newer edition is settled by its own pass.
    if command.edition != state.edition or (state.settled, state.reading) == (state.edition, READING):
        return []
    return [SegmentSettled(edition=command.edition, reading=READING)]


def _form(command: CreateSegment | ChangeSegment) -> Form:
    return command.form if isinstance(command, CreateSegmentBy | ChangeSegmentBy) else Form()


def _must_exist(state: Segment, *, deleted: bool = False) -> None:
    if not state.edition or (state.deleted and not deleted):
        raise NotFound("there is no such segment", ("segment_id",))


DECIDER: Decider[Segment, SegmentCommand, SegmentEvent] = Decider(
    aggregate="segment",
    initial=Segment(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.segment_id,
    commands=(CreateSegment, ChangeSegment, DeleteSegment, SettleSegment),
    events=(SegmentCreated, SegmentRenamed, SegmentRedefined, SegmentDeleted, SegmentSettled),
)
