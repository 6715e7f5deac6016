"""What an event decides about its guest list: for whom it is, who is invited, and who has to give up a seat."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta

from libs.access.audience import Audience
from libs.access.roles import LEADERS, require
from libs.access.scopes import is_account
from libs.shared.domain import SYSTEM, Command, DomainError, Forbidden, Id
from services.events.event import CommunityEvent, EventEvent, RsvpStatus
from services.events.ground_rules import existing, given_up, still_open
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited

#: How many stand on one guest list.
MAX_INVITED: Final = 10_000

_Members = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]

# Commands


class ChangeEventAudience(Command, frozen=True, kw_only=True):
    """Let only an audience and who is invited see the event, or (None) every member.  Leaders."""

    wire_name: ClassVar[str] = "change_event_audience"

    event_id: Id
    audience: Audience | None


class InviteToEvent(Command, frozen=True, kw_only=True):
    """Put members on the guest list, also of an event for every member.  Leaders."""

    wire_name: ClassVar[str] = "invite_to_event"

    event_id: Id
    member_ids: _Members


class WithdrawEventInvitations(Command, frozen=True, kw_only=True):
    """Take members off the guest list; where the event is not for everybody, they give up what they have.  Leaders."""

    wire_name: ClassVar[str] = "withdraw_event_invitations"

    event_id: Id
    member_ids: _Members


class ReleaseAttendee(Command, frozen=True, kw_only=True):
    """A member is let in no longer, or has left the brand: they give up what they have.  The platform."""

    wire_name: ClassVar[str] = "release_attendee"

    event_id: Id
    member_id: Id
    left_brand: bool


InvitingCommand = ChangeEventAudience | InviteToEvent | WithdrawEventInvitations | ReleaseAttendee

# Decisions


def decide_inviting(state: CommunityEvent, command: InvitingCommand) -> list[EventEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, EVENT_CANCELLED, EVENT_OVER, TOO_MANY_INVITED.
    """
    match command:
        case ChangeEventAudience():
            return _change_audience(state, command)
        case InviteToEvent():
            return _invite(state, command)
        case WithdrawEventInvitations():
            require(command.roles, *LEADERS)
            existing(state)
            return _take_off(state, command.member_ids, command.now)
        case ReleaseAttendee():
            return _let_go(state, command)
        case _:
            assert_never(command)


def hosts(organiser: str) -> tuple[str, ...]:
    """Who is on the guest list for organising the event: neither programs nor who is not known."""
    return () if organiser in {"", SYSTEM} or is_account(organiser) else (organiser,)


def _change_audience(state: CommunityEvent, command: ChangeEventAudience) -> list[EventEvent]:
    require(command.roles, *LEADERS)
    existing(state)
    if command.audience == state.guests.audience:
        return []
    if command.audience is None:
        return [EventAudienceChanged(audience=None)]
    kept = {*state.seating.attendances, *hosts(state.organiser)}
    return [EventAudienceChanged(audience=command.audience, invited=_newly(state, sorted(kept)))]


def _invite(state: CommunityEvent, command: InviteToEvent) -> list[EventEvent]:
    require(command.roles, *LEADERS)
    existing(state)
    newly = _newly(state, command.member_ids)
    if not newly:
        return []
    still_open(state, command.now)
    return [MembersInvited(member_ids=newly)]


def _newly(state: CommunityEvent, members: Iterable[str]) -> tuple[str, ...]:
    """Those who are not on the list yet, each once.  Raises TOO_MANY_INVITED."""
    newly = tuple(member for member in dict.fromkeys(members) if member not in state.guests.invited)
    if len(state.guests.invited) + len(newly) > MAX_INVITED:
        raise DomainError("TOO_MANY_INVITED", f"a guest list holds {MAX_INVITED} members", ("event_id",))
    return newly


def _let_go(state: CommunityEvent, command: ReleaseAttendee) -> list[EventEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform says this")
    existing(state)
    member, guests = command.member_id, state.guests
    if command.left_brand:
        return [*_withdrawn(state, [member]), *_seats_of(state, [member], command.now)]
    if guests.audience is None or member in guests.invited:
        return []  # is let in again
    return _seats_of(state, [member], command.now)


def _take_off(state: CommunityEvent, members: Iterable[str], now: datetime) -> list[EventEvent]:
    gone = [member for member in dict.fromkeys(members) if member in state.guests.invited]
    withdrawn = _withdrawn(state, gone)
    return withdrawn if state.guests.audience is None else [*withdrawn, *_seats_of(state, gone, now)]


def _withdrawn(state: CommunityEvent, members: Iterable[str]) -> list[EventEvent]:
    gone = tuple(member for member in members if member in state.guests.invited)
    return [InvitationsWithdrawn(member_ids=gone)] if gone else []


def _seats_of(state: CommunityEvent, members: Iterable[str], now: datetime) -> list[EventEvent]:
    """What becomes of the seats of those who go: nothing any more once they came, or it was called off or is over."""
    plan, seating, events = existing(state), state.seating, list[EventEvent]()
    if state.cancelled or now >= plan.ends_at:
        return events
    held = [(member, one) for member in members if (one := seating.attendances.get(member)) and not one.checked_in]
    # Who waits goes first, so that none of them gets a seat in between.
    for member, attendance in sorted(held, key=lambda one: one[1].status is RsvpStatus.CONFIRMED):
        for event in given_up(seating, member, attendance):
            seating = seating.after(event)
            events.append(event)
    return events
