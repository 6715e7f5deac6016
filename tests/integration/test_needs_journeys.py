"""Newcomers are led through their first weeks, and who has fallen silent is invited to contribute, once."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libs.shared.testing.platform import OPERATOR, Platform
from services.members.journeys.tests.builders import AGAIN, CHAT, COFFEE, HELLO, HELP
from services.members.journeys.tests.weeks import Weeks, servers, weeks
from tests.integration.community import Community, accepted, found, refused, tomorrow

STEPS = (HELLO, HELP, AGAIN, COFFEE, CHAT)
DUE = [("hello", 3.0), ("help", 7.0), ("again", 14.0), ("coffee", 21.0), ("chat", 28.0)]


@pytest.fixture
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Weeks]:
    with servers(tmp_path_factory.mktemp("weeks")) as urls:
        async with weeks(*urls) as made:
            yield made


def step(step_id: str, kind: str, days: int = 0, **more: Any) -> dict[str, Any]:
    wordings = [
        {"locale": "en", "title": f"Do {step_id}", "text": "Soon."},
        {"locale": "fr", "title": f"Fais {step_id}"},
    ]
    return {"stepId": step_id, "kind": kind, "afterDays": days, "wordings": wordings, **more}


async def shown(
    platform: Platform, made: Community, fields: str, subject: str, until: Callable[[Any], object] = bool
) -> dict[str, Any]:
    """What a brand shows somebody, once it shows what is waited for: steps are completed by processes."""
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {fields} }} }}"
    deadline = time.monotonic() + 60
    while True:
        answer = await platform.graphql(query, {"slug": made.slug}, platform.token(subject))
        assert "errors" not in answer, answer
        brand: dict[str, Any] = answer["data"]["brand"]
        if until(brand):
            return brand
        assert time.monotonic() < deadline, brand
        await asyncio.sleep(0.05)


def completed(brand: dict[str, Any]) -> list[str]:
    """The steps that the sender has completed."""
    way = brand["viewerJourney"]
    return [one["step"]["stepId"] for one in (way["steps"] if way else []) if one["completedAt"]]


WAY = "viewerJourney { version state currentStep { step { stepId } } steps { completedAt step { stepId } } }"


async def test_need_06_a_newcomer_is_led_by_what_they_do(platform: Platform) -> None:
    made = await found(platform)
    id_, owner, ada = made.ids["Brand"], made.owner, f"ada-{made.slug}"
    space = await accepted(platform, owner, "createSpace", brandId=id_, slug="hello", name="Hello")
    space_id = space["space"]["id"]
    await accepted(platform, owner, "publishRules", brandId=id_, text="Be kind.")
    steps = [
        step("rules", "ACCEPT_RULES"), step("profile", "COMPLETE_PROFILE", 1),
        step("hello", "INTRODUCE", 2, spaceId=space_id, afterHours=12), step("help", "REPLY", 7),
        step("coming", "RSVP", 10), step("meet", "ATTEND", 14), step("idea", "IDEA", 21),
        step("coffee", "CUSTOM", 24, completedBy="MEMBER"), step("talk", "CUSTOM", 28, completedBy="LEADER"),
    ]  # fmt: skip
    assert await refused(platform, made.member, "publishJourney", brandId=id_, steps=steps) == ["FORBIDDEN"]
    published = await accepted(platform, owner, "publishJourney", brandId=id_, steps=steps)
    journey = published["brand"]["journey"]
    assert (journey["version"], [one["stepId"] for one in journey["steps"]]) == (1, [one["stepId"] for one in steps])
    assert journey["steps"][2] == {
        "stepId": "hello", "kind": "INTRODUCE", "afterDays": 2, "afterHours": 12, "title": "Do hello",
        "space": {"slug": "hello"},
    }  # fmt: skip

    joined = await accepted(platform, ada, "joinBrand", brandId=id_, displayName="Ada", acceptedRules=1)
    brand = await shown(platform, made, WAY, ada, lambda brand: completed(brand) == ["rules"])
    assert brand["viewerJourney"]["currentStep"] == {"step": {"stepId": "profile"}}
    await accepted(platform, ada, "changeProfile", brandId=id_, bio="I sail.")
    await accepted(platform, ada, "chooseAvatar", brandId=id_, url="https://example.org/ada.png", alt="Ada at sea")
    post = await accepted(platform, ada, "publishPost", spaceId=space_id, title="Hello", body="I am Ada.")
    await accepted(platform, ada, "publishReply", postId=post["post"]["id"], body="To myself")
    theirs = await accepted(platform, owner, "publishPost", spaceId=space_id, title="Welcome", body="All of you")
    await shown(platform, made, WAY, ada, lambda brand: completed(brand) == ["rules", "profile", "hello"])
    await accepted(platform, ada, "publishReply", postId=theirs["post"]["id"], body="Thank you")
    event = {
        "title": "Meet-up",
        "format": "ONLINE",
        "startsAt": tomorrow(-25),
        "endsAt": tomorrow(1),
        "timeZone": "UTC",
    }
    scheduled = await accepted(platform, owner, "scheduleEvent", brandId=id_, **event)
    event_id = {"eventId": scheduled["event"]["id"]}
    await accepted(platform, ada, "rsvp", **event_id, mode="ONLINE")
    await accepted(platform, owner, "checkIn", **event_id, memberId=joined["member"]["id"])
    board = await accepted(platform, owner, "openBoard", brandId=id_, slug="ideas", name="Ideas", kind="COMMUNITY")
    idea = await accepted(platform, owner, "submitIdea", boardId=board["board"]["id"], title="A boat")
    await accepted(platform, ada, "castVote", ideaId=idea["idea"]["id"])
    done = [one["stepId"] for one in steps[:7]]
    await shown(platform, made, WAY, ada, lambda brand: completed(brand) == done)

    assert await refused(platform, ada, "completeJourneyStep", brandId=id_, stepId="idea") == ["INVALID"]
    assert await refused(platform, ada, "completeJourneyStep", brandId=id_, stepId="talk") == ["FORBIDDEN"]
    coffee = await accepted(platform, ada, "completeJourneyStep", brandId=id_, stepId="coffee")
    assert coffee["journey"]["state"] == "UNDER_WAY"
    word = {"brandId": id_, "stepId": "talk", "memberId": joined["member"]["id"]}
    assert (await accepted(platform, owner, "completeJourneyStep", **word))["journey"]["state"] == "FINISHED"

    fields = """journeyReport { started underWay paused finished
      steps { step { stepId } completed skipped reminded medianHours } }"""
    report = (await shown(platform, made, fields, owner, lambda brand: brand["journeyReport"]["finished"]))[
        "journeyReport"
    ]
    assert {name: report[name] for name in ("started", "underWay", "paused", "finished")} == {
        "started": 1, "underWay": 0, "paused": 0, "finished": 1,
    }  # fmt: skip
    assert [one["completed"] for one in report["steps"]] == [1] * 9
    assert {one["medianHours"] for one in report["steps"]} == {0}


async def test_need_06_who_was_there_before_sets_out_by_themselves_and_skips_what_they_like(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    assert await refused(platform, made.member, "beginJourney", brandId=id_) == ["NOT_FOUND"]
    steps = [step("hello", "INTRODUCE", 3), step("rules", "ACCEPT_RULES")]
    await accepted(platform, made.owner, "publishJourney", brandId=id_, steps=steps)
    assert (await shown(platform, made, WAY, made.member))["viewerJourney"] is None
    begun = await accepted(platform, made.member, "beginJourney", brandId=id_)
    assert begun["journey"]["member"] == {"id": made.ids["Member"]}
    fields = f"""memberJourney(memberId: "{made.ids["Member"]}") {{ steps {{
      step {{ title(locale: "fr-CA") text wordings {{ locale }} }} completedAt }} }}"""
    way = await shown(
        platform, made, fields, made.owner, lambda brand: brand["memberJourney"]["steps"][1]["completedAt"] is not None
    )
    assert way["memberJourney"]["steps"][0]["step"] == {
        "title": "Fais hello", "text": "Soon.", "wordings": [{"locale": "en"}, {"locale": "fr"}],
    }  # fmt: skip
    assert await refused(platform, made.member, "skipJourneyStep", brandId=id_, stepId="rules") == ["INVALID"]
    skipped = await accepted(platform, made.member, "skipJourneyStep", brandId=id_, stepId="hello")
    assert skipped["journey"]["state"] == "FINISHED"
    query = "query($slug: String!, $id: ID!) { brand(slug: $slug) { memberJourney(memberId: $id) { version } } }"
    asked = {"slug": made.slug, "id": made.ids["Member"]}
    stranger = f"bo-{made.slug}"
    await accepted(platform, stranger, "joinBrand", brandId=id_, displayName="Bo")
    other = await platform.graphql(query, asked, platform.token(stranger))
    assert [error["extensions"]["code"] for error in other["errors"]] == ["FORBIDDEN"], "not every member's affair"


@pytest.mark.timeout(240)  # a service is killed and started again
async def test_need_06_a_real_schedule_reminds_once_although_the_service_is_killed(platform: Platform) -> None:
    made = await found(platform)
    id_, members = made.ids["Brand"], platform.services["members"]
    steps = [step("now", "CUSTOM", completedBy="MEMBER"), step("later", "CUSTOM", 1, completedBy="MEMBER")]
    await accepted(platform, made.owner, "publishJourney", brandId=id_, steps=steps)
    crowd = [f"crowd{number}-{made.slug}" for number in range(12)]
    await asyncio.gather(
        *(accepted(platform, subject, "joinBrand", brandId=id_, displayName="New") for subject in crowd)
    )
    members.end(signal.SIGKILL)  # somewhere between joining, setting out, the schedules and the reminders
    members.start()
    await asyncio.to_thread(members.wait_ready)
    fields = "journeyReport { started steps { reminded } }"
    expected = {"started": len(crowd), "steps": [{"reminded": len(crowd)}, {"reminded": 0}]}
    await shown(platform, made, fields, made.owner, lambda brand: brand["journeyReport"] == expected)
    way = "viewerJourney { steps { remindedAt } }"
    for subject in crowd:
        now, later = (await shown(platform, made, way, subject))["viewerJourney"]["steps"]
        assert now["remindedAt"] and later["remindedAt"] is None


async def test_need_06_a_template_brings_a_journey(platform: Platform) -> None:
    made = await found(platform)
    slug = f"{made.slug}-new"
    await accepted(
        platform, OPERATOR, "createBrand", networkId=made.ids["Network"], slug=slug, name="New", kind="CLUB",
        locale="fr", type="VIRTUAL_WORLD", fromTemplate=True, founderName="Founder",
    )  # fmt: skip
    brand = Community(slug=slug, owner=OPERATOR, member="")
    fields = "furnishedAt journey { version steps { stepId title space { slug } } }"
    steps = (await shown(platform, brand, fields, OPERATOR, lambda brand: brand["furnishedAt"]))["journey"]["steps"]
    assert [one["stepId"] for one in steps] == ["rules", "profile", "enter", "scene", "say-you-come", "evening"]
    assert steps[2]["title"] == "Faire entrer votre personnage dans le monde"
    assert steps[2]["space"] == {"slug": "personnages"}


async def test_need_06_each_step_fires_once_whatever_the_service_does(town: Weeks) -> None:
    await town.publish(*STEPS)
    idle, busy, leaver = [await town.join(name) for name in ("idle", "busy", "leaver")]
    await town.settled()
    await town.post(busy, "t1")
    await town.post(idle, "t2", space="s9")
    await town.reply(busy, "t2")
    for number in range(10):  # thirty days
        if number == 1:
            await town.act("member.leave_brand", "leaver")
        if number == 6:
            await town.act("progress.complete_step", "busy", step_id="coffee")
        if number % 2 == 0:
            await town.restart(killed=number % 4 == 0)
        await town.pass_days(3)
    assert await town.reminded(idle) == DUE
    assert await town.reminded(busy) == [("again", 14.0), ("chat", 28.0)]
    assert await town.reminded(leaver) == [("hello", 3.0)], "they left on that day"
    assert (await town.happened(busy))["step_completed"] == 3

    await town.send("progress.complete_step", member_id=busy, step_id="chat")
    await town.reply(busy, "t1")
    await town.settled()
    assert (await town.happened(busy))["journey_finished"] == 0, "nobody replies to oneself"
    await town.reply(busy, "t2")
    await town.pass_days(60)
    assert (await town.happened(busy)) == {
        "journey_started": 1, "step_reminded": 2, "step_completed": 5, "journey_finished": 1,
    }  # fmt: skip
    assert await town.reminded(idle) == DUE
    assert await town.differences() == []


async def test_need_47_each_silence_is_answered_once(town: Weeks) -> None:
    idle, busy, gone, opted_out = [await town.join(name) for name in ("idle", "busy", "gone", "opted-out")]
    await town.settled()
    await town.act("nudge.choose_nudges", "opted-out", on=False)
    for day in range(0, 80, 8):
        if day in {8, 16, 40}:
            await town.post(busy, f"t{day}")
        if day == 8:
            await town.act("member.leave_brand", "gone")
        if day % 16 == 0:
            await town.restart(killed=day % 32 == 0)
        await town.pass_days(8)
    assert await town.nudged(idle) == [14.0]
    assert await town.nudged(busy) == [30.0, 54.0]
    assert await town.nudged(gone) == []
    assert await town.nudged(opted_out) == []
    await town.act("nudge.choose_nudges", "opted-out", on=True)
    await town.join("gone")
    await town.pass_days(30)
    assert await town.nudged(opted_out) == [94.0]
    assert await town.nudged(gone) == [94.0], "being there again begins a silence of its own"
    assert await town.nudged(idle) == [14.0]
    assert await town.differences() == []


async def test_need_47_leaders_say_when_and_members_whether(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    fields = "nudgeAfterDays viewerNudges { on lastAt }"
    before = await shown(platform, made, fields, made.member)
    assert before == {"nudgeAfterDays": 14, "viewerNudges": {"on": True, "lastAt": None}}
    assert await refused(platform, made.member, "setNudgeRule", brandId=id_, afterDays=7) == ["FORBIDDEN"]
    assert await refused(platform, made.owner, "setNudgeRule", brandId=id_, afterDays=0) == ["INVALID"]
    for days in (7, None):
        ruled = await accepted(platform, made.owner, "setNudgeRule", brandId=id_, afterDays=days)
        assert ruled["brand"] == {"nudgeAfterDays": days}
    for on in (False, True):
        chosen = await accepted(platform, made.member, "chooseNudges", brandId=id_, on=on)
        assert chosen["brand"] == {"viewerNudges": {"on": on}}
