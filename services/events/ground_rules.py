"""What all decisions of an event rest on: whether it is there, and for whom, and whether it is still to come."""

from datetime import datetime

from libs.access.audience import Viewer
from libs.shared.domain import Command, DomainError, NotFound
from services.events.event import (
    Attendance,
    CommunityEvent,
    Mode,
    Plan,
    RsvpCancelled,
    RsvpPromoted,
    RsvpStatus,
    Seating,
)


class AsGuest(Command, frozen=True, kw_only=True):
    """A command about an event that is there only for who is let in.

    `segments` never travel: the service puts in those of the actor, None where the event asks for none.
    """

    segments: frozenset[str] | None = None


def existing(state: CommunityEvent) -> Plan:
    """When and where it takes place.  Raises NOT_FOUND."""
    if state.plan is None:
        raise _missing()
    return state.plan


def existing_for(state: CommunityEvent, command: AsGuest) -> Plan:
    """The same for the actor: to who is not let in it is not there.  Raises NOT_FOUND, CONFLICT."""
    plan, audience = existing(state), state.guests.audience
    if state.guests.admits(command.actor, Viewer(command.roles, command.segments or frozenset())):
        return plan
    if command.segments is None and audience is not None and audience.segments:
        # Another process let segments in, a moment ago: who was asked for none may be in one.
        raise DomainError("CONFLICT", "for whom this event is has just changed; try again")
    raise _missing()


def _missing() -> NotFound:
    return NotFound("there is no such event", ("event_id",))


def still_open(state: CommunityEvent, now: datetime) -> Plan:
    """The plan of an event that is to come.  Raises NOT_FOUND, EVENT_CANCELLED, EVENT_OVER."""
    plan = existing(state)
    if state.cancelled:
        raise DomainError("EVENT_CANCELLED", "this event was called off", ("event_id",))
    if now >= plan.ends_at:
        raise DomainError("EVENT_OVER", "this event is over", ("event_id",))
    return plan


def given_up(
    seating: Seating, member: str, current: Attendance, changed_to: Mode | None = None
) -> list[RsvpCancelled | RsvpPromoted]:
    """A member gives up what they have; the first in the queue gets the seat.  Raises ALREADY_CHECKED_IN."""
    if current.checked_in:
        raise DomainError("ALREADY_CHECKED_IN", "who has come keeps the seat")
    cancelled = RsvpCancelled(member_id=member, mode=current.mode, was=current.status, changed_to=changed_to)
    following = seating.seats[current.mode].next_in_queue
    if current.status is RsvpStatus.WAITLISTED or following is None:
        return [cancelled]
    return [cancelled, RsvpPromoted(member_id=following, mode=current.mode)]
