"""Weeks on the journey in a moment, on real servers, while the service ends in every way: each thing happens once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from libs.shared.recorded import Recorded
from libs.shared.testing.tasks import end
from services.members.journeys.deeds import Deeds
from services.members.journeys.guide import Guide
from services.members.journeys.tests.builders import AGAIN, CHAT, COFFEE, HELLO, HELP, RULES
from services.members.journeys.tests.weeks import Weeks, servers, weeks

STEPS = (HELLO, HELP, AGAIN, COFFEE, CHAT)
DUE = [("hello", 3.0), ("help", 7.0), ("again", 14.0), ("coffee", 21.0), ("chat", 28.0)]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with servers(tmp_path_factory.mktemp("weeks")) as started:
        yield started


@pytest.fixture
async def town(urls: tuple[str, str]) -> AsyncIterator[Weeks]:
    async with weeks(*urls) as made:
        yield made


async def test_a_service_that_dies_between_the_schedule_and_the_event(town: Weeks) -> None:
    await town.publish(HELLO, HELP)
    member = await town.join("idle")
    await town.settled()
    for days, die_at in ((3, "append"), (4, "reschedule")):
        await dies_on_the_way(town, timedelta(days=days), die_at)
        await town.restart(killed=True)
        await town.pass_days(0)
    assert await town.reminded(member) == [("hello", 3.0), ("help", 7.0)]
    await town.pass_days(30)
    assert await town.reminded(member) == [("hello", 3.0), ("help", 7.0)]
    assert [kind for kind, _ in town.timetable.waiting] == [], "nothing is left to do"


async def dies_on_the_way(town: Weeks, by: timedelta, where: str) -> None:
    """Turn the clock until the service is about to append the event, or to set the next timer after it: it hangs."""
    there, dead = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def hang(*_: Any, **__: Any) -> None:
        there.set()
        await dead

    with pytest.MonkeyPatch.context() as patch:
        if where == "append":
            patch.setattr(town.app.store, "append", hang)
        else:
            patch.setattr(town.timetable, "reschedule", hang)
            patch.setattr(town.timetable, "cancel", hang)
        turning = asyncio.create_task(town.timetable.advance(by))
        async with asyncio.timeout(30):
            await there.wait()
        await end(turning)
    dead.cancel()


async def test_who_comes_back_goes_on_where_they_stood(town: Weeks) -> None:
    await town.publish(*STEPS)
    member = await town.join("ada")
    await town.pass_days(5)
    await town.act("member.leave_brand", "ada")
    await town.restart(killed=True)
    await town.pass_days(20)
    await town.join("ada")
    await town.pass_days(1.5)
    assert await town.reminded(member) == [("hello", 3.0)]
    await town.restart()
    await town.pass_days(40)
    assert await town.reminded(member) == [("hello", 3.0)] + [(step, day + 20) for step, day in DUE[1:]]


async def test_what_is_told_again_from_the_start_changes_nothing(town: Weeks) -> None:
    """The database is gone, and with it every checkpoint and view."""
    await town.join("cid")
    await town.act("member.leave_brand", "cid")
    cid = await town.join("cid")
    await town.settled()
    await town.publish(*STEPS)
    await town.act("progress.begin_journey", "cid")
    ada, bob = [await town.join(name) for name in ("ada", "bob")]
    await town.settled()
    await town.post(ada, "t1")
    await town.pass_days(5)
    for step in (town.act("member.leave_brand", "ada"), town.pass_days(20), town.join("ada"), town.pass_days(9)):
        await step
    of_all = [(aggregate, member) for aggregate in ("progress", "nudge") for member in (ada, bob, cid)]
    before = [await town.told(*one) for one in of_all]
    assert [len(told) for told in before] == [6, 6, 6, 0, 1, 1]
    await town.lose_database()
    await town.pass_days(0)
    assert [await town.told(*one) for one in of_all] == before
    await town.pass_days(60)
    assert await town.reminded(ada) == [(step, day + 20) for step, day in DUE[1:]]
    assert await town.reminded(bob) == DUE
    assert await town.reminded(cid) == DUE


async def test_who_posts_in_the_moment_after_joining_has_set_out(town: Weeks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that follows deeds is made to be ahead of the one that follows members."""
    await town.publish(HELLO, HELP)
    await town.post("somebody", "t0")
    await town.settled()
    ahead = asyncio.Event()
    joined, was_ahead = Guide.joined, Deeds._was_ahead

    async def late(guide: Guide, recorded: Recorded[Any]) -> None:
        await ahead.wait()
        await joined(guide, recorded)

    async def early(deeds: Deeds, brand: str, member: str) -> bool:
        ahead.set()
        return await was_ahead(deeds, brand, member)

    monkeypatch.setattr(Guide, "joined", late)
    monkeypatch.setattr(Deeds, "_was_ahead", early)
    member = await town.join("ada")
    await town.post(member, "t1")
    await town.reply(member, "t0")
    await town.settled()
    assert (await town.happened(member))["journey_finished"] == 1


async def test_a_new_edition_is_for_who_is_on_the_way(town: Weeks) -> None:
    before = await town.join("before")
    await town.pass_days(0.1)
    await town.publish(HELLO, COFFEE)
    started = town.day(town.clock.now())
    on_the_way, ready = [await town.join(name) for name in ("on-the-way", "ready")]
    await town.settled()
    await town.post(ready, "t1")
    await town.act("progress.complete_step", "ready", step_id="coffee")
    await town.pass_days(10)
    await town.restart(killed=True)
    await town.publish(HELLO, HELP, AGAIN, RULES)
    await town.pass_days(10)
    reminded = [("hello", 3.0), ("help", 10.0), ("again", 14.0)]
    assert await town.reminded(on_the_way) == [(step, round(day + started, 3)) for step, day in reminded]
    assert (await town.happened(on_the_way))["step_completed"] == 1, "this brand has no rules, so they are accepted"
    assert "journey_revised" not in await town.happened(ready)
    assert not await town.happened(before)
    await town.act("progress.begin_journey", "before")
    await town.pass_days(3)
    assert [step for step, _ in await town.reminded(before)] == ["hello"]
    assert await town.differences() == []


async def test_a_brand_that_is_closed_reminds_nobody_and_goes_on_when_it_opens(town: Weeks) -> None:
    await town.publish(HELLO, COFFEE)
    member = await town.join("ada")
    await town.pass_days(1)
    await town.send("brand.enter_stage", brand_id=town.brand, stage="archived")
    await town.send("brand.switch_module", brand_id=town.brand, module="discussions", on=False)
    await town.pass_days(29)
    assert await town.reminded(member) == []
    assert await town.nudged(member) == []
    await town.restart(killed=True)
    await town.send("brand.enter_stage", brand_id=town.brand, stage="open")
    await town.pass_days(1)
    assert await town.reminded(member) == [("coffee", 30.0)], "what is done in a closed module is not asked for"
    await town.send("brand.switch_module", brand_id=town.brand, module="discussions", on=True)
    await town.pass_days(1)
    assert await town.reminded(member) == [("coffee", 30.0), ("hello", 31.0)]
    assert await town.nudged(member) == []
    await town.pass_days(20)
    assert await town.nudged(member) == [44.0], "two weeks after it was opened"


async def test_a_brand_says_when_to_nudge(town: Weeks) -> None:
    early, late = await town.join("early"), ""
    await town.pass_days(2)
    await town.send("nudge_rule.set_nudge_rule", brand_id=town.brand, after_days=None)
    late = await town.join("late")
    await town.pass_days(20)
    assert (await town.nudged(early), await town.nudged(late)) == ([], [])
    await town.restart(killed=True)
    await town.send("nudge_rule.set_nudge_rule", brand_id=town.brand, after_days=21)
    await town.pass_days(10)
    assert (await town.nudged(early), await town.nudged(late)) == ([22.0], [23.0])
    await town.send("nudge_rule.set_nudge_rule", brand_id=town.brand, after_days=7)
    await town.pass_days(10)
    assert (await town.nudged(early), await town.nudged(late)) == ([22.0], [23.0]), "a silence is answered once"
