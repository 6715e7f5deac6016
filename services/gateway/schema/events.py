"""Events, who comes to them and what happens there."""

from datetime import date, datetime
from enum import Enum

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import AGENDAS, EVENTS, INVITED, RSVPS
from services.gateway.schema.audiences import Audience
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    Connection,
    First,
    Last,
    connection,
    field,
    optional,
    page_arguments,
)
from services.gateway.schema.followable import Followable
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions


@strawberry.enum(description="Where an event takes place.")
class EventFormat(Enum):
    """Formats, as services name them."""

    IN_PERSON = "in_person"
    ONLINE = "online"
    HYBRID = "hybrid"


@strawberry.enum(description="How a member attends.")
class AttendanceMode(Enum):
    """Modes, as services name them."""

    IN_PERSON = "in_person"
    ONLINE = "online"


@strawberry.enum(description="Whether a member has a seat.")
class RsvpStatus(Enum):
    """States of an RSVP, as services name them."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"


@strawberry.type(description="What happens at an event, and its recording.")
class Session:
    """One entry of an agenda."""

    title: str
    speakers: list[str]
    recorded_on: date | None
    duration_seconds: int | None
    language: str | None = strawberry.field(description="BCP 47 or ISO 639-3.")
    url: str | None

    @staticmethod
    def of(row: replies.SessionReply) -> "Session":
        """A session as a service sees it."""
        return Session(
            title=row.title,
            speakers=row.speakers,
            recorded_on=row.recorded_on,
            duration_seconds=row.duration_seconds,
            language=row.language,
            url=row.url,
        )


@strawberry.type(description="One member's RSVP to an event.")
class Attendee:
    """An RSVP."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    mode: AttendanceMode
    status: RsvpStatus
    number: int = strawberry.field(description="The order of asking, from 1; the waitlist moves up in it.")
    asked_at: datetime
    checked_in_at: datetime | None

    @staticmethod
    def of(row: replies.AttendeeReply, scope: Scope) -> "Attendee":
        """An RSVP as a service sees it."""
        return Attendee(
            scope=scope,
            key=row.member_id,
            mode=AttendanceMode(row.mode),
            status=RsvpStatus(row.status),
            number=row.number,
            asked_at=row.asked_at,
            checked_in_at=row.checked_in_at,
        )

    @batch
    @staticmethod
    async def member(those: list["Attendee"]) -> Answers[Member | None]:
        """Who attends."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type(description="A member who is invited to an event.")
class Invitee:
    """An entry of a guest list."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.InviteeReply]
    invited_at: datetime

    @batch
    @staticmethod
    async def member(those: list["Invitee"]) -> Answers[Member | None]:
        """Who is invited."""
        return await load_members((one.scope, one.row.member_id) for one in those)

    @batch
    @staticmethod
    async def invited_by(those: list["Invitee"]) -> Answers[Member | None]:
        """Who invited them; null for the platform and for programs."""
        return await load_members((one.scope, one.row.invited_by) for one in those)

    @field
    def rsvp(self) -> Attendee | None:
        """Their RSVP; null for who has none."""
        return Attendee.of(self.row.rsvp, self.scope) if self.row.rsvp else None


@strawberry.type(
    description="For whom an event is, beside who is invited; owners and builders always are.  "
    "Without roles and segments it is for who is invited alone."
)
class EventAudience(Audience):
    """An audience."""


@strawberry.type(description="An event of a brand.")
class Event(Followable):
    """An event with its counts."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.EventReply]
    title: str
    description: str = strawberry.field(description="Markdown.")
    format: EventFormat
    starts_at: datetime
    ends_at: datetime
    all_day: bool
    time_zone: str = strawberry.field(description="IANA name of the zone that the event lives in.")
    in_person_seats: int | None = strawberry.field(description="Null without a limit.")
    online_seats: int | None = strawberry.field(description="Null without a limit.")
    scheduled_at: datetime
    cancelled_at: datetime | None
    going_in_person: int
    going_online: int
    waitlisted_in_person: int
    waitlisted_online: int
    checked_in_count: int
    session_count: int
    audience: EventAudience | None = strawberry.field(
        description="For whom alone it is there, beside who is invited; null for an event for every member."
    )

    @staticmethod
    def of(row: replies.EventReply, scope: Scope) -> "Event":
        """An event as a service sees it."""
        return Event(
            id=ids.encode("Event", scope.brand, row.id),
            scope=scope,
            row=row,
            title=row.title,
            description=row.description,
            format=EventFormat(row.format),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            all_day=row.all_day,
            time_zone=row.time_zone,
            in_person_seats=row.in_person_seats,
            online_seats=row.online_seats,
            scheduled_at=row.scheduled_at,
            cancelled_at=row.cancelled_at,
            going_in_person=row.going_in_person,
            going_online=row.going_online,
            waitlisted_in_person=row.waitlisted_in_person,
            waitlisted_online=row.waitlisted_online,
            checked_in_count=row.checked_in,
            session_count=row.session_count,
            audience=EventAudience.of(row.audience, scope.brand) if row.audience else None,
        )

    @field
    def going_count(self) -> int:
        """How many have a seat, in person and online."""
        return self.going_in_person + self.going_online

    @batch
    @staticmethod
    async def scheduled_by(those: list["Event"]) -> Answers[Member | None]:
        """Null for what the platform itself scheduled."""
        return await load_members((one.scope, one.row.scheduled_by) for one in those)

    @batch
    @staticmethod
    async def sessions(those: list["Event"]) -> Answers[list[Session]]:
        """The agenda."""
        agendas = await AGENDAS.rows((one.scope, one.row.id) for one in those)
        return [
            agenda if isinstance(agenda, Exception) else [Session.of(row) for row in agenda or ()] for agenda in agendas
        ]

    @field
    async def attendees(
        self,
        status: RsvpStatus | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Attendee]:
        """Who asked for a seat, in the order of asking."""
        page = page_arguments(first, after, last, before)
        wanted = optional(status=status.value if status else None)
        reply = replies.PageReply[replies.AttendeeReply]
        found = await self.scope.ask("events", "attendee_page", reply, event_id=self.row.id, page=page, **wanted)
        return connection(found, lambda row: Attendee.of(row, self.scope))

    @field
    async def invitees(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Invitee] | None:
        """Who is invited, in the order of the invitations.  Owners, builders and who scheduled it only."""
        page = page_arguments(first, after, last, before)
        reply = replies.PageReply[replies.InviteeReply]
        found = await self.scope.ask("events", "invitee_page", reply, event_id=self.row.id, page=page)
        return connection(found, lambda row: Invitee(scope=self.scope, row=row, invited_at=row.invited_at))

    @batch
    @staticmethod
    async def viewer_is_invited(those: list["Event"]) -> Answers[bool]:
        """Whether the sender is invited."""
        return await INVITED.present(((one.scope, one.row.id) for one in those), _invited)

    @batch
    @staticmethod
    async def viewer_rsvp(those: list["Event"]) -> Answers[Attendee | None]:
        """The sender's own RSVP."""
        return await RSVPS.objects(((one.scope, one.row.id) for one in those), Attendee.of)

    @batch
    @staticmethod
    async def viewer_can(those: list["Event"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("event", ((one.scope, one.row.id) for one in those), "events", "members")


def _invited(invited: bool, _: Scope) -> bool:
    return invited


async def load_event(scope: Scope, key: str) -> Event | None:
    """An event by id."""
    return await EVENTS.object(scope, key, Event.of)


@strawberry.type
class BrandEvents(BrandPart):
    """The part of a brand that the events service answers."""

    @field
    async def events(
        self,
        info: Info,
        *,
        starts_from: datetime | None = None,
        starts_before: datetime | None = None,
        descending: bool = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Event] | None:
        """Events by their start.  Members only.  For what is to come: startsFrom = now."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        bounds = optional(starts_from=starts_from, starts_before=starts_before)
        reply = replies.PageReply[replies.EventReply]
        found = await scope.ask("events", "event_calendar", reply, page=page, descending=descending, **bounds)
        return connection(found, lambda row: Event.of(row, scope))

    @field
    async def event(self, info: Info, id: ID) -> Event | None:  # noqa: A002 - the argument's name in the schema
        """One event of this brand.  Members only."""
        scope, found = self.inside(info), ids.decode(id)
        if found is None or found.type != "Event" or found.brand != scope.brand:
            return None
        return await load_event(scope, found.key)
