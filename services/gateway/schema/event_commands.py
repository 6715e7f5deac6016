"""Mutations on events and RSVPs."""

from datetime import date, datetime
from typing import Any

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.loaders import RSVPS
from services.gateway.schema.common import CommandId, Payload, command, field, optional
from services.gateway.schema.events import AttendanceMode, Attendee, Event, EventFormat, load_event
from services.gateway.schema.members import Member, load_member


@strawberry.type
class EventPayload(Payload):
    """The event that was scheduled or changed."""

    @field
    async def event(self) -> Event | None:
        """The event, read at the command's position."""
        return await load_event(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class RsvpPayload(EventPayload):
    """The event and the sender's RSVP."""

    @field
    async def rsvp(self) -> Attendee | None:
        """The sender's RSVP; null after it was cancelled."""
        if self.done is None:
            return None
        return await RSVPS.object(self.done.scope, self.done.id, Attendee.of)


@strawberry.type
class CheckInPayload(EventPayload):
    """The event and the member who was checked in."""

    key: strawberry.Private[str] = ""

    @field
    async def member(self) -> Member | None:
        """Who was checked in."""
        return await load_member(self.done.scope, self.key) if self.done else None


@strawberry.input
class SessionInput:
    """One entry of an agenda."""

    title: str
    speakers: list[str] = strawberry.field(default_factory=list)
    recorded_on: date | None = None
    duration_seconds: int | None = None
    language: str | None = None
    url: str | None = None


@strawberry.input
class ScheduleEventInput:
    """A new event."""

    brand_id: ID
    title: str
    description: str = ""
    format: EventFormat
    starts_at: datetime = strawberry.field(description="With its offset from UTC.")
    ends_at: datetime = strawberry.field(description="With its offset from UTC.")
    all_day: bool = False
    time_zone: str = strawberry.field(description="IANA name.")
    in_person_seats: int | None = None
    online_seats: int | None = None
    sessions: list[SessionInput] = strawberry.field(default_factory=list)
    command_id: CommandId = None


@strawberry.input
class EventInput:
    """An event."""

    event_id: ID
    command_id: CommandId = None


@strawberry.input
class RsvpInput:
    """A seat at an event."""

    event_id: ID
    mode: AttendanceMode
    command_id: CommandId = None


@strawberry.input
class CheckInInput:
    """A member who has come; the sender without memberId."""

    event_id: ID
    member_id: ID | None = None
    command_id: CommandId = None


@strawberry.type
class EventMutation:
    """Commands on events."""

    @command
    async def schedule_event(self, info: Info, input: ScheduleEventInput) -> EventPayload:  # noqa: A002
        """Schedule an event.  Owners and builders only."""
        done = await info.context.act(
            ids.expect(input.brand_id, "brandId", "Brand").key,
            "events.event.schedule_event",
            input.command_id,
            creates="event_id",
            title=input.title,
            description=input.description,
            format=input.format.value,
            starts_at=input.starts_at,
            ends_at=input.ends_at,
            all_day=input.all_day,
            time_zone=input.time_zone,
            sessions=[_session(session) for session in input.sessions],
            **optional(in_person_seats=input.in_person_seats, online_seats=input.online_seats),
        )
        return EventPayload(done=done)

    @command
    async def cancel_event(self, info: Info, input: EventInput) -> EventPayload:  # noqa: A002
        """Cancel an event.  Owners and builders only."""
        return EventPayload(done=await _act(info, "cancel_event", input.event_id, input.command_id))

    @command
    async def rsvp(self, info: Info, input: RsvpInput) -> RsvpPayload:  # noqa: A002
        """Ask for a seat, or change the mode; when all are taken, wait for one."""
        done = await _act(info, "rsvp", input.event_id, input.command_id, mode=input.mode.value)
        return RsvpPayload(done=done)

    @command
    async def cancel_rsvp(self, info: Info, input: EventInput) -> RsvpPayload:  # noqa: A002
        """Give the seat back; whoever waits longest gets it."""
        return RsvpPayload(done=await _act(info, "cancel_rsvp", input.event_id, input.command_id))

    @command
    async def check_in(self, info: Info, input: CheckInInput) -> CheckInPayload:  # noqa: A002
        """Record that a member has come.  Stewards; online, members for themselves."""
        brand = ids.expect(input.event_id, "eventId", "Event").brand
        member = (
            ids.expect(input.member_id, "memberId", "Member", brand=brand).key
            if input.member_id is not None
            else info.context.member(brand)
        )
        done = await _act(info, "check_in", input.event_id, input.command_id, member_id=member)
        return CheckInPayload(done=done, key=member)


async def _act(info: Info, name: str, event_id: str, command_id: str | None, **fields: Any) -> Done:
    event = ids.expect(event_id, "eventId", "Event")
    return await info.context.act(event.brand, f"events.event.{name}", command_id, event_id=event.key, **fields)


def _session(session: SessionInput) -> dict[str, Any]:
    given = optional(
        recorded_on=session.recorded_on.isoformat() if session.recorded_on else None,
        duration_seconds=session.duration_seconds,
        language=session.language,
        url=session.url,
    )
    return {"title": session.title, "speakers": session.speakers, **given}
