"""Who attends an event, who waits for a seat and in which order, and who came."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple, assert_never

from msgspec import Meta, Struct, structs
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.export import within
from libs.shared.domain import Event, Id
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Counter, SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.events.decisions import DECIDER
from services.events.event import (
    UPCASTERS,
    AttendeeCheckedIn,
    EventCancelled,
    EventEvent,
    EventScheduled,
    Mode,
    RsvpCancelled,
    RsvpConfirmed,
    RsvpPromoted,
    RsvpStatus,
    RsvpWaitlisted,
)
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited
from services.events.views.guests import COLLECTIONS, EXCLUSIVE, INVITED, AskedOfEvents, guest_changes, hidden_among

# Questions and answers


class AttendeePage(AskedOfEvents, frozen=True, kw_only=True):
    """Who asked for a seat at an event, in the order of asking; `status` None = both."""

    wire_name: ClassVar[str] = "attendee_page"

    event_id: Id
    status: RsvpStatus | None = None
    page: PageRequest = PageRequest()


class ViewerRsvps(AskedOfEvents, frozen=True, kw_only=True):
    """What the viewer holds at each of many events."""

    wire_name: ClassVar[str] = "viewer_rsvps"

    ids: Annotated[list[Id], Meta(max_length=100)]


class InviteePage(AskedOfEvents, frozen=True, kw_only=True):
    """Who is on the guest list of an event, in the order of the invitations."""

    wire_name: ClassVar[str] = "invitee_page"

    event_id: Id
    page: PageRequest = PageRequest()


class ViewerInvited(AskedOfEvents, frozen=True, kw_only=True):
    """Whether the viewer is on the guest lists of many events."""

    wire_name: ClassVar[str] = "viewer_invited"

    ids: Annotated[list[Id], Meta(max_length=100)]


class AttendeeView(Struct, frozen=True, kw_only=True):
    """A member's RSVP.  `number` is drawn in the order of asking; of those who wait, the lowest is served first."""

    event_id: str
    member_id: str
    mode: Mode
    status: RsvpStatus
    number: int
    asked_at: datetime
    checked_in_at: datetime | None


class AttendeePageResult(Page[AttendeeView], frozen=True, kw_only=True):
    """A page of RSVPs and how many there are of that status."""

    total_count: int


class InviteeView(Struct, frozen=True, kw_only=True):
    """A member on a guest list, and their answer: what they have at the event."""

    event_id: str
    member_id: str
    invited_at: datetime
    invited_by: str
    rsvp: AttendeeView | None


class InviteePageResult(Page[InviteeView], frozen=True, kw_only=True):
    """A page of a guest list and how many are on it."""

    total_count: int


class Stake(NamedTuple):
    """What a member has at an event, or is invited to, and since when."""

    event_id: str
    member_id: str
    since_ms: int


# The read model


class AttendanceSheetView(View):
    """`attendances`: a document an RSVP, `_id` brand:event:member, `event` brand:event.

    `tallies`: a document an event with how many are `confirmed`, `waitlisted` and `invited`, the last number `drawn`,
    and its `organiser`.  The others: as `guests.py` says.
    """

    name = "attendance_sheet"
    version = 2
    stream = "EVENTS"
    subjects = ("evt.events.*.event.>",)
    events: ClassVar[tuple[type[Event], ...]] = DECIDER.events
    upcasters = UPCASTERS
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        **COLLECTIONS,
        INVITED: (*COLLECTIONS[INVITED], page_index("event", "invited_at_ms")),
        "attendances": (
            page_index("event", "number"),
            page_index("event", "status", "number"),
            IndexModel("member_id"),
        ),
        "tallies": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Write | SetMember]:
        """The writes that one event makes."""
        event: EventEvent = recorded.event
        sheet = f"{recorded.brand}:{recorded.aggregate_id}"
        yield from guest_changes(recorded, invited=[Counter("tallies", sheet, "invited")])
        match event:
            case RsvpConfirmed():
                yield _ask(recorded, event, RsvpStatus.CONFIRMED)
                yield _tally(sheet, {"$inc": {"confirmed": 1}, "$set": {"drawn": event.number}})
            case RsvpWaitlisted():
                yield _ask(recorded, event, RsvpStatus.WAITLISTED)
                yield _tally(sheet, {"$inc": {"waitlisted": 1}, "$set": {"drawn": event.number}})
            case RsvpPromoted():
                yield _set(sheet, event.member_id, status=RsvpStatus.CONFIRMED.value)
                yield _tally(sheet, {"$inc": {"waitlisted": -1, "confirmed": 1}})
            case RsvpCancelled():
                yield Write("attendances", DeleteOne({"_id": f"{sheet}:{event.member_id}"}))
                yield _tally(sheet, {"$inc": {event.was.value: -1}})
            case AttendeeCheckedIn():
                yield _set(sheet, event.member_id, checked_in_at_ms=to_ms(recorded.time))
            case EventScheduled():
                yield Write("tallies", UpdateOne({"_id": sheet}, {"$set": {"organiser": recorded.actor}}, upsert=True))
            case EventCancelled() | EventAudienceChanged() | MembersInvited() | InvitationsWithdrawn():
                return
            case _:
                assert_never(event)

    async def attendee_page(self, query: AttendeePage) -> AttendeePageResult:
        """The RSVPs of one page; an empty one for an event that the brand does not have."""
        sheet = f"{query.brand}:{query.event_id}"
        if await hidden_among(self, query, [query.event_id]):
            return AttendeePageResult(items=[], cursors=[], has_next=False, has_previous=False, total_count=0)
        prefix = {"event": sheet} if query.status is None else {"event": sheet, "status": query.status.value}
        tally = await self.collection("tallies").find_one({"_id": sheet}) or {}
        found = await page(
            self.collection("attendances"),
            prefix=prefix,
            key="number",
            request=query.page,
            floor=1,
            ceiling=tally.get("drawn", 0),
        )
        statuses = list(RsvpStatus) if query.status is None else [query.status]
        return AttendeePageResult(
            items=[_attendee_view(document) for document in found.items],
            cursors=found.cursors,
            has_next=found.has_next,
            has_previous=found.has_previous,
            total_count=sum(tally.get(status.value, 0) for status in statuses),
        )

    async def viewer_rsvps(self, query: ViewerRsvps) -> list[AttendeeView | None]:
        """The viewer's RSVPs in the order of the event ids; None where there is none."""
        keys = [f"{query.brand}:{event_id}:{query.viewer}" for event_id in query.ids]
        found = {one.event_id: one for one in await self._attendances(keys)}
        hidden = await hidden_among(self, query, found)
        return [None if event_id in hidden else found.get(event_id) for event_id in query.ids]

    async def invitee_page(self, query: InviteePage) -> InviteePageResult:
        """The guest list of one page, with what each has at the event."""
        sheet = f"{query.brand}:{query.event_id}"
        if await hidden_among(self, query, [query.event_id]):
            return InviteePageResult(items=[], cursors=[], has_next=False, has_previous=False, total_count=0)
        found = await page(self.collection(INVITED), prefix={"event": sheet}, key="invited_at_ms", request=query.page)
        tally = await self.collection("tallies").find_one({"_id": sheet}) or {}
        answers = {one.member_id: one for one in await self._attendances([document["_id"] for document in found.items])}
        return InviteePageResult(
            **structs.asdict(found.map(lambda document: _invitee_view(document, answers.get(document["member_id"])))),
            total_count=tally.get("invited", 0),
        )

    async def viewer_invited(self, query: ViewerInvited) -> list[bool]:
        """Whether the viewer is on the guest lists, in the order of the event ids."""
        keys = [f"{query.brand}:{event_id}:{query.viewer}" for event_id in query.ids]
        found = {
            document["_id"] async for document in self.collection(INVITED).find({"_id": {"$in": keys}}, {"_id": 1})
        }
        return [key in found for key in keys]

    async def stakes(self, brand: str, members: Sequence[str]) -> list[Stake]:
        """What these members have at events and which guest lists they are on."""
        rsvps = self.collection("attendances").find({"member_id": {"$in": list(members)}, "event": within(brand)})
        whose = {"whose": {"$in": [f"{brand}:{member}" for member in members]}}
        return [
            *[Stake(one["event_id"], one["member_id"], one["asked_at_ms"]) async for one in rsvps],
            *[
                Stake(one["event_id"], one["member_id"], one["invited_at_ms"])
                async for one in self.collection(INVITED).find(whose)
            ],
        ]

    async def ways_in(self, brand: str, event_ids: Iterable[str]) -> dict[str, list[str]]:
        """The ways into those of the events that are not for every member."""
        found = self.collection(EXCLUSIVE).find({"_id": {"$in": [f"{brand}:{id_}" for id_ in event_ids]}})
        return {one["event_id"]: one["ways_in"] async for one in found}

    async def organises(self, brand: str, event_id: str, member: str) -> bool:
        """Whether a member scheduled an event, as far as the view has come."""
        tally = await self.collection("tallies").find_one({"_id": f"{brand}:{event_id}"})
        return tally is not None and tally.get("organiser") == member

    async def _attendances(self, keys: Sequence[str]) -> list[AttendeeView]:
        found = self.collection("attendances").find({"_id": {"$in": list(keys)}})
        return [_attendee_view(document) async for document in found]


def _ask(recorded: Recorded[Any], event: RsvpConfirmed | RsvpWaitlisted, status: RsvpStatus) -> Write:
    sheet = f"{recorded.brand}:{recorded.aggregate_id}"
    document = {
        "_id": f"{sheet}:{event.member_id}",
        "event": sheet,
        "event_id": recorded.aggregate_id,
        "member_id": event.member_id,
        "mode": event.mode.value,
        "status": status.value,
        "number": event.number,
        "asked_at_ms": to_ms(recorded.time),
        "checked_in_at_ms": None,
    }
    return Write("attendances", ReplaceOne({"_id": document["_id"]}, document, upsert=True))


def _set(sheet: str, member: str, **fields: str | int) -> Write:
    return Write("attendances", UpdateOne({"_id": f"{sheet}:{member}"}, {"$set": fields}))


def _tally(sheet: str, update: dict[str, dict[str, int]]) -> Write:
    return Write("tallies", UpdateOne({"_id": sheet}, update, upsert=True))


def _invitee_view(document: Mapping[str, Any], rsvp: AttendeeView | None) -> InviteeView:
    return InviteeView(
        event_id=document["event_id"],
        member_id=document["member_id"],
        invited_at=from_ms(document["invited_at_ms"]),
        invited_by=document["invited_by"],
        rsvp=rsvp,
    )


def _attendee_view(document: Mapping[str, Any]) -> AttendeeView:
    checked_in_at_ms = document["checked_in_at_ms"]
    return AttendeeView(
        event_id=document["event_id"],
        member_id=document["member_id"],
        mode=Mode(document["mode"]),
        status=RsvpStatus(document["status"]),
        number=document["number"],
        asked_at=from_ms(document["asked_at_ms"]),
        checked_in_at=None if checked_in_at_ms is None else from_ms(checked_in_at_ms),
    )
