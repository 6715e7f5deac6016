"""What the views of the journeys answer, and that batches make no difference."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import BrandId, Event
from libs.shared.ids import uuid7
from libs.shared.recorded import Recorded
from libs.shared.testing.views import ViewBench, canonical, view_bench
from services.members.journeys.facts import IdeaSubmitted, PostPublished, ReplyPublished, VoteCast
from services.members.journeys.journey import JourneyPublished, Step
from services.members.journeys.membership import (
    MemberBanned,
    MemberJoined,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
)
from services.members.journeys.nudge import MemberNudged, NudgesDeclined, NudgesWelcomed
from services.members.journeys.nudge_rule import NudgeRuleSet
from services.members.journeys.progress import (
    Absence,
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
    StepCompleted,
    StepReminded,
    StepSkipped,
    planned,
)
from services.members.journeys.tests.builders import COFFEE, HELLO, HELP, NOW, RULES, day
from services.members.journeys.views.contributions import PostedView, ProposedView
from services.members.journeys.views.journeys import (
    JourneyOfBrand,
    JourneyReport,
    JourneyReportView,
    JourneyState,
    JourneysView,
    MemberJourney,
    MemberJourneyView,
)
from services.members.journeys.views.nudges import NudgeRuleOfBrand, NudgesOfMember, NudgesView

HOUR, DAY = 3_600, 86_400
FIRST, SECOND = (RULES, HELLO), (HELLO, HELP, COFFEE)
Journeys = ViewBench[JourneysView]


def published(edition: int, steps: tuple[Step, ...]) -> JourneyPublished:
    return JourneyPublished(edition=edition, steps=steps, newcomers_from=NOW)


def started(steps: Sequence[Step] = FIRST, edition: int = 1, at: datetime = NOW) -> JourneyStarted:
    return JourneyStarted(edition=edition, steps=planned(steps), origin=at, fact=1)


@pytest.fixture
async def journeys(mongo_url: str) -> AsyncIterator[Journeys]:
    async with view_bench(JourneysView(), mongo_url) as bench:
        yield bench


async def told(bench: Journeys, member: str, *events: Event, at: datetime = NOW, brand: str = "b1") -> None:
    await bench.given(*events, aggregate="progress", id=member, time=at, brand=brand)


async def journey_of(bench: Journeys, member: str, brand: str = "b1") -> MemberJourneyView | None:
    query = MemberJourney(brand=brand, viewer=member, member_id=member)
    return (await bench.view.member_journey(query)).journey


async def report(bench: Journeys, brand: str = "b1") -> JourneyReportView:
    return await bench.view.journey_report(JourneyReport(brand=brand, viewer="m1"))


async def test_the_newest_edition_is_the_journey_of_a_brand(journeys: Journeys) -> None:
    ask = JourneyOfBrand(brand="b1", viewer="m1")
    assert (await journeys.view.journey_of_brand(ask)).journey is None
    for number, steps in ((1, FIRST), (2, SECOND)):
        await journeys.given(published(number, steps), aggregate="journey", id="b1", time=day(number))
    await journeys.given(published(1, (RULES,)), aggregate="journey", id="b2", brand="b2")
    found = (await journeys.view.journey_of_brand(ask)).journey
    assert found is not None
    assert (found.edition, found.steps, found.published_at) == (2, list(SECOND), day(2))


async def test_a_member_sees_where_they_are(journeys: Journeys) -> None:
    for number, steps in ((1, FIRST), (2, SECOND)):
        await journeys.given(published(number, steps), aggregate="journey", id="b1")
    assert await journey_of(journeys, "m1") is None
    await told(journeys, "m1", started())
    await told(journeys, "m1", StepReminded(step_id="hello", due_at=day(3)), at=day(3))
    await told(journeys, "m1", StepCompleted(step_id="rules", after_seconds=4 * DAY, fact="f", fact_id="e"), at=day(4))
    found = await journey_of(journeys, "m1")
    assert found is not None and (found.state, found.edition, found.started_at) == (JourneyState.UNDER_WAY, 1, NOW)
    rules, hello = found.steps
    assert (rules.step, rules.due_at, rules.completed_at, rules.reminded_at) == (RULES, NOW, day(4), None)
    assert (hello.step, hello.due_at, hello.completed_at, hello.reminded_at) == (HELLO, day(3), None, day(3))

    await told(journeys, "m1", JourneyRevised(edition=2, steps=planned(SECOND)), at=day(5))
    await told(journeys, "m1", JourneyPaused(reason=Absence.LEFT, since=day(5), fact=2), at=day(5))
    away = await journey_of(journeys, "m1")
    assert away is not None and away.state is JourneyState.PAUSED
    back = JourneyResumed(reasons=(Absence.LEFT,), origin=day(10), fact=3)
    await told(journeys, "m1", back, StepSkipped(step_id="help"), at=day(15))
    found = await journey_of(journeys, "m1")
    assert found is not None and found.state is JourneyState.UNDER_WAY
    assert [(one.step.id, one.due_at, one.reminded_at, one.skipped_at) for one in found.steps] == [
        ("hello", day(13), day(3), None), ("help", day(17), None, day(15)), ("coffee", day(31), None, None),
    ]  # fmt: skip
    await told(journeys, "m1", JourneyFinished(), at=day(20))
    found = await journey_of(journeys, "m1")
    assert found is not None and (found.state, found.finished_at) == (JourneyState.FINISHED, day(20))
    assert await journey_of(journeys, "m1", brand="b2") is None


async def test_the_report_adds_up(journeys: Journeys) -> None:
    assert await report(journeys) == JourneyReportView(started=0, under_way=0, paused=0, finished=0, steps=[])
    await journeys.given(published(1, FIRST), aggregate="journey", id="b1")
    took = [HOUR, 3 * HOUR, 5 * HOUR, 75 * HOUR]
    for number, seconds in enumerate(took):
        completed = StepCompleted(step_id="rules", after_seconds=seconds)
        await told(journeys, f"m{number}", started(), completed)
    await told(journeys, "m4", started(), StepReminded(step_id="rules", due_at=NOW), StepSkipped(step_id="hello"))
    await told(journeys, "m0", StepCompleted(step_id="hello", after_seconds=75 * HOUR), JourneyFinished())
    for reason in (Absence.SUSPENDED, Absence.LEFT):  # one member away for two reasons is away once
        await told(journeys, "m1", JourneyPaused(reason=reason, since=NOW, fact=2))
    await told(journeys, "m2", JourneyPaused(reason=Absence.LEFT, since=NOW, fact=2))
    await told(journeys, "m1", JourneyResumed(reasons=(Absence.SUSPENDED,), origin=None, fact=3))
    await told(journeys, "m9", started(), brand="b2")
    found = await report(journeys)
    assert (found.started, found.under_way, found.paused, found.finished) == (5, 2, 2, 1)
    rules, hello = found.steps
    assert (rules.step, rules.completed, rules.skipped, rules.reminded, rules.median_hours) == (RULES, 4, 0, 1, 3)
    assert (hello.completed, hello.skipped, hello.median_hours) == (1, 1, 72), "days from two days on"
    await told(journeys, "m1", JourneyResumed(reasons=(Absence.LEFT,), origin=NOW, fact=4))
    assert (await report(journeys)).paused == 1
    await told(journeys, "m8", started())
    assert (await report(journeys)).steps[0].median_hours == 3
    await journeys.given(published(2, (HELP,)), aggregate="journey", id="b1")
    [helping] = (await report(journeys)).steps
    assert (helping.step.id, helping.completed, helping.median_hours) == ("help", 0, None)


async def test_everybody_who_has_not_finished_is_found(journeys: Journeys) -> None:
    crowd = [f"m{number:03}" for number in range(205)]
    for member in crowd:
        await told(journeys, member, started())
    await told(journeys, crowd[7], JourneyFinished())
    await told(journeys, "elsewhere", started(), brand="b2")
    found = [member async for page in journeys.view.not_finished("b1") for member in page]
    assert sorted(found) == sorted({*crowd} - {crowd[7]})


@pytest.fixture
async def nudges(mongo_url: str) -> AsyncIterator[ViewBench[NudgesView]]:
    async with view_bench(NudgesView(), mongo_url) as bench:
        yield bench


def recorded(event: Event, member: str, sequence: int, time: datetime, recorded_at: datetime) -> Recorded[Event]:
    return Recorded(
        event=event, id=uuid7(), brand=BrandId("b1"), aggregate="member", aggregate_id=member, actor="system",
        time=time, recorded_at=recorded_at, causation_id="c", correlation_id="c", stream="MEMBERS", sequence=sequence,
    )  # fmt: skip


async def test_who_is_there_to_be_nudged(nudges: ViewBench[NudgesView]) -> None:
    async def since(member: str) -> datetime | None:
        found = await nudges.view.presence("b1", member)
        return None if found is None else found.since

    async def happened(event: Event, at: datetime) -> None:
        await nudges.given(event, aggregate="member", id="m1", time=at)

    assert await since("m1") is None
    await happened(MemberJoined(), day(1))
    assert await since("m1") == day(1)
    await happened(MemberSuspended(), day(2))
    assert await since("m1") is None
    await happened(MemberReinstated(), day(5))
    assert await since("m1") == day(5)
    await happened(MemberLeft(), day(6))
    assert await since("m1") is None
    await happened(MemberJoined(), day(7))
    assert await since("m1") == day(7)
    await happened(MemberLeft(), day(8))
    await happened(MemberBanned(), day(8))
    await happened(MemberReinstated(), day(9))
    assert await since("m1") is None, "who was banned joins again first"
    long_past = recorded(MemberJoined(), "m2", 100, day(-9_000), day(3))
    await nudges.given_recorded(long_past)
    assert await since("m2") == day(3), "an import tells the platform of it only now"
    assert [one.member async for page in nudges.view.present("b1") for one in page] == ["m2"]


async def test_what_a_brand_and_a_member_have_chosen(nudges: ViewBench[NudgesView]) -> None:
    view = nudges.view
    rule, mine = NudgeRuleOfBrand(brand="b1", viewer="m1"), NudgesOfMember(brand="b1", viewer="m1", member_id="m1")
    assert (await view.nudge_rule_of_brand(rule)).after_days == 14
    await nudges.given(NudgeRuleSet(after_days=None), aggregate="nudge_rule", id="b1")
    assert (await view.nudge_rule_of_brand(rule)).after_days is None
    assert (await view.nudges_of_member(mine)).on
    await nudges.given(MemberJoined(), aggregate="member", id="m1")
    await nudges.given(MemberNudged(silent_since=NOW, after_days=14), aggregate="nudge", id="m1", time=day(14))
    await nudges.given(NudgesDeclined(), aggregate="nudge", id="m1")
    found = await view.nudges_of_member(mine)
    assert (found.on, found.last_at) == (False, day(14))
    await nudges.given(NudgesWelcomed(), aggregate="nudge", id="m1")
    assert (await view.nudges_of_member(mine)).on


async def test_the_last_contribution_of_each(mongo_url: str) -> None:
    async with view_bench(PostedView(), mongo_url) as posted:
        await posted.given(PostPublished(space_id="s1"), ReplyPublished(), actor="m1", time=day(3))
        await posted.given(PostPublished(space_id="s1"), actor="m1", time=day(-900))
        await posted.given(PostPublished(space_id="s1"), actor="system", time=day(9))
        assert await posted.view.last_at("b1", "m1") == day(3)
        assert [document["_id"] for document in await posted.documents("last")] == ["b1:m1"]
    async with view_bench(ProposedView(), mongo_url) as proposed:
        await proposed.given(IdeaSubmitted(), VoteCast(member_id="m2"), actor="m1", time=day(4))
        assert await proposed.view.last_at("b1", "m1") == day(4)
        assert await proposed.view.last_at("b1", "m2") is None


async def test_of_who_was_erased_the_counts_stay(
    journeys: Journeys, nudges: ViewBench[NudgesView], mongo_url: str
) -> None:
    erased = ErasureRecorded(key_destroyed_at=NOW)
    await journeys.given(published(1, FIRST), aggregate="journey", id="b1")
    await told(journeys, "m1", started(), StepCompleted(step_id="rules", after_seconds=9))
    await told(journeys, "m1", JourneyPaused(reason=Absence.LEFT, since=NOW, fact=2))
    before = await report(journeys)
    await journeys.given(erased, aggregate="erasure", id="m1", actor="system")
    assert (await journey_of(journeys, "m1"), await report(journeys)) == (None, before)
    await nudges.given(MemberJoined(), MemberLeft(), erased, aggregate="member", id="m1")
    assert await nudges.documents("members") == []
    async with view_bench(PostedView(), mongo_url) as posted:
        await posted.given(PostPublished(space_id="s1"), actor="m1")
        await posted.given(erased, aggregate="erasure", id="m1", actor="system")
        assert await posted.documents("last") == []


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (
        started(), StepReminded(step_id="rules", due_at=NOW), StepCompleted(step_id="rules", after_seconds=9),
        JourneyPaused(reason=Absence.LEFT, since=NOW, fact=2), JourneyPaused(reason=Absence.BANNED, since=NOW, fact=3),
        JourneyResumed(reasons=(Absence.BANNED,), origin=None, fact=4),
        JourneyResumed(reasons=(Absence.LEFT,), origin=NOW + timedelta(days=1), fact=5), StepSkipped(step_id="hello"),
        JourneyFinished(),
    )  # fmt: skip
    contents = set[bytes]()
    parts: Any
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(JourneysView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, aggregate="progress", id="m1", time=NOW)
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
