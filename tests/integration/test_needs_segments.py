"""Segments, exclusive content and networking, each test named for its need, through GraphQL on a real platform."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from libs.shared.testing.platform import Platform
from tests.integration.community import COMPANY, Community, accepted, document, found, refused
from tests.integration.test_subscription import first_heard, heard, subscribed


async def brand(platform: Platform, made: Community, fields: str, subject: str, token: str | None = None) -> Any:
    """Fields of a brand as a member sees them, read no older than a token."""
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {fields} }} }}"
    answer = await platform.graphql(query, {"slug": made.slug}, platform.token(subject), consistency_token=token)
    assert "errors" not in answer, answer
    return answer["data"]["brand"]


async def until(platform: Platform, made: Community, fields: str, subject: str, ready: Callable[[Any], bool]) -> Any:
    """Read fields of a brand until they are `ready`: what follows by itself shows when it is there."""
    deadline = time.monotonic() + 60
    while not ready(shown := await brand(platform, made, fields, subject)):
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.05)
    return shown


async def join(platform: Platform, made: Community, name: str) -> tuple[str, str]:
    """A member more: their subject and their id."""
    subject = f"{name}-{made.slug}"
    joined = await accepted(platform, subject, "joinBrand", brandId=made.ids["Brand"], displayName=name.title())
    return subject, joined["member"]["id"]


SUGGESTIONS = "suggestions { nodes { member { id displayName } sharedInterests sharedSkills score } }"


async def test_need_37_members_who_share_something_meet_when_they_want_to(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    (ada, ada_id), (bob, bob_id), (cy, _) = [await join(platform, made, name) for name in ("ada", "bob", "cy")]
    shown = await brand(platform, made, f"viewerNetworking {{ open }} {SUGGESTIONS}", ada)
    assert shown == {"viewerNetworking": {"open": False}, "suggestions": {"nodes": []}}, "nobody is in it unasked"

    opened = await accepted(
        platform, ada, "chooseNetworking", brandId=id_, interests=["Tall  Ships", "tea"], skills=["Knots"]
    )
    assert opened["networking"] == {"open": True, "interests": ["tall ships", "tea"], "skills": ["knots"]}
    await accepted(platform, bob, "chooseNetworking", brandId=id_, interests=["TALL SHIPS", "coffee"], skills=["knots"])
    last = await accepted(platform, cy, "chooseNetworking", brandId=id_, interests=["tea", "knots"])
    shown = await brand(platform, made, SUGGESTIONS, ada, last["consistencyToken"])
    assert [
        (one["member"]["displayName"], one["sharedInterests"], one["sharedSkills"])
        for one in shown["suggestions"]["nodes"]
    ] == [("Bob", ["tall ships"], ["knots"]), ("Cy", ["tea"], [])], "and says why"

    async def suggested(to: str, token: str) -> list[str]:
        shown = await brand(platform, made, SUGGESTIONS, to, token)
        return [one["member"]["displayName"] for one in shown["suggestions"]["nodes"]]

    passed = await accepted(platform, cy, "dismissSuggestion", memberId=ada_id)
    assert await suggested(cy, passed["consistencyToken"]) == []
    blocked = await accepted(platform, ada, "blockMember", memberId=bob_id)
    assert blocked["member"] == {"id": bob_id, "viewerBlocks": True}
    token = blocked["consistencyToken"]
    assert (await suggested(ada, token), await suggested(bob, token)) == (["Cy"], []), "in neither direction"
    about = "blockedMembers { totalCount nodes { member { displayName } } }"
    own = await brand(platform, made, about, ada, token)
    assert own == {"blockedMembers": {"totalCount": 1, "nodes": [{"member": {"displayName": "Bob"}}]}}
    theirs = await brand(platform, made, f'{about} member(id: "{ada_id}") {{ viewerBlocks }}', bob, token)
    assert theirs == {"blockedMembers": {"totalCount": 0, "nodes": []}, "member": {"viewerBlocks": False}}
    assert (await brand(platform, made, about, made.owner, token))["blockedMembers"]["nodes"] == []

    unblocked = await accepted(platform, ada, "unblockMember", memberId=bob_id)
    assert await suggested(bob, unblocked["consistencyToken"]) == ["Ada"]
    gone = await accepted(platform, ada, "leaveNetworking", brandId=id_)
    assert gone["networking"] == {"open": False, "interests": [], "skills": []}
    assert await suggested(bob, gone["consistencyToken"]) == [], "at once"
    left = await accepted(platform, bob, "leaveBrand", brandId=id_)
    again = await accepted(platform, ada, "chooseNetworking", brandId=id_, skills=["knots"])
    assert await suggested(ada, again["consistencyToken"]) == [], left


async def test_need_37_who_does_not_agree_any_more_is_not_suggested(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    for who in (made.owner, made.member):
        last = await accepted(platform, who, "chooseNetworking", brandId=id_, interests=["tea"])
    shown = await brand(platform, made, SUGGESTIONS, made.owner, last["consistencyToken"])
    assert [one["member"]["displayName"] for one in shown["suggestions"]["nodes"]] == ["Mona"]
    await accepted(platform, made.member, "giveConsent", brandId=id_, purpose="networking", version=1)
    await accepted(platform, made.member, "withdrawConsent", brandId=id_, purpose="networking")
    await until(platform, made, SUGGESTIONS, made.owner, lambda shown: shown["suggestions"]["nodes"] == [])
    shown = await brand(platform, made, "viewerNetworking { open interests }", made.member)
    assert shown == {"viewerNetworking": {"open": False, "interests": []}}


async def test_need_37_tags_of_the_brands_own_list(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    offer = {"brandId": id_, "tags": ["Sailing", "sailing ", "Knots"], "onlyThese": True}
    assert await refused(platform, made.member, "offerTags", **offer) == ["FORBIDDEN"]
    offered = await accepted(platform, made.owner, "offerTags", **offer)
    assert offered["networkingTags"] == {"tags": ["knots", "sailing"], "onlyThese": True}
    other = {"brandId": id_, "interests": ["Sailing", "Tea"]}
    assert await refused(platform, made.member, "chooseNetworking", **other) == ["TAG_NOT_OFFERED"]
    await accepted(platform, made.member, "chooseNetworking", brandId=id_, interests=["Sailing"])
    oneself = await refused(platform, made.member, "blockMember", memberId=made.ids["Member"])
    assert oneself == ["INVALID"]


RULE = {
    "all": [
        {"any": [{"hasRole": "AMBASSADOR"}, {"did": {"act": "POSTED", "atLeast": 2, "withinDays": 30}}]},
        {"not": {"cameBy": "fair-2026"}},
    ]
}


async def members_of(platform: Platform, made: Community, segment: str) -> set[str]:
    query = """query($id: ID!) { node(id: $id) { ... on Segment {
      memberCount members { nodes { enteredAt member { displayName } } } } } }"""
    answer = await platform.graphql(query, {"id": segment}, platform.token(made.owner))
    return {node["member"]["displayName"] for node in answer["data"]["node"]["members"]["nodes"]}


async def until_members(platform: Platform, made: Community, segment: str, *names: str) -> None:
    deadline = time.monotonic() + 60
    while (shown := await members_of(platform, made, segment)) != set(names):
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.05)


async def test_need_36_a_segment_is_kept_true_by_what_members_do(platform: Platform) -> None:
    made = await found(platform)
    id_ = made.ids["Brand"]
    (ada, ada_id), (bob, bob_id) = [await join(platform, made, name) for name in ("ada", "bob")]
    fair = f"cy-{made.slug}"
    await accepted(platform, fair, "joinBrand", brandId=id_, displayName="Cy", source="fair-2026")
    space = (await accepted(platform, made.owner, "createSpace", brandId=id_, slug="talk", name="Talk"))["space"]["id"]

    async def post(who: str) -> None:
        await accepted(platform, who, "publishPost", spaceId=space, title="Hello", body="Me")

    for who in (ada, ada, bob, fair, fair):
        await post(who)
    assert await refused(platform, ada, "createSegment", brandId=id_, name="Mine", rule=RULE) == ["FORBIDDEN"]

    shown = await until(
        platform,
        made,
        "segmentPreview(rule: {did: {act: POSTED, atLeast: 2}}) { count exact sample { displayName } }",
        made.owner,
        lambda shown: shown["segmentPreview"]["count"] == 2,
    )
    assert shown["segmentPreview"]["exact"]
    assert {one["displayName"] for one in shown["segmentPreview"]["sample"]} == {"Ada", "Cy"}

    created = await accepted(platform, made.owner, "createSegment", brandId=id_, name="Experts", rule=RULE)
    segment = created["segment"]["id"]
    rule = created["segment"]["rule"]
    assert rule == RULE, "it can be sent again as it is shown"
    await until_members(platform, made, segment, "Ada")
    await post(bob)
    await until_members(platform, made, segment, "Ada", "Bob")
    await accepted(platform, made.owner, "grantRole", memberId=made.ids["Member"], role="AMBASSADOR")
    await until_members(platform, made, segment, "Ada", "Bob", "Mona")
    await accepted(platform, bob, "leaveBrand", brandId=id_)
    await accepted(platform, made.owner, "revokeRole", memberId=made.ids["Member"], role="AMBASSADOR")
    await until_members(platform, made, segment, "Ada")

    changed = {"segmentId": segment, "name": "Quiet ones", "rule": {"not": {"did": {"act": "POSTED"}}}}
    await accepted(platform, made.owner, "changeSegment", **changed)
    await until_members(platform, made, segment, "Founder", "Olga", "Mona")
    fields = "segments { totalCount nodes { name memberCount progress settledAt createdBy { displayName } } }"
    settled = await until(
        platform, made, fields, made.owner, lambda shown: shown["segments"]["nodes"][0]["settledAt"] is not None
    )
    [one] = settled["segments"]["nodes"]
    assert (one["name"], one["memberCount"], one["progress"]) == ("Quiet ones", 3, 1.0)
    assert one["createdBy"] == {"displayName": "Olga"}

    jury = (await accepted(platform, made.owner, "createSegment", brandId=id_, name="Jury"))["segment"]["id"]
    added = await accepted(platform, made.owner, "addToSegment", segmentId=jury, memberIds=[ada_id])
    assert added["segment"]["memberCount"] == 1
    assert await refused(platform, made.owner, "addToSegment", segmentId=jury, memberIds=[bob_id]) == ["NOT_FOUND"]
    assert await refused(platform, made.owner, "addToSegment", segmentId=segment, memberIds=[ada_id]) == ["INVALID"]
    theirs = f'segmentsOfMember(memberId: "{ada_id}") {{ name }}'
    shown = await brand(platform, made, theirs, made.owner, added["consistencyToken"])
    assert shown == {"segmentsOfMember": [{"name": "Jury"}]}
    query = "query($slug: String!) { brand(slug: $slug) { segments { totalCount } } }"
    answer = await platform.graphql(query, {"slug": made.slug}, platform.token(ada))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], "members do not see them"
    await accepted(platform, made.owner, "deleteSegment", segmentId=jury)


async def test_need_36_a_rule_has_bounds(platform: Platform) -> None:
    made = await found(platform)
    rule: dict[str, Any] = {"hasRole": "OWNER"}
    for _ in range(6):
        rule = {"not": rule}
    given = {"brandId": made.ids["Brand"], "name": "Deep"}
    assert await refused(platform, made.owner, "createSegment", **given, rule=rule) == ["INVALID"]
    wide = {"any": [{"hasRole": "OWNER"}] * 50}
    assert await refused(platform, made.owner, "createSegment", **given, rule=wide) == ["INVALID"]
    assert await refused(platform, made.owner, "createSegment", **given, rule={"all": []}) == ["INVALID"]
    for _ in range(400):
        rule = {"not": rule}
    query = "mutation($input: CreateSegmentInput!) { createSegment(input: $input) { errors { code } } }"
    answer = await platform.graphql(query, {"input": {**given, "rule": rule}}, platform.token(made.owner))
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes != ["INTERNAL"], answer
    assert codes or answer["data"]["createSegment"]["errors"]
    both = {"hasRole": "OWNER", "cameBy": "fair"}
    answer = await platform.graphql(query, {"input": {**given, "rule": both}}, platform.token(made.owner))
    assert answer["errors"], "exactly one of them is said"


async def test_need_36_and_64_who_says_so_in_a_field_sees_the_exclusive_space(platform: Platform) -> None:
    made = await found(platform)
    own, owner, member = {"brandId": made.ids["Brand"]}, made.owner, made.member
    choices = [{"key": key, "labels": [{"language": "en", "text": key.title()}]} for key in ("sloop", "ketch", "yawl")]
    for more in (
        {"key": "rig", "type": "CHOICE", "choices": choices},
        {"key": "crew", "type": "NUMBER"},
        {"key": "since", "type": "DATE"},
        {"key": "skipper", "type": "YES_NO", "audience": {"reach": "ONESELF"}},
    ):
        await accepted(platform, owner, "defineProfileField", **own, field={**COMPANY, **more})

    async def refusal(**asked: Any) -> tuple[str, list[str]]:
        given = {**own, "name": "Sailors", "rule": {"not": {"hasValue": asked}}}
        answer = await platform.graphql(document("createSegment"), {"input": given}, platform.token(owner))
        [error] = answer["data"]["createSegment"]["errors"]
        return error["code"], error["path"]

    assert await refusal(field="boat", yes=True) == ("FIELD_UNKNOWN", ["rule", "boat"])
    assert await refusal(field="rig", oneOf=["sloop", "raft"]) == ("FIELD_NOT_A_CHOICE", ["rule", "rig"])
    assert await refusal(field="rig", minimum=3) == ("FIELD_WRONG_TYPE", ["rule", "rig"])
    assert await refusal(field="skipper", yes=True) == ("FIELD_NOT_FOR_LEADERS", ["rule", "skipper"])

    rule = {
        "all": [
            {"hasValue": {"field": "rig", "oneOf": ["sloop", "ketch"]}},
            {"hasValue": {"field": "crew", "minimum": 2.0}},
            {"hasValue": {"field": "since", "earliest": "2020-01-01", "latest": "2025-12-31"}},
        ]
    }
    created = await accepted(platform, owner, "createSegment", **own, name="Sailors", rule=rule)
    assert created["segment"]["rule"] == rule, "it can be sent again as it is shown"
    audience = {"segmentIds": [created["segment"]["id"]]}
    await accepted(platform, owner, "createSpace", **own, slug="dock", name="Dock", audience=audience)

    async def until_sees(wanted: bool) -> None:
        await until(platform, made, 'space(slug: "dock") { id }', member, lambda shown: bool(shown["space"]) is wanted)

    async def says(**value: Any) -> None:
        await accepted(platform, member, "setProfileFields", **own, values=[value])

    await until_sees(False)
    await says(key="rig", text="ketch")
    await says(key="crew", number=2)
    await says(key="since", text="2024-05-01")
    await until_sees(True)
    await says(key="rig", text="yawl")
    await until_sees(False)
    await says(key="rig", text="sloop")
    await until_sees(True)
    await accepted(platform, member, "hideProfileFields", **own, fields=["crew"])
    await until_sees(False)
    await accepted(platform, member, "hideProfileFields", **own, fields=[])
    await until_sees(True)
    await accepted(platform, owner, "retireProfileField", **own, key="rig")
    await until_sees(False)


async def test_need_64_exclusive_content_by_role_and_by_segment(platform: Platform) -> None:
    made = await found(platform)
    id_, owner = made.ids["Brand"], made.owner
    (ada, ada_id), (bob, bob_id), (cy, _) = [await join(platform, made, name) for name in ("ada", "bob", "cy")]
    jury = (await accepted(platform, owner, "createSegment", brandId=id_, name="Jury"))["segment"]["id"]
    await accepted(platform, owner, "addToSegment", segmentId=jury, memberIds=[bob_id])
    await accepted(platform, owner, "grantRole", memberId=ada_id, role="AMBASSADOR")
    audience = {"roles": ["AMBASSADOR"], "segmentIds": [jury]}
    few = {"brandId": id_, "slug": "few", "name": "Few", "audience": audience}
    assert await refused(platform, cy, "createSpace", **few) == ["FORBIDDEN"]
    created = await accepted(platform, owner, "createSpace", **few)
    space = created["space"]["id"]
    post = await accepted(platform, owner, "publishPost", spaceId=space, title="Secret", body="Only here")
    thread, at = post["post"]["id"], post["consistencyToken"]
    reply = (await accepted(platform, owner, "publishReply", postId=thread, body="And this"))["reply"]["id"]

    fields = """spaces { totalCount nodes { slug audience { roles segmentIds } } } space(slug: "few") { postCount }
      posts { totalCount nodes { title replies(first: 5) { nodes { body } } } }"""
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    async def sees(who: str, token: str | None = at) -> bool:
        shown = await brand(platform, made, fields, who, token)
        found = await platform.graphql(query, {"ids": [space, thread, reply]}, platform.token(who))
        told = [
            shown["spaces"] == {"totalCount": 1, "nodes": [{"slug": "few", "audience": audience}]},
            shown["space"] is not None,
            shown["posts"]["totalCount"] == 1,
            *(node is not None for node in found["data"]["nodes"]),
        ]
        if not any(told):
            assert shown["spaces"] == {"totalCount": 0, "nodes": []}
            assert shown["posts"] == {"totalCount": 0, "nodes": []}
        return all(told)

    async def until_sees(who: str, wanted: bool) -> None:
        deadline = time.monotonic() + 60
        while await sees(who) is not wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    for who in (owner, ada, bob):
        await until_sees(who, True)
    assert not await sees(cy)
    writes: list[tuple[str, dict[str, Any]]] = [
        ("publishPost", {"spaceId": space, "title": "Me", "body": "too"}),
        ("publishReply", {"postId": thread, "body": "Me too"}),
        ("addReaction", {"targetId": reply, "emoji": "HEART"}),
        ("follow", {"targetId": space}),
    ]
    for name, given in writes:
        assert await refused(platform, cy, name, **given) == ["NOT_FOUND"]
        await accepted(platform, ada, name, **given)
    await accepted(platform, owner, "publishReply", postId=thread, body="Thanks")
    inbox = "viewerNotifications(first: 20) { nodes { kind subject { __typename } latest { __typename } } }"

    def shows(what: Any) -> Callable[[Any], bool]:
        """Whether an inbox tells of a reply about `what`."""
        told = {"kind": "REPLY", "subject": what and {"__typename": "Post"}, "latest": what and {"__typename": "Reply"}}
        return lambda shown: told in shown["viewerNotifications"]["nodes"]

    await until(platform, made, inbox, ada, shows("the post"))
    open_ = (await accepted(platform, owner, "createSpace", brandId=id_, slug="open", name="Open"))["space"]["id"]

    async with subscribed(platform, bob, made.slug) as member, subscribed(platform, cy, made.slug) as stranger:
        community = Community(slug=made.slug, owner=owner, member=made.member, ids={"Space": open_})
        for socket in (member, stranger):
            await first_heard(platform, community, socket)

        async def next_of(socket: Any) -> str:
            """The next title that is not one of those that only asked whether somebody listens."""
            while (one := await heard(socket)).get("title") in ("Are you there?", "Now"):
                pass
            return str(one["title"])

        for into, title in ((space, "For few"), (open_, "For all")):
            await accepted(platform, owner, "publishPost", spaceId=into, title=title, body="x")
        assert [await next_of(member), await next_of(member)] == ["For few", "For all"]
        assert await next_of(stranger) == "For all"

        taken = await accepted(platform, owner, "takeFromSegment", segmentId=jury, memberIds=[bob_id])
        await accepted(platform, owner, "revokeRole", memberId=ada_id, role="AMBASSADOR")
        query_space = 'space(slug: "few") { id }'
        for who in (ada, bob):
            await until(platform, made, query_space, who, lambda shown: shown["space"] is None)
            for name, given in writes:
                assert await refused(platform, who, name, **given) == ["NOT_FOUND"]
        assert shows(None)(await brand(platform, made, inbox, ada))
        for into, title in ((space, "Still for few"), (open_, "Again for all")):
            await accepted(platform, owner, "publishPost", spaceId=into, title=title, body="x")
        assert await next_of(member) == "Again for all", taken

    assert await refused(platform, ada, "changeSpaceAudience", spaceId=space, audience=None) == ["FORBIDDEN"]
    opened = await accepted(platform, owner, "changeSpaceAudience", spaceId=space, audience=None)
    assert opened["space"]["audience"] is None
    shown = await brand(platform, made, 'space(slug: "few") { id }', cy, opened["consistencyToken"])
    assert shown == {"space": {"id": space}}
    foreign = await found(platform)
    other = (await accepted(platform, foreign.owner, "createSegment", brandId=foreign.ids["Brand"], name="X"))[
        "segment"
    ]
    wrong = {"spaceId": space, "audience": {"segmentIds": [other["id"]]}}
    assert await refused(platform, owner, "changeSpaceAudience", **wrong) == ["NOT_FOUND"]
