"""The service as others meet it: commands and queries over the bus, on real servers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec import structs

from libs.access.roles import Role
from libs.access.testing import World, running
from libs.shared.domain import SYSTEM, Accepted, DomainError, Query
from libs.shared.paging import PageRequest
from libs.shared.testing.views import canonical
from services.events.event import Mode, RsvpStatus
from services.events.programme import Session
from services.events.service import compose
from services.events.tests.builders import (
    LEADER,
    START,
    cancel_event,
    cancel_rsvp,
    check_in,
    rsvp,
    schedule,
)
from services.events.views.attendance_sheet import AttendeePage, AttendeePageResult, AttendeeView, ViewerRsvps
from services.events.views.event_calendar import (
    AgendasGetMany,
    EventCalendar,
    EventPageResult,
    EventsGetMany,
    EventView,
)

BRANDS = ("b1", "b2")


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running("events", compose, tmp_path_factory.mktemp("events")) as world:
        for brand in BRANDS:
            await world.join(["leader"], Role.BUILDER, brand=brand)
            await world.join(["mod"], Role.MODERATOR, brand=brand)
        await world.join(["m1", "m2", "m3"])
        await world.join(["n1"], brand="b2")
        yield world


async def refused(coroutine: object) -> str:
    with pytest.raises(DomainError) as refusal:
        await coroutine  # type: ignore[misc]
    return refusal.value.code


async def attendees(world: World, event_id: str, at: Accepted, status: RsvpStatus | None = None) -> list[AttendeeView]:
    """All of them, page by page."""
    found: list[AttendeeView] = []
    request = PageRequest(first=100)
    while True:
        query = AttendeePage(
            brand="b1", viewer="leader", event_id=event_id, status=status, page=request, at_least=at.position
        )
        page = await world.ask(query, AttendeePageResult)
        found += page.items
        if not page.has_next:
            assert page.total_count == len(found)
            return found
        request = PageRequest(first=100, after=page.cursors[-1])


async def test_from_the_invitation_to_the_door(world: World) -> None:
    await world.send("event", schedule(event_id="e1", in_person_seats=1))
    await world.send("event", rsvp("m1"))
    await world.send("event", rsvp("m2"))
    await world.send("event", rsvp("m3", Mode.ONLINE))
    await world.send("event", cancel_rsvp("m1"))
    await world.send("event", check_in("mod", "m2"))
    at = await world.send("event", check_in("m3", "m3"))
    assert at.id == "e1"

    [event] = await world.ask(
        EventsGetMany(brand="b1", viewer="m1", ids=["e1"], at_least=at.position), list[EventView | None]
    )
    assert event is not None
    assert (event.going_in_person, event.going_online, event.waitlisted_in_person, event.checked_in) == (1, 1, 0, 2)
    assert [a.member_id for a in await attendees(world, "e1", at)] == ["m2", "m3"]
    [mine] = await world.ask(
        ViewerRsvps(brand="b1", viewer="m2", ids=["e1"], at_least=at.position), list[AttendeeView | None]
    )
    assert mine is not None
    assert (mine.status, mine.number, mine.checked_in_at) == (RsvpStatus.CONFIRMED, 2, START)

    at = await world.send("event", cancel_event())
    calendar = await world.ask(
        EventCalendar(brand="b1", viewer="m1", starts_from=START, at_least=at.position), EventPageResult
    )
    assert [(e.id, e.cancelled_at is not None) for e in calendar.items] == [("e1", True)]
    assert await refused(world.send("event", rsvp("m1"))) == "EVENT_CANCELLED"


async def test_a_repeat_returns_the_first_outcome(world: World) -> None:
    await world.send("event", schedule(event_id="repeated"))
    ask = rsvp("m1", event_id="repeated")
    first = await world.send("event", ask)
    await world.send("event", rsvp("m2", event_id="repeated"))
    again = await world.send("event", ask)
    assert (again.position, again.repeated) == (first.position, True)
    at = await world.send("event", rsvp("m1", event_id="repeated"))
    assert [a.member_id for a in await attendees(world, "repeated", at)] == ["m1", "m2"]


async def test_roles_are_the_services_own_knowledge(world: World) -> None:
    assert await refused(world.send("event", schedule(event_id="forged", actor="m1", roles=LEADER))) == "FORBIDDEN"
    assert await refused(world.send("event", schedule(event_id="forged", actor="nobody", roles=LEADER))) == "FORBIDDEN"
    await world.send("event", schedule(event_id="imported", actor=SYSTEM))


async def test_input_is_checked_at_the_edge(world: World) -> None:
    payload = structs.asdict(schedule(event_id="bad"))
    payload["sessions"] = [{"title": "Opening", "url": "javascript:alert(1)"}]
    with pytest.raises(DomainError) as refusal:
        await world.bus.command("events", "event", "schedule_event", payload)
    assert (refusal.value.code, refusal.value.path) == ("INVALID", ("sessions", 0, "url"))


@pytest.mark.parametrize(
    ("query", "reply", "empty"),
    [
        (EventsGetMany(brand="b2", viewer="n1", ids=["private"]), list[EventView | None], [None]),
        (AgendasGetMany(brand="b2", viewer="n1", ids=["private"]), list[list[Session] | None], [None]),
        (ViewerRsvps(brand="b2", viewer="m1", ids=["private"]), list[AttendeeView | None], None),
        (ViewerRsvps(brand="b2", viewer="n1", ids=["private"]), list[AttendeeView | None], [None]),
        (AttendeePage(brand="b2", viewer="n1", event_id="private"), AttendeePageResult, []),
        (EventCalendar(brand="b2", viewer="n1", starts_from=START + timedelta(days=7)), EventPageResult, []),
    ],
    ids=lambda value: value.wire_name if isinstance(value, Query) else None,
)
async def test_another_brand_sees_nothing(world: World, query: Query, reply: type[object], empty: object) -> None:
    when = {"starts_at": START + timedelta(days=8), "ends_at": START + timedelta(days=9)}
    await world.send("event", schedule(event_id="private", **when))  # type: ignore[arg-type]
    at = await world.send("event", rsvp("m1", event_id="private"))
    query = structs.replace(query, at_least=at.position)
    if query.viewer == "n1":
        answer = await world.ask(query, reply)
        assert (answer.items if isinstance(answer, EventPageResult | AttendeePageResult) else answer) == empty
    foreign = structs.replace(query, brand="b1", viewer="n1")
    assert await refused(world.ask(foreign, reply)) == "FORBIDDEN"
    own = await world.ask(structs.replace(query, brand="b1", viewer="m1"), reply)
    assert (own.items if isinstance(own, EventPageResult | AttendeePageResult) else own) not in ([], [None])


async def test_another_brand_changes_nothing(world: World) -> None:
    await world.send("event", schedule(event_id="shared-id", in_person_seats=1))
    assert await refused(world.send("event", rsvp("n1", event_id="shared-id"))) == "FORBIDDEN"
    assert await refused(world.send("event", rsvp("n1", event_id="shared-id", brand="b2"))) == "NOT_FOUND"
    await world.send("event", schedule(event_id="shared-id", brand="b2", in_person_seats=1))
    await world.send("event", rsvp("n1", event_id="shared-id", brand="b2"))
    at = await world.send("event", rsvp("m1", event_id="shared-id"))
    assert [(a.member_id, a.number) for a in await attendees(world, "shared-id", at)] == [("m1", 1)]


async def test_a_ticket_rush(world: World) -> None:
    """500 members ask at once for 100 seats; then ten leave, and the view is rebuilt."""
    crowd = [f"r{n:03}" for n in range(500)]
    await world.join(crowd)
    await world.send("event", schedule(event_id="rush", in_person_seats=100))

    accepted = await asyncio.gather(*(world.send("event", rsvp(member, event_id="rush")) for member in crowd))
    at = max(accepted, key=lambda one: one.position["EVENTS"])
    await world.shown(at)
    seated = await attendees(world, "rush", at, RsvpStatus.CONFIRMED)
    waiting = await attendees(world, "rush", at, RsvpStatus.WAITLISTED)
    assert {a.member_id for a in (*seated, *waiting)} == set(crowd)
    assert [a.number for a in seated] == list(range(1, 101))
    assert [a.number for a in waiting] == list(range(101, 501))

    leaving = [structs.replace(cancel_rsvp(a.member_id), event_id="rush") for a in (*seated[:10], *waiting[:20:2])]
    accepted = await asyncio.gather(*(world.send("event", command) for command in leaving))
    at = max(accepted, key=lambda one: one.position["EVENTS"])
    await world.shown(at)
    order = await attendees(world, "rush", at)
    assert [a.status for a in order] == [RsvpStatus.CONFIRMED] * 100 + [RsvpStatus.WAITLISTED] * 380

    for name in ("attendance_sheet", "event_calendar"):
        view = world.view(name)
        before = await canonical(view)
        await world.rebuild(view)
        assert await canonical(view) == before
    assert await attendees(world, "rush", at) == order
