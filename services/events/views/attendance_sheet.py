"""Who attends an event, who waits for a seat and in which order, and who came."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Meta, Struct, structs
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.shared.domain import Event, Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.events.decisions import DECIDER
from services.events.event import (
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

# Questions and answers


class AttendeePages(Query, frozen=True, kw_only=True):
    """The same page of those who asked for a seat, in the order of asking, of each of many events, in that of `ids`.

    `status` None = both.
    """

    wire_name: ClassVar[str] = "attendee_pages"

    ids: Annotated[list[Id], Meta(max_length=100)]
    status: RsvpStatus | None = None
    page: PageRequest = PageRequest()


class ViewerRsvps(Query, frozen=True, kw_only=True):
    """What the viewer holds at each of many events."""

    wire_name: ClassVar[str] = "viewer_rsvps"

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


# The read model


class AttendanceSheetView(View):
    """`attendances`: a document an RSVP, `_id` brand:event:member, `event` brand:event.

    `tallies`: a document an event with how many are `confirmed` and `waitlisted`, and the last number `drawn`.
    """

    name = "attendance_sheet"
    version = 1
    stream = "EVENTS"
    subjects = ("evt.events.*.event.>",)
    events: ClassVar[tuple[type[Event], ...]] = DECIDER.events
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
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
            case EventScheduled() | EventCancelled():
                return
            case _:
                assert_never(event)

    async def attendee_pages(self, query: AttendeePages) -> list[AttendeePageResult]:
        """A page of RSVPs for each event of `ids`, in that order; an empty one for what the brand does not have."""
        sheets = [f"{query.brand}:{event}" for event in query.ids]
        found = self.collection("tallies").find({"_id": {"$in": sheets}})
        tallies = {document["_id"]: document async for document in found}
        return await asyncio.gather(*(self._attendees(query, sheet, tallies.get(sheet, {})) for sheet in sheets))

    async def _attendees(self, query: AttendeePages, sheet: str, tally: Mapping[str, int]) -> AttendeePageResult:
        found = await page(
            self.collection("attendances"),
            prefix={"event": sheet} if query.status is None else {"event": sheet, "status": query.status.value},
            key="number",
            request=query.page,
            floor=1,
            ceiling=tally.get("drawn", 0),
        )
        statuses = list(RsvpStatus) if query.status is None else [query.status]
        total = sum(tally.get(status.value, 0) for status in statuses)
        return AttendeePageResult(**structs.asdict(found.map(_attendee_view)), total_count=total)

    async def viewer_rsvps(self, query: ViewerRsvps) -> list[AttendeeView | None]:
        """The viewer's RSVPs in the order of the event ids; None where there is none."""
        keys = [f"{query.brand}:{event_id}:{query.viewer}" for event_id in query.ids]
        cursor = self.collection("attendances").find({"_id": {"$in": keys}})
        documents = {document["_id"]: document async for document in cursor}
        return [_attendee_view(documents[key]) if key in documents else None for key in keys]


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
