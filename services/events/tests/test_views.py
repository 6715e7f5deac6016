"""The read models on a real database: what they show, and that a rebuild shows the same bytes."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta

import pytest
from msgspec import structs

from libs.access.audience import Audience, Viewer
from libs.access.roles import ALL_ROLES, Role
from libs.shared.domain import DomainError
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.events.event import (
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
from services.events.tests.builders import END, START
from services.events.views.attendance_sheet import (
    AttendanceSheetView,
    AttendeePage,
    InviteePage,
    Stake,
    ViewerInvited,
    ViewerRsvps,
)
from services.events.views.event_calendar import AgendasGetMany, EventCalendar, EventCalendarView, EventsGetMany
from services.events.views.guests import exclusive_for, has_exclusive, let_in

SCHEDULED = EventScheduled(
    title="Spring meeting",
    description="Bring cake.",
    format=Format.HYBRID,
    starts_at=START,
    ends_at=END,
    all_day=False,
    time_zone="Europe/Paris",
    in_person_seats=2,
    online_seats=None,
    sessions=(Session(title="Opening", speakers=("Ada",), recorded_on=date(2026, 3, 28)),),
)
IN, ON = Mode.IN_PERSON, Mode.ONLINE

#: Two seats: m1 and m2 take them, m3 and m4 wait, m5 is online; m1 goes online, so m3 moves up; m4 leaves; m2 comes.
HISTORY: tuple[EventEvent, ...] = (
    SCHEDULED,
    RsvpConfirmed(member_id="m1", mode=IN, number=1),
    RsvpConfirmed(member_id="m2", mode=IN, number=2),
    RsvpWaitlisted(member_id="m3", mode=IN, number=3),
    RsvpWaitlisted(member_id="m4", mode=IN, number=4),
    RsvpConfirmed(member_id="m5", mode=ON, number=5),
    RsvpCancelled(member_id="m1", mode=IN, was=RsvpStatus.CONFIRMED, changed_to=ON),
    RsvpPromoted(member_id="m3", mode=IN),
    RsvpConfirmed(member_id="m1", mode=ON, number=6),
    RsvpCancelled(member_id="m4", mode=IN, was=RsvpStatus.WAITLISTED),
    RsvpWaitlisted(member_id="m6", mode=IN, number=7),
    AttendeeCheckedIn(member_id="m2", mode=IN),
)

INVITED_ONLY = Audience()
AMBASSADORS = Audience(roles=(Role.AMBASSADOR,))
JURY = Audience(segments=("jury",))
#: For ambassadors; m7 and m8 are invited, then m7 no longer; for all; for who is invited, which the attendees are too.
GUESTS: tuple[EventEvent, ...] = (
    structs.replace(SCHEDULED, audience=AMBASSADORS),
    MembersInvited(member_ids=("m7", "m8")),
    *HISTORY[1:4],
    InvitationsWithdrawn(member_ids=("m7", "m9")),
    EventAudienceChanged(audience=None),
    EventAudienceChanged(audience=INVITED_ONLY, invited=("m1", "m2", "m3")),
)
NOBODY = Viewer(frozenset({"member"}), frozenset())


@pytest.fixture
async def calendar(mongo_url: str) -> AsyncIterator[ViewBench[EventCalendarView]]:
    async with view_bench(EventCalendarView(), mongo_url) as bench:
        yield bench


@pytest.fixture
async def sheet(mongo_url: str) -> AsyncIterator[ViewBench[AttendanceSheetView]]:
    async with view_bench(AttendanceSheetView(), mongo_url) as bench:
        yield bench


def starting(days: int) -> EventScheduled:
    return structs.replace(
        SCHEDULED, title=f"day {days}", starts_at=START + timedelta(days=days), ends_at=END + timedelta(days=days)
    )


class TestCalendar:
    async def test_an_event_and_who_attends_it(self, calendar: ViewBench[EventCalendarView]) -> None:
        await calendar.given(*HISTORY, aggregate="event", id="e1", actor="leader")
        [event] = await calendar.view.events_get_many(EventsGetMany(brand="b1", viewer="m1", ids=["e1"]))
        assert event is not None
        assert (event.id, event.title, event.format, event.time_zone) == (
            "e1",
            "Spring meeting",
            Format.HYBRID,
            "Europe/Paris",
        )
        assert (event.starts_at, event.ends_at, event.cancelled_at) == (START, END, None)
        assert (event.scheduled_at, event.scheduled_by) == (NOON + timedelta(seconds=1), "leader")
        assert (event.in_person_seats, event.online_seats, event.session_count) == (2, None, 1)
        assert (event.going_in_person, event.going_online) == (2, 2)
        assert (event.waitlisted_in_person, event.waitlisted_online, event.checked_in) == (1, 0, 1)

    async def test_a_cancelled_event_keeps_its_counters(self, calendar: ViewBench[EventCalendarView]) -> None:
        await calendar.given(*HISTORY, EventCancelled(), aggregate="event", id="e1")
        [event] = await calendar.view.events_get_many(EventsGetMany(brand="b1", viewer="m1", ids=["e1"]))
        assert event is not None
        assert event.cancelled_at == NOON + timedelta(seconds=len(HISTORY) + 1)
        assert event.going_in_person == 2

    async def test_upcoming_and_past(self, calendar: ViewBench[EventCalendarView]) -> None:
        for days in (3, 1, 2, -10, -400, 40):
            await calendar.given(starting(days), aggregate="event", id=f"e{days}")
        await calendar.given(starting(0), aggregate="event", id="foreign", brand="b2")

        async def titles(**asked: object) -> tuple[list[str], int | None]:
            found = await calendar.view.event_calendar(EventCalendar(brand="b1", viewer="m1", **asked))  # type: ignore[arg-type]
            return [event.title.removeprefix("day ") for event in found.items], found.total_count

        assert await titles() == (["-400", "-10", "1", "2", "3", "40"], 6)
        assert await titles(descending=True) == (["40", "3", "2", "1", "-10", "-400"], 6)
        assert await titles(starts_from=START) == (["1", "2", "3", "40"], None)
        assert await titles(starts_before=START, descending=True) == (["-10", "-400"], None)
        on_the_day = START + timedelta(days=1)
        assert await titles(starts_from=on_the_day, starts_before=on_the_day + timedelta(days=2)) == (["1", "2"], None)
        assert await titles(starts_from=START + timedelta(days=41)) == ([], None)

    async def test_pages_go_both_ways_and_past_equal_starts(self, calendar: ViewBench[EventCalendarView]) -> None:
        for n in range(5):
            await calendar.given(starting(n // 3), aggregate="event", id=f"e{n}")

        async def ids(request: PageRequest) -> tuple[list[str], list[str], bool, bool]:
            found = await calendar.view.event_calendar(EventCalendar(brand="b1", viewer="m1", page=request))
            return [event.id for event in found.items], found.cursors, found.has_previous, found.has_next

        first, cursors, before, after = await ids(PageRequest(first=2))
        assert (first, before, after) == (["e0", "e1"], False, True)
        rest, _, _, after = await ids(PageRequest(first=5, after=cursors[-1]))
        assert (rest, after) == (["e2", "e3", "e4"], False)
        last, cursors, before, _ = await ids(PageRequest(last=2))
        assert (last, before) == (["e3", "e4"], True)
        assert (await ids(PageRequest(last=2, before=cursors[0])))[0] == ["e1", "e2"]
        with pytest.raises(DomainError, match="cursor"):
            await ids(PageRequest(first=2, after="nonsense"))

    async def test_many_by_id_in_order_and_none_of_another_brand(self, calendar: ViewBench[EventCalendarView]) -> None:
        await calendar.given(SCHEDULED, aggregate="event", id="e1")
        await calendar.given(starting(1), aggregate="event", id="e2", brand="b2")
        asked = {"brand": "b1", "viewer": "m1", "ids": ["e2", "e1", "missing", "e1"]}
        events = await calendar.view.events_get_many(EventsGetMany(**asked))  # type: ignore[arg-type]
        assert [event and event.id for event in events] == [None, "e1", None, "e1"]
        agendas = await calendar.view.agendas_get_many(AgendasGetMany(**asked))  # type: ignore[arg-type]
        assert agendas == [None, list(SCHEDULED.sessions), None, list(SCHEDULED.sessions)]

    async def test_what_a_viewer_does_not_see_is_in_no_page_and_no_count(
        self, calendar: ViewBench[EventCalendarView]
    ) -> None:
        """Every third event is open, e1, e4 … are for ambassadors, e2, e5 … for who is invited."""
        audiences = (None, AMBASSADORS, INVITED_ONLY)
        for n in range(30):
            one = structs.replace(starting(n // 4), audience=audiences[n % 3])
            await calendar.given(one, aggregate="event", id=f"e{n}")
        await calendar.given(MembersInvited(member_ids=("m1",)), aggregate="event", id="e5")
        await calendar.given(MembersInvited(member_ids=("m1",)), aggregate="event", id="e6")
        in_order = sorted((f"e{n}" for n in range(30)), key=lambda id_: (int(id_[1:]) // 4, id_))
        ambassador = Viewer(frozenset({"member", "ambassador"}), frozenset())
        wanted: list[tuple[tuple[str, ...] | None, set[int]]] = [
            (None, {0, 1, 2}),
            (await exclusive_for(calendar.view, "b1", "m9", NOBODY), {0}),
            (await exclusive_for(calendar.view, "b1", "m9", ambassador), {0, 1}),
        ]
        for shown, kinds in [*wanted, (await exclusive_for(calendar.view, "b1", "m1", NOBODY), {0})]:
            expected = [id_ for id_ in in_order if int(id_[1:]) % 3 in kinds or id_ in (shown or ())]
            for descending in (False, True):
                found, request = list[str](), PageRequest(first=4)
                while True:
                    query = EventCalendar(brand="b1", viewer="m1", shown=shown, page=request, descending=descending)
                    got = await calendar.view.event_calendar(query)
                    assert got.total_count == len(expected)
                    found += [event.id for event in got.items]
                    if not got.has_next:
                        break
                    assert len(got.items) == 4, "a page is full while there is more"
                    request = PageRequest(first=4, after=got.cursors[-1])
                assert found == (expected[::-1] if descending else expected)
            last = EventCalendar(brand="b1", viewer="m1", shown=shown, page=PageRequest(last=3))
            assert [one.id for one in (await calendar.view.event_calendar(last)).items] == expected[-3:]
            ids = ["e0", "e1", "e2", "e5", "missing"]
            events = await calendar.view.events_get_many(EventsGetMany(brand="b1", viewer="m1", ids=ids, shown=shown))
            agendas = await calendar.view.agendas_get_many(
                AgendasGetMany(brand="b1", viewer="m1", ids=ids, shown=shown)
            )
            visible = [id_ if id_ in expected else None for id_ in ids]
            assert [event and event.id for event in events] == visible
            assert [agenda is not None for agenda in agendas] == [id_ is not None for id_ in visible]
        assert len(await exclusive_for(calendar.view, "b1", "m1", NOBODY)) == 1, "an open event is not exclusive"

    async def test_an_audience_is_shown_and_changes(self, calendar: ViewBench[EventCalendarView]) -> None:
        async def shown() -> tuple[Audience | None, int | None, bool]:
            [event] = await calendar.view.events_get_many(EventsGetMany(brand="b1", viewer="m1", ids=["e1"]))
            assert event is not None
            for_strangers = EventCalendar(brand="b1", viewer="m1", shown=())
            page = await calendar.view.event_calendar(for_strangers)
            return event.audience, page.total_count, await has_exclusive(calendar.view, "b1")

        await calendar.given(GUESTS[0], aggregate="event", id="e1")
        await calendar.given(starting(1), aggregate="event", id="e2")
        assert await shown() == (AMBASSADORS, 1, True)
        for audience, count in ((JURY, 1), (None, 2), (None, 2), (INVITED_ONLY, 1)):
            await calendar.given(EventAudienceChanged(audience=audience), aggregate="event", id="e1")
            assert await shown() == (audience, count, audience is not None)
        assert not await has_exclusive(calendar.view, "b2")

    async def test_a_brand_without_events(self, calendar: ViewBench[EventCalendarView]) -> None:
        found = await calendar.view.event_calendar(EventCalendar(brand="b1", viewer="m1"))
        assert (found.items, found.total_count, found.has_next) == ([], 0, False)


class TestSheet:
    async def ask(
        self, sheet: ViewBench[AttendanceSheetView], status: RsvpStatus | None = None, brand: str = "b1", **page: object
    ) -> tuple[list[str], int]:
        request = PageRequest(**page)  # type: ignore[arg-type]
        question = AttendeePage(brand=brand, viewer="m1", event_id="e1", status=status, page=request)
        found = await sheet.view.attendee_page(question)
        return [attendee.member_id for attendee in found.items], found.total_count

    async def test_who_attends_and_who_waits_in_order(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*HISTORY, aggregate="event", id="e1")
        assert await self.ask(sheet) == (["m2", "m3", "m5", "m1", "m6"], 5)
        assert await self.ask(sheet, RsvpStatus.CONFIRMED) == (["m2", "m3", "m5", "m1"], 4)
        assert await self.ask(sheet, RsvpStatus.WAITLISTED) == (["m6"], 1)
        assert await self.ask(sheet, RsvpStatus.CONFIRMED, last=2) == (["m5", "m1"], 4)
        assert await self.ask(sheet, brand="b2") == ([], 0)

    async def test_what_the_viewer_holds(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*HISTORY, aggregate="event", id="e1")
        asked = ["e2", "e1"]

        async def held(viewer: str, brand: str = "b1") -> Sequence[object]:
            found = await sheet.view.viewer_rsvps(ViewerRsvps(brand=brand, viewer=viewer, ids=asked))
            return [
                rsvp and (rsvp.event_id, rsvp.mode, rsvp.status, rsvp.number, rsvp.checked_in_at is not None)
                for rsvp in found
            ]

        assert await held("m1") == [None, ("e1", ON, RsvpStatus.CONFIRMED, 6, False)]
        assert await held("m2") == [None, ("e1", IN, RsvpStatus.CONFIRMED, 2, True)]
        assert await held("m6") == [None, ("e1", IN, RsvpStatus.WAITLISTED, 7, False)]
        assert await held("m4") == [None, None]
        assert await held("m1", brand="b2") == [None, None]

    async def test_a_guest_list_and_the_answers(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*GUESTS, aggregate="event", id="e1", actor="olga")

        async def guests(request: PageRequest, **asked: object) -> tuple[list[tuple[str, RsvpStatus | None]], int]:
            question = InviteePage(brand="b1", viewer="olga", event_id="e1", page=request, **asked)  # type: ignore[arg-type]
            found = await sheet.view.invitee_page(question)
            assert {one.invited_by for one in found.items} <= {"olga"}
            return [(one.member_id, one.rsvp.status if one.rsvp else None) for one in found.items], found.total_count

        everybody = [("m8", None), ("m1", RsvpStatus.CONFIRMED), ("m2", RsvpStatus.CONFIRMED)]
        waits = ("m3", RsvpStatus.WAITLISTED)
        assert await guests(PageRequest()) == ([*everybody, waits], 4)
        assert await guests(PageRequest(last=1)) == ([waits], 4)
        assert await guests(PageRequest(), shown=()) == ([], 0)
        for member, invited in (("m8", True), ("m7", False), ("m1", True), ("m9", False)):
            asked = ViewerInvited(brand="b1", viewer=member, ids=["e2", "e1"])
            assert await sheet.view.viewer_invited(asked) == [False, invited]
        assert await sheet.view.organises("b1", "e1", "olga")
        assert not await sheet.view.organises("b1", "e1", "m8")
        assert not await sheet.view.organises("b1", "e2", "olga")

    async def test_what_is_at_a_hidden_event_is_not_shown(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*GUESTS, aggregate="event", id="e1")
        await sheet.given(*HISTORY, aggregate="event", id="e2")
        seen: dict[tuple[str, ...] | None, int] = {None: 3, ("e1",): 3, ("e9",): 0, (): 0}
        for shown, attendees in seen.items():
            page = AttendeePage(brand="b1", viewer="m1", event_id="e1", shown=shown)
            found = await sheet.view.attendee_page(page)
            assert (len(found.items), found.total_count) == (attendees, attendees)
            rsvps = await sheet.view.viewer_rsvps(ViewerRsvps(brand="b1", viewer="m1", ids=["e1", "e2"], shown=shown))
            assert [one and one.event_id for one in rsvps] == ["e1" if attendees else None, "e2"]

    async def test_what_members_have_and_where(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*GUESTS[:6], aggregate="event", id="e1", time=NOON)
        await sheet.given(*HISTORY[:3], aggregate="event", id="e2", time=NOON)
        await sheet.given(*HISTORY[:3], aggregate="event", id="e1", brand="b2", time=NOON)
        at = int(NOON.timestamp() * 1000)
        assert sorted(await sheet.view.stakes("b1", ["m1", "m7", "m8"])) == [
            Stake("e1", "m1", at),
            Stake("e1", "m8", at),
            Stake("e2", "m1", at),
        ]
        ways_in = await sheet.view.ways_in("b1", ["e1", "e2"])
        assert list(ways_in) == ["e1"]
        assert let_in("b1", ways_in["e1"], Viewer(frozenset({"ambassador"}), frozenset()))
        assert let_in("b1", ways_in["e1"], Viewer(frozenset(ALL_ROLES), frozenset()))
        assert not let_in("b1", ways_in["e1"], NOBODY)
        assert not let_in("b2", ways_in["e1"], Viewer(frozenset({"ambassador"}), frozenset()))

    async def test_times_are_those_of_the_events(self, sheet: ViewBench[AttendanceSheetView]) -> None:
        await sheet.given(*HISTORY, aggregate="event", id="e1")
        [rsvp] = await sheet.view.viewer_rsvps(ViewerRsvps(brand="b1", viewer="m2", ids=["e1"]))
        assert rsvp is not None
        assert rsvp.asked_at == NOON + timedelta(seconds=3)
        assert rsvp.checked_in_at == NOON + timedelta(seconds=len(HISTORY))


@pytest.mark.parametrize("history", [HISTORY, GUESTS], ids=["seats", "guests"])
@pytest.mark.parametrize("view", [EventCalendarView, AttendanceSheetView])
async def test_one_event_at_a_time_or_all_at_once_is_the_same(
    view: type[EventCalendarView | AttendanceSheetView], history: tuple[EventEvent, ...], mongo_url: str
) -> None:
    contents = []
    for size in (1, 5, len(history)):
        bound: EventCalendarView | AttendanceSheetView = view()
        async with view_bench(bound, mongo_url) as bench:
            for at in range(0, len(history), size):
                await bench.given(*history[at : at + size], aggregate="event", id="e1")
            contents.append(await canonical(bound))
    assert contents[0] == contents[1] == contents[2]
    assert b"e1" in contents[0]
