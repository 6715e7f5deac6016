"""The whole service on real servers: commands and queries over the bus, and what separates two brands."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from msgspec import structs

from libs.access.roles import Role
from libs.access.testing import World, running
from libs.shared.domain import Accepted, Command, DomainError, Query
from libs.shared.ids import uuid7
from libs.shared.paging import PageRequest
from libs.shared.tags import tag_key
from services.discussions.reaction import AddReaction, Emoji, RemoveReaction
from services.discussions.service import compose
from services.discussions.space import ChangeSpaceAudience, CreateSpace, SpaceKind
from services.discussions.thread import ChangeTags, ChangeTagsOf, LockThread, PublishPost, PublishReply, UnlockThread
from services.discussions.views.reactions import EmojiCount, ReactionsGetMany, TargetReactions
from services.discussions.views.spaces import SpaceBySlug, SpacePage, SpacePageResult, SpacesGetMany, SpaceView
from services.discussions.views.tags import TagByName, TagName, TagsGetMany, TagView, TopTags
from services.discussions.views.threads import (
    PostPage,
    PostPageResult,
    PostPages,
    PostsGetMany,
    PostView,
    RepliesGetMany,
    ReplyPage,
    ReplyPageResult,
    ReplyPages,
    ReplyView,
    TagPosts,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
EARLY = datetime(1996, 5, 17, 8, 30, tzinfo=UTC)
R = TypeVar("R")
C = TypeVar("C", bound=Command)


class Town:
    """A brand of each test's own, with `olga` the owner, `paul` and `rita` members, and a client of the service."""

    def __init__(self, world: World) -> None:
        self.brand = uuid7()
        self._world = world
        self._seen: dict[str, int] = {}

    async def open(self) -> "Town":
        await self.joined("olga", Role.OWNER)
        await self.joined("paul")
        await self.joined("rita")
        return self

    async def joined(self, member: str, *roles: Role) -> None:
        await self._world.join([member], *roles, brand=self.brand)

    def command(self, kind: type[C], actor: str, now: datetime = NOW, /, **fields: Any) -> C:
        return kind(command_id=uuid7(), brand=self.brand, actor=actor, now=now, **fields)

    async def send(self, kind: type[C], actor: str, now: datetime = NOW, /, **fields: Any) -> Accepted:
        return await self.send_this(self.command(kind, actor, now, **fields))

    async def send_this(self, command: Command) -> Accepted:
        aggregate = {
            "create_space": "space",
            "change_space_audience": "space",
            "add_reaction": "reaction",
            "remove_reaction": "reaction",
        }
        name = command.wire_name
        accepted = await self._world.send(aggregate.get(name, "thread"), command)
        for stream, position in accepted.position.items():
            self._seen[stream] = max(position, self._seen.get(stream, 0))
        return accepted

    async def refused(self, kind: type[Command], actor: str, /, **fields: Any) -> tuple[str, tuple[str | int, ...]]:
        with pytest.raises(DomainError) as refusal:
            await self.send(kind, actor, **fields)
        return refusal.value.code, refusal.value.path

    async def ask(self, reply: type[R], query: type[Query], viewer: str = "paul", **fields: Any) -> R:
        question = query(brand=self.brand, viewer=viewer, at_least=self._seen, **fields)
        return await self._world.ask(question, reply)

    async def space(self, kind: SpaceKind = SpaceKind.DISCUSSION, slug: str = "talk", space_id: str = "s1") -> str:
        command = self.command(CreateSpace, "olga", space_id=space_id, slug=slug, name="Talk", kind=kind)
        return (await self.send_this(command)).id

    async def post(
        self,
        thread_id: str = "t1",
        actor: str = "paul",
        space_id: str = "s1",
        now: datetime = NOW,
        tags: tuple[str, ...] = (),
    ) -> None:
        fields: dict[str, Any] = {"thread_id": thread_id, "space_id": space_id, "tags": tags}
        await self.send(PublishPost, actor, now, **fields, title="Tides", body="When?")

    async def reply(
        self, reply_id: str, actor: str = "rita", reply_to: str | None = None, now: datetime = NOW
    ) -> Accepted:
        fields: dict[str, Any] = {"thread_id": "t1", "reply_id": reply_id, "body": "Noon", "reply_to": reply_to}
        return await self.send(PublishReply, actor, now, **fields)


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running("discussions", compose, tmp_path_factory.mktemp("discussions")) as world:
        yield world


@pytest.fixture
async def town(world: World) -> Town:
    return await Town(world).open()


class TestSpaces:
    async def test_leaders_open_one(self, town: Town) -> None:
        assert await town.space(SpaceKind.QUESTIONS) == "s1"
        shown = SpaceView(id="s1", slug="talk", name="Talk", kind=SpaceKind.QUESTIONS, created_at=NOW, post_count=0)
        assert await town.ask(SpaceView, SpaceBySlug, slug="talk") == shown
        assert await town.ask(list[SpaceView | None], SpacesGetMany, ids=["s9", "s1"]) == [None, shown]
        page = await town.ask(SpacePageResult, SpacePage)
        assert (page.items, page.total_count) == ([shown], 1)

    async def test_members_and_strangers_do_not(self, town: Town) -> None:
        fields: dict[str, Any] = {"space_id": "s1", "slug": "talk", "name": "Talk", "kind": SpaceKind.DISCUSSION}
        for actor in ("paul", "stranger"):
            assert await town.refused(CreateSpace, actor, **fields) == ("FORBIDDEN", ())

    async def test_a_slug_is_taken_once_in_a_brand(self, world: World, town: Town) -> None:
        await town.space()
        fields: dict[str, Any] = {"space_id": "s2", "slug": "talk", "name": "Talk", "kind": SpaceKind.DISCUSSION}
        assert await town.refused(CreateSpace, "olga", **fields) == ("NAME_TAKEN", ("slug",))
        assert await town.ask(list[SpaceView | None], SpacesGetMany, ids=["s2"]) == [None]
        other = await Town(world).open()
        await other.space()

    async def test_the_same_command_again_is_answered_again(self, town: Town) -> None:
        fields: dict[str, Any] = {"space_id": "s1", "slug": "talk", "name": "Talk", "kind": SpaceKind.DISCUSSION}
        command = town.command(CreateSpace, "olga", **fields)
        first, second = [await town.send_this(command) for _ in range(2)]
        assert (first.repeated, second.repeated, second.id) == (False, True, first.id)


class TestThreads:
    async def test_a_post_and_its_replies(self, town: Town) -> None:
        await town.space()
        await town.post(now=EARLY)
        await town.reply("r1", now=NOW)
        await town.reply("r2", actor="paul", reply_to="r1", now=NOW + timedelta(seconds=1))
        post = PostView(
            id="t1",
            space_id="s1",
            author_id="paul",
            title="Tides",
            body="When?",
            published_at=EARLY,
            locked=False,
            reply_count=2,
            last_activity_at=NOW + timedelta(seconds=1),
        )
        assert await town.ask(list[PostView | None], PostsGetMany, ids=["t9", "t1"]) == [None, post]
        for fields in ({}, {"space_id": "s1"}):
            page = await town.ask(PostPageResult, PostPage, **fields)
            assert (page.items, page.total_count) == ([post], 1)
        replies = await town.ask(ReplyPageResult, ReplyPage, thread_id="t1", page=PageRequest(first=1))
        assert ([item.id for item in replies.items], replies.has_next, replies.total_count) == (["r1"], True, 2)
        [pages] = await town.ask(list[ReplyPageResult], ReplyPages, thread_ids=["t1"])
        assert [(item.number, item.author_id, item.reply_to) for item in pages.items] == [
            (1, "rita", None),
            (2, "paul", "r1"),
        ]
        many = await town.ask(list[ReplyView | None], RepliesGetMany, ids=["r2", "r9"])
        assert many == [pages.items[1], None]
        space = await town.ask(SpaceView, SpaceBySlug, slug="talk")
        assert space.post_count == 1

    async def test_what_is_refused(self, town: Town) -> None:
        await town.space()
        await town.space(SpaceKind.BROADCAST, "news", "s2")
        fields: dict[str, Any] = {"thread_id": "t1", "title": "Tides", "body": "When?"}
        assert await town.refused(PublishPost, "paul", space_id="s9", **fields) == ("NOT_FOUND", ("space_id",))
        assert await town.refused(PublishPost, "paul", space_id="s2", **fields) == ("FORBIDDEN", ())
        assert await town.refused(PublishPost, "stranger", space_id="s1", **fields) == ("FORBIDDEN", ())
        reply = {"thread_id": "t1", "reply_id": "r1", "body": "Noon"}
        assert await town.refused(PublishReply, "paul", **reply) == ("NOT_FOUND", ("thread_id",))
        await town.post(actor="olga", space_id="s2")
        await town.reply("r1", actor="paul")
        missing = {**reply, "reply_id": "r2", "reply_to": "r9"}
        assert await town.refused(PublishReply, "paul", **missing) == ("NOT_FOUND", ("reply_to",))

    async def test_a_lock_holds(self, town: Town) -> None:
        await town.space()
        await town.post()
        assert await town.refused(LockThread, "paul", thread_id="t1") == ("FORBIDDEN", ())
        await town.joined("mona", Role.MODERATOR)
        await town.send(LockThread, "mona", thread_id="t1")
        reply = {"thread_id": "t1", "reply_id": "r1", "body": "Noon"}
        assert await town.refused(PublishReply, "olga", **reply) == ("THREAD_LOCKED", ("thread_id",))
        [locked] = await town.ask(list[PostView | None], PostsGetMany, ids=["t1"])
        assert locked is not None and locked.locked
        await town.send(UnlockThread, "mona", thread_id="t1")
        await town.reply("r1")

    async def test_many_reply_at_the_same_time_and_each_has_a_number(self, town: Town) -> None:
        await town.space()
        await town.post()
        await asyncio.gather(*(town.reply(f"r{number}") for number in range(40)))
        page = await town.ask(ReplyPageResult, ReplyPage, thread_id="t1", page=PageRequest(first=100))
        assert [item.number for item in page.items] == list(range(1, 41))
        assert {item.id for item in page.items} == {f"r{number}" for number in range(40)}

    async def test_the_longest_body_is_taken_and_a_longer_one_is_not(self, town: Town) -> None:
        await town.space()
        fields: dict[str, Any] = {"thread_id": "t1", "space_id": "s1", "title": "Tides"}
        assert await town.refused(PublishPost, "paul", body="🌊" * 20_001, **fields) == ("INVALID", ("body",))
        await town.send(PublishPost, "paul", body="🌊" * 20_000, **fields)
        [post] = await town.ask(list[PostView | None], PostsGetMany, ids=["t1"])
        assert post is not None and post.body == "🌊" * 20_000


BOATS = TagName(id=tag_key("boats"), name="boats")


class TestTags:
    async def tags(self, town: Town, thread_id: str = "t1") -> list[str]:
        [post] = await town.ask(list[PostView | None], PostsGetMany, ids=[thread_id])
        assert post is not None
        return [tag.name for tag in post.tags]

    async def test_a_post_has_them_and_is_found_by_them(self, town: Town) -> None:
        await town.space()
        await town.post("t1", tags=("Boats", "tides"))
        await town.post("t2", now=NOW + timedelta(seconds=1), tags=("boats",))
        await town.post("t3")
        assert await self.tags(town) == ["boats", "tides"]
        boats = TagView(id=BOATS.id, name="boats", post_count=2)
        assert await town.ask(TagView, TagByName, name=" ＢOATS") == boats
        assert await town.ask(list[TagView | None], TagsGetMany, ids=["nothing", BOATS.id]) == [None, boats]
        assert [tag.name for tag in await town.ask(list[TagView], TopTags)] == ["boats", "tides"]
        [page] = await town.ask(list[PostPageResult], TagPosts, ids=[BOATS.id])
        assert ([one.id for one in page.items], page.total_count) == (["t2", "t1"], 2)
        assert page.items[0].tags == [BOATS]

    async def test_the_author_and_stewards_change_them(self, town: Town) -> None:
        await town.space()
        await town.joined("mona", Role.MODERATOR)
        await town.post(tags=("boats",))
        # At once, whether the view shows the post by now or not.
        await town.send(ChangeTags, "paul", thread_id="t1", tags=("moon",))
        assert await self.tags(town) == ["moon"]
        [page] = await town.ask(list[PostPageResult], TagPosts, ids=[BOATS.id])
        assert page == PostPageResult(items=[], cursors=[], has_next=False, has_previous=False, total_count=0)
        assert await town.refused(ChangeTags, "rita", thread_id="t1", tags=()) == ("FORBIDDEN", ())
        await town.send(ChangeTags, "mona", thread_id="t1", tags=())
        assert await self.tags(town) == []
        assert await town.ask(list[TagView], TopTags) == []

    async def test_no_more_than_a_handful_and_nothing_blank(self, town: Town) -> None:
        await town.space()
        await town.post()
        for tags, path in ((tuple("abcdef"), ("tags",)), (("a", " "), ("tags", 1)), (("a" * 61,), ("tags", 0))):
            assert await town.refused(ChangeTags, "paul", thread_id="t1", tags=tags) == ("INVALID", path)
        await town.send(ChangeTags, "paul", thread_id="t1", tags=tuple("abcde"))

    async def test_a_client_does_not_say_who_the_author_is(self, town: Town) -> None:
        await town.space()
        await town.post()
        forged = town.command(ChangeTagsOf, "rita", thread_id="t1", tags=("mine",), author="rita")
        with pytest.raises(DomainError) as refusal:
            await town.send_this(forged)
        assert refusal.value.code == "INVALID"


class TestReactions:
    async def test_they_are_counted_once_a_member(self, town: Town) -> None:
        await town.space()
        await town.post()
        await town.reply("r1")
        heart: dict[str, Any] = {"thread_id": "t1", "target_id": "t1", "emoji": Emoji.HEART}
        for actor in ("paul", "rita", "paul"):
            await town.send(AddReaction, actor, **heart)
        await town.send(AddReaction, "rita", thread_id="t1", target_id="r1", emoji=Emoji.IDEA)
        asked: dict[str, Any] = {"viewer": "paul", "target_ids": ["r1", "t1"]}
        assert await town.ask(list[TargetReactions], ReactionsGetMany, **asked) == [
            TargetReactions(target_id="r1", counts=[EmojiCount(emoji=Emoji.IDEA, count=1)], mine=[]),
            TargetReactions(target_id="t1", counts=[EmojiCount(emoji=Emoji.HEART, count=2)], mine=[Emoji.HEART]),
        ]
        await town.send(RemoveReaction, "paul", **heart)
        [shown] = await town.ask(list[TargetReactions], ReactionsGetMany, viewer="paul", target_ids=["t1"])
        assert (shown.counts, shown.mine) == ([EmojiCount(emoji=Emoji.HEART, count=1)], [])

    async def test_a_repeated_command_is_one_reaction(self, town: Town) -> None:
        await town.space()
        await town.post()
        command = town.command(AddReaction, "paul", thread_id="t1", target_id="t1", emoji=Emoji.CLAP)
        first, second = [await town.send_this(command) for _ in range(2)]
        assert first.position == second.position

    async def test_what_is_refused(self, town: Town) -> None:
        await town.space()
        await town.post()
        for kind in (AddReaction, RemoveReaction):
            missing = {"thread_id": "t1", "target_id": "r9", "emoji": Emoji.HEART}
            assert await town.refused(kind, "paul", **missing) == ("NOT_FOUND", ("target_id",))
            there = {**missing, "target_id": "t1"}
            assert await town.refused(kind, "stranger", **there) == ("FORBIDDEN", ())


#: A sample of every command and query: a new one that is missing here fails the first of these tests.
COMMANDS: dict[type[Command], dict[str, Any]] = {
    ChangeSpaceAudience: {"space_id": "s1", "audience": None},
    CreateSpace: {"space_id": "s2", "slug": "more", "name": "More", "kind": SpaceKind.DISCUSSION},
    PublishPost: {"thread_id": "t2", "space_id": "s1", "title": "Tides", "body": "When?"},
    PublishReply: {"thread_id": "t1", "reply_id": "r2", "body": "Noon"},
    ChangeTags: {"thread_id": "t1", "tags": ("moon",)},
    LockThread: {"thread_id": "t1"},
    UnlockThread: {"thread_id": "t1"},
    AddReaction: {"thread_id": "t1", "target_id": "t1", "emoji": Emoji.HEART},
    RemoveReaction: {"thread_id": "t1", "target_id": "t1", "emoji": Emoji.HEART},
}
QUERIES: dict[type[Query], dict[str, Any]] = {
    SpaceBySlug: {"slug": "talk"},
    SpacesGetMany: {"ids": ["s1"]},
    SpacePage: {},
    PostPage: {"space_id": "s1"},
    PostPages: {"ids": ["s1"]},
    PostsGetMany: {"ids": ["t1"]},
    ReplyPage: {"thread_id": "t1"},
    ReplyPages: {"thread_ids": ["t1"]},
    RepliesGetMany: {"ids": ["r1"]},
    ReactionsGetMany: {"target_ids": ["t1", "r1"]},
    TagByName: {"name": "boats"},
    TagsGetMany: {"ids": [BOATS.id]},
    TopTags: {},
    TagPosts: {"ids": [BOATS.id]},
}


class TestIsolation:
    """Two brands: one with a space, a post, a reply and a reaction, and one whose owner `eve` looks for them."""

    @pytest.fixture
    async def theirs(self, world: World) -> Town:
        town = Town(world)
        await town.joined("eve", Role.OWNER)
        return town

    @pytest.fixture
    async def mine(self, town: Town) -> Town:
        await town.space()
        await town.post(tags=("boats",))
        await town.reply("r1")
        await town.send(AddReaction, "paul", thread_id="t1", target_id="t1", emoji=Emoji.FIRE)
        return town

    def test_nothing_is_forgotten(self, world: World) -> None:
        # What every service answers about personal data is tested in libs/access and tests/integration.
        own = {
            endpoint.message for endpoint in world.app.endpoints if endpoint.message.__module__.startswith("services.")
        }
        assert own == {*COMMANDS, *QUERIES}

    @pytest.mark.parametrize("query", QUERIES)
    async def test_a_query_for_another_brand_is_refused(self, query: type[Query], mine: Town, theirs: Town) -> None:
        for viewer in ("eve", "stranger"):
            with pytest.raises(DomainError) as refusal:
                await mine.ask(dict, query, viewer, **QUERIES[query])
            assert refusal.value.code == "FORBIDDEN"

    async def test_a_query_in_ones_own_brand_does_not_reach_another(self, mine: Town, theirs: Town) -> None:
        empty = {"items": [], "cursors": [], "has_next": False, "has_previous": False, "total_count": 0}
        nothing: dict[type[Query], Any] = {
            SpacesGetMany: [None],
            SpacePage: empty,
            PostPage: empty,
            PostPages: [empty],
            PostsGetMany: [None],
            ReplyPage: empty,
            ReplyPages: [empty],
            RepliesGetMany: [None],
            ReactionsGetMany: [{"target_id": id_, "counts": [], "mine": []} for id_ in ("t1", "r1")],
            TagsGetMany: [None],
            TopTags: [],
            TagPosts: [empty],
        }
        not_found: set[type[Query]] = {SpaceBySlug, TagByName}
        for query, fields in QUERIES.items():
            if query in not_found:
                with pytest.raises(DomainError) as refusal:
                    await theirs.ask(dict, query, "eve", **fields)
                assert refusal.value.code == "NOT_FOUND"
            else:
                assert await theirs.ask(object, query, "eve", **fields) == nothing[query], query

    @pytest.mark.parametrize("command", COMMANDS)
    async def test_a_command_in_another_brand_is_refused(
        self, command: type[Command], mine: Town, theirs: Town
    ) -> None:
        before = await self.everything(mine)
        for actor in ("eve", "stranger"):
            assert await mine.refused(command, actor, **COMMANDS[command]) == ("FORBIDDEN", ())
        sent = mine.command(command, "eve", **COMMANDS[command])
        with pytest.raises(DomainError):
            await mine.send_this(structs.replace(sent, roles=frozenset(Role)))
        assert await self.everything(mine) == before

    async def test_a_command_in_ones_own_brand_does_not_reach_another(self, mine: Town, theirs: Town) -> None:
        before = await self.everything(mine)
        for command, fields in COMMANDS.items():
            if command is CreateSpace:
                await theirs.send(command, "eve", **{**fields, "slug": "talk", "space_id": "s1"})
            elif command is PublishPost:
                await theirs.send(command, "eve", **fields)
            else:
                assert (await theirs.refused(command, "eve", **fields))[0] == "NOT_FOUND"
        assert await self.everything(mine) == before

    async def everything(self, town: Town) -> list[Any]:
        return [await town.ask(object, query, "paul", **fields) for query, fields in QUERIES.items()]
