"""What segments know of members: a real view for each stream, and the events as their owners write them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import StoredMessage, Subject
from libs.shared.testing.views import NOON, canonical, view_bench
from services.members.member import MemberJoined, MemberLeft, ProfileChanged, RoleGranted, RoleRevoked
from services.members.segments.membership import part
from services.members.segments.rules import Act
from services.members.segments.views.acts import (
    ActsView,
    AttendeeCheckedIn,
    DiscussionActsView,
    Done,
    EventActsView,
    FeedbackActsView,
    IdeaSubmitted,
    PostPublished,
    ReactionAdded,
    ReplyPublished,
    VoteCast,
    day_of,
    done,
)
from services.members.segments.views.people import PeopleView, Person

ROOT = Path(__file__).resolve().parents[4]
TODAY = day_of(NOON)
JOINED = MemberJoined(identity="i1", display_name="Marie", email="m@example.org", source="fair", referrer="m9")


@pytest.mark.parametrize(
    ("view", "file", "expected"),
    [
        (DiscussionActsView, "post_published.v2", Done(Act.POSTED, "m1")),
        (DiscussionActsView, "reply_published.v2", Done(Act.REPLIED, "m1")),
        (DiscussionActsView, "reaction_added.v1", Done(Act.REACTED, "m1", "r2:thumbs_up")),
        (DiscussionActsView, "reaction_removed.v1", None),
        (EventActsView, "attendee_checked_in.v1", Done(Act.CHECKED_IN, "m2")),
        (FeedbackActsView, "idea_submitted.v1", Done(Act.SUBMITTED_IDEA, "m1")),
        (FeedbackActsView, "vote_cast.v1", Done(Act.VOTED, "m1", "x1")),
    ],
)
def test_an_event_as_its_owner_writes_it(view: type[ActsView], file: str, expected: Done | None) -> None:
    service = view.stream.lower()
    data = (ROOT / f"services/{service}/tests/golden/{file}.json").read_bytes()
    [attributes] = json.loads(data)
    subject = Subject(service, attributes["brand"], *attributes["subject"].split("/"))
    codec = Codec(service, view.events, skip_unknown=True)
    commit = codec.decode(StoredMessage(str(subject), view.stream, 1, NOON, data))
    assert [done(recorded) for recorded in commit] == ([expected] if expected else [])


async def test_acts_are_counted_ever_and_by_day(mongo_url: str) -> None:
    async with view_bench(DiscussionActsView(), mongo_url) as bench:
        view, yesterday = bench.view, NOON - timedelta(days=1)
        await bench.given(PostPublished(), ReplyPublished(), actor="m1", time=yesterday)
        await bench.given(PostPublished(), PostPublished(), actor="m1", time=NOON)
        await bench.given(PostPublished(), actor="m2", time=yesterday)
        await bench.given(PostPublished(), actor="m1", brand="b2", time=NOON)
        counts = await view.counts("b1", ["m1", "m2", "m3"])
        assert {who: (one.get("posted"), one.get("replied")) for who, one in counts.items()} == {
            "m1": (3, 1), "m2": (1, None),
        }  # fmt: skip
        found = await view.days("b1", ["m1"], TODAY - 1, TODAY)
        assert {(one["member"], one["day"], one.get("posted")) for one in found} == {
            ("m1", TODAY - 1, 1), ("m1", TODAY, 2),
        }  # fmt: skip
        assert await view.days("b1", ["m1"], TODAY - 9, TODAY - 2) == []
        assert sorted(await view.active(Act.POSTED, "b1", TODAY - 1, TODAY - 1)) == ["m1", "m2"]
        assert await view.active(Act.REPLIED, "b1", TODAY, TODAY) == []


async def test_what_can_be_taken_back_counts_once(mongo_url: str) -> None:
    async with view_bench(DiscussionActsView(), mongo_url) as bench:
        heart = ReactionAdded(target_id="t1", emoji="heart")
        await bench.given(heart, heart, actor="m1", time=NOON)
        await bench.given(
            heart, ReactionAdded(target_id="t2", emoji="heart"), actor="m1", time=NOON + timedelta(days=1)
        )
        await bench.given(heart, actor="m2", time=NOON)
        assert (await bench.view.counts("b1", ["m1"]))["m1"]["reacted"] == 2
        days = {(one["day"], one.get("reacted")) for one in await bench.view.days("b1", ["m1"], TODAY, TODAY + 1)}
        assert days == {(TODAY, 1), (TODAY + 1, 1)}
        assert b"m1" not in str(await bench.documents("marks")).encode(), "a mark does not say whose it is"
    async with view_bench(FeedbackActsView(), mongo_url) as bench:
        for _ in range(2):
            await bench.given(VoteCast(member_id="m1"), aggregate="vote", id="i1", actor="system")
        await bench.given(VoteCast(member_id="m1"), IdeaSubmitted(), aggregate="vote", id="i2", actor="m1")
        counted = (await bench.view.counts("b1", ["m1"]))["m1"]
        assert (counted["voted"], counted["submitted_idea"]) == (2, 1)


async def test_of_who_was_erased_nothing_is_known(mongo_url: str) -> None:
    async with view_bench(EventActsView(), mongo_url) as bench:
        await bench.given(AttendeeCheckedIn(member_id="m1"), AttendeeCheckedIn(member_id="m2"), actor="olga")
        await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1")
        content = await canonical(bench.view)
        assert b"m1" not in content
        assert b"m2" in content


@pytest.mark.parametrize("view", [DiscussionActsView, PeopleView])
async def test_one_batch_or_many_make_the_same_view(mongo_url: str, view: type[ActsView | PeopleView]) -> None:
    acts: tuple[Event, ...] = (
        PostPublished(), ReactionAdded(target_id="t1", emoji="heart"), PostPublished(),
        ReactionAdded(target_id="t1", emoji="heart"), ReactionAdded(target_id="t1", emoji="sad"), ReplyPublished(),
    )  # fmt: skip
    people: tuple[Event, ...] = (
        JOINED,
        RoleGranted(role=Role.OWNER),
        MemberLeft(),
        JOINED,
        RoleGranted(role=Role.BUILDER),
    )
    events = acts if view is DiscussionActsView else people
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(view(), mongo_url) as bench:
            for some in parts:
                await bench.given(*some, id="m1", actor="m1", time=NOON)
            contents.add(await canonical(bench.view))
    assert len(contents) == 1


async def test_a_role_for_one_space_is_none_of_the_brand(mongo_url: str) -> None:
    async with view_bench(PeopleView(), mongo_url) as bench:
        in_space = RoleGranted(role=Role.MODERATOR, space_id="s1")
        await bench.given(JOINED, RoleGranted(role=Role.BUILDER), in_space, id="m1", time=NOON)
        await bench.given(RoleRevoked(role=Role.BUILDER, space_id="s1"), id="m1")
        [person] = await bench.view.get_many("b1", ["m1"])
        assert person.roles == {"member", "builder"}


async def test_who_is_there_and_who_they_are(mongo_url: str) -> None:
    async with view_bench(PeopleView(), mongo_url) as bench:
        view = bench.view
        await bench.given(JOINED, RoleGranted(role=Role.OWNER), RoleGranted(role=Role.BUILDER), id="m1", time=NOON)
        await bench.given(RoleRevoked(role=Role.OWNER), ProfileChanged(display_name="Mimi", bio="x"), id="m1")
        await bench.given(MemberJoined(identity="i2", display_name="Paul"), id="m2", time=NOON - timedelta(days=3))
        await bench.given(JOINED, id="m1", brand="b2")
        assert await view.get_many("b1", ["m1", "m3"]) == [
            Person(member="m1", roles=frozenset({"member", "builder"}), joined_day=TODAY, source="fair", referrer="m9")
        ]
        assert await view.count("b1") == 2
        assert await view.of_parts("b1", [part("m2")]) == ["m2"]
        assert await view.joined_on("b1", TODAY - 3, TODAY - 1) == ["m2"]
        await bench.given(MemberLeft(), id="m1")
        assert (await view.get_many("b1", ["m1"]), await view.count("b1")) == ([], 1)
        assert b"Marie" not in await canonical(view)
        await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m2")
        assert b"m2" not in await canonical(view)
