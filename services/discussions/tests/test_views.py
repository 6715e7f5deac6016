"""What the views of discussions show after given events, on a real database."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from libs.shared.domain import DomainError
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, view_bench
from services.discussions.reaction import Emoji, ReactionAdded, ReactionRemoved
from services.discussions.space import SpaceCreated, SpaceKind
from services.discussions.thread import PostPublished, ReplyPublished, ThreadLocked, ThreadUnlocked
from services.discussions.views.reactions import EmojiCount, ReactionsGetMany, ReactionsView, TargetReactions
from services.discussions.views.spaces import SpaceBySlug, SpacePage, SpacesGetMany, SpacesView, SpaceView
from services.discussions.views.threads import (
    PostPage,
    PostPages,
    PostsGetMany,
    PostView,
    RepliesGetMany,
    ReplyPage,
    ReplyPages,
    ReplyView,
    ThreadsView,
)

EARLY = datetime(1996, 5, 17, 8, 30, 0, 125_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def post(space_id: str = "s1", body: str = "When?") -> PostPublished:
    return PostPublished(space_id=space_id, title="Tides", body=body)


def reply(number: int, reply_id: str | None = None, body: str = "Noon", reply_to: str | None = None) -> ReplyPublished:
    return ReplyPublished(reply_id=reply_id or f"r{number}", number=number, body=body, reply_to=reply_to)


async def test_spaces(mongo_url: str) -> None:
    async with view_bench(SpacesView(), mongo_url) as bench:
        view = bench.view
        for brand, id_, time in (("b1", "s1", EARLY), ("b1", "s2", NOON), ("b2", "s1", NOON)):
            event = SpaceCreated(slug=f"slug-{id_}", name=id_.upper(), kind=SpaceKind.QUESTIONS)
            await bench.given(event, brand=brand, aggregate="space", id=id_, time=time)
        await bench.given(post(), reply(1), ThreadLocked(), ThreadUnlocked(), id="t1")
        await bench.given(post(), id="t2")
        await bench.given(post(), brand="b2", id="t1")
        first = SpaceView(id="s1", slug="slug-s1", name="S1", kind=SpaceKind.QUESTIONS, created_at=EARLY, post_count=2)
        assert await view.space_by_slug(SpaceBySlug(brand="b1", viewer="m1", slug="slug-s1")) == first
        many = await view.spaces_get_many(SpacesGetMany(brand="b1", viewer="m1", ids=["s2", "s9", "s1"]))
        assert [space and (space.id, space.post_count) for space in many] == [("s2", 0), None, ("s1", 2)]
        found = await view.space_page(SpacePage(brand="b1", viewer="m1"))
        assert ([item.id for item in found.items], found.total_count) == (["s1", "s2"], 2)
        foreign = await view.space_page(SpacePage(brand="b2", viewer="m1"))
        assert ([(item.id, item.post_count) for item in foreign.items], foreign.total_count) == ([("s1", 1)], 1)
        with pytest.raises(DomainError) as refused:
            await view.space_by_slug(SpaceBySlug(brand="b2", viewer="m1", slug="slug-s2"))
        assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("slug",))


async def test_a_post_and_what_happens_to_it(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        one = PostsGetMany(brand="b1", viewer="m9", ids=["t1"])
        await bench.given(post(), id="t1", actor="m1", time=NOON)
        fresh = PostView(
            id="t1",
            space_id="s1",
            author_id="m1",
            title="Tides",
            body="When?",
            published_at=NOON,
            locked=False,
            reply_count=0,
            last_activity_at=NOON,
        )
        assert await bench.view.posts_get_many(one) == [fresh]
        await bench.given(reply(1), id="t1", actor="m2", time=NOON + SECOND)
        await bench.given(reply(2, reply_to="r1"), id="t1", actor="m1", time=EARLY)
        await bench.given(ThreadLocked(), id="t1")
        [locked] = await bench.view.posts_get_many(one)
        assert locked is not None
        assert (locked.locked, locked.reply_count, locked.last_activity_at) == (True, 2, NOON + SECOND)
        await bench.given(ThreadUnlocked(), id="t1")
        [unlocked] = await bench.view.posts_get_many(one)
        assert unlocked is not None and not unlocked.locked
        replies = RepliesGetMany(brand="b1", viewer="m9", ids=["r2", "r9"])
        assert await bench.view.replies_get_many(replies) == [
            ReplyView(
                id="r2", thread_id="t1", author_id="m1", body="Noon", number=2, reply_to="r1", published_at=EARLY
            ),
            None,
        ]


async def test_posts_of_a_brand_and_of_a_space_newest_first(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        for id_, space_id, time in (
            ("t1", "s1", NOON),
            ("t2", "s2", EARLY),
            ("t3", "s1", NOON + SECOND),
            ("t4", "s1", EARLY),
        ):
            await bench.given(post(space_id), id=id_, time=time)
        await bench.given(post(), brand="b2", id="t1")

        async def shown(space_id: str | None, page: PageRequest, brand: str = "b1") -> tuple[list[str], int]:
            found = await bench.view.post_page(PostPage(brand=brand, viewer="m1", space_id=space_id, page=page))
            return [item.id for item in found.items], found.total_count

        assert await shown(None, PageRequest()) == (["t3", "t1", "t4", "t2"], 4)
        assert await shown("s1", PageRequest()) == (["t3", "t1", "t4"], 3)
        assert await shown("s1", PageRequest(last=2)) == (["t1", "t4"], 3)
        assert await shown("s9", PageRequest()) == ([], 0)
        assert await shown("s2", PageRequest(), brand="b2") == ([], 0)
        asked = PostPages(brand="b1", viewer="m1", ids=["s2", "s9", "s1", "s2"], page=PageRequest(first=2))
        pages = await bench.view.post_pages(asked)
        assert [[item.id for item in page.items] for page in pages] == [["t2"], [], ["t3", "t1"], ["t2"]]
        assert [(page.total_count, page.has_next) for page in pages] == [(1, False), (0, False), (3, True), (1, False)]
        hidden = await bench.view.post_pages(structs.replace(asked, hidden=("s1",)))
        assert [page.total_count for page in hidden] == [1, 0, 0, 1]
        [foreign] = await bench.view.post_pages(PostPages(brand="b2", viewer="m1", ids=["s2"]))
        assert (foreign.items, foreign.total_count) == ([], 0)


async def test_pages_of_replies_by_number(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        await bench.given(post(), *(reply(number) for number in range(1, 8)), id="t1")
        await bench.given(post(), reply(1, "q1"), id="t2")
        await bench.given(post(), id="t3")
        first = await bench.view.reply_page(
            ReplyPage(brand="b1", viewer="m1", thread_id="t1", page=PageRequest(first=3))
        )
        assert ([item.number for item in first.items], first.total_count, first.has_next) == ([1, 2, 3], 7, True)
        after = PageRequest(first=9, after=first.cursors[-1])
        rest = await bench.view.reply_page(ReplyPage(brand="b1", viewer="m1", thread_id="t1", page=after))
        assert ([item.number for item in rest.items], rest.has_next) == ([4, 5, 6, 7], False)
        asked = ReplyPages(brand="b1", viewer="m1", thread_ids=["t3", "t2", "t9", "t1"], page=PageRequest(last=2))
        pages = await bench.view.reply_pages(asked)
        assert [[item.id for item in page.items] for page in pages] == [[], ["q1"], [], ["r6", "r7"]]
        assert [(page.total_count, page.has_previous) for page in pages] == [
            (0, False),
            (1, False),
            (0, False),
            (7, True),
        ]


async def test_another_brand_sees_no_post_and_no_reply(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        await bench.given(post(), reply(1), id="t1")
        view = bench.view
        assert await view.posts_get_many(PostsGetMany(brand="b2", viewer="m1", ids=["t1"])) == [None]
        assert await view.replies_get_many(RepliesGetMany(brand="b2", viewer="m1", ids=["r1"])) == [None]
        page = await view.reply_page(ReplyPage(brand="b2", viewer="m1", thread_id="t1"))
        assert (page.items, page.total_count) == ([], 0)


async def test_a_page_of_the_longest_posts_ends_early(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        for number in range(20):
            await bench.given(post(body="🌊" * 20_000), id=f"t{number:02}")
        seen: list[str] = []
        request = PageRequest()
        for _ in range(20):
            page = await bench.view.post_page(PostPage(brand="b1", viewer="m1", page=request))
            seen += [item.id for item in page.items]
            if not page.has_next:
                break
            assert len(page.items) == 9
            request = PageRequest(after=page.cursors[-1])
        assert seen == [f"t{number:02}" for number in reversed(range(20))]


class TestReactions:
    async def ask(self, bench: ViewBench[ReactionsView], *targets: str, brand: str = "b1") -> list[TargetReactions]:
        return await bench.view.reactions_get_many(ReactionsGetMany(brand=brand, viewer="m1", target_ids=list(targets)))

    async def test_counts_and_the_viewers_own(self, mongo_url: str) -> None:
        async with view_bench(ReactionsView(), mongo_url) as bench:
            sad = ReactionAdded(target_id="t1", emoji=Emoji.SAD)
            heart = ReactionAdded(target_id="t1", emoji=Emoji.HEART)
            await bench.given(sad, heart, ReactionAdded(target_id="r1", emoji=Emoji.HEART), actor="m1")
            await bench.given(heart, actor="m2")
            assert await self.ask(bench, "r1", "r2", "t1") == [
                TargetReactions(target_id="r1", counts=[EmojiCount(emoji=Emoji.HEART, count=1)], mine=[Emoji.HEART]),
                TargetReactions(target_id="r2", counts=[], mine=[]),
                TargetReactions(
                    target_id="t1",
                    counts=[EmojiCount(emoji=Emoji.HEART, count=2), EmojiCount(emoji=Emoji.SAD, count=1)],
                    mine=[Emoji.HEART, Emoji.SAD],
                ),
            ]

    async def test_the_same_again_changes_nothing_and_the_last_word_counts(self, mongo_url: str) -> None:
        async with view_bench(ReactionsView(), mongo_url) as bench:
            added = ReactionAdded(target_id="t1", emoji=Emoji.FIRE)
            removed = ReactionRemoved(target_id="t1", emoji=Emoji.FIRE)
            nothing = [TargetReactions(target_id="t1", counts=[], mine=[])]
            once = [TargetReactions(target_id="t1", counts=[EmojiCount(emoji=Emoji.FIRE, count=1)], mine=[Emoji.FIRE])]
            await bench.given(removed)
            assert await self.ask(bench, "t1") == nothing
            await bench.given(added, added)
            assert await self.ask(bench, "t1") == once
            await bench.given(added)
            assert await self.ask(bench, "t1") == once
            await bench.given(removed, removed, added, removed)
            assert await self.ask(bench, "t1") == nothing
            assert await bench.documents("reactions") == []

    async def test_another_brand_sees_nothing(self, mongo_url: str) -> None:
        async with view_bench(ReactionsView(), mongo_url) as bench:
            await bench.given(ReactionAdded(target_id="t1", emoji=Emoji.FIRE))
            assert await self.ask(bench, "t1", brand="b2") == [TargetReactions(target_id="t1", counts=[], mine=[])]
