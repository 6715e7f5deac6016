"""Who is let in, and a real view of who is in which segment."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.access.audience import Audience, Viewer
from libs.access.audiences import MembershipsView, SegmentEntered, SegmentLeft
from libs.access.roles import ALL_ROLES, LEADERS, Role
from libs.shared.codec import Codec
from libs.shared.event_store import StoredMessage, Subject
from libs.shared.testing.views import NOON, canonical, view_bench

FEW = Audience(roles=(Role.AMBASSADOR,), segments=("sg1", "sg2"))


@pytest.mark.parametrize(
    ("roles", "segments", "let_in"),
    [
        ({"member", "ambassador"}, set(), True),
        ({"member"}, {"sg2", "sg9"}, True),
        ({"member"}, {"sg9"}, False),
        ({"member", "moderator"}, set(), False),
        ({"member", "owner"}, set(), True),
        ({"member", "builder"}, set(), True),
        (set(ALL_ROLES), set(), True),
        (set(), set(), False),
    ],
)
def test_who_is_let_in(roles: set[str], segments: set[str], let_in: bool) -> None:
    assert FEW.admits(Viewer(frozenset(roles), frozenset(segments))) is let_in


def test_an_audience_of_nobody_is_owners_and_builders() -> None:
    assert not Audience().admits(Viewer(frozenset({"member", "ambassador"}), frozenset({"sg1"})))
    assert Audience().admits(Viewer(frozenset({"member", "owner"}), frozenset()))


_roles = st.frozensets(st.sampled_from([*map(str, Role), "ambassador@s1"]))
_segments = st.frozensets(st.sampled_from(["sg1", "sg2", "owner", "member"]))


@given(roles=st.lists(st.sampled_from(Role)), named=_segments, viewer=st.builds(Viewer, _roles, _segments))
def test_ways_in_say_the_same_of_who_does_not_lead(roles: list[Role], named: frozenset[str], viewer: Viewer) -> None:
    audience = Audience(roles=tuple(roles), segments=tuple(named))
    shared = not audience.ways_in().isdisjoint(viewer.ways_in())
    assert audience.admits(viewer) is (shared or not LEADERS.isdisjoint(viewer.roles))


def test_a_role_for_a_space_lets_in_there() -> None:
    who = Viewer(frozenset({"member", "ambassador@s1"}), frozenset())
    assert FEW.admits(who.in_space("s1"))
    assert not FEW.admits(who.in_space("s2"))
    assert not FEW.admits(who)


async def test_who_is_in_which_segment(mongo_url: str) -> None:
    async with view_bench(MembershipsView(), mongo_url) as bench:
        await bench.given(SegmentEntered(segment_id="sg1", member_ids=["ada", "bob"]), id="sg1-00")
        await bench.given(SegmentEntered(segment_id="sg2", member_ids=["ada"]), id="sg2-00")
        await bench.given(SegmentEntered(segment_id="sg3", member_ids=["ada"]), id="sg3-00", brand="b2")
        await bench.given(SegmentLeft(segment_id="sg1", member_ids=["bob", "cy"]), id="sg1-00")
        assert await bench.view.segments("b1", "ada") == {"sg1", "sg2"}
        assert await bench.view.segments("b1", "bob") == frozenset()
        assert await bench.view.segments_of_many("b1", ["bob", "ada"]) == {"bob": frozenset(), "ada": {"sg1", "sg2"}}


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (
        SegmentEntered(segment_id="sg1", member_ids=["ada", "bob"]),
        SegmentLeft(segment_id="sg1", member_ids=["ada"]),
        SegmentEntered(segment_id="sg1", member_ids=["ada", "cy"]),
        SegmentLeft(segment_id="sg1", member_ids=["cy"]),
    )
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(MembershipsView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, id="sg1-00")
            contents.add(await canonical(bench.view))
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("file", "event"),
    [
        ("segment_entered", SegmentEntered(segment_id="s1", member_ids=["m1", "m2"])),
        ("segment_left", SegmentLeft(segment_id="s1", member_ids=["m1"])),
    ],
)
def test_an_event_as_the_members_service_writes_it(file: str, event: SegmentEntered | SegmentLeft) -> None:
    data = (Path(__file__).parents[3] / f"services/members/tests/golden/{file}.v1.json").read_bytes()
    [attributes] = json.loads(data)
    subject = Subject("members", attributes["brand"], *attributes["subject"].split("/"))
    codec = Codec("members", MembershipsView.events, skip_unknown=True)
    assert [recorded.event for recorded in codec.decode(StoredMessage(str(subject), "MEMBERS", 1, NOON, data))] == [
        event
    ]
