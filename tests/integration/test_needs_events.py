"""Events, each test named for its need, through GraphQL on a real platform."""

import asyncio
import time
from typing import Any, Final

from libs.shared.testing.platform import Platform
from services.gateway import ids as global_ids
from tests.integration.community import Community, accepted, found, run, tomorrow
from tests.integration.test_needs_segments import brand, join, until

_SHOWN: Final = """events { totalCount nodes { id title audience { roles segmentIds } attendees { totalCount } } }
  event(id: "%s") { title viewerIsInvited sessions { title } viewerCan }"""
_INBOX: Final = "viewerNotifications(first: 50) { nodes { kind unread subject { ... on Event { id title } } } }"


async def schedule(platform: Platform, made: Community, title: str, **more: Any) -> dict[str, Any]:
    """The owner schedules an event for tomorrow."""
    given = {"brandId": made.ids["Brand"], "title": title, "format": "HYBRID", "timeZone": "Europe/Paris"}
    dates = {"startsAt": tomorrow(), "endsAt": tomorrow(2)}
    return await accepted(platform, made.owner, "scheduleEvent", **given, **dates, **more)


async def told(platform: Platform, made: Community, subject: str, kind: str) -> list[Any]:
    """The notifications of a kind that somebody has."""
    shown = await brand(platform, made, _INBOX, subject)
    return [one for one in shown["viewerNotifications"]["nodes"] if one["kind"] == kind]


async def until_told(platform: Platform, made: Community, subject: str, kind: str) -> Any:
    deadline = time.monotonic() + 60
    while not (found := await told(platform, made, subject, kind)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    [one] = found
    return one


async def sees(platform: Platform, made: Community, who: str, event: str, token: str | None = None) -> bool:
    """Whether somebody sees an event: everywhere or nowhere."""
    shown = await brand(platform, made, _SHOWN % event, who, token)
    node = await platform.graphql("query($id: ID!) { node(id: $id) { id } }", {"id": event}, platform.token(who))
    listed = shown["events"]["nodes"]
    assert shown["events"]["totalCount"] == len(listed)
    everywhere = [
        shown["event"] is not None,
        event in {one["id"] for one in listed},
        node["data"]["node"] is not None,
    ]
    assert len(set(everywhere)) == 1, shown
    return everywhere[0]


async def until_hidden(platform: Platform, made: Community, who: str, event: str) -> None:
    deadline = time.monotonic() + 60
    while (await brand(platform, made, f'event(id: "{event}") {{ id }}', who))["event"] is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert not await sees(platform, made, who, event)


async def until_going(platform: Platform, made: Community, event: str, *names: str) -> None:
    """Wait until exactly these have a seat, as the owner sees it."""
    fields = f'event(id: "{event}") {{ attendees(status: CONFIRMED) {{ nodes {{ member {{ displayName }} }} }} }}'

    def ready(shown: Any) -> bool:
        return {one["member"]["displayName"] for one in shown["event"]["attendees"]["nodes"]} == set(names)

    await until(platform, made, fields, made.owner, ready)


async def test_need_05_an_invitee_comes_and_for_everybody_else_there_is_no_event(platform: Platform) -> None:
    made = await found(platform)
    owner, ids = made.owner, made.ids
    (ada, ada_id), (bob, bob_id), (mod, mod_id) = [await join(platform, made, name) for name in ("ada", "bob", "mod")]
    await accepted(platform, owner, "grantRole", memberId=mod_id, role="MODERATOR")
    await schedule(platform, made, "For all")
    scheduled = await schedule(
        platform, made, "Behind the scenes", audience={}, inPersonSeats=1, sessions=[{"title": "The archive"}]
    )
    event = scheduled["event"]["id"]
    guests = {"eventId": event, "memberIds": [ada_id, bob_id]}
    invited = await accepted(platform, owner, "inviteToEvent", **guests)
    members = [one["member"]["id"] for one in invited["event"]["invitees"]["nodes"]]
    assert members[0] == ids["Owner"], "who scheduled it is on the list"
    assert set(members[1:]) == {ada_id, bob_id}, "who is invited at once stands there in no order"
    at = invited["consistencyToken"]

    for who in (owner, ada, bob):
        assert await sees(platform, made, who, event, at)
    shown = await brand(platform, made, _SHOWN % event, ada, at)
    assert shown["event"] == {
        "title": "Behind the scenes", "viewerIsInvited": True, "sessions": [{"title": "The archive"}],
        "viewerCan": ["RSVP"],
    }  # fmt: skip
    never = global_ids.encode("Event", made.brand, "never")
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("rsvp", {"mode": "ONLINE"}),
        ("cancelRsvp", {}),
        ("checkIn", {}),
        ("checkIn", {"memberId": ada_id}),
        ("cancelEvent", {}),
        ("inviteToEvent", {"memberIds": [mod_id]}),
        ("withdrawEventInvitations", {"memberIds": [ada_id]}),
        ("changeEventAudience", {"audience": None}),
    ]
    for who in (made.member, mod):
        assert not await sees(platform, made, who, event, at)
        assert await sees(platform, made, owner, event, at)
        for name, given in attempts:
            hidden, missing = [await run(platform, who, name, eventId=id_, **given) for id_ in (event, never)]
            assert hidden == missing, name
            assert hidden["errors"][0]["code"] in {"NOT_FOUND", "FORBIDDEN"}
        for name in ("follow", "mute"):
            refusals = [(await run(platform, who, name, targetId=id_))["errors"] for id_ in (event, never)]
            assert refusals[0] == refusals[1]
            assert [one["code"] for one in refusals[0]] == ["NOT_FOUND"]

    one = await until_told(platform, made, ada, "EVENT_INVITATION")
    assert one["subject"] == {"id": event, "title": "Behind the scenes"}
    seat = await accepted(platform, ada, "rsvp", eventId=event, mode="IN_PERSON")
    assert seat["rsvp"]["status"] == "CONFIRMED"
    assert (await accepted(platform, bob, "rsvp", eventId=event, mode="IN_PERSON"))["rsvp"]["status"] == "WAITLISTED"
    again = await accepted(platform, owner, "inviteToEvent", **guests)
    assert again["event"]["invitees"]["totalCount"] == 3

    answers = "nodes { member { displayName } invitedBy { displayName } rsvp { status } }"
    fields = f'event(id: "{event}") {{ invitees {{ {answers} }} }}'
    shown = await brand(platform, made, fields, owner, again["consistencyToken"])
    nodes = shown["event"]["invitees"]["nodes"]
    assert {one["member"]["displayName"]: one["rsvp"] and one["rsvp"]["status"] for one in nodes} == {
        "Olga": None, "Ada": "CONFIRMED", "Bob": "WAITLISTED",
    }  # fmt: skip
    assert {one["invitedBy"]["displayName"] for one in nodes} == {"Olga"}
    query = "query($id: ID!) { node(id: $id) { ... on Event { invitees { totalCount } } } }"
    answer = await platform.graphql(query, {"id": event}, platform.token(ada))
    assert answer["data"]["node"] == {"invitees": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], "guests do not see the list"

    gone = await accepted(platform, owner, "withdrawEventInvitations", eventId=event, memberIds=[ada_id])
    assert gone["event"]["goingCount"] == 1, "Bob has the seat"
    assert not await sees(platform, made, ada, event, gone["consistencyToken"])
    refusal = await run(platform, ada, "rsvp", eventId=event, mode="IN_PERSON")
    assert [error["code"] for error in refusal["errors"]] == ["NOT_FOUND"]
    await until_told(platform, made, bob, "RSVP_PROMOTED")
    [one] = await told(platform, made, ada, "EVENT_INVITATION")
    assert one["subject"] is None, "what is not there any more is not shown"
    assert len(await told(platform, made, bob, "EVENT_INVITATION")) == 1, "once"
    for who in (made.member, mod, owner):
        assert await told(platform, made, who, "EVENT_INVITATION") == []


async def test_need_05_who_is_not_invited_hears_nothing_of_it(platform: Platform) -> None:
    made = await found(platform)
    owner = made.owner
    (ada, ada_id), (bob, _), (cy, _) = [await join(platform, made, name) for name in ("ada", "bob", "cy")]
    event = (await schedule(platform, made, "Rehearsal"))["event"]["id"]
    for who in (bob, cy):
        await accepted(platform, who, "follow", targetId=event)
    await accepted(platform, cy, "rsvp", eventId=event, mode="ONLINE")
    await accepted(platform, owner, "inviteToEvent", eventId=event, memberIds=[ada_id])
    closed = await accepted(platform, owner, "changeEventAudience", eventId=event, audience={})
    assert closed["event"]["audience"] == {"roles": [], "segmentIds": []}
    assert await sees(platform, made, cy, event, closed["consistencyToken"]), "who had asked for a seat stays"
    assert not await sees(platform, made, bob, event, closed["consistencyToken"])
    await accepted(platform, owner, "cancelEvent", eventId=event)
    for who in (ada, cy):
        assert (await until_told(platform, made, who, "EVENT_CANCELLED"))["subject"]["title"] == "Rehearsal"
    assert await told(platform, made, bob, "EVENT_CANCELLED") == []
    opened = await accepted(platform, owner, "changeEventAudience", eventId=event, audience=None)
    assert opened["event"]["audience"] is None
    assert await sees(platform, made, bob, event, opened["consistencyToken"])


async def test_need_05_and_64_an_event_for_a_role_and_a_segment(platform: Platform) -> None:
    made = await found(platform)
    owner = made.owner
    (ada, ada_id), (bob, bob_id) = [await join(platform, made, name) for name in ("ada", "bob")]
    jury = (await accepted(platform, owner, "createSegment", brandId=made.ids["Brand"], name="Jury"))["segment"]["id"]
    audience = {"roles": ["AMBASSADOR"], "segmentIds": [jury]}
    event = (await schedule(platform, made, "For few", audience=audience))["event"]["id"]
    for who in (ada, bob, made.member):
        assert not await sees(platform, made, who, event)
    await accepted(platform, owner, "grantRole", memberId=ada_id, role="AMBASSADOR")
    await accepted(platform, owner, "addToSegment", segmentId=jury, memberIds=[bob_id])
    for who in (ada, bob):
        await until(platform, made, f'event(id: "{event}") {{ id }}', who, lambda shown: shown["event"] is not None)
        assert await sees(platform, made, who, event)
        await accepted(platform, who, "rsvp", eventId=event, mode="ONLINE")
    shown = await brand(platform, made, _SHOWN % event, ada)
    assert shown["events"]["nodes"][0]["audience"] == audience
    await until_going(platform, made, event, "Ada", "Bob")
    await accepted(platform, owner, "revokeRole", memberId=ada_id, role="AMBASSADOR")
    await accepted(platform, owner, "takeFromSegment", segmentId=jury, memberIds=[bob_id])
    for who in (ada, bob):
        await until_hidden(platform, made, who, event)
    await until_going(platform, made, event)
    foreign = await found(platform)
    other = await accepted(platform, foreign.owner, "createSegment", brandId=foreign.ids["Brand"], name="X")
    wrong = {"eventId": event, "audience": {"segmentIds": [other["segment"]["id"]]}}
    refusal = await run(platform, owner, "changeEventAudience", **wrong)
    assert [error["code"] for error in refusal["errors"]] == ["NOT_FOUND"]


async def test_need_05_who_leaves_is_banned_or_erased_is_invited_no_longer(platform: Platform) -> None:
    made = await found(platform)
    owner, id_ = made.owner, made.ids["Brand"]
    people = {name: await join(platform, made, name) for name in ("ada", "bob", "cy", "dan")}
    event = (await schedule(platform, made, "Last night", audience={}, onlineSeats=3))["event"]["id"]
    members = [member for _, member in people.values()]
    await accepted(platform, owner, "inviteToEvent", eventId=event, memberIds=members)
    for subject, _ in people.values():
        await accepted(platform, subject, "rsvp", eventId=event, mode="ONLINE")
    await until_going(platform, made, event, "Ada", "Bob", "Cy")
    await accepted(platform, people["ada"][0], "leaveBrand", brandId=id_)
    await until_going(platform, made, event, "Bob", "Cy", "Dan")
    await accepted(platform, owner, "banMember", memberId=people["bob"][1], reason="Shouts")
    await accepted(platform, people["cy"][0], "eraseMe", brandId=id_)
    await until_going(platform, made, event, "Dan")
    await until(
        platform, made, f'event(id: "{event}") {{ invitees {{ nodes {{ member {{ displayName }} }} }} }}', owner,
        lambda shown: [one["member"]["displayName"] for one in shown["event"]["invitees"]["nodes"]] == ["Olga", "Dan"],
    )  # fmt: skip
    back = await accepted(platform, people["ada"][0], "joinBrand", brandId=id_, displayName="Ada")
    assert not await sees(platform, made, people["ada"][0], event, back["consistencyToken"])
