"""Need 56, the part about tags: posts carry them, members follow them, and nobody learns of what is hidden."""

from typing import Any

from libs.shared.testing.platform import Platform
from tests.integration.community import Community, accepted, found, refused
from tests.integration.test_needs_notices import inbox, newcomer, until

TAG = """query($slug: String!, $name: String!) { brand(slug: $slug) {
  tag(name: $name) { id name postCount viewerFollows posts { totalCount nodes { title tags { name } } } } } }"""
TAGS = """query($slug: String!, $prefix: String!, $first: Int!) { brand(slug: $slug) {
  tags(prefix: $prefix, first: $first) { name postCount } } }"""


async def tag(platform: Platform, made: Community, subject: str, name: str, seen: str | None = None) -> Any:
    """A tag as somebody sees it; None for none."""
    variables = {"slug": made.slug, "name": name}
    answer = await platform.graphql(TAG, variables, platform.token(subject), consistency_token=seen)
    assert "errors" not in answer, answer
    return answer["data"]["brand"]["tag"]


async def top(platform: Platform, made: Community, subject: str, prefix: str = "", first: int = 10) -> list[Any]:
    """The most used tags, as somebody sees them."""
    variables = {"slug": made.slug, "prefix": prefix, "first": first}
    answer = await platform.graphql(TAGS, variables, platform.token(subject))
    assert "errors" not in answer, answer
    return [(one["name"], one["postCount"]) for one in answer["data"]["brand"]["tags"]]


async def space(platform: Platform, made: Community, slug: str, **more: Any) -> str:
    """A new space."""
    opened = await accepted(
        platform, made.owner, "createSpace", brandId=made.ids["Brand"], slug=slug, name=slug, **more
    )
    id_: str = opened["space"]["id"]
    return id_


async def test_need_56_a_tag_is_one_however_it_is_written_and_finds_its_posts(platform: Platform) -> None:
    made = await found(platform)
    talk = await space(platform, made, "talk")
    for title, tags in (("One", ["Sea  Kayaks", "Ｔides"]), ("Two", ["sea kayaks", "SEA KAYAKS"]), ("Three", [])):
        last = await accepted(platform, made.member, "publishPost", spaceId=talk, title=title, body="-", tags=tags)
    shown = await tag(platform, made, made.owner, " SEA kayaks", last["consistencyToken"])
    assert (shown["name"], shown["postCount"], shown["viewerFollows"]) == ("sea kayaks", 2, "NOTHING")
    assert shown["posts"]["totalCount"] == 2
    assert shown["posts"]["nodes"] == [
        {"title": "Two", "tags": [{"name": "sea kayaks"}]},
        {"title": "One", "tags": [{"name": "sea kayaks"}, {"name": "tides"}]},
    ]
    assert await top(platform, made, made.member) == [("sea kayaks", 2), ("tides", 1)]
    assert await top(platform, made, made.member, "TI") == [("tides", 1)]
    assert await top(platform, made, made.member, first=1) == [("sea kayaks", 2)]
    assert await tag(platform, made, made.owner, "kayaks") is None


async def test_need_56_who_follows_a_tag_is_told_of_new_posts_once(platform: Platform) -> None:
    made = await found(platform)
    talk, other = await space(platform, made, "talk"), await space(platform, made, "other")
    writer, writer_id = await newcomer(platform, made, "wim")
    first = await accepted(platform, writer, "publishPost", spaceId=talk, title="First", body="-", tags=["Kayaks"])
    [kayaks] = first["post"]["tags"]
    followed = await accepted(platform, made.member, "follow", targetId=kayaks["id"])
    assert followed["target"] == {"id": kayaks["id"], "viewerFollows": "FOLLOWED"}
    await accepted(platform, made.member, "follow", targetId=talk)
    await accepted(platform, made.owner, "follow", targetId=kayaks["id"])
    await accepted(platform, made.owner, "follow", targetId=writer_id)

    news = {"title": "News", "body": "!", "tags": ["kayaks", "new"]}
    post = await accepted(platform, writer, "publishPost", spaceId=talk, **news)
    told = await until(platform, made, made.member, "POST_WITH_TAG")
    assert told["subject"] == {"__typename": "Tag", "name": "kayaks"}
    assert told["latest"] == {"__typename": "Post", "id": post["post"]["id"], "title": "News"}
    await until(platform, made, made.owner, "POST_BY_PERSON")
    await accepted(platform, writer, "publishPost", spaceId=other, **news)
    await until(platform, made, made.member, "POST_WITH_TAG", lambda one: one["count"] == 2)
    kinds = [node["kind"] for node in (await inbox(platform, made, made.member))["nodes"]]
    assert "POST_IN_SPACE" not in kinds, "who follows both hears once"
    owners = [node["kind"] for node in (await inbox(platform, made, made.owner))["nodes"]]
    assert "POST_WITH_TAG" not in owners, "and the person goes before the tag"

    query = (
        "query($slug: String!) { brand(slug: $slug) { viewerFollows { nodes { target { ... on Tag { name } } } } } }"
    )
    shown = await platform.graphql(query, {"slug": made.slug}, platform.token(made.member))
    assert {"target": {"name": "kayaks"}} in shown["data"]["brand"]["viewerFollows"]["nodes"]
    muted = await accepted(platform, made.member, "mute", targetId=kayaks["id"])
    assert muted["target"]["viewerFollows"] == "MUTED"
    await accepted(platform, writer, "publishPost", spaceId=talk, **news)
    await until(platform, made, made.owner, "POST_BY_PERSON", lambda one: one["count"] == 3)
    told = await until(platform, made, made.member, "POST_WITH_TAG")
    assert told["count"] == 2, "mute wins"


async def test_need_56_tags_are_changed_by_the_author_and_stewards_and_nobody_is_told(platform: Platform) -> None:
    made = await found(platform)
    talk = await space(platform, made, "talk")
    other, _ = await newcomer(platform, made, "oda")
    post = await accepted(platform, made.member, "publishPost", spaceId=talk, title="One", body="-", tags=["kayaks"])
    await accepted(platform, other, "follow", targetId=post["post"]["tags"][0]["id"])
    one = {"postId": post["post"]["id"]}
    changed = await accepted(platform, made.member, "changeTags", **one, tags=["Moon"])
    assert [(each["name"], each["postCount"]) for each in changed["post"]["tags"]] == [("moon", 1)]
    assert await tag(platform, made, made.member, "kayaks", changed["consistencyToken"]) is None
    assert await refused(platform, other, "changeTags", **one, tags=[]) == ["FORBIDDEN"]
    for unfit in ([" "], list("abcdef"), ["a" * 61]):
        assert await refused(platform, made.member, "changeTags", **one, tags=unfit) == ["INVALID"]
    await accepted(platform, made.owner, "changeTags", **one, tags=["kayaks", "moon"])
    new = await accepted(platform, made.member, "publishPost", spaceId=talk, title="Two", body="-", tags=["kayaks"])
    told = await until(platform, made, other, "POST_WITH_TAG")
    assert (told["count"], told["latest"]["id"]) == (1, new["post"]["id"])


async def test_need_64_tags_say_nothing_of_spaces_that_somebody_is_not_let_into(platform: Platform) -> None:
    made = await found(platform)
    talk = await space(platform, made, "talk")
    few = await space(platform, made, "few", audience={"roles": ["AMBASSADOR"]})
    insider, insider_id = await newcomer(platform, made, "ina")
    granted = await accepted(platform, made.owner, "grantRole", memberId=insider_id, role="AMBASSADOR")
    await accepted(platform, made.owner, "publishPost", spaceId=talk, title="Open", body="-", tags=["plans"])
    hidden = {"spaceId": few, "title": "Hidden", "body": "-", "tags": ["plans", "merger"]}
    for _ in range(2):
        last = await accepted(platform, made.owner, "publishPost", **hidden)
    seen = last["consistencyToken"]
    merger = (await tag(platform, made, made.owner, "merger", seen))["id"]
    assert (await tag(platform, made, insider, "merger", granted["consistencyToken"]))["id"] == merger

    assert await tag(platform, made, made.member, "merger", seen) is None
    assert await top(platform, made, made.member) == [("plans", 1)]
    assert await top(platform, made, made.member, "mer") == []
    plans = await tag(platform, made, made.member, "plans")
    assert (plans["postCount"], plans["posts"]["totalCount"]) == (1, 1)
    assert [one["title"] for one in plans["posts"]["nodes"]] == ["Open"]
    node = await platform.graphql(
        "query($id: ID!) { node(id: $id) { id } }", {"id": merger}, platform.token(made.member)
    )
    assert node == {"data": {"node": None}}
    for mutation in ("follow", "unfollow", "mute"):
        assert await refused(platform, made.member, mutation, targetId=merger) == ["NOT_FOUND"]
    assert await refused(platform, made.member, "changeTags", postId=last["post"]["id"], tags=[]) == ["NOT_FOUND"]
    assert await top(platform, made, insider) == [("plans", 3), ("merger", 2)]

    for subject in (made.member, insider):
        await accepted(platform, subject, "follow", targetId=plans["id"])
    await accepted(platform, made.owner, "publishPost", **hidden)
    await until(platform, made, insider, "POST_WITH_TAG")  # everybody else was told in the same moment
    await accepted(platform, made.owner, "publishPost", spaceId=talk, title="Also open", body="-", tags=["plans"])
    told = await until(platform, made, made.member, "POST_WITH_TAG")
    assert (told["count"], told["latest"]["title"]) == (1, "Also open")
