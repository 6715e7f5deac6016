"""What was posted, in a brand and in each of its spaces, and what was replied?"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import IndexModel, ReplaceOne, UpdateMany, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.budget import fit
from libs.shared.domain import ERASED, Id
from libs.shared.paging import Page, PageRequest, Without, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.discussions import space, thread
from services.discussions.thread import (
    PostPublished,
    PostTagsChanged,
    ReplyPublished,
    ThreadLocked,
    ThreadUnlocked,
)
from services.discussions.views import tags
from services.discussions.views.exclusive import EXCLUSIVE, INDEXES, AskedInSpaces, exclusive, not_in
from services.discussions.views.tags import TagName, Tags


class PostView(Struct, frozen=True, kw_only=True):
    """A thread with its opening post.  `last_activity_at` is the time of its latest reply, else its own."""

    id: str
    space_id: str
    author_id: str
    title: str
    body: str
    published_at: datetime
    locked: bool
    reply_count: int
    last_activity_at: datetime
    official: bool = False
    tags: list[TagName] = []


class PostPageResult(Page[PostView], frozen=True, kw_only=True):
    """A page of posts."""

    total_count: int


class ReplyView(Struct, frozen=True, kw_only=True):
    """A reply.  `number` is its 1-based place in the thread."""

    id: str
    thread_id: str
    author_id: str
    body: str
    number: int
    reply_to: str | None
    published_at: datetime
    official: bool = False


class ReplyPageResult(Page[ReplyView], frozen=True, kw_only=True):
    """A page of a thread's replies."""

    total_count: int


class PostPage(AskedInSpaces, frozen=True, kw_only=True):
    """The posts of a space, or of the whole brand, the newest first: by time of publication, nothing else."""

    wire_name: ClassVar[str] = "post_page"

    space_id: Id | None = None
    page: PageRequest = PageRequest()


class PostPages(AskedInSpaces, frozen=True, kw_only=True):
    """The same page of posts of each of many spaces, in the order of `ids`."""

    wire_name: ClassVar[str] = "post_pages"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class TagPosts(AskedInSpaces, frozen=True, kw_only=True):
    """The same page of posts with each of many tags, in the order of `ids`; none for a tag that the brand has not."""

    wire_name: ClassVar[str] = "tag_posts"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class PostsGetMany(AskedInSpaces, frozen=True, kw_only=True):
    """Posts by id, in the order of `ids`, None for one that is not in this brand."""

    wire_name: ClassVar[str] = "posts_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ReplyPage(AskedInSpaces, frozen=True, kw_only=True):
    """The replies of a thread in their order; none for a thread that is not in this brand."""

    wire_name: ClassVar[str] = "reply_page"

    thread_id: Id
    page: PageRequest = PageRequest()


class ReplyPages(AskedInSpaces, frozen=True, kw_only=True):
    """The same page of replies of each of many threads."""

    wire_name: ClassVar[str] = "reply_pages"

    thread_ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class RepliesGetMany(AskedInSpaces, frozen=True, kw_only=True):
    """Replies by id, in the order of `ids`, None for one that is not in this brand."""

    wire_name: ClassVar[str] = "replies_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ThreadsView(View):
    """Five collections.

    `posts`: a document a thread, `_id` brand:thread.  `replies`: a document a reply, `_id` brand:reply.
    `totals`: the `count` of posts of a brand (`_id` brand) and of a space (`_id` brand:space).
    `exclusive` and `tags`: as `exclusive.py` and `tags.py` say.
    """

    name = "threads"
    version = 4
    stream = "DISCUSSIONS"
    events = (*space.DECIDER.events, *thread.DECIDER.events, ErasureRecorded)
    upcasters = {**space.UPCASTERS, **thread.UPCASTERS}
    subjects = ("evt.discussions.*.space.>", "evt.discussions.*.thread.>", "evt.discussions.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "posts": (
            page_index("brand", "published_at_ms"),
            page_index("brand", "space", "published_at_ms"),
            page_index("brand", "tags", "published_at_ms"),
            IndexModel([("brand", 1), ("author", 1)]),
        ),
        "replies": (page_index("brand", "thread", "number"), IndexModel([("brand", 1), ("author", 1)])),
        "totals": (),
        EXCLUSIVE: INDEXES,
        tags.TAGS: tags.INDEXES,
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        yield from exclusive(recorded)
        yield from tags.counted(recorded)
        post = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case PostPublished() as event:
                yield Write("posts", ReplaceOne(post, {**post, **_new_post(recorded, event)}, upsert=True))
                for total in (recorded.brand, f"{recorded.brand}:{event.space_id}"):
                    yield Write("totals", UpdateOne({"_id": total}, {"$inc": {"count": 1}}, upsert=True))
            case PostTagsChanged() as event:
                yield Write("posts", UpdateOne(post, {"$set": {"tags": list(event.tags)}}))
            case ReplyPublished() as event:
                reply = {"_id": f"{recorded.brand}:{event.reply_id}"}
                yield Write("replies", ReplaceOne(reply, {**reply, **_new_reply(recorded, event)}, upsert=True))
                activity = {"$set": {"reply_count": event.number}, "$max": {"last_activity_ms": to_ms(recorded.time)}}
                yield Write("posts", UpdateOne(post, activity))
            case ThreadLocked():
                yield Write("posts", UpdateOne(post, {"$set": {"locked": True}}))
            case ThreadUnlocked():
                yield Write("posts", UpdateOne(post, {"$set": {"locked": False}}))
            case ErasureRecorded():
                theirs = {"brand": recorded.brand, "author": recorded.aggregate_id}
                yield Write("posts", UpdateMany(theirs, {"$set": {"title": ERASED, "body": ERASED}}))
                yield Write("replies", UpdateMany(theirs, {"$set": {"body": ERASED}}))

    async def post_page(self, query: PostPage) -> PostPageResult:
        """A page of posts of a space or of the brand."""
        if query.space_id is not None:
            return (await self._post_pages(query, [query.space_id]))[0]
        [fitting] = fit([await self._posts({"brand": query.brand}, query.page, query.hidden)], query.page)
        without = [f"{query.brand}:{id_}" for id_ in query.hidden]
        counts = await self._counts([str(query.brand), *without])
        total = counts.get(query.brand, 0) - sum(counts.get(one, 0) for one in without)
        return PostPageResult(**structs.asdict(fitting), total_count=total)

    async def post_pages(self, query: PostPages) -> list[PostPageResult]:
        """A page of posts for each space of `ids`, in that order."""
        return await self._post_pages(query, query.ids)

    async def tag_posts(self, query: TagPosts) -> list[PostPageResult]:
        """A page of posts for each tag of `ids`, in that order, the newest first."""
        tags = await Tags(self).of(query, query.ids)
        pages = await asyncio.gather(
            *(
                self._posts({"brand": query.brand, "tags": tag.name}, query.page, query.hidden) if tag else _nothing()
                for tag in tags
            )
        )
        return [
            PostPageResult(**structs.asdict(fitting), total_count=tag.post_count if tag else 0)
            for fitting, tag in zip(fit(pages, query.page), tags, strict=True)
        ]

    async def author(self, brand: str, thread: str) -> str | None:
        """Who wrote a post; None for one that the view has not met."""
        document = await self.collection("posts").find_one({"_id": f"{brand}:{thread}"}, {"author": 1})
        return document["author"] if document else None

    async def posts_get_many(self, query: PostsGetMany) -> list[PostView | None]:
        """The brand's posts of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {
            document["_id"]: _post(document)
            async for document in self.collection("posts").find({"_id": {"$in": keys}, **not_in(query.hidden)})
        }
        return [found.get(key) for key in keys]

    async def reply_page(self, query: ReplyPage) -> ReplyPageResult:
        """A page of a thread's replies."""
        return (await self._reply_pages(query, [query.thread_id]))[0]

    async def reply_pages(self, query: ReplyPages) -> list[ReplyPageResult]:
        """A page of replies for each of `thread_ids`, in that order."""
        return await self._reply_pages(query, query.thread_ids)

    async def replies_get_many(self, query: RepliesGetMany) -> list[ReplyView | None]:
        """The brand's replies of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        documents = await self.collection("replies").find({"_id": {"$in": keys}}).to_list(None)
        shown = await self._shown(query.brand, {document["thread"] for document in documents}, query.hidden)
        found = {document["_id"]: _reply(document) for document in documents if document["thread"] in shown}
        return [found.get(key) for key in keys]

    async def targets(self, brand: str, ids: Sequence[str], hidden: tuple[str, ...]) -> set[str]:
        """Which of these posts and replies stand in spaces that are not hidden."""
        keys = [f"{brand}:{id_}" for id_ in ids]
        replies = self.collection("replies").find({"_id": {"$in": keys}}, {"thread": 1, "reply": 1})
        threads = {document["reply"]: document["thread"] async for document in replies}
        shown = await self._shown(brand, {*ids, *threads.values()}, hidden)
        return {id_ for id_ in ids if threads.get(id_, id_) in shown}

    async def _shown(self, brand: str, threads: Collection[str], hidden: tuple[str, ...]) -> Collection[str]:
        """Those of the threads that stand in spaces that are not hidden."""
        if not hidden:
            return threads
        keys = [f"{brand}:{thread}" for thread in threads]
        posts = self.collection("posts").find({"_id": {"$in": keys}, **not_in(hidden)}, {"thread": 1})
        return {document["thread"] async for document in posts}

    async def _counts(self, keys: Sequence[str]) -> dict[str, int]:
        found = self.collection("totals").find({"_id": {"$in": list(keys)}})
        return {document["_id"]: document["count"] async for document in found}

    async def _post_pages(self, query: PostPage | PostPages, spaces: Sequence[str]) -> list[PostPageResult]:
        found = await self._counts([f"{query.brand}:{space}" for space in spaces if space not in query.hidden])
        counts = [found.get(f"{query.brand}:{space}", 0) for space in spaces]
        pages = await asyncio.gather(
            *(
                self._posts({"brand": query.brand, "space": space}, query.page) if count else _nothing()
                for space, count in zip(spaces, counts, strict=True)
            )
        )
        return [
            PostPageResult(**structs.asdict(fitting), total_count=count)
            for fitting, count in zip(fit(pages, query.page), counts, strict=True)
        ]

    async def _posts(
        self, prefix: Mapping[str, str], request: PageRequest, hidden: tuple[str, ...] = ()
    ) -> Page[PostView]:
        found = await page(
            self.collection("posts"),
            prefix=prefix,
            key="published_at_ms",
            request=request,
            descending=True,
            keep=Without("space", hidden) if hidden else None,
        )
        return found.map(_post)

    async def _reply_pages(self, query: ReplyPage | ReplyPages, threads: Sequence[str]) -> list[ReplyPageResult]:
        brand, request = query.brand, query.page
        keys = [f"{brand}:{thread}" for thread in threads]
        posts = self.collection("posts").find({"_id": {"$in": keys}, **not_in(query.hidden)}, {"reply_count": 1})
        found = {document["_id"]: document["reply_count"] async for document in posts}
        counts = [found.get(key, 0) for key in keys]
        pages = await asyncio.gather(
            *(self._replies(brand, thread, count, request) for thread, count in zip(threads, counts, strict=True))
        )
        return [
            ReplyPageResult(**structs.asdict(fitting), total_count=count)
            for fitting, count in zip(fit(pages, request), counts, strict=True)
        ]

    async def _replies(self, brand: str, thread: str, count: int, request: PageRequest) -> Page[ReplyView]:
        if not count:
            return await _nothing()
        found = await page(
            self.collection("replies"),
            prefix={"brand": brand, "thread": thread},
            key="number",
            request=request,
            floor=1,
            ceiling=count,
        )
        return found.map(_reply)


async def _nothing() -> Page[Any]:
    return Page(items=[], cursors=[], has_next=False, has_previous=False)


def _new_post(recorded: Recorded[Any], event: PostPublished) -> dict[str, Any]:
    published_at_ms = to_ms(recorded.time)
    return {
        "brand": recorded.brand,
        "thread": recorded.aggregate_id,
        "space": event.space_id,
        "author": recorded.actor,
        "title": event.title,
        "body": event.body,
        "official": event.official,
        "tags": list(event.tags),
        "published_at_ms": published_at_ms,
        "locked": False,
        "reply_count": 0,
        "last_activity_ms": published_at_ms,
    }


def _new_reply(recorded: Recorded[Any], event: ReplyPublished) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "thread": recorded.aggregate_id,
        "reply": event.reply_id,
        "author": recorded.actor,
        "body": event.body,
        "number": event.number,
        "reply_to": event.reply_to,
        "official": event.official,
        "published_at_ms": to_ms(recorded.time),
    }


def _post(document: Mapping[str, Any]) -> PostView:
    return PostView(
        id=document["thread"],
        space_id=document["space"],
        author_id=document["author"],
        title=document["title"],
        body=document["body"],
        published_at=from_ms(document["published_at_ms"]),
        locked=document["locked"],
        reply_count=document["reply_count"],
        last_activity_at=from_ms(document["last_activity_ms"]),
        official=document["official"],
        tags=tags.named(document["tags"]),
    )


def _reply(document: Mapping[str, Any]) -> ReplyView:
    return ReplyView(
        id=document["reply"],
        thread_id=document["thread"],
        author_id=document["author"],
        body=document["body"],
        number=document["number"],
        reply_to=document["reply_to"],
        official=document["official"],
        published_at=from_ms(document["published_at_ms"]),
    )
