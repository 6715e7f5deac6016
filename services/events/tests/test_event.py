"""What an event decides, command by command."""

from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from time import process_time

import pytest

from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import given
from services.events.decisions import DECIDER
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
from services.events.tests.builders import (
    END,
    LEADER,
    LONG_BEFORE,
    MEMBER,
    MODERATOR,
    START,
    STRANGER,
    cancel_event,
    cancel_rsvp,
    check_in,
    rsvp,
    schedule,
)


def scheduled(form: Format = Format.HYBRID, in_person: int | None = None, online: int | None = None) -> EventScheduled:
    return EventScheduled(
        title="Spring meeting",
        description="",
        format=form,
        starts_at=START,
        ends_at=END,
        all_day=False,
        time_zone="Europe/Paris",
        in_person_seats=in_person,
        online_seats=online,
        sessions=(),
        organiser="leader",
    )


def confirmed(member: str, number: int, mode: Mode = Mode.IN_PERSON) -> RsvpConfirmed:
    return RsvpConfirmed(member_id=member, mode=mode, number=number)


def waitlisted(member: str, number: int, mode: Mode = Mode.IN_PERSON) -> RsvpWaitlisted:
    return RsvpWaitlisted(member_id=member, mode=mode, number=number)


def cancelled(
    member: str,
    was: RsvpStatus = RsvpStatus.CONFIRMED,
    mode: Mode = Mode.IN_PERSON,
    changed_to: Mode | None = None,
) -> RsvpCancelled:
    return RsvpCancelled(member_id=member, mode=mode, was=was, changed_to=changed_to)


class TestSchedule:
    def test_a_leader_schedules(self) -> None:
        given(DECIDER).when(schedule(in_person_seats=3)).then(scheduled(in_person=3))

    def test_an_event_long_past_can_be_recorded(self) -> None:
        past = schedule(starts_at=START.replace(year=1996), ends_at=END.replace(year=1996))
        assert given(DECIDER).when(past)._accepted() != []

    def test_times_are_kept_in_utc(self) -> None:
        paris = timezone(timedelta(hours=1))
        there = schedule(starts_at=START.astimezone(paris), ends_at=END.astimezone(paris))
        (event,) = DECIDER.decide(DECIDER.initial, there)
        assert isinstance(event, EventScheduled)
        assert (event.starts_at.tzinfo, event.ends_at.tzinfo) == (UTC, UTC)
        assert event.starts_at == START

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
    def test_nobody_else_does(self, roles: frozenset[str]) -> None:
        given(DECIDER).when(schedule(roles=roles)).then_raises("FORBIDDEN")

    def test_repeated_it_changes_nothing(self) -> None:
        given(DECIDER, scheduled()).when(schedule()).then_nothing()

    def test_an_id_stands_for_one_event(self) -> None:
        given(DECIDER, scheduled()).when(schedule(in_person_seats=1)).then_raises("ID_TAKEN", ("event_id",))

    def test_it_may_end_as_it_starts_but_not_before(self) -> None:
        given(DECIDER).when(schedule(ends_at=START - timedelta(seconds=1))).then_raises("INVALID", ("ends_at",))
        assert DECIDER.decide(DECIDER.initial, schedule(ends_at=START))

    @pytest.mark.parametrize("zone", ["", "Paris", "+01:00", "../etc/passwd", "europe/paris"])
    def test_the_zone_is_one_of_iana(self, zone: str) -> None:
        given(DECIDER).when(schedule(time_zone=zone)).then_raises("INVALID", ("time_zone",))

    @pytest.mark.parametrize("instant", [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), datetime.max])
    def test_a_year_out_of_range_is_refused(self, instant: datetime) -> None:
        command = schedule(starts_at=instant.replace(tzinfo=instant.tzinfo or UTC))
        given(DECIDER).when(command).then_raises("INVALID", ("starts_at",))

    def test_seats_are_of_a_mode_that_is_offered(self) -> None:
        online = schedule(form=Format.ONLINE, in_person_seats=1)
        given(DECIDER).when(online).then_raises("INVALID", ("in_person_seats",))
        in_person = schedule(form=Format.IN_PERSON, online_seats=1)
        given(DECIDER).when(in_person).then_raises("INVALID", ("online_seats",))


class TestRsvp:
    def test_a_seat_while_there_are_seats(self) -> None:
        given(DECIDER, scheduled(in_person=1)).when(rsvp("m1")).then(confirmed("m1", 1))

    def test_the_queue_when_there_are_none(self) -> None:
        full = given(DECIDER, scheduled(in_person=1), confirmed("m1", 1))
        full.when(rsvp("m2")).then(waitlisted("m2", 2))

    def test_modes_have_seats_of_their_own(self) -> None:
        full = given(DECIDER, scheduled(in_person=1, online=1), confirmed("m1", 1))
        full.when(rsvp("m2", Mode.ONLINE)).then(confirmed("m2", 2, Mode.ONLINE))

    def test_without_a_limit_everybody_gets_a_seat(self) -> None:
        many = [confirmed(f"m{n}", n) for n in range(1, 200)]
        given(DECIDER, scheduled(), *many).when(rsvp("m0")).then(confirmed("m0", 200))

    @pytest.mark.parametrize("held", [confirmed("m1", 1), waitlisted("m1", 1)])
    def test_repeated_it_changes_nothing(self, held: EventEvent) -> None:
        given(DECIDER, scheduled(in_person=1), held).when(rsvp("m1")).then_nothing()

    @pytest.mark.parametrize(
        ("form", "mode"),
        [(Format.ONLINE, Mode.IN_PERSON), (Format.IN_PERSON, Mode.ONLINE)],
        ids=["online", "in_person"],
    )
    def test_a_mode_that_is_not_offered(self, form: Format, mode: Mode) -> None:
        given(DECIDER, scheduled(form)).when(rsvp("m1", mode)).then_raises("MODE_NOT_OFFERED", ("mode",))

    def test_changing_the_mode_hands_the_seat_to_the_first_in_the_queue(self) -> None:
        history = (confirmed("m1", 1), waitlisted("m2", 2), waitlisted("m3", 3))
        given(DECIDER, scheduled(in_person=1), *history).when(rsvp("m1", Mode.ONLINE)).then(
            cancelled("m1", changed_to=Mode.ONLINE),
            RsvpPromoted(member_id="m2", mode=Mode.IN_PERSON),
            confirmed("m1", 4, Mode.ONLINE),
        )

    def test_changing_the_mode_from_the_queue_moves_nobody_up(self) -> None:
        history = (confirmed("m1", 1), waitlisted("m2", 2), waitlisted("m3", 3))
        given(DECIDER, scheduled(in_person=1), *history).when(rsvp("m2", Mode.ONLINE)).then(
            cancelled("m2", RsvpStatus.WAITLISTED, changed_to=Mode.ONLINE), confirmed("m2", 4, Mode.ONLINE)
        )

    def test_changing_to_a_full_mode_gives_the_old_seat_up(self) -> None:
        history = (confirmed("m1", 1), confirmed("m2", 2, Mode.ONLINE))
        given(DECIDER, scheduled(online=1), *history).when(rsvp("m1", Mode.ONLINE)).then(
            cancelled("m1", changed_to=Mode.ONLINE), waitlisted("m1", 3, Mode.ONLINE)
        )

    def test_who_has_come_stays_where_they_are(self) -> None:
        came = AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON)
        here = given(DECIDER, scheduled(), confirmed("m1", 1), came)
        here.when(rsvp("m1", Mode.ONLINE, now=START)).then_raises("ALREADY_CHECKED_IN")

    def test_until_the_end(self) -> None:
        late = END - timedelta(seconds=1)
        given(DECIDER, scheduled()).when(rsvp("m1", now=late)).then(confirmed("m1", 1))
        given(DECIDER, scheduled()).when(rsvp("m1", now=END)).then_raises("EVENT_OVER")

    def test_not_to_a_cancelled_event(self) -> None:
        given(DECIDER, scheduled(), EventCancelled()).when(rsvp("m1")).then_raises("EVENT_CANCELLED")

    def test_not_to_one_that_does_not_exist(self) -> None:
        given(DECIDER).when(rsvp("m1")).then_raises("NOT_FOUND")

    def test_members_only_and_never_the_platform(self) -> None:
        given(DECIDER, scheduled()).when(rsvp("m1", roles=STRANGER)).then_raises("FORBIDDEN")
        given(DECIDER, scheduled()).when(rsvp(SYSTEM, roles=LEADER)).then_raises("FORBIDDEN")


class TestCancelRsvp:
    def test_the_seat_goes_to_the_first_in_the_queue_in_the_same_commit(self) -> None:
        history = (confirmed("m1", 1), waitlisted("m2", 2), waitlisted("m3", 3))
        given(DECIDER, scheduled(in_person=1), *history).when(cancel_rsvp("m1")).then(
            cancelled("m1"), RsvpPromoted(member_id="m2", mode=Mode.IN_PERSON)
        )

    def test_the_queue_passes_over_those_who_left_it(self) -> None:
        waiting = [waitlisted(f"m{n}", n) for n in range(2, 6)]
        left = [cancelled("m2", RsvpStatus.WAITLISTED), cancelled("m4", RsvpStatus.WAITLISTED)]
        history = given(DECIDER, scheduled(in_person=1), confirmed("m1", 1), *waiting, *left)
        history.when(cancel_rsvp("m1")).then(cancelled("m1"), RsvpPromoted(member_id="m3", mode=Mode.IN_PERSON))

    def test_without_a_queue_the_seat_is_free(self) -> None:
        freed = given(DECIDER, scheduled(in_person=1), confirmed("m1", 1), cancelled("m1"))
        freed.when(rsvp("m2")).then(confirmed("m2", 2))

    def test_leaving_the_queue_moves_nobody_up(self) -> None:
        history = (confirmed("m1", 1), waitlisted("m2", 2), waitlisted("m3", 3))
        given(DECIDER, scheduled(in_person=1), *history).when(cancel_rsvp("m2")).then(
            cancelled("m2", RsvpStatus.WAITLISTED)
        )

    def test_repeated_it_changes_nothing(self) -> None:
        given(DECIDER, scheduled(), confirmed("m1", 1), cancelled("m1")).when(cancel_rsvp("m1")).then_nothing()

    def test_refusals(self) -> None:
        held = given(DECIDER, scheduled(), confirmed("m1", 1))
        held.when(cancel_rsvp("m1", now=END)).then_raises("EVENT_OVER")
        held.when(cancel_rsvp("m1", roles=STRANGER)).then_raises("FORBIDDEN")
        given(DECIDER, scheduled(), confirmed("m1", 1), EventCancelled()).when(cancel_rsvp("m1")).then_raises(
            "EVENT_CANCELLED"
        )
        given(DECIDER).when(cancel_rsvp("m1")).then_raises("NOT_FOUND")
        came = AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON)
        given(DECIDER, scheduled(), confirmed("m1", 1), came).when(cancel_rsvp("m1")).then_raises("ALREADY_CHECKED_IN")


class TestCheckIn:
    def test_a_steward_checks_a_member_in(self) -> None:
        held = given(DECIDER, scheduled(), confirmed("m1", 1))
        held.when(check_in("mod", "m1", roles=MODERATOR)).then(AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON))

    def test_online_members_check_themselves_in(self) -> None:
        held = given(DECIDER, scheduled(), confirmed("m1", 1, Mode.ONLINE))
        held.when(check_in("m1", "m1")).then(AttendeeCheckedIn(member_id="m1", mode=Mode.ONLINE))

    def test_at_the_door_they_do_not(self) -> None:
        given(DECIDER, scheduled(), confirmed("m1", 1)).when(check_in("m1", "m1")).then_raises("FORBIDDEN")

    def test_nor_anyone_else(self) -> None:
        held = given(DECIDER, scheduled(), confirmed("m1", 1, Mode.ONLINE))
        held.when(check_in("m2", "m1")).then_raises("FORBIDDEN", ("member_id",))
        held.when(check_in("m1", "m1", roles=STRANGER)).then_raises("FORBIDDEN")

    def test_repeated_it_changes_nothing(self) -> None:
        came = AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON)
        here = given(DECIDER, scheduled(), confirmed("m1", 1), came)
        here.when(check_in("mod", "m1", roles=MODERATOR)).then_nothing()

    @pytest.mark.parametrize("held", [(), (confirmed("m0", 1), waitlisted("m1", 2))], ids=["none", "waiting"])
    def test_without_a_seat(self, held: tuple[EventEvent, ...]) -> None:
        without = given(DECIDER, scheduled(in_person=1), *held)
        without.when(check_in("mod", "m1", roles=MODERATOR)).then_raises("NOT_ATTENDING", ("member_id",))

    def test_from_24_hours_before_the_start_to_the_end(self) -> None:
        held = given(DECIDER, scheduled(), confirmed("m1", 1))
        came = AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON)
        for now in (START - timedelta(hours=24), END):
            held.when(check_in("mod", "m1", now=now, roles=MODERATOR)).then(came)
        for now in (START - timedelta(hours=24, seconds=1), END + timedelta(seconds=1)):
            held.when(check_in("mod", "m1", now=now, roles=MODERATOR)).then_raises("CHECK_IN_CLOSED")

    def test_not_at_a_cancelled_event_nor_at_none(self) -> None:
        off = given(DECIDER, scheduled(), confirmed("m1", 1), EventCancelled())
        off.when(check_in("mod", "m1", roles=MODERATOR)).then_raises("EVENT_CANCELLED")
        given(DECIDER).when(check_in("mod", "m1", roles=MODERATOR)).then_raises("NOT_FOUND")


class TestCancelEvent:
    def test_a_leader_calls_it_off(self) -> None:
        given(DECIDER, scheduled()).when(cancel_event()).then(EventCancelled())

    def test_repeated_it_changes_nothing(self) -> None:
        given(DECIDER, scheduled(), EventCancelled()).when(cancel_event()).then_nothing()

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
    def test_nobody_else_does(self, roles: frozenset[str]) -> None:
        given(DECIDER, scheduled()).when(cancel_event(roles=roles)).then_raises("FORBIDDEN")

    def test_it_must_exist(self) -> None:
        given(DECIDER).when(cancel_event()).then_raises("NOT_FOUND")


def test_ten_thousand_attendees_are_decided_and_folded_in_a_second() -> None:
    state = DECIDER.evolve(DECIDER.initial, scheduled(in_person=100))
    history: list[EventEvent] = [scheduled(in_person=100)]
    for n in range(10_000):
        for event in DECIDER.decide(state, rsvp(f"m{n}", now=LONG_BEFORE)):
            state = DECIDER.evolve(state, event)
            history.append(event)
    began = process_time()
    assert reduce(DECIDER.evolve, history, DECIDER.initial) == state
    assert process_time() - began < 1
    # everybody with a seat leaves, from the front of a long queue with gaps: each departure stays cheap
    leaving = [f"m{n}" for n in [*range(100, 10_000, 2), *range(100)]]
    began = process_time()
    for member in leaving:
        state = reduce(DECIDER.evolve, DECIDER.decide(state, cancel_rsvp(member)), state)
    assert process_time() - began < 1
    seats = state.seating.seats[Mode.IN_PERSON]
    assert (seats.taken, len(seats.queue)) == (100, 4_850)
    assert state.seating.attendances["m101"].status is RsvpStatus.CONFIRMED
