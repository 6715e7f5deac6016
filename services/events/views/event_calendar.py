"""Which events a brand has and when, how many attend each, and what is on its programme."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple, assert_never

from msgspec import Meta, Struct, convert, to_builtins
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.access.audience import Audience
from libs.shared.domain import Event, Id
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Counter, SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.events.decisions import DECIDER
from services.events.event import (
    UPCASTERS,
    AttendanceEvent,
    AttendeeCheckedIn,
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
)
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited
from services.events.programme import Session
from services.events.views.guests import COLLECTIONS, AskedOfEvents, guest_changes, hidden_among

Ids = Annotated[list[Id], Meta(max_length=100)]
_Instant = Annotated[datetime, Meta(tz=True)]

# Questions and answers


class EventCalendar(AskedOfEvents, frozen=True, kw_only=True):
    """The brand's events by start.  Bounds: `starts_from` ≤ start < `starts_before`; None = no bound."""

    wire_name: ClassVar[str] = "event_calendar"

    page: PageRequest = PageRequest()
    descending: bool = False
    starts_from: _Instant | None = None
    starts_before: _Instant | None = None


class EventsGetMany(AskedOfEvents, frozen=True, kw_only=True):
    """Events by id."""

    wire_name: ClassVar[str] = "events_get_many"

    ids: Ids


class AgendasGetMany(AskedOfEvents, frozen=True, kw_only=True):
    """The programmes of events by the event's id."""

    wire_name: ClassVar[str] = "agendas_get_many"

    ids: Ids


class EventView(Struct, frozen=True, kw_only=True):
    """An event and how many attend it.  Seats None = as many as ask; audience None = for every member."""

    id: str
    title: str
    description: str
    format: Format
    starts_at: datetime
    ends_at: datetime
    all_day: bool
    time_zone: str
    in_person_seats: int | None
    online_seats: int | None
    session_count: int
    scheduled_at: datetime
    scheduled_by: str
    cancelled_at: datetime | None
    going_in_person: int
    going_online: int
    waitlisted_in_person: int
    waitlisted_online: int
    checked_in: int
    audience: Audience | None = None


class EventPageResult(Page[EventView], frozen=True, kw_only=True):
    """A page of events.  `total_count` is of all that the viewer sees; None when the question has bounds."""

    total_count: int | None


# The read model

_GOING: dict[Mode, str] = {Mode.IN_PERSON: "going_in_person", Mode.ONLINE: "going_online"}
_WAITLISTED: dict[Mode, str] = {Mode.IN_PERSON: "waitlisted_in_person", Mode.ONLINE: "waitlisted_online"}
_NO_EVENTS = {"count": 0, "exclusive": 0, "first_ms": 0, "last_ms": -1}


class EventCalendarView(View):
    """`events`: a document an event, `_id` brand:event.  `agendas`: its sessions, apart because they are long.

    `totals`: a document a brand with the `count` of its events, of those that are `exclusive`, and the first and last
    start.  The others: as `guests.py` says.
    """

    name = "event_calendar"
    version = 2
    stream = "EVENTS"
    subjects = ("evt.events.*.event.>",)
    events: ClassVar[tuple[type[Event], ...]] = DECIDER.events
    upcasters = UPCASTERS
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        **COLLECTIONS,
        "events": (page_index("brand", "starts_at_ms"), IndexModel([("brand", 1), ("scheduled_by", 1)])),
        "agendas": (),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Write | SetMember]:
        """The writes that one event makes."""
        event: EventEvent = recorded.event
        key = f"{recorded.brand}:{recorded.aggregate_id}"
        yield from guest_changes(recorded, exclusive=[Counter("totals", recorded.brand, "exclusive")])
        match event:
            case EventScheduled():
                agenda = {"_id": key, "sessions": to_builtins(event.sessions)}
                yield Write("events", ReplaceOne({"_id": key}, {"_id": key, **_document(recorded, event)}, upsert=True))
                yield Write("agendas", ReplaceOne({"_id": key}, agenda, upsert=True))
                yield Write("totals", UpdateOne({"_id": recorded.brand}, _totals(event), upsert=True))
            case EventCancelled():
                yield Write("events", UpdateOne({"_id": key}, {"$set": {"cancelled_at_ms": to_ms(recorded.time)}}))
            case EventAudienceChanged(audience=audience):
                yield Write("events", UpdateOne({"_id": key}, {"$set": {"audience": to_builtins(audience)}}))
            case MembersInvited() | InvitationsWithdrawn():
                return
            case _:
                yield Write("events", UpdateOne({"_id": key}, {"$inc": _counts(event)}))

    async def event_calendar(self, query: EventCalendar) -> EventPageResult:
        """A page of the brand's events."""
        totals = await self.collection("totals").find_one({"_id": query.brand}) or _NO_EVENTS
        floor, ceiling = totals["first_ms"], totals["last_ms"]
        if query.starts_from is not None:
            floor = max(floor, to_ms(query.starts_from))
        if query.starts_before is not None:
            ceiling = min(ceiling, to_ms(query.starts_before) - 1)
        found = await page(
            self.collection("events"),
            prefix={"brand": query.brand},
            key="starts_at_ms",
            request=query.page,
            floor=floor,
            ceiling=ceiling,
            descending=query.descending,
            keep=_Shown(query.shown) if query.shown is not None else None,
        )
        is_whole = query.starts_from is None and query.starts_before is None
        return EventPageResult(
            items=[_event_view(document) for document in found.items],
            cursors=found.cursors,
            has_next=found.has_next,
            has_previous=found.has_previous,
            total_count=_how_many(totals, query.shown) if is_whole else None,
        )

    async def events_get_many(self, query: EventsGetMany) -> list[EventView | None]:
        """The events in the order of the ids; None for one that the brand does not have."""
        found = await self._by_id("events", query.brand, query.ids)
        is_shown = _Shown(query.shown) if query.shown is not None else bool
        return [_event_view(one) if one is not None and is_shown(one) else None for one in found]

    async def agendas_get_many(self, query: AgendasGetMany) -> list[list[Session] | None]:
        """The sessions of each event in the order of the ids; None for one that the brand does not have."""
        hidden = await hidden_among(self, query, query.ids)
        found = await self._by_id("agendas", query.brand, query.ids)
        return [
            None if agenda is None or id_ in hidden else convert(agenda["sessions"], list[Session])
            for id_, agenda in zip(query.ids, found, strict=True)
        ]

    async def _by_id(self, collection: str, brand: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        keys = [f"{brand}:{id_}" for id_ in ids]
        documents = {
            document["_id"]: document async for document in self.collection(collection).find({"_id": {"$in": keys}})
        }
        return [documents.get(key) for key in keys]


class _Shown(NamedTuple):
    """Keeps events that are for every member, and those with these ids."""

    ids: tuple[str, ...]

    def __call__(self, document: Mapping[str, Any]) -> bool:
        """Whether it is there."""
        return document["audience"] is None or document["event_id"] in self.ids


def _how_many(totals: Mapping[str, Any], shown: tuple[str, ...] | None) -> int:
    count: int = totals["count"]
    return count if shown is None else count - totals["exclusive"] + len(shown)


def _document(recorded: Recorded[Any], event: EventScheduled) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "event_id": recorded.aggregate_id,
        "title": event.title,
        "description": event.description,
        "format": event.format.value,
        "starts_at_ms": to_ms(event.starts_at),
        "ends_at_ms": to_ms(event.ends_at),
        "all_day": event.all_day,
        "time_zone": event.time_zone,
        "in_person_seats": event.in_person_seats,
        "online_seats": event.online_seats,
        "session_count": len(event.sessions),
        "scheduled_at_ms": to_ms(recorded.time),
        "scheduled_by": recorded.actor,
        "cancelled_at_ms": None,
        "going_in_person": 0,
        "going_online": 0,
        "waitlisted_in_person": 0,
        "waitlisted_online": 0,
        "checked_in": 0,
        "audience": to_builtins(event.audience),
    }


def _totals(event: EventScheduled) -> dict[str, dict[str, int]]:
    starts_at_ms = to_ms(event.starts_at)
    return {"$inc": {"count": 1, "exclusive": 0}, "$min": {"first_ms": starts_at_ms}, "$max": {"last_ms": starts_at_ms}}


def _counts(event: AttendanceEvent) -> dict[str, int]:
    match event:
        case RsvpConfirmed():
            return {_GOING[event.mode]: 1}
        case RsvpWaitlisted():
            return {_WAITLISTED[event.mode]: 1}
        case RsvpPromoted():
            return {_WAITLISTED[event.mode]: -1, _GOING[event.mode]: 1}
        case RsvpCancelled():
            held = _GOING if event.was is RsvpStatus.CONFIRMED else _WAITLISTED
            return {held[event.mode]: -1}
        case AttendeeCheckedIn():
            return {"checked_in": 1}
        case _:
            assert_never(event)


def _event_view(document: Mapping[str, Any]) -> EventView:
    cancelled_at_ms = document["cancelled_at_ms"]
    return EventView(
        id=document["event_id"],
        title=document["title"],
        description=document["description"],
        format=Format(document["format"]),
        starts_at=from_ms(document["starts_at_ms"]),
        ends_at=from_ms(document["ends_at_ms"]),
        all_day=document["all_day"],
        time_zone=document["time_zone"],
        in_person_seats=document["in_person_seats"],
        online_seats=document["online_seats"],
        session_count=document["session_count"],
        scheduled_at=from_ms(document["scheduled_at_ms"]),
        scheduled_by=document["scheduled_by"],
        cancelled_at=None if cancelled_at_ms is None else from_ms(cancelled_at_ms),
        going_in_person=document["going_in_person"],
        going_online=document["going_online"],
        waitlisted_in_person=document["waitlisted_in_person"],
        waitlisted_online=document["waitlisted_online"],
        checked_in=document["checked_in"],
        audience=convert(document["audience"], Audience | None),
    )
