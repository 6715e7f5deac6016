"""What an event decides: the commands of members, stewards and leaders, and the facts that follow from them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, ClassVar, assert_never
from zoneinfo import available_timezones

from msgspec import Meta

from libs.access.audience import Audience
from libs.access.roles import LEADERS, STEWARDS, Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Forbidden, Id, Invalid
from libs.shared.text import Body, Line
from services.events.event import (
    OFFERED,
    AttendeeCheckedIn,
    CommunityEvent,
    EventCancelled,
    EventEvent,
    EventScheduled,
    Format,
    Mode,
    RsvpCancelled,
    RsvpConfirmed,
    RsvpPromoted,
    RsvpStatus,
    RsvpWaitlisted,
    evolve,
    plan_of,
)
from services.events.ground_rules import AsGuest, existing, existing_for, given_up, still_open
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited
from services.events.inviting import (
    ChangeEventAudience,
    InviteToEvent,
    InvitingCommand,
    ReleaseAttendee,
    WithdrawEventInvitations,
    decide_inviting,
    hosts,
)
from services.events.programme import PlannedSession

#: How long before the start check-in opens; it closes at the end.
CHECK_IN_OPENS_BEFORE = timedelta(hours=24)

# Commands

_Instant = Annotated[datetime, Meta(tz=True, description="with an offset from UTC; the year 1900–2199")]
_SeatCount = Annotated[int, Meta(ge=1, le=1_000_000)]


class ScheduleEvent(Command, frozen=True, kw_only=True):
    """Put an event on the calendar, also one long past; with an `audience` for it and who is invited only.  Leaders.

    `time_zone` is a name of the IANA database.
    """

    wire_name: ClassVar[str] = "schedule_event"

    event_id: Id
    title: Line
    description: Body = ""
    format: Format
    starts_at: _Instant
    ends_at: _Instant
    all_day: bool = False
    time_zone: Annotated[str, Meta(max_length=64)]
    in_person_seats: _SeatCount | None = None
    online_seats: _SeatCount | None = None
    sessions: Annotated[tuple[PlannedSession, ...], Meta(max_length=500)] = ()
    audience: Audience | None = None


class Rsvp(AsGuest, frozen=True, kw_only=True):
    """Ask for a seat in a mode, or for one in the other mode instead.  Members, for themselves."""

    wire_name: ClassVar[str] = "rsvp"

    event_id: Id
    mode: Mode


class CancelRsvp(AsGuest, frozen=True, kw_only=True):
    """Give up the seat or the place in the queue.  Members, for themselves."""

    wire_name: ClassVar[str] = "cancel_rsvp"

    event_id: Id


class CheckIn(AsGuest, frozen=True, kw_only=True):
    """Note that a member came.  Stewards; members who attend online, for themselves."""

    wire_name: ClassVar[str] = "check_in"

    event_id: Id
    member_id: Id


class CancelEvent(Command, frozen=True, kw_only=True):
    """Call the event off.  Leaders."""

    wire_name: ClassVar[str] = "cancel_event"

    event_id: Id


EventCommand = ScheduleEvent | Rsvp | CancelRsvp | CheckIn | CancelEvent | InvitingCommand

# Decisions


def decide(state: CommunityEvent, command: EventCommand) -> list[EventEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, INVALID, ID_TAKEN, EVENT_CANCELLED, EVENT_OVER, MODE_NOT_OFFERED, NOT_ATTENDING,
    CHECK_IN_CLOSED, ALREADY_CHECKED_IN, TOO_MANY_INVITED.
    """
    match command:
        case ScheduleEvent():
            return _schedule(state, command)
        case Rsvp():
            return _rsvp(state, command)
        case CancelRsvp():
            return _cancel_rsvp(state, command)
        case CheckIn():
            return _check_in(state, command)
        case CancelEvent():
            require(command.roles, *LEADERS)
            existing(state)
            return [] if state.cancelled else [EventCancelled()]
        case ChangeEventAudience() | InviteToEvent() | WithdrawEventInvitations() | ReleaseAttendee():
            return decide_inviting(state, command)
        case _:
            assert_never(command)


def _schedule(state: CommunityEvent, command: ScheduleEvent) -> list[EventEvent]:
    require(command.roles, *LEADERS)
    scheduled = EventScheduled(
        title=command.title,
        description=command.description,
        format=command.format,
        starts_at=_utc(command.starts_at, "starts_at"),
        ends_at=_utc(command.ends_at, "ends_at"),
        all_day=command.all_day,
        time_zone=command.time_zone,
        in_person_seats=command.in_person_seats,
        online_seats=command.online_seats,
        sessions=tuple(session.as_session() for session in command.sessions),
        audience=command.audience,
        organiser=command.actor,
    )
    if scheduled.ends_at < scheduled.starts_at:
        raise Invalid("an event cannot end before it starts", ("ends_at",))
    if scheduled.time_zone not in _time_zones():
        raise Invalid("this is not a time zone of the IANA database", ("time_zone",))
    if scheduled.format is Format.ONLINE and scheduled.in_person_seats is not None:
        raise Invalid("an online event has no seats in person", ("in_person_seats",))
    if scheduled.format is Format.IN_PERSON and scheduled.online_seats is not None:
        raise Invalid("an event in person has no seats online", ("online_seats",))
    if state.plan is None:
        guests = () if scheduled.audience is None else hosts(command.actor)
        return [scheduled, MembersInvited(member_ids=guests)] if guests else [scheduled]
    if state.plan != plan_of(scheduled):
        raise DomainError("ID_TAKEN", "another event has this id", ("event_id",))
    return []


def _rsvp(state: CommunityEvent, command: Rsvp) -> list[EventEvent]:
    _for_themself(command)
    existing_for(state, command)
    plan = still_open(state, command.now)
    if command.mode not in OFFERED[plan.format]:
        raise DomainError("MODE_NOT_OFFERED", f"nobody attends this event {command.mode.value}", ("mode",))
    current = state.seating.attendances.get(command.actor)
    if current is not None and current.mode is command.mode:
        return []
    released = [] if current is None else given_up(state.seating, command.actor, current, command.mode)
    admitted = RsvpConfirmed if state.seating.seats[command.mode].has_room else RsvpWaitlisted
    return [*released, admitted(member_id=command.actor, mode=command.mode, number=state.seating.drawn + 1)]


def _cancel_rsvp(state: CommunityEvent, command: CancelRsvp) -> list[EventEvent]:
    _for_themself(command)
    existing_for(state, command)
    current = state.seating.attendances.get(command.actor)
    if current is None:
        return []
    still_open(state, command.now)
    return [*given_up(state.seating, command.actor, current)]


def _check_in(state: CommunityEvent, command: CheckIn) -> list[EventEvent]:
    require(command.roles, Role.MEMBER)
    is_steward = not STEWARDS.isdisjoint(command.roles)
    if not is_steward and command.member_id != command.actor:
        raise Forbidden("only those who run the event check others in", ("member_id",))
    plan = existing_for(state, command)
    if state.cancelled:
        raise DomainError("EVENT_CANCELLED", "this event was called off", ("event_id",))
    attendance = state.seating.attendances.get(command.member_id)
    if attendance is None or attendance.status is not RsvpStatus.CONFIRMED:
        raise DomainError("NOT_ATTENDING", "this member has no seat", ("member_id",))
    if attendance.checked_in:
        return []
    if not is_steward and attendance.mode is not Mode.ONLINE:
        raise Forbidden("those who run the event check you in at the door")
    if not plan.starts_at - CHECK_IN_OPENS_BEFORE <= command.now <= plan.ends_at:
        raise DomainError("CHECK_IN_CLOSED", "check-in is open from 24 hours before the start until the end")
    return [AttendeeCheckedIn(member_id=command.member_id, mode=attendance.mode)]


def _for_themself(command: Rsvp | CancelRsvp) -> None:
    require(command.roles, Role.MEMBER)
    if command.actor == SYSTEM:
        raise Forbidden("only a member attends an event")


def _utc(instant: datetime, field: str) -> datetime:
    if not 1900 <= instant.year < 2200:
        raise Invalid("the year must be between 1900 and 2199", (field,))
    return instant.astimezone(UTC)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


DECIDER: Decider[CommunityEvent, EventCommand, EventEvent] = Decider(
    aggregate="event",
    initial=CommunityEvent(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.event_id,
    commands=(
        ScheduleEvent,
        Rsvp,
        CancelRsvp,
        CheckIn,
        CancelEvent,
        ChangeEventAudience,
        InviteToEvent,
        WithdrawEventInvitations,
        ReleaseAttendee,
    ),
    events=(
        EventScheduled,
        RsvpConfirmed,
        RsvpWaitlisted,
        RsvpPromoted,
        RsvpCancelled,
        AttendeeCheckedIn,
        EventCancelled,
        EventAudienceChanged,
        MembersInvited,
        InvitationsWithdrawn,
    ),
)
