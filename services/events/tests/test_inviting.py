"""What an event decides about its guest list, command by command."""

from datetime import timedelta

import pytest
from msgspec import structs

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import Given, given
from services.events.decisions import DECIDER, EventCommand, Rsvp
from services.events.event import (
    AttendeeCheckedIn,
    CommunityEvent,
    EventCancelled,
    EventEvent,
    EventScheduled,
    Mode,
    RsvpPromoted,
    RsvpStatus,
)
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited
from services.events.inviting import MAX_INVITED
from services.events.tests.builders import (
    END,
    LEADER,
    LONG_BEFORE,
    MEMBER,
    MODERATOR,
    START,
    STRANGER,
    cancel_rsvp,
    change_audience,
    check_in,
    invite,
    release,
    rsvp,
    schedule,
    withdraw,
)
from services.events.tests.test_event import cancelled, confirmed, scheduled, waitlisted

INVITED_ONLY = Audience()
AMBASSADORS = Audience(roles=(Role.AMBASSADOR,))
JURY = Audience(segments=("jury",))
AMBASSADOR = MEMBER | {Role.AMBASSADOR.value}
CAME = AttendeeCheckedIn(member_id="m1", mode=Mode.IN_PERSON)


def exclusive(audience: Audience = INVITED_ONLY, in_person: int | None = None) -> EventScheduled:
    return structs.replace(scheduled(in_person=in_person), audience=audience)


def invited(*members: str) -> MembersInvited:
    return MembersInvited(member_ids=members)


def withdrawn(*members: str) -> InvitationsWithdrawn:
    return InvitationsWithdrawn(member_ids=members)


Story = Given[CommunityEvent, EventCommand, EventEvent]


class TestAudience:
    def test_who_schedules_it_is_on_the_guest_list(self) -> None:
        given(DECIDER).when(schedule(audience=INVITED_ONLY)).then(exclusive(), invited("leader"))

    @pytest.mark.parametrize("actor", [SYSTEM, "sa_program"])
    def test_a_program_is_not(self, actor: str) -> None:
        events = given(DECIDER).when(schedule(audience=INVITED_ONLY, actor=actor))._accepted()
        assert [type(event) for event in events] == [EventScheduled]

    def test_it_is_chosen_anew(self) -> None:
        story = given(DECIDER, exclusive(), invited("leader"))
        story.when(change_audience(AMBASSADORS)).then(EventAudienceChanged(audience=AMBASSADORS))
        story.when(change_audience(None)).then(EventAudienceChanged(audience=None))
        story.when(change_audience(INVITED_ONLY)).then_nothing()

    def test_who_has_asked_for_a_seat_is_let_in_further_and_so_is_the_organiser(self) -> None:
        story = given(DECIDER, scheduled(in_person=1), confirmed("m2", 1), waitlisted("m1", 2), invited("m2"))
        story.when(change_audience(INVITED_ONLY)).then(
            EventAudienceChanged(audience=INVITED_ONLY, invited=("leader", "m1"))
        )

    def test_of_events_from_before_the_organiser_is_not_known(self) -> None:
        old = structs.replace(scheduled(), organiser="")
        given(DECIDER, old).when(change_audience(INVITED_ONLY)).then(EventAudienceChanged(audience=INVITED_ONLY))

    def test_opened_again_it_is_for_all(self) -> None:
        opened = given(DECIDER, exclusive(), EventAudienceChanged(audience=None))
        opened.when(rsvp("m1")).then(confirmed("m1", 1))

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
    def test_by_leaders_alone(self, roles: frozenset[str]) -> None:
        given(DECIDER, exclusive()).when(change_audience(None, roles=roles)).then_raises("FORBIDDEN")

    def test_of_an_event(self) -> None:
        given(DECIDER).when(change_audience(None)).then_raises("NOT_FOUND")


class TestWhoIsLetIn:
    @pytest.mark.parametrize("command", [rsvp("m1"), cancel_rsvp("m1"), check_in("m1", "m1")])
    @pytest.mark.parametrize("history", [(), (invited("m1"), withdrawn("m1")), (invited("m2"),)])
    def test_for_everybody_else_it_is_not_there(self, command: EventCommand, history: tuple[EventEvent, ...]) -> None:
        hidden = given(DECIDER, exclusive(), *history).when(command).then_raises("NOT_FOUND")
        missing = given(DECIDER).when(command).then_raises("NOT_FOUND")
        assert repr(hidden) == repr(missing)

    def test_also_for_moderators(self) -> None:
        story = given(DECIDER, exclusive(), invited("m1"), confirmed("m1", 1))
        story.when(check_in("mod", "m1", roles=MODERATOR)).then_raises("NOT_FOUND")
        at_the_door = given(DECIDER, exclusive(), invited("m1", "mod"), confirmed("m1", 1))
        at_the_door.when(check_in("mod", "m1", roles=MODERATOR)).then(CAME)

    def test_who_is_invited_gets_a_seat_and_gives_it_back(self) -> None:
        story = given(DECIDER, exclusive(), invited("m1"))
        story.when(rsvp("m1")).then(confirmed("m1", 1))
        given(DECIDER, exclusive(), invited("m1"), confirmed("m1", 1)).when(cancel_rsvp("m1")).then(cancelled("m1"))

    def test_leaders_are_always_let_in(self) -> None:
        given(DECIDER, exclusive()).when(rsvp("olga", roles=LEADER)).then(confirmed("olga", 1))

    def test_a_role_lets_in(self) -> None:
        given(DECIDER, exclusive(AMBASSADORS)).when(rsvp("m1", roles=AMBASSADOR)).then(confirmed("m1", 1))
        given(DECIDER, exclusive(AMBASSADORS)).when(rsvp("m1")).then_raises("NOT_FOUND")
        elsewhere = MEMBER | {"ambassador@space"}
        given(DECIDER, exclusive(AMBASSADORS)).when(rsvp("m1", roles=elsewhere)).then_raises("NOT_FOUND")

    def test_a_segment_lets_in(self) -> None:
        def asking(*segments: str) -> Rsvp:
            return structs.replace(rsvp("m1"), segments=frozenset(segments))

        given(DECIDER, exclusive(JURY)).when(asking("jury", "x")).then(confirmed("m1", 1))
        given(DECIDER, exclusive(JURY)).when(asking("x")).then_raises("NOT_FOUND")
        given(DECIDER, exclusive(JURY), invited("m1")).when(rsvp("m1")).then(confirmed("m1", 1))

    def test_who_may_be_in_a_segment_that_nobody_looked_at_is_not_refused_for_good(self) -> None:
        given(DECIDER, exclusive(JURY)).when(rsvp("m1")).then_raises("CONFLICT")

    def test_strangers_learn_nothing(self) -> None:
        given(DECIDER, exclusive(JURY)).when(rsvp("m1", roles=STRANGER)).then_raises("FORBIDDEN")
        given(DECIDER).when(rsvp("m1", roles=STRANGER)).then_raises("FORBIDDEN")


class TestInvite:
    def test_those_who_are_not_yet_each_once(self) -> None:
        story = given(DECIDER, exclusive(), invited("m1"))
        story.when(invite("m1", "m2", "m3", "m2")).then(invited("m2", "m3"))
        story.when(invite("m1")).then_nothing()

    def test_to_an_event_for_all_too(self) -> None:
        given(DECIDER, scheduled()).when(invite("m1")).then(invited("m1"))

    def test_as_long_as_they_can_come(self) -> None:
        late = END - timedelta(seconds=1)
        given(DECIDER, exclusive()).when(invite("m1", now=late)).then(invited("m1"))
        given(DECIDER, exclusive()).when(invite("m1", now=END)).then_raises("EVENT_OVER")
        given(DECIDER, exclusive(), EventCancelled()).when(invite("m1")).then_raises("EVENT_CANCELLED")
        over = given(DECIDER, exclusive(), invited("m1"))
        over.when(invite("m1", now=END)).then_nothing()

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
    def test_by_leaders_alone(self, roles: frozenset[str]) -> None:
        story = given(DECIDER, exclusive(), invited("m1"))
        story.when(invite("m2", actor="m1", roles=roles)).then_raises("FORBIDDEN")

    def test_of_an_event(self) -> None:
        given(DECIDER).when(invite("m1")).then_raises("NOT_FOUND")

    def test_a_guest_list_has_a_limit(self) -> None:
        all_but_one = invited(*(f"m{number}" for number in range(MAX_INVITED - 1)))
        story = given(DECIDER, exclusive(), all_but_one)
        story.when(invite("m1", "n1")).then(invited("n1"))
        story.when(invite("n1", "n2")).then_raises("TOO_MANY_INVITED")
        seats = [confirmed(f"s{number}", number) for number in (1, 2)]
        given(DECIDER, scheduled(), all_but_one, *seats).when(change_audience(INVITED_ONLY)).then_raises(
            "TOO_MANY_INVITED"
        )


class TestWithdraw:
    def test_the_seat_goes_to_the_first_in_the_queue_in_the_same_commit(self) -> None:
        story = given(
            DECIDER, exclusive(in_person=1), invited("m1", "m2", "m3"), confirmed("m1", 1), waitlisted("m2", 2)
        )
        story.when(withdraw("m1")).then(
            withdrawn("m1"), cancelled("m1"), RsvpPromoted(member_id="m2", mode=Mode.IN_PERSON)
        )
        story.when(withdraw("m3", "m9")).then(withdrawn("m3"))

    def test_of_those_who_go_together_nobody_gets_the_seat_of_another(self) -> None:
        guests = ("m1", "m2", "m3", "m4")
        held = (confirmed("m1", 1), waitlisted("m2", 2), waitlisted("m3", 3), waitlisted("m4", 4))
        given(DECIDER, exclusive(in_person=1), invited(*guests), *held).when(withdraw("m1", "m2", "m3")).then(
            withdrawn("m1", "m2", "m3"),
            cancelled("m2", RsvpStatus.WAITLISTED),
            cancelled("m3", RsvpStatus.WAITLISTED),
            cancelled("m1"),
            RsvpPromoted(member_id="m4", mode=Mode.IN_PERSON),
        )

    def test_where_everybody_may_come_nobody_loses_a_seat(self) -> None:
        given(DECIDER, scheduled(), invited("m1"), confirmed("m1", 1)).when(withdraw("m1")).then(withdrawn("m1"))

    @pytest.mark.parametrize("history", [(CAME,), (EventCancelled(),)], ids=["came", "called off"])
    def test_what_was_stays_on_record(self, history: tuple[EventEvent, ...]) -> None:
        story = given(DECIDER, exclusive(), invited("m1"), confirmed("m1", 1), *history)
        story.when(withdraw("m1")).then(withdrawn("m1"))

    def test_also_after_the_end(self) -> None:
        given(DECIDER, exclusive(), invited("m1"), confirmed("m1", 1)).when(withdraw("m1", now=END)).then(
            withdrawn("m1")
        )

    def test_repeated_it_changes_nothing(self) -> None:
        given(DECIDER, exclusive(), invited("m1"), withdrawn("m1")).when(withdraw("m1")).then_nothing()

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER, MODERATOR])
    def test_by_leaders_alone(self, roles: frozenset[str]) -> None:
        given(DECIDER, exclusive(), invited("m1")).when(withdraw("m1", roles=roles)).then_raises("FORBIDDEN")

    def test_of_an_event(self) -> None:
        given(DECIDER).when(withdraw("m1")).then_raises("NOT_FOUND")


class TestRelease:
    def test_who_left_the_brand_loses_invitation_and_seat(self) -> None:
        held = (invited("m1", "m2"), confirmed("m1", 1), waitlisted("m2", 2))
        promoted = RsvpPromoted(member_id="m2", mode=Mode.IN_PERSON)
        given(DECIDER, exclusive(in_person=1), *held).when(release("m1")).then(
            withdrawn("m1"), cancelled("m1"), promoted
        )
        given(DECIDER, scheduled(in_person=1), *held[1:]).when(release("m1")).then(cancelled("m1"), promoted)

    def test_who_is_not_let_in_any_more_loses_the_seat(self) -> None:
        story = given(DECIDER, exclusive(AMBASSADORS), confirmed("m1", 1))
        story.when(release("m1", left_brand=False)).then(cancelled("m1"))

    @pytest.mark.parametrize("again", [invited("m1"), EventAudienceChanged(audience=None)])
    def test_who_is_let_in_again_keeps_it(self, again: EventEvent) -> None:
        story = given(DECIDER, exclusive(AMBASSADORS), confirmed("m1", 1), again)
        story.when(release("m1", left_brand=False)).then_nothing()

    @pytest.mark.parametrize("now", [LONG_BEFORE, END])
    def test_repeated_it_changes_nothing(self, now: object) -> None:
        story: Story = given(DECIDER, exclusive(), invited("m1"), confirmed("m1", 1), withdrawn("m1"), cancelled("m1"))
        story.when(structs.replace(release("m1"), now=now)).then_nothing()

    def test_what_was_stays_on_record(self) -> None:
        story = given(DECIDER, scheduled(), confirmed("m1", 1))
        story.when(release("m1", now=END)).then_nothing()
        given(DECIDER, scheduled(), confirmed("m1", 1), CAME).when(release("m1", now=START)).then_nothing()

    def test_the_platform_alone_says_it(self) -> None:
        given(DECIDER, scheduled(), confirmed("m1", 1)).when(release("m1", actor="olga")).then_raises("FORBIDDEN")
        given(DECIDER).when(release("m1")).then_raises("NOT_FOUND")
