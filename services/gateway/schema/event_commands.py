"""Mutations on events and RSVPs."""

from datetime import date, datetime
from typing import Any

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.loaders import RSVPS
from services.gateway.schema.audiences import AudienceInput
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
class EventAudienceInput(AudienceInput):
    """For whom an event is, beside who is invited; owners and builders always are.  {} is who is invited alone."""


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
    time_zone: str = strawberry.field(description="IANA name, such as Europe/Paris.")
    in_person_seats: int | None = None
    online_seats: int | None = None
    sessions: list[SessionInput] = strawberry.field(default_factory=list)
    audience: EventAudienceInput | None = strawberry.field(
        default=None, description="For whom alone it is there; nothing for every member."
    )
    command_id: CommandId = None


@strawberry.input
class EventInput:
    """An event."""

    event_id: ID
    command_id: CommandId = None


@strawberry.input
class ChangeEventAudienceInput:
    """For whom an event is from now on."""

    event_id: ID
    audience: EventAudienceInput | None = strawberry.field(
        description="For whom alone it is there; null for every member."
    )
    command_id: CommandId = None


@strawberry.input
class EventGuestsInput:
    """Members and an event."""

    event_id: ID
    member_ids: list[ID] = strawberry.field(description="Members of the brand, 1–100.")
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
        """Schedule an event, for every member or for an audience and who is invited.  Owners and builders only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
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
            **optional(
                in_person_seats=input.in_person_seats,
                online_seats=input.online_seats,
                audience=input.audience.fields(brand) if input.audience else None,
            ),
        )
        return EventPayload(done=done)

    @command
    async def cancel_event(self, info: Info, input: EventInput) -> EventPayload:  # noqa: A002
        """Cancel an event.  Owners and builders only."""
        return EventPayload(done=await _act(info, "cancel_event", input.event_id, input.command_id))

    @command
    async def change_event_audience(self, info: Info, input: ChangeEventAudienceInput) -> EventPayload:  # noqa: A002
        """Let only an audience and who is invited see an event, or every member.  Owners and builders only.

        Who has asked for a seat is on the guest list from then on.
        """
        brand = ids.expect(input.event_id, "eventId", "Event").brand
        audience = input.audience.fields(brand) if input.audience else None
        done = await _act(info, "change_event_audience", input.event_id, input.command_id, audience=audience)
        return EventPayload(done=done)

    @command
    async def invite_to_event(self, info: Info, input: EventGuestsInput) -> EventPayload:  # noqa: A002
        """Put members on the guest list of an event; each is told once.  Owners and builders only."""
        return EventPayload(done=await _act_on_guests(info, "invite_to_event", input))

    @command
    async def withdraw_event_invitations(self, info: Info, input: EventGuestsInput) -> EventPayload:  # noqa: A002
        """Take members off the guest list; if not every member may come, they give their seats back.

        Owners and builders only.
        """
        return EventPayload(done=await _act_on_guests(info, "withdraw_event_invitations", input))

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


async def _act_on_guests(info: Info, name: str, given: EventGuestsInput) -> Done:
    brand = ids.expect(given.event_id, "eventId", "Event").brand
    members = [ids.expect(one, "memberIds", "Member", brand=brand).key for one in given.member_ids]
    return await _act(info, name, given.event_id, given.command_id, member_ids=members)


def _session(session: SessionInput) -> dict[str, Any]:
    given = optional(
        recorded_on=session.recorded_on.isoformat() if session.recorded_on else None,
        duration_seconds=session.duration_seconds,
        language=session.language,
        url=session.url,
    )
    return {"title": session.title, "speakers": session.speakers, **given}
