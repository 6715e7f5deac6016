"""One event of a brand, in person, online or both: who has a seat, who waits for one, and who came.

Its facts and what they add up to; the rules stand in `decisions.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, assert_never

from msgspec import Struct, structs
from rpds import HashTrieMap

from libs.access.audience import Audience
from libs.shared.codec import Upcaster
from libs.shared.domain import Event
from services.events.guest_list import (
    EventAudienceChanged,
    GuestList,
    GuestListEvent,
    InvitationsWithdrawn,
    MembersInvited,
)
from services.events.programme import Session


class Mode(StrEnum):
    """How one member attends."""

    IN_PERSON = "in_person"
    ONLINE = "online"


class RsvpStatus(StrEnum):
    """Whether a member who asked has a seat."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"


class Format(StrEnum):
    """Where an event takes place."""

    IN_PERSON = "in_person"
    ONLINE = "online"
    HYBRID = "hybrid"


OFFERED: dict[Format, tuple[Mode, ...]] = {
    Format.IN_PERSON: (Mode.IN_PERSON,),
    Format.ONLINE: (Mode.ONLINE,),
    Format.HYBRID: (Mode.IN_PERSON, Mode.ONLINE),
}

# Events


class EventScheduled(Event, frozen=True, kw_only=True):
    """The event's actor put it on the calendar, for an audience only or for every member.

    Seats are counted by mode; None = as many as ask.  `organiser` is the actor; "" in events from before there were
    audiences.
    """

    wire_name: ClassVar[str] = "event_scheduled"
    version: ClassVar[int] = 2

    title: str
    description: str
    format: Format
    starts_at: datetime
    ends_at: datetime
    all_day: bool
    time_zone: str
    in_person_seats: int | None
    online_seats: int | None
    sessions: tuple[Session, ...]
    audience: Audience | None = None
    organiser: str = ""


class RsvpConfirmed(Event, frozen=True, kw_only=True):
    """The member has a seat.  `number` is drawn in the order of asking, from 1, by each request for a seat."""

    wire_name: ClassVar[str] = "rsvp_confirmed"

    member_id: str
    mode: Mode
    number: int


class RsvpWaitlisted(Event, frozen=True, kw_only=True):
    """The member waits for a seat; of those who wait for a mode, the lowest `number` is served first."""

    wire_name: ClassVar[str] = "rsvp_waitlisted"

    member_id: str
    mode: Mode
    number: int


class RsvpPromoted(Event, frozen=True, kw_only=True):
    """A seat became free for the member who waited longest for it."""

    wire_name: ClassVar[str] = "rsvp_promoted"

    member_id: str
    mode: Mode


class RsvpCancelled(Event, frozen=True, kw_only=True):
    """The member gave up what they had; `changed_to` says that they ask for the other mode in the same commit."""

    wire_name: ClassVar[str] = "rsvp_cancelled"

    member_id: str
    mode: Mode
    was: RsvpStatus
    changed_to: Mode | None = None


class AttendeeCheckedIn(Event, frozen=True, kw_only=True):
    """The member came."""

    wire_name: ClassVar[str] = "attendee_checked_in"

    member_id: str
    mode: Mode


class EventCancelled(Event, frozen=True, kw_only=True):
    """The event does not take place.  Its RSVPs stay on record."""

    wire_name: ClassVar[str] = "event_cancelled"


AttendanceEvent = RsvpConfirmed | RsvpWaitlisted | RsvpPromoted | RsvpCancelled | AttendeeCheckedIn
EventEvent = EventScheduled | EventCancelled | AttendanceEvent | GuestListEvent


def _scheduled_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Events were for every member."""
    return {**data, "audience": None, "organiser": ""}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {(EventScheduled.wire_name, 1): _scheduled_v1}

# State


class Attendance(Struct, frozen=True, kw_only=True):
    """What one member holds.  `number` is their place in the order of asking."""

    mode: Mode
    status: RsvpStatus
    number: int
    checked_in: bool = False


class Seats(Struct, frozen=True, kw_only=True):
    """The seats of one mode: `capacity` None = as many as ask; `queue` number → member.

    `head` is the lowest number in the queue while anyone waits.
    """

    capacity: int | None
    taken: int = 0
    queue: HashTrieMap[int, str] = HashTrieMap()
    head: int = 0

    @property
    def has_room(self) -> bool:
        """Whether whoever asks now gets a seat at once."""
        return not self.queue and (self.capacity is None or self.taken < self.capacity)

    @property
    def next_in_queue(self) -> str | None:
        """The member who waits longest."""
        return self.queue.get(self.head)

    def add(self, count: int) -> "Seats":
        """So many more seats are taken."""
        return structs.replace(self, taken=self.taken + count)

    def enqueue(self, number: int, member: str) -> "Seats":
        """The member waits at the end of the queue; `number` is higher than any before."""
        return structs.replace(self, queue=self.queue.insert(number, member), head=self.head if self.queue else number)

    def dequeue(self, number: int) -> "Seats":
        """The one with that number waits no longer.

        The head passes over each number at most once in the life of an event, so this is O(log n) amortised.
        """
        queue = self.queue.remove(number)
        head = self.head
        while queue and head not in queue:
            head += 1
        return structs.replace(self, queue=queue, head=head)


class Seating(Struct, frozen=True, kw_only=True):
    """All seats of an event by mode, and what each member holds.  `drawn` is the last number drawn."""

    drawn: int = 0
    seats: HashTrieMap[Mode, Seats] = HashTrieMap()
    attendances: HashTrieMap[str, Attendance] = HashTrieMap()

    @classmethod
    def of(cls, capacities: Mapping[Mode, int | None]) -> "Seating":
        """Empty seats of those modes."""
        return cls(seats=HashTrieMap({mode: Seats(capacity=capacity) for mode, capacity in capacities.items()}))

    def after(self, event: AttendanceEvent) -> "Seating":
        """The seating after one more fact."""
        match event:
            case RsvpConfirmed():
                attendance = Attendance(mode=event.mode, status=RsvpStatus.CONFIRMED, number=event.number)
                return self._hold(event.member_id, attendance, self.seats[event.mode].add(1))
            case RsvpWaitlisted():
                attendance = Attendance(mode=event.mode, status=RsvpStatus.WAITLISTED, number=event.number)
                return self._hold(
                    event.member_id, attendance, self.seats[event.mode].enqueue(event.number, event.member_id)
                )
            case RsvpPromoted():
                attendance = structs.replace(self.attendances[event.member_id], status=RsvpStatus.CONFIRMED)
                return self._hold(event.member_id, attendance, self.seats[event.mode].dequeue(attendance.number).add(1))
            case RsvpCancelled():
                return self._release(event.member_id)
            case AttendeeCheckedIn():
                came = structs.replace(self.attendances[event.member_id], checked_in=True)
                return structs.replace(self, attendances=self.attendances.insert(event.member_id, came))
            case _:
                assert_never(event)

    def _hold(self, member: str, attendance: Attendance, seats: Seats) -> "Seating":
        return structs.replace(
            self,
            drawn=max(self.drawn, attendance.number),
            seats=self.seats.insert(attendance.mode, seats),
            attendances=self.attendances.insert(member, attendance),
        )

    def _release(self, member: str) -> "Seating":
        left = self.attendances[member]
        before = self.seats[left.mode]
        after = before.add(-1) if left.status is RsvpStatus.CONFIRMED else before.dequeue(left.number)
        return structs.replace(
            self, seats=self.seats.insert(left.mode, after), attendances=self.attendances.remove(member)
        )


class Plan(Struct, frozen=True, kw_only=True):
    """When and where, as far as decisions need it."""

    format: Format
    starts_at: datetime
    ends_at: datetime
    in_person_seats: int | None
    online_seats: int | None


class CommunityEvent(Struct, frozen=True, kw_only=True):
    """What an event must remember to decide.  A missing event has no `plan`."""

    plan: Plan | None = None
    organiser: str = ""
    cancelled: bool = False
    seating: Seating = Seating()
    guests: GuestList = GuestList()


def evolve(state: CommunityEvent, event: EventEvent) -> CommunityEvent:
    """The event after one more fact."""
    match event:
        case EventScheduled():
            capacities = {Mode.IN_PERSON: event.in_person_seats, Mode.ONLINE: event.online_seats}
            offered = Seating.of({mode: capacities[mode] for mode in OFFERED[event.format]})
            guests = GuestList(audience=event.audience)
            return structs.replace(
                state, plan=plan_of(event), organiser=event.organiser, seating=offered, guests=guests
            )
        case EventCancelled():
            return structs.replace(state, cancelled=True)
        case EventAudienceChanged() | MembersInvited() | InvitationsWithdrawn():
            return structs.replace(state, guests=state.guests.after(event))
        case _:
            return structs.replace(state, seating=state.seating.after(event))


def plan_of(event: EventScheduled) -> Plan:
    """When and where the event was scheduled."""
    return Plan(
        format=event.format,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        in_person_seats=event.in_person_seats,
        online_seats=event.online_seats,
    )
