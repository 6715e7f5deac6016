"""The report of joinings adds up, however they are counted."""

from collections.abc import AsyncIterator

import pytest

from libs.shared.testing.views import ViewBench, canonical, view_bench
from services.members.member import MemberJoined, MemberLeft
from services.members.views.joins import JoinReport, JoinReportView, JoinsView, ReferrerJoins, SourceJoins


@pytest.fixture
async def joins(mongo_url: str) -> AsyncIterator[ViewBench[JoinsView]]:
    async with view_bench(JoinsView(), mongo_url) as bench:
        yield bench


def joined(source: str | None = None, referrer: str | None = None) -> MemberJoined:
    return MemberJoined(identity="i", display_name="Marie", source=source, referrer=referrer)


async def report(bench: ViewBench[JoinsView], brand: str = "b1") -> JoinReportView:
    return await bench.view.join_report(JoinReport(brand=brand, viewer="olga"))


async def test_every_joining_counts_once_by_source_and_by_referrer(joins: ViewBench[JoinsView]) -> None:
    await joins.given(joined("fair", "m9"), MemberLeft(), joined("fair"), aggregate="member", id="m1")
    await joins.given(joined(None, "m9"), aggregate="member", id="m2")
    await joins.given(joined(None, "m8"), joined(), aggregate="member", id="m3")
    await joins.given(joined("fair"), aggregate="member", id="m1", brand="b2")
    assert await report(joins) == JoinReportView(
        joins=5,
        referred=3,
        sources=[
            SourceJoins(source="referral", joins=2),
            SourceJoins(source="fair", joins=2),
            SourceJoins(source="direct", joins=1),
        ],
        other_sources=0,
        referrers=[ReferrerJoins(member_id="m9", joins=2), ReferrerJoins(member_id="m8", joins=1)],
        other_referrers=0,
    )


async def test_a_brand_that_nobody_joined(joins: ViewBench[JoinsView]) -> None:
    empty = JoinReportView(joins=0, referred=0, sources=[], other_sources=0, referrers=[], other_referrers=0)
    assert await report(joins) == empty


async def test_what_is_not_among_the_most_is_counted_together(joins: ViewBench[JoinsView]) -> None:
    for number in range(120):
        await joins.given(joined(f"source-{number}", f"m{number}"), aggregate="member", id=f"n{number}")
    await joins.given(*(joined("newsletter", "m7") for _ in range(3)), aggregate="member", id="n200")
    shown = await report(joins)
    assert shown.sources[0] == SourceJoins(source="newsletter", joins=3)
    assert shown.referrers[0] == ReferrerJoins(member_id="m7", joins=4)
    for most, others, total in (
        (shown.sources, shown.other_sources, shown.joins),
        (shown.referrers, shown.other_referrers, shown.referred),
    ):
        assert len(most) == 100
        assert sum(one.joins for one in most) + others == total == 123


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (joined("fair", "m9"), joined("fair"), joined())
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(JoinsView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, aggregate="member", id="m1")
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
