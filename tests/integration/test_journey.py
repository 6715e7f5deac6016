"""A community from its foundation on: every mutation once, through HTTP, each reading what it wrote."""

from typing import Any

from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway.schema import build
from tests.integration.community import MUTATIONS, accepted, found, furnish, refused, run, tomorrow

OVERVIEW = """query Overview($slug: String!) {
  me { memberships { brand { slug } member { displayName roles } } }
  brand(slug: $slug) {
    name memberCount viewer { displayName roles email }
    network { brandCount brands { nodes { slug } } }
    members { totalCount nodes { displayName } }
    spaces { totalCount nodes { slug postCount } }
    space(slug: "general") { name posts { nodes { title } } }
    posts(first: 20) { totalCount pageInfo { hasNextPage } edges { cursor node {
      title replyCount author { displayName } replies(first: 5) { nodes { number body author { displayName } } } } } }
    events { nodes { title going: goingCount attendees(first: 5) { nodes { number member { displayName } } }
      viewerRsvp { mode } } }
    boards(first: 2) { nodes { slug ideas(first: 5) { nodes { title voteCount viewerVoted
      voters(first: 5) { nodes { member { displayName } } } } } } }
    ideas { totalCount }
  } }"""


async def overview(platform: Platform, subject: str, slug: str, token: str | None = None) -> dict[str, Any]:
    answer = await platform.graphql(OVERVIEW, {"slug": slug}, platform.token(subject), consistency_token=token)
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def test_every_mutation_is_on_the_way() -> None:
    mutation = build()._schema.mutation_type
    assert mutation is not None
    assert set(mutation.fields) == set(MUTATIONS)


async def test_members_come_change_and_go(platform: Platform) -> None:
    made = await found(platform)
    brand, member = made.ids["Brand"], made.ids["Member"]
    again = await accepted(platform, made.member, "joinBrand", brandId=brand, displayName="Mona")
    assert again["member"]["id"] == member
    profile = await accepted(platform, made.member, "changeProfile", brandId=brand, bio="I read.")
    assert profile["member"] == {"id": member, "displayName": "Mona", "bio": "I read."}
    granted = await accepted(platform, made.owner, "grantRole", memberId=member, role="MODERATOR")
    assert granted["member"]["roles"] == ["MEMBER", "MODERATOR"]
    assert await refused(platform, made.member, "grantRole", memberId=member, role="OWNER") == ["FORBIDDEN"]
    revoked = await accepted(platform, made.owner, "revokeRole", memberId=member, role="MODERATOR")
    assert revoked["member"]["roles"] == ["MEMBER"]
    left = await accepted(platform, made.member, "leaveBrand", brandId=brand)
    assert left["brand"]["memberCount"] == 2  # the founder and the owner
    gone = await platform.graphql(
        "query($slug: String!) { brand(slug: $slug) { viewer { id } members { totalCount } } }",
        {"slug": made.slug},
        platform.token(made.member),
        consistency_token=left["consistencyToken"],
    )
    assert gone["data"]["brand"] == {"viewer": None, "members": None}
    assert [error["extensions"]["code"] for error in gone["errors"]] == ["FORBIDDEN"]


async def test_discussions(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    post, reply = made.ids["Post"], made.ids["Reply"]
    answer = await accepted(platform, made.member, "publishReply", postId=post, body="Thanks", replyToId=reply)
    assert answer["reply"]["number"] == 2
    assert answer["reply"]["replyTo"] == {"id": reply}
    assert answer["reply"]["post"] == {"id": post, "replyCount": 2}
    reacted = await accepted(platform, made.owner, "addReaction", targetId=post, emoji="ROCKET")
    assert reacted["target"]["reactions"] == [{"emoji": "ROCKET", "count": 1, "viewerReacted": True}]
    on_reply = await accepted(platform, made.owner, "addReaction", targetId=reply, emoji="HEART")
    assert on_reply["target"] == {"id": reply, "reactions": [{"emoji": "HEART", "count": 1, "viewerReacted": True}]}
    back = await accepted(platform, made.owner, "removeReaction", targetId=post, emoji="ROCKET")
    assert back["target"]["reactions"] == []
    locked = await accepted(platform, made.owner, "lockThread", postId=post)
    assert locked["post"]["locked"] is True
    assert await refused(platform, made.member, "publishReply", postId=post, body="More") == ["THREAD_LOCKED"]
    assert await refused(platform, made.member, "unlockThread", postId=post) == ["FORBIDDEN"]
    assert (await accepted(platform, made.owner, "unlockThread", postId=post))["post"]["locked"] is False


async def test_events(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    event = made.ids["Event"]
    first = await accepted(platform, made.member, "rsvp", eventId=event, mode="IN_PERSON")
    assert first["rsvp"] == {"mode": "IN_PERSON", "status": "CONFIRMED", "number": 1}
    second = await accepted(platform, made.owner, "rsvp", eventId=event, mode="IN_PERSON")
    assert second["rsvp"]["status"] == "WAITLISTED"
    assert second["event"] == {"id": event, "goingCount": 1, "waitlistedInPerson": 1}
    freed = await accepted(platform, made.member, "cancelRsvp", eventId=event)
    assert freed["rsvp"] is None
    assert freed["event"] == {"id": event, "goingCount": 1, "waitlistedInPerson": 0}
    online = await accepted(platform, made.member, "rsvp", eventId=event, mode="ONLINE")
    assert online["rsvp"]["status"] == "CONFIRMED"
    came = await run(platform, made.member, "checkIn", eventId=event)
    assert came["errors"] or came["event"]["checkedInCount"] == 1  # a check-in may only open on the day
    assert await refused(platform, made.member, "cancelEvent", eventId=event) == ["FORBIDDEN"]
    assert (await accepted(platform, made.owner, "cancelEvent", eventId=event))["event"]["cancelledAt"] is not None
    assert await refused(platform, made.member, "rsvp", eventId=event, mode="ONLINE") == ["EVENT_CANCELLED"]


async def test_feedback(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    idea = made.ids["Idea"]
    assert (await accepted(platform, made.owner, "castVote", ideaId=idea))["idea"]["voteCount"] == 1
    twice = await accepted(platform, made.owner, "castVote", ideaId=idea)
    assert twice["idea"] == {"id": idea, "voteCount": 1, "viewerVoted": True}
    withdrawn = await accepted(platform, made.owner, "withdrawVote", ideaId=idea)
    assert withdrawn["idea"] == {"id": idea, "voteCount": 0, "viewerVoted": False}
    planned = await accepted(platform, made.owner, "changeIdeaStatus", ideaId=idea, status="PLANNED", note="Soon")
    assert planned["idea"] == {"id": idea, "status": "PLANNED", "statusNote": "Soon"}
    assert await refused(platform, made.member, "changeIdeaStatus", ideaId=idea, status="SHIPPED") == ["FORBIDDEN"]


async def test_one_query_shows_it_all(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    voted = await accepted(platform, made.member, "castVote", ideaId=made.ids["Idea"])
    seat = await accepted(platform, made.member, "rsvp", eventId=made.ids["Event"], mode="ONLINE")
    for token in (voted["consistencyToken"], seat["consistencyToken"]):
        data = await overview(platform, made.member, made.slug, token)
    assert data["me"]["memberships"] == [
        {"brand": {"slug": made.slug}, "member": {"displayName": "Mona", "roles": ["MEMBER"]}}
    ]
    brand = data["brand"]
    assert (brand["memberCount"], brand["members"]["totalCount"]) == (3, 3)
    assert brand["network"] == {"brandCount": 1, "brands": {"nodes": [{"slug": made.slug}]}}
    assert brand["space"] == {"name": "General", "posts": {"nodes": [{"title": "Hello"}]}}
    (post,) = (edge["node"] for edge in brand["posts"]["edges"])
    assert (post["title"], post["replyCount"], post["author"]) == ("Hello", 1, {"displayName": "Mona"})
    assert post["replies"]["nodes"] == [{"number": 1, "body": "Welcome", "author": {"displayName": "Olga"}}]
    assert brand["events"]["nodes"][0]["attendees"]["nodes"] == [{"number": 1, "member": {"displayName": "Mona"}}]
    assert brand["events"]["nodes"][0]["viewerRsvp"] == {"mode": "ONLINE"}
    (idea,) = brand["boards"]["nodes"][0]["ideas"]["nodes"]
    assert (idea["voteCount"], idea["viewerVoted"]) == (1, True)
    assert idea["voters"]["nodes"] == [{"member": {"displayName": "Mona"}}]


async def test_every_node_is_found_again_by_its_id(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    ids = [value for name, value in made.ids.items() if name != "Owner"]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    answer = await platform.graphql(query, {"ids": ids}, platform.token(made.owner))
    assert answer["data"]["nodes"] == [
        {"__typename": name, "id": value} for name, value in made.ids.items() if name != "Owner"
    ]


async def test_the_same_command_id_is_carried_out_once(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    given = {"spaceId": made.ids["Space"], "title": "Once", "body": "Only", "commandId": "once"}
    first = await accepted(platform, made.member, "publishPost", **given)
    second = await accepted(platform, made.member, "publishPost", **given)
    other = await accepted(platform, made.owner, "publishPost", **given)
    assert first["post"]["id"] == second["post"]["id"] != other["post"]["id"]
    assert other["post"]["space"]["postCount"] == 3  # with the one that was there before


async def test_pages_go_both_ways(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    for number in range(5):
        last = await accepted(platform, made.member, "publishReply", postId=made.ids["Post"], body=f"Reply {number}")
    query = """query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { node(id: $id) { ... on Post {
      replies(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { number } } } } }"""

    async def numbers(**page: Any) -> tuple[list[int], dict[str, Any]]:
        answer = await platform.graphql(
            query,
            {"id": made.ids["Post"], **page},
            platform.token(made.member),
            consistency_token=last["consistencyToken"],
        )
        assert "errors" not in answer, answer
        replies = answer["data"]["node"]["replies"]
        assert replies["totalCount"] == 6
        return [node["number"] for node in replies["nodes"]], replies["pageInfo"]

    first, info = await numbers(first=4)
    assert (first, info["hasNextPage"]) == ([1, 2, 3, 4], True)
    rest, info = await numbers(first=4, after=info["endCursor"])
    assert (rest, info["hasNextPage"]) == ([5, 6], False)
    assert (await numbers(last=2))[0] == [5, 6]
    assert (await numbers(last=2, before=info["startCursor"]))[0] == [3, 4]


async def test_input_that_does_not_fit_names_its_field(platform: Platform) -> None:
    made = await found(platform)
    payload = await run(
        platform, made.owner, "createSpace", brandId=made.ids["Brand"], slug="Not A Slug", name="General"
    )
    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("INVALID", ["slug"])]
    payload = await run(
        platform,
        made.owner,
        "scheduleEvent",
        brandId=made.ids["Brand"],
        title="Meet-up",
        format="ONLINE",
        startsAt=tomorrow().removesuffix("+00:00"),
        endsAt=tomorrow(1),
        timeZone="Europe/Paris",
    )
    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("INVALID", ["startsAt"])]


async def test_only_operators_create_networks(platform: Platform) -> None:
    assert await refused(platform, "nobody", "createNetwork", slug="mine", name="Mine") == ["FORBIDDEN"]
    made = await found(platform)
    brand = {"slug": f"x{made.slug}", "name": "X", "kind": "CLUB", "founderName": "X"}
    codes = await refused(platform, made.owner, "createBrand", networkId=made.ids["Network"], **brand)
    assert codes == ["FORBIDDEN"]
    again = await refused(
        platform, OPERATOR, "createBrand", networkId=made.ids["Network"], **{**brand, "slug": made.slug}
    )
    assert again == ["NAME_TAKEN"]
