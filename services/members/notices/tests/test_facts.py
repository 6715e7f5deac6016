"""Which events are news, for whom, and that they are read as their owners write them."""

import importlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.shared.codec import Codec
from libs.shared.domain import BrandId, Event
from libs.shared.event_store import StoredMessage, Subject
from libs.shared.recorded import Recorded
from libs.shared.tags import tag_key
from services.members.notices import foreign
from services.members.notices.facts import NEWS, STREAMS, Fact, Reason, fact_of, is_news, with_thread
from services.members.notices.follow import Target, TargetKind
from services.members.notices.kinds import QUIET, Kind
from services.members.notices.views.people import EventPeopleView, IdeaPeopleView, ThreadPeopleView
from services.members.notices.views.spaces import ExclusiveSpacesView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICES = Path(__file__).parents[3]
BY = Target(TargetKind.MEMBER, "m2")
THREAD, SPACE = Target(TargetKind.THREAD, "t1"), Target(TargetKind.SPACE, "s1")


def recorded(event: Event, aggregate_id: str, actor: str = "m2") -> Recorded[Any]:
    return Recorded(
        event=event, id="e1", brand=BrandId("b1"), aggregate="thing", aggregate_id=aggregate_id, actor=actor,
        time=NOON, recorded_at=NOON, causation_id="c", correlation_id="c", stream="S", sequence=1,
    )  # fmt: skip


def fact(event: Event, aggregate_id: str, actor: str = "m2") -> Fact:
    found = fact_of(recorded(event, aggregate_id, actor))
    assert found is not None
    assert (found.id, found.brand, found.actor) == ("e1", "b1", actor)
    return found


def test_a_post_is_for_who_follows_its_author_before_who_follows_its_space() -> None:
    post = fact(foreign.PostPublished(space_id="s1"), "t1")
    assert post.reasons == (
        Reason(kind=Kind.POST_BY_PERSON, subject="m2", target=BY),
        Reason(kind=Kind.POST_IN_SPACE, subject="s1", target=SPACE),
    )
    assert (post.people, post.members) == (None, ())
    assert set(post.concerns) == {BY, SPACE, THREAD}


def test_a_post_is_for_who_follows_its_tags_before_its_space() -> None:
    post = fact(foreign.PostPublished(space_id="s1", tags=("boats", "tides")), "t1")
    boats, tides = (Target(TargetKind.TAG, tag_key(word)) for word in ("boats", "tides"))
    assert post.reasons == (
        Reason(kind=Kind.POST_BY_PERSON, subject="m2", target=BY),
        Reason(kind=Kind.POST_WITH_TAG, subject=boats.id, target=boats),
        Reason(kind=Kind.POST_WITH_TAG, subject=tides.id, target=tides),
        Reason(kind=Kind.POST_IN_SPACE, subject="s1", target=SPACE),
    )
    assert set(post.concerns) == {BY, SPACE, THREAD, boats, tides}
    assert b"boats" not in msgspec.json.encode(post), "what is kept does not show the words"


def test_what_happens_in_a_thread_concerns_its_tags() -> None:
    for event in (foreign.ReplyPublished(reply_id="r1"), foreign.ReactionAdded(target_id="t1")):
        found = with_thread(fact(event, "t1"), author="m1", space="s1", tags=("boats",))
        assert set(found.concerns) == {BY, SPACE, THREAD, Target(TargetKind.TAG, tag_key("boats"))}


def test_a_reply_is_for_who_takes_part_in_the_thread_or_follows_it() -> None:
    reply = with_thread(fact(foreign.ReplyPublished(reply_id="r1"), "t1"), author="m2", space="s1")
    assert reply.reasons == (Reason(kind=Kind.REPLY, subject="t1", target=THREAD),)
    assert (reply.people, reply.members) == ("thread", ())
    assert set(reply.concerns) == {BY, SPACE, THREAD}
    assert reply.refs == {"thread": "t1", "reply": "r1", "space": "s1"}


def test_a_reaction_is_for_the_author_alone() -> None:
    reaction = with_thread(fact(foreign.ReactionAdded(target_id="r1"), "t1"), author="m7", space="s1")
    assert reaction.reasons == (Reason(kind=Kind.REACTION, subject="r1"),)
    assert (reaction.people, reaction.members) == (None, ("m7",))


def test_an_invitation_is_for_who_is_invited() -> None:
    invited = fact(foreign.MembersInvited(member_ids=("m5", "m6")), "ev1")
    assert (invited.members, invited.people) == (("m5", "m6"), None)
    assert invited.reasons == (Reason(kind=Kind.EVENT_INVITATION, subject="ev1"),)
    assert Target(TargetKind.EVENT, "ev1") in invited.concerns


def test_a_seat_is_for_who_waited() -> None:
    promoted = fact(foreign.RsvpPromoted(member_id="m5"), "ev1")
    assert (promoted.members, promoted.reasons[0].target, promoted.concerns) == (("m5",), None, ())


def test_a_cancelled_event_is_for_who_wanted_to_come_or_follows_it_whatever_they_muted() -> None:
    cancelled = fact(foreign.EventCancelled(), "ev1")
    assert (cancelled.people, cancelled.concerns) == ("event", ())
    assert cancelled.reasons[0].target == Target(TargetKind.EVENT, "ev1")


def test_an_idea_is_for_who_follows_the_board_and_its_status_for_who_wants_it() -> None:
    idea = fact(foreign.IdeaSubmitted(board_id="o1"), "i1")
    assert idea.reasons == (Reason(kind=Kind.IDEA_SUBMITTED, subject="o1", target=Target(TargetKind.BOARD, "o1")),)
    status = fact(foreign.IdeaStatusChanged(), "i1")
    assert (status.people, status.reasons[0].subject) == ("idea", "i1")


def test_a_role_is_for_who_got_it() -> None:
    role = fact(foreign.RoleGranted(role="moderator"), "m9")
    assert (role.members, role.reasons[0].subject, role.refs) == (("m9",), "moderator", {"role": "moderator"})


def test_a_badge_and_the_light_are_for_who_got_them() -> None:
    badge = fact(foreign.BadgeAwarded(badge="first-post", name="First post"), "m9", actor="system")
    assert (badge.members, badge.reasons[0].subject) == (("m9",), "first-post")
    light = fact(foreign.MemberSpotlighted(spotlight_id="l1"), "m9")
    assert (light.members, light.reasons[0].subject) == (("m9",), "l1")


def test_a_step_that_is_due_and_a_nudge_are_for_whose_they_are() -> None:
    step = fact(foreign.StepReminded(step_id="hello"), "m9", actor="system")
    assert (step.members, step.reasons[0].subject) == (("m9",), "hello")
    assert fact(foreign.MemberNudged(), "m9", actor="system").members == ("m9",)


def test_what_happened_long_ago_is_no_news() -> None:
    assert is_news(NOON, NOON + NEWS)
    assert not is_news(NOON, NOON + NEWS + timedelta(seconds=1))


def test_every_kind_can_happen() -> None:
    """NEWS is found by digests; every other kind is the reason of some fact."""
    happened = {
        reason.kind
        for event in [event for _, events in STREAMS.values() for event in events]
        if (found := fact_of(recorded(_sample(event), "x1"))) is not None
        for reason in found.reasons
    }
    assert happened == set(QUIET) - {Kind.NEWS}


def _sample(event: type[Event]) -> Event:
    return event(**dict.fromkeys(event.__struct_fields__, "x1"))


READ = {
    event: stream.lower()
    for stream, events in [
        *((stream, events) for stream, (_, events) in STREAMS.items()),
        *(
            (view.stream, view.events)
            for view in (ThreadPeopleView, ExclusiveSpacesView, EventPeopleView, IdeaPeopleView)
        ),
        ("MEMBERS", (foreign.MemberBlocked, foreign.MemberUnblocked)),
        ("MEMBERS", (foreign.MemberJoined, foreign.MemberLocaleChosen)),
    ]
    for event in events
}


@pytest.mark.parametrize("event", READ, ids=lambda event: event.wire_name)
def test_an_event_is_read_as_its_owner_writes_it(event: type[Event]) -> None:
    service = READ[event]
    files = sorted((SERVICES / service).rglob(f"tests/golden/{event.wire_name}.v*.json"))
    assert files, "the owner has no such event"
    for file in files:
        [attributes] = json.loads(file.read_bytes())
        aggregate, id_ = attributes["subject"].split("/")
        subject = Subject(service, attributes["brand"], aggregate, id_)
        message = StoredMessage(str(subject), subject.stream, 1, NOON, file.read_bytes())
        [found] = Codec(service, (event,), skip_unknown=True).decode(message)
        read = json.loads(msgspec.json.encode(found.event))
        assert all(read[name] == attributes["data"][name] for name in read if name in attributes["data"])


def test_all_small_structs_are_read_somewhere() -> None:
    declared = {
        thing
        for thing in vars(importlib.import_module(foreign.__name__)).values()
        if isinstance(thing, type) and issubclass(thing, Event) and thing is not Event
    }
    assert declared <= set(READ)
