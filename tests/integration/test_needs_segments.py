"""Segments, exclusive content and networking, each test named for its need, through GraphQL on a real platform."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from libs.shared.testing.platform import Platform
from tests.integration.community import Community, accepted, found, refused


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
