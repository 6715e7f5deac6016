"""Whom a member is suggested: a real view, and what must hold whatever members do."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Event
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.member import MemberLeft
from services.members.networking import suggesting
from services.members.networking.block_list import MemberBlocked, MemberUnblocked
from services.members.networking.networking import NetworkingChosen, NetworkingLeft, SuggestionDismissed
from services.members.networking.suggesting import Suggestion, suggest
from services.members.networking.tag_list import TagsOffered
from services.members.networking.tags import SLOTS, TagKind, slot
from services.members.networking.views import networking as views
from services.members.networking.views.networking import (
    BlockPage,
    BlockView,
    MemberSuggestions,
    NetworkingsView,
    NetworkingView,
    OfferedTags,
    OfferedTagsView,
    SuggestionPageResult,
    SuggestionView,
    ViewerBlocks,
    ViewerNetworking,
)

INTEREST, SKILL = TagKind.INTEREST, TagKind.SKILL


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[ViewBench[NetworkingsView]]:
    async with view_bench(NetworkingsView(), mongo_url) as made:
        yield made


def chosen(*interests: str, skills: Sequence[str] = ()) -> NetworkingChosen:
    return NetworkingChosen(interests="\n".join(interests), skills="\n".join(skills))


async def page(
    bench: ViewBench[NetworkingsView], viewer: str, brand: str = "b1", **request: Any
) -> SuggestionPageResult:
    asked = MemberSuggestions(brand=brand, viewer=viewer, page=PageRequest(**request))
    return await bench.view.member_suggestions(asked)


async def met(bench: ViewBench[NetworkingsView], viewer: str, brand: str = "b1") -> list[str]:
    return [one.member_id for one in (await page(bench, viewer, brand, first=100)).items]


class TestTheScore:
    MINE = frozenset({(INTEREST, "boats"), (INTEREST, "rare"), (SKILL, "python")})

    def test_a_rarer_tag_says_more(self) -> None:
        others = [
            ("b", frozenset({(INTEREST, "boats")})),
            ("r", frozenset({(INTEREST, "rare")})),
            ("n", frozenset({(SKILL, "boats"), (INTEREST, "python")})),
            ("a", frozenset({(INTEREST, "boats"), (INTEREST, "other")})),
        ]
        holders = {(INTEREST, "boats"): 100, (INTEREST, "rare"): 2}
        assert suggest(self.MINE, others, holders) == [
            Suggestion("r", 1443, ((INTEREST, "rare"),)),
            Suggestion("a", 217, ((INTEREST, "boats"),)),
            Suggestion("b", 217, ((INTEREST, "boats"),)),
        ], "an interest is no skill; equal scores stand by id"

    def test_shared_tags_add_up(self) -> None:
        both = frozenset({(INTEREST, "boats"), (SKILL, "python")})
        [found] = suggest(self.MINE, [("x", both)], dict.fromkeys(self.MINE, 10))
        assert found == Suggestion("x", 869, ((INTEREST, "boats"), (SKILL, "python")))


async def test_who_shares_something_and_why(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(chosen("boats", "rare", skills=["python"]), id="m1")
    await bench.given(chosen("boats"), id="m2")
    await bench.given(chosen("rare", skills=["python", "knots"]), id="m3")
    await bench.given(chosen(skills=["boats"]), id="m4")
    await bench.given(chosen("rare", skills=["python"]), id="m5", brand="b2")
    assert (await page(bench, "m1")).items == [
        SuggestionView(member_id="m3", score=2885, shared_interests=["rare"], shared_skills=["python"]),
        SuggestionView(member_id="m2", score=1443, shared_interests=["boats"], shared_skills=[]),
    ]
    assert await met(bench, "m4") == []


async def test_nobody_is_in_it_before_they_say_so_and_at_once_not_when_they_leave(
    bench: ViewBench[NetworkingsView],
) -> None:
    asked = ViewerNetworking(brand="b1", viewer="m2")
    assert await bench.view.viewer_networking(asked) == NetworkingView(open=False, interests=[], skills=[])
    await bench.given(chosen("boats"), id="m1")
    await bench.given(chosen("boats", skills=["knots"]), id="m2")
    assert await bench.view.viewer_networking(asked) == NetworkingView(open=True, interests=["boats"], skills=["knots"])
    assert (await met(bench, "m1"), await met(bench, "m2"), await met(bench, "m3")) == (["m2"], ["m1"], [])
    await bench.given(NetworkingLeft(), id="m2")
    assert (await met(bench, "m1"), await met(bench, "m2")) == ([], [])
    assert await bench.documents("tagged") == [
        document for document in await bench.documents("tagged") if document["member"] == "m1"
    ]
    await bench.given(chosen("boats"), id="m2")
    await bench.given(MemberLeft(), id="m2")
    assert await met(bench, "m1") == []


async def test_other_tags_in_place_of_those_before(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(chosen("boats"), id="m1")
    await bench.given(chosen("boats", "planes"), id="m2")
    await bench.given(chosen("planes"), id="m2")
    assert await met(bench, "m1") == []


async def test_who_was_passed_over(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(chosen("boats"), SuggestionDismissed(dismissed_id="m2"), id="m1")
    await bench.given(chosen("boats"), id="m2")
    assert (await met(bench, "m1"), await met(bench, "m2")) == ([], ["m1"])


async def test_a_blocked_pair_is_suggested_in_neither_direction(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(chosen("boats"), id="m1")
    await bench.given(chosen("boats"), id="m2")
    await bench.given(MemberBlocked(blocked_id="m2"), id="m1")
    await bench.given(MemberBlocked(blocked_id="m2"), id="m1", brand="b2")
    assert (await met(bench, "m1"), await met(bench, "m2")) == ([], [])
    await bench.given(MemberUnblocked(blocked_id="m2"), id="m1")
    assert (await met(bench, "m1"), await met(bench, "m2")) == (["m2"], ["m1"])


async def test_blocks_are_the_blockers_own_affair(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(MemberBlocked(blocked_id="m2"), MemberBlocked(blocked_id="m3"), id="m1", time=NOON)
    asked = ViewerBlocks(brand="b1", viewer="m1", ids=["m3", "m4", "m2"])
    assert await bench.view.viewer_blocks(asked) == [True, False, True]
    theirs = ViewerBlocks(brand="b1", viewer="m2", ids=["m1"])
    assert await bench.view.viewer_blocks(theirs) == [False]
    shown = await bench.view.block_page(BlockPage(brand="b1", viewer="m1", page=PageRequest(first=1)))
    assert (shown.items, shown.total_count, shown.has_next) == ([BlockView(member_id="m3", blocked_at=NOON)], 2, True)
    assert (await bench.view.block_page(BlockPage(brand="b1", viewer="m2"))).items == []


async def test_of_who_was_erased_nothing_is_left_in_either_direction(bench: ViewBench[NetworkingsView]) -> None:
    await bench.given(chosen("boats"), MemberBlocked(blocked_id="m2"), id="m1")
    await bench.given(chosen("boats"), MemberBlocked(blocked_id="m1"), SuggestionDismissed(dismissed_id="m1"), id="m2")
    await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1")
    assert b"m1" not in await canonical(bench.view)
    assert await met(bench, "m2") == []


async def test_what_a_brand_offers(bench: ViewBench[NetworkingsView]) -> None:
    asked = OfferedTags(brand="b1", viewer="m1")
    assert await bench.view.offered_tags(asked) == OfferedTagsView(tags=[], only_these=False)
    await bench.given(TagsOffered(tags=("boats",), only_these=True), aggregate="tag_list", id="b1")
    assert await bench.view.offered_tags(asked) == OfferedTagsView(tags=["boats"], only_these=True)


async def test_pages_hold_everybody_once(bench: ViewBench[NetworkingsView]) -> None:
    everybody = [f"m{number:02}" for number in range(25)]
    for number, id_ in enumerate(everybody):
        await bench.given(chosen("boats", *(["rare"] if number % 5 == 0 else [])), id=id_)
    seen: list[str] = []
    after = None
    while True:
        shown = await page(bench, "m00", first=7, after=after)
        seen += [one.member_id for one in shown.items]
        if not shown.has_next:
            break
        after = shown.cursors[-1]
    assert seen == [*everybody[5::5], *(id_ for number, id_ in enumerate(everybody) if number % 5)]
    back = await page(bench, "m00", last=2)
    assert [one.member_id for one in back.items] == seen[-2:]


async def test_a_tag_that_everybody_has_costs_no_more_than_its_bound(
    bench: ViewBench[NetworkingsView], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "HOLDERS_A_TAG", 20)
    monkeypatch.setattr(views, "_FIRST_LOOK", 256)
    crowd = [f"n{number}" for number in range(640)]
    events: list[Any] = []
    for number, id_ in enumerate(crowd, 1):
        events.append((id_, chosen("popular", *(["rare"] if number == 640 else []))))
    for id_, event in events:
        await bench.given(event, id=id_)
    await bench.given(chosen("popular", "rare"), id="m1")
    read: list[int] = []
    slots = bench.view._slots

    async def counted(prefix: str, start: int, count: int) -> list[str]:
        found = await slots(prefix, start, count)
        read.append(len(found))
        return found

    monkeypatch.setattr(bench.view, "_slots", counted)
    shown = (await page(bench, "m1", first=100)).items
    assert shown[0].shared_interests == ["popular", "rare"], "a rare tag is looked up in the whole brand"
    assert sum(read) < 100
    assert all(one.shared_interests for one in shown)
    # The estimate is near the truth: 640 have it.
    assert 1000 / 7.3 < shown[-1].score < 1000 / 5.6
    near = [(slot(one.member_id) - slot("m1")) % SLOTS for one in shown[1:]]
    assert max(near) < SLOTS // 4, "who begins elsewhere meets others"


PEOPLE = ("m1", "m2", "m3", "m4")
_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda interests, skills: chosen(*sorted(interests), skills=sorted(skills)),
        st.sets(st.sampled_from(["a", "b", "c"])),
        st.sets(st.sampled_from(["a", "d"])),
    ),
    st.just(NetworkingLeft()),
    st.just(MemberLeft()),
    st.builds(lambda other: MemberBlocked(blocked_id=other), st.sampled_from(PEOPLE)),
    st.builds(lambda other: MemberUnblocked(blocked_id=other), st.sampled_from(PEOPLE)),
    st.builds(lambda other: SuggestionDismissed(dismissed_id=other), st.sampled_from(PEOPLE)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(story=st.lists(st.tuples(st.sampled_from(PEOPLE), _EVENTS), max_size=25))
async def test_whatever_members_do_the_suggestions_are_who_may_meet(
    mongo_url: str, story: list[tuple[str, Event]]
) -> None:
    """Against a model that knows nothing of indexes: exactly those who take part, share something and may meet."""
    shows: dict[str, frozenset[suggesting.Tagged]] = {}
    apart: set[tuple[str, str]] = set()
    passed: set[tuple[str, str]] = set()
    async with view_bench(NetworkingsView(), mongo_url) as bench:
        for who, event in story:
            await bench.given(event, id=who)
            match event:
                case NetworkingChosen():
                    kinds = ((INTEREST, event.interests), (SKILL, event.skills))
                    shows[who] = frozenset((kind, tag) for kind, text in kinds for tag in text.split("\n") if tag)
                case NetworkingLeft() | MemberLeft():
                    shows.pop(who, None)
                case MemberBlocked():
                    apart.add((who, event.blocked_id))
                case MemberUnblocked():
                    apart.discard((who, event.blocked_id))
                case SuggestionDismissed():
                    passed.add((who, event.dismissed_id))
        for viewer in PEOPLE:
            expected = {
                other
                for other in shows
                if other != viewer
                and shows.get(viewer, frozenset()) & shows[other]
                and not {(viewer, other), (other, viewer)} & apart
                and (viewer, other) not in passed
            }
            assert set(await met(bench, viewer)) == expected


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (
        chosen("boats"), MemberBlocked(blocked_id="m2"), chosen("planes", skills=["knots"]),
        SuggestionDismissed(dismissed_id="m3"), MemberUnblocked(blocked_id="m2"), MemberBlocked(blocked_id="m4"),
    )  # fmt: skip
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(NetworkingsView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, id="m1")
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
