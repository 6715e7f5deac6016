"""Events that are not for every member, in the whole service on real servers: to everybody else they are not there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from libs.access.audience import Audience
from libs.access.audiences import SegmentEntered, SegmentLeft
from libs.access.permissions import ViewerCan
from libs.access.roles import Role
from libs.access.testing import World, running
from libs.access.view import MemberJoined, MemberLeft, MemberSuspended, RoleGranted, RoleRevoked
from libs.shared.domain import SYSTEM, Accepted, Command, DomainError, Event, Query
from libs.shared.event_store import Subject
from libs.shared.ids import uuid7
from libs.shared.pull import StreamReader
from libs.shared.service import App
from libs.shared.testing.views import NOON, canonical
from services.events.decisions import DECIDER, CancelEvent, CancelRsvp, CheckIn, Rsvp, ScheduleEvent
from services.events.event import Format, Mode, RsvpStatus
from services.events.inviting import ChangeEventAudience, InviteToEvent, ReleaseAttendee, WithdrawEventInvitations
from services.events.service import compose
from services.events.tests.builders import LONG_BEFORE
from services.events.views.attendance_sheet import (
    AttendeePage,
    AttendeePageResult,
    InviteePage,
    InviteePageResult,
    ViewerInvited,
    ViewerRsvps,
)
from services.events.views.event_calendar import AgendasGetMany, EventCalendar, EventPageResult, EventsGetMany
from services.events.views.guests import AskedOfEvents

#: Also by the clock of the service, which says what a viewer can do.
TO_COME = datetime(2150, 6, 1, 18, tzinfo=UTC)
INVITED_ONLY = Audience()
AMBASSADORS = Audience(roles=(Role.AMBASSADOR,))
JURY = Audience(segments=("jury",))

#: Every query about an event; `*` is the event.
ASKED: dict[type[Query], dict[str, Any]] = {
    EventsGetMany: {"ids": ["*"]},
    AgendasGetMany: {"ids": ["*"]},
    AttendeePage: {"event_id": "*"},
    ViewerRsvps: {"ids": ["*"]},
    ViewerInvited: {"ids": ["*"]},
    InviteePage: {"event_id": "*"},
}
#: Every command about one that members send.
SENT: dict[type[Command], dict[str, Any]] = {
    Rsvp: {"mode": Mode.ONLINE},
    CancelRsvp: {},
    CheckIn: {"member_id": "ada"},
    CancelEvent: {},
    ChangeEventAudience: {"audience": None},
    InviteToEvent: {"member_ids": ("ada",)},
    WithdrawEventInvitations: {"member_ids": ("ada",)},
}


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running("events", compose, tmp_path_factory.mktemp("guests")) as world:
        yield world


def test_every_query_and_command_is_asked(world: World) -> None:
    queries = {one.message for one in world.app.endpoints if issubclass(one.message, AskedOfEvents)}
    assert queries == {*ASKED, EventCalendar}
    assert {*SENT, ScheduleEvent, ReleaseAttendee} == set(DECIDER.commands)


class Club:
    """A brand: olga leads, mod moderates, ada, bob and cy are members.  `few` is an event that is not for all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.brand = uuid7()
        self._places: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    async def open(self, audience: Audience, *invited: str, **plan: Any) -> "Club":
        for member, *roles in (("olga", Role.BUILDER), ("mod", Role.MODERATOR), ("ada",), ("bob",), ("cy",)):
            await self.of_member(member, MemberJoined(), *(RoleGranted(role=role.value) for role in roles))
        for event_id, whose in (("all", None), ("few", audience)):
            await self.send(
                ScheduleEvent, "olga", event_id=event_id, title=event_id, format=Format.HYBRID, starts_at=TO_COME,
                ends_at=TO_COME, time_zone="UTC", audience=whose, **plan,
            )  # fmt: skip
        if invited:
            await self.send(InviteToEvent, "olga", event_id="few", member_ids=invited)
        return self

    async def of_member(self, member: str, *events: Event) -> None:
        await self._write("member", member, *events)

    async def of_segment(self, event: SegmentEntered | SegmentLeft) -> None:
        await self._write("segment_part", f"{event.segment_id}-00", event)

    async def _write(self, aggregate: str, id_: str, *events: Event) -> None:
        subject = Subject("members", self.brand, aggregate, id_)
        self._places[id_] = await self.world.write(subject, *events, after=self._places.get(id_, 0))

    async def send(self, command: type[Command], actor: str, /, **fields: Any) -> Accepted:
        envelope = {"command_id": uuid7(), "brand": self.brand, "actor": actor, "now": LONG_BEFORE}
        at = await self.world.send("event", command(**{**envelope, **fields}))
        self._seen |= at.position
        return at

    async def refused(self, command: type[Command], actor: str, /, **fields: Any) -> str:
        with pytest.raises(DomainError) as refusal:
            await self.send(command, actor, **fields)
        return repr(refusal.value)

    async def ask(self, reply: Any, query: type[Query], viewer: str, /, **fields: Any) -> Any:
        return await self.world.ask(query(brand=self.brand, viewer=viewer, at_least=self._seen, **fields), reply)

    async def told(self, viewer: str, event_id: str = "few") -> list[str]:
        """The queries whose answers about an event are not those about one that never was."""
        found = []
        for query, fields in ASKED.items():
            here, nowhere = [await self._answer(query, viewer, fields, id_) for id_ in (event_id, "never")]
            found += [query.wire_name] if here != nowhere else []
        page: EventPageResult = await self.ask(EventPageResult, EventCalendar, viewer)
        listed = [one.id for one in page.items]
        assert page.total_count == len(listed)
        return [*found, *(["listed"] if event_id in listed else [])]

    async def _answer(self, query: type[Query], viewer: str, fields: dict[str, Any], event_id: str) -> str:
        given = {name: [event_id] if isinstance(value, list) else event_id for name, value in fields.items()}
        try:
            return str(await self.ask(object, query, viewer, **given)).replace(event_id, "")
        except DomainError as refusal:
            return repr(refusal)

    async def sees(self, viewer: str) -> bool:
        """Whether somebody sees the exclusive event: its entry, programme and attendees, or nothing of it."""
        told = await self.told(viewer)
        attendees = {"attendee_page"} if await self.seats() else set()
        assert not told or {"events_get_many", "agendas_get_many", "listed", *attendees} <= set(told), told
        return bool(told)

    async def until(self, viewer: str, *, sees: bool) -> None:
        async with asyncio.timeout(20):
            while bool(await self.told(viewer)) is not sees:  # noqa: ASYNC110 – what it waits for is in a database
                await asyncio.sleep(0.02)

    async def can(self, viewer: str) -> set[str]:
        [names] = await self.ask(list[list[str]], ViewerCan, viewer, kind="event", ids=["few"])
        return set(names)

    async def seats(self, event_id: str = "few") -> list[tuple[str, str]]:
        """Who has a seat or waits, as a leader sees it now."""
        stream = self.world.app.nats.jetstream()
        end = (await stream.stream_info("EVENTS")).state.last_seq
        query = AttendeePage(brand=self.brand, viewer="olga", event_id=event_id, at_least={"EVENTS": end})
        found = await self.world.ask(query, AttendeePageResult)
        return [(one.member_id, one.status.value) for one in found.items]

    async def until_seats(self, *wanted: tuple[str, RsvpStatus], event_id: str = "few") -> None:
        async with asyncio.timeout(20):
            while await self.seats(event_id) != [*wanted]:  # noqa: ASYNC110 – what it waits for is in a database
                await asyncio.sleep(0.02)

    async def history(self) -> list[str]:
        """The names of all that happened at the exclusive event."""
        subjects = (f"evt.events.{self.brand}.event.few",)
        async with StreamReader(self.world.app.nats, "EVENTS", subjects, after=0) as reader:
            found = list[str]()
            while messages := await reader.take(0.5):
                found += [one["type"] for message in messages for one in msgspec.json.decode(message.data)]
        return found

    async def guests(self, viewer: str = "olga") -> list[str]:
        found: InviteePageResult = await self.ask(InviteePageResult, InviteePage, viewer, event_id="few")
        assert found.total_count == len(found.items)
        assert len({one.invited_at for one in found.items}) == 1, "here time stands still, so they stand by their ids"
        return [one.member_id for one in found.items]


SEATED, WAITING = RsvpStatus.CONFIRMED, RsvpStatus.WAITLISTED


@pytest.fixture
def club(world: World) -> Club:
    return Club(world)


async def test_for_who_is_not_invited_it_is_not_there(club: Club) -> None:
    await club.open(INVITED_ONLY, "ada")
    await club.send(Rsvp, "ada", event_id="few", mode=Mode.ONLINE)
    for viewer in ("bob", "mod"):
        assert not await club.sees(viewer)
        for command, fields in SENT.items():
            refusal = await club.refused(command, viewer, **fields, event_id="few")
            assert refusal == await club.refused(command, viewer, **fields, event_id="never"), command
        assert await club.can(viewer) == set()
    for viewer in ("olga", "ada"):
        assert await club.sees(viewer)
    assert await club.can("ada") == {"rsvp", "cancel_rsvp"}
    assert {"invite_to_event", "withdraw_event_invitations", "change_event_audience"} <= await club.can("olga")
    assert await club.guests() == ["ada", "olga"]
    assert "FORBIDDEN" in await club._answer(InviteePage, "ada", ASKED[InviteePage], "few")


async def test_who_scheduled_it_sees_it_when_they_lead_no_more(club: Club) -> None:
    await club.open(INVITED_ONLY)
    await club.of_member("olga", RoleRevoked(role="builder"))
    async with asyncio.timeout(20):
        while "cancel_event" in await club.can("olga"):  # noqa: ASYNC110 – what it waits for is in a database
            await asyncio.sleep(0.02)
    assert await club.sees("olga")
    assert await club.guests() == ["olga"]
    assert await club.can("olga") == {"rsvp"}


async def test_an_invitation_is_withdrawn_and_the_queue_moves(club: Club) -> None:
    await club.open(INVITED_ONLY, "ada", "bob", in_person_seats=1)
    for member in ("ada", "bob"):
        await club.send(Rsvp, member, event_id="few", mode=Mode.IN_PERSON)
    await club.send(WithdrawEventInvitations, "olga", event_id="few", member_ids=("ada", "cy"))
    assert await club.seats() == [("bob", SEATED)]
    assert not await club.sees("ada")
    assert "NOT_FOUND" in await club.refused(Rsvp, "ada", event_id="few", mode=Mode.IN_PERSON)
    await club.send(InviteToEvent, "olga", event_id="few", member_ids=("ada",))
    await club.send(Rsvp, "ada", event_id="few", mode=Mode.IN_PERSON)
    assert await club.seats() == [("bob", SEATED), ("ada", WAITING)]


async def test_only_members_are_invited(club: Club) -> None:
    await club.open(INVITED_ONLY)
    await club.of_member("cy", MemberSuspended())
    await club.send(InviteToEvent, "olga", event_id="few", member_ids=("cy",))
    for other in ("nobody", SYSTEM, "sa_program"):
        refusal = await club.refused(InviteToEvent, "olga", event_id="few", member_ids=("ada", other))
        assert refusal == "NotFound('NOT_FOUND', 'there is no such member', ('member_ids', 1))"
    await club.of_member("new", MemberJoined())
    await club.send(InviteToEvent, "olga", event_id="few", member_ids=("new",))
    assert await club.guests() == ["cy", "new", "olga"]


async def test_made_exclusive_it_keeps_who_asked_and_opened_it_is_there_for_all(club: Club) -> None:
    await club.open(INVITED_ONLY)
    await club.send(Rsvp, "ada", event_id="all", mode=Mode.ONLINE)
    await club.send(ChangeEventAudience, "olga", event_id="all", audience=INVITED_ONLY)
    assert [await club.told(viewer, "all") != [] for viewer in ("ada", "bob")] == [True, False]
    await club.send(ChangeEventAudience, "olga", event_id="few", audience=None)
    assert await club.sees("bob")
    await club.send(Rsvp, "bob", event_id="few", mode=Mode.ONLINE)


async def test_a_role_lets_in_and_losing_it_gives_the_seat_to_the_next(club: Club) -> None:
    await club.open(AMBASSADORS, "bob", in_person_seats=1)
    await club.of_member("ada", RoleGranted(role="ambassador"))
    await club.until("ada", sees=True)
    for member in ("ada", "bob"):
        await club.send(Rsvp, member, event_id="few", mode=Mode.IN_PERSON)
    await club.send(Rsvp, "ada", event_id="all", mode=Mode.ONLINE)
    await club.of_member("ada", RoleRevoked(role="moderator"), RoleRevoked(role="ambassador", space_id="s1"))
    await club.of_member("ada", RoleRevoked(role="ambassador"))
    await club.until("ada", sees=False)
    await club.until_seats(("bob", SEATED))
    assert await club.seats("all") == [("ada", SEATED)], "where everybody may come nothing is lost"


async def test_a_segment_lets_in_and_leaving_it_ends_that(club: Club) -> None:
    await club.open(JURY, "bob")
    await club.of_segment(SegmentEntered(segment_id="jury", member_ids=["ada", "bob", "cy"]))
    await club.until("cy", sees=True)
    for member in ("ada", "bob"):
        await club.send(Rsvp, member, event_id="few", mode=Mode.IN_PERSON)
    assert await club.can("cy") == {"rsvp"}
    await club.of_segment(SegmentLeft(segment_id="jury", member_ids=["ada", "bob", "cy"]))
    await club.until_seats(("bob", SEATED))
    assert [await club.sees(member) for member in ("ada", "bob", "cy")] == [False, True, False]


async def test_who_leaves_loses_invitation_and_seat_for_good(club: Club) -> None:
    await club.open(INVITED_ONLY, "ada", "bob", in_person_seats=1)
    for event_id, member in (("few", "ada"), ("few", "bob"), ("all", "ada")):
        await club.send(Rsvp, member, event_id=event_id, mode=Mode.IN_PERSON)
    await club.of_member("ada", MemberLeft())
    await club.until_seats(("bob", SEATED))
    await club.until_seats(event_id="all")
    assert await club.guests() == ["bob", "olga"]
    await club.of_member("ada", MemberJoined())
    assert not await club.sees("ada"), "who comes back begins anew"


async def test_who_came_back_before_it_was_noticed_keeps_what_they_got_since(club: Club) -> None:
    await club.open(INVITED_ONLY, "ada")
    later = NOON + timedelta(days=1)  # than what happens to members
    await club.send(Rsvp, "ada", event_id="all", mode=Mode.ONLINE, now=later)
    await club.of_member("ada", MemberLeft(), MemberJoined())
    async with asyncio.timeout(20):
        while "ada" in await club.guests():  # noqa: ASYNC110 – what it waits for is in a database
            await asyncio.sleep(0.02)
    assert await club.seats("all") == [("ada", SEATED)]


async def test_after_a_crash_each_is_let_go_once(club: Club, tmp_path_factory: pytest.TempPathFactory) -> None:
    await club.open(INVITED_ONLY, "ada", "bob", "cy", in_person_seats=1)
    for member in ("ada", "bob", "cy"):
        await club.send(Rsvp, member, event_id="few", mode=Mode.IN_PERSON)
    app = club.world.app
    await club.of_member("ada", MemberLeft())
    await club.until_seats(("bob", SEATED), ("cy", WAITING))
    # As after a crash that took the checkpoint: another process begins again from the first event.
    await app.db["followers"].delete_many({"_id": "partings"})
    again = App("events", app.settings)
    compose(again)
    await again.start()
    try:
        await again.ready()
        await club.of_member("bob", MemberLeft())
        await club.until_seats(("cy", SEATED))
        js = app.nats.jetstream()
        end = (await js.stream_info("MEMBERS")).state.last_seq
        async with asyncio.timeout(20):
            while (await app.db["followers"].find_one({"_id": "partings"}) or {"sequence": 0})["sequence"] < end:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        happened = await club.history()
    finally:
        await again.stop()
    assert happened[-6:] == ["invitations_withdrawn", "rsvp_cancelled", "rsvp_promoted"] * 2


async def test_a_rebuilt_view_is_the_same(club: Club) -> None:
    await club.open(AMBASSADORS, "ada", "bob")
    await club.send(Rsvp, "ada", event_id="few", mode=Mode.ONLINE)
    await club.send(WithdrawEventInvitations, "olga", event_id="few", member_ids=("bob",))
    at = await club.send(ChangeEventAudience, "olga", event_id="few", audience=JURY)
    await club.world.shown(at)
    for name in ("attendance_sheet", "event_calendar"):
        view = club.world.view(name)
        before = await canonical(view)
        await club.world.rebuild(view)
        assert await canonical(view) == before
