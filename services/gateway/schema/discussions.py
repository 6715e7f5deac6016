"""Spaces, posts, replies and reactions."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import POST_PAGES, POSTS, REACTIONS, REPLIES, REPLY_PAGES, SPACES, TAG_POSTS, TAGS, Asked
from services.gateway.schema.audiences import Audience
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    Connection,
    First,
    Last,
    Node,
    connection,
    field,
    known,
    page_arguments,
    unless_missing,
)
from services.gateway.schema.followable import Followable
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions


@strawberry.enum(description="What a space is for.")
class SpaceKind(Enum):
    """Kinds of spaces, as services name them."""

    DISCUSSION = "discussion"
    QUESTIONS = "questions"
    BROADCAST = "broadcast"
    RESOURCES = "resources"


@strawberry.enum(description="What a member can answer with one tap.")
class Emoji(Enum):
    """The reactions that exist, in the order in which they are shown."""

    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"
    HEART = "heart"
    LAUGH = "laugh"
    HOORAY = "hooray"
    CLAP = "clap"
    ROCKET = "rocket"
    FIRE = "fire"
    EYES = "eyes"
    THINKING = "thinking"
    IDEA = "idea"
    SAD = "sad"


@strawberry.type(description="How many members reacted with one emoji.")
class Reaction:
    """A count of reactions."""

    emoji: Emoji
    count: int
    viewer_reacted: bool


async def load_reactions(asked: Asked) -> Answers[list[Reaction]]:
    """The reactions to posts or replies, in the order of the emoji."""
    return await REACTIONS.present(asked, _reactions)


def _reactions(found: replies.ReactionsReply, _: Scope) -> list[Reaction]:
    counts = {row.emoji: row.count for row in found.counts}
    return [
        Reaction(emoji=emoji, count=counts[emoji.value], viewer_reacted=emoji.value in found.mine)
        for emoji in known(counts, Emoji)
    ]


@strawberry.type(description="A reply in a post's thread.")
class Reply(Node):
    """A reply."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.ReplyReply]
    body: str = strawberry.field(description="Markdown.")
    number: int = strawberry.field(description="Its place in the thread, from 1.")
    published_at: datetime
    official: bool = strawberry.field(description="Whether an owner or builder wrote it as the voice of the brand.")

    @staticmethod
    def of(row: replies.ReplyReply, scope: Scope) -> "Reply":
        """A reply as a service sees it."""
        return Reply(
            id=ids.encode("Reply", scope.brand, row.thread_id, row.id),
            scope=scope,
            row=row,
            body=row.body,
            number=row.number,
            published_at=row.published_at,
            official=row.official,
        )

    @batch
    @staticmethod
    async def author(those: list["Reply"]) -> Answers[Member | None]:
        """Null for what the platform itself wrote."""
        return await load_members((one.scope, one.row.author_id) for one in those)

    @batch
    @staticmethod
    async def post(those: list["Reply"]) -> Answers["Post | None"]:
        """The post whose thread it stands in."""
        return await POSTS.objects(((one.scope, one.row.thread_id) for one in those), Post.of)

    @batch
    @staticmethod
    async def reply_to(those: list["Reply"]) -> Answers["Reply | None"]:
        """The reply that it answers, if it answers one."""
        asked = ((one.scope, one.row.reply_to) if one.row.reply_to else None for one in those)
        return await REPLIES.objects(asked, Reply.of)

    @batch
    @staticmethod
    async def reactions(those: list["Reply"]) -> Answers[list[Reaction]]:
        """Reactions to this reply."""
        return await load_reactions((one.scope, one.row.id) for one in those)

    @batch
    @staticmethod
    async def viewer_can(those: list["Reply"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        asked = ((one.scope, f"{one.row.thread_id}:{one.row.id}") for one in those)
        return await permissions("reply", asked, "discussions")


@strawberry.type(description="A word for what posts of a brand are about, the same however it is written.")
class Tag(Followable):
    """A tag."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    name: str = strawberry.field(description="Normalised: lower case, single spaces.")

    @staticmethod
    def of(row: replies.TagNameReply, scope: Scope) -> "Tag":
        """A tag as a service sees it."""
        return Tag(id=ids.encode("Tag", scope.brand, row.id), scope=scope, key=row.id, name=row.name)

    @batch
    @staticmethod
    async def viewer_can(those: list["Tag"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("tag", ((one.scope, one.key) for one in those), "members")

    @batch
    @staticmethod
    async def post_count(those: list["Tag"]) -> Answers[int | None]:
        """On how many posts it stands that the sender may read; null once there are none."""
        return await TAGS.objects(((one.scope, one.key) for one in those), lambda row, _: row.post_count)

    @batch
    @staticmethod
    async def posts(
        those: list["Tag"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers["Connection[Post]"]:
        """The posts that have it, newest first."""
        page = page_arguments(first, after, last, before)
        return await TAG_POSTS.present(((one.scope, one.key) for one in those), _posts, page=page)


@strawberry.type(description="A post: the opening of a thread.")
class Post(Followable):
    """A thread with its opening post."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.PostReply]
    title: str
    body: str = strawberry.field(description="Markdown.")
    published_at: datetime
    last_activity_at: datetime
    reply_count: int
    locked: bool = strawberry.field(description="A locked thread takes no more replies.")
    official: bool = strawberry.field(description="Whether an owner or builder wrote it as the voice of the brand.")

    @staticmethod
    def of(row: replies.PostReply, scope: Scope) -> "Post":
        """A post as a service sees it."""
        return Post(
            id=ids.encode("Post", scope.brand, row.id),
            scope=scope,
            row=row,
            title=row.title,
            body=row.body,
            published_at=row.published_at,
            last_activity_at=row.last_activity_at,
            reply_count=row.reply_count,
            locked=row.locked,
            official=row.official,
        )

    @batch
    @staticmethod
    async def author(those: list["Post"]) -> Answers[Member | None]:
        """Null for what the platform itself wrote."""
        return await load_members((one.scope, one.row.author_id) for one in those)

    @field
    def tags(self) -> list[Tag]:
        """What it is about, at most five, in alphabetical order."""
        return [Tag.of(row, self.scope) for row in self.row.tags]

    @batch
    @staticmethod
    async def space(those: list["Post"]) -> Answers["Space | None"]:
        """The space it stands in."""
        return await SPACES.objects(((one.scope, one.row.space_id) for one in those), Space.of)

    @batch
    @staticmethod
    async def replies(
        those: list["Post"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[Reply]]:
        """The replies in the order of their numbers."""
        page = page_arguments(first, after, last, before)
        return await REPLY_PAGES.present(((one.scope, one.row.id) for one in those), _reply_page, page=page)

    @batch
    @staticmethod
    async def reactions(those: list["Post"]) -> Answers[list[Reaction]]:
        """Reactions to the opening post."""
        return await load_reactions((one.scope, one.row.id) for one in those)

    @batch
    @staticmethod
    async def viewer_can(those: list["Post"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("post", ((one.scope, one.row.id) for one in those), "discussions", "members")


def _reply_page(page: replies.PageReply[replies.ReplyReply], scope: Scope) -> Connection[Reply]:
    return connection(page, lambda row: Reply.of(row, scope))


Contribution = Annotated[Post | Reply, strawberry.union("Contribution", description="What a member wrote.")]


@strawberry.type(description="Who is let into a space that is not for every member; owners and builders always are.")
class SpaceAudience(Audience):
    """An audience."""


@strawberry.type(description="A room of a brand, where posts stand.")
class Space(Followable):
    """A space."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    slug: str
    name: str
    kind: SpaceKind
    created_at: datetime
    post_count: int
    audience: SpaceAudience | None = strawberry.field(
        description="Who alone sees it, reads there and writes there; null for a space for every member."
    )

    @staticmethod
    def of(row: replies.SpaceReply, scope: Scope) -> "Space":
        """A space as a service sees it."""
        return Space(
            id=ids.encode("Space", scope.brand, row.id),
            scope=scope,
            key=row.id,
            slug=row.slug,
            name=row.name,
            kind=SpaceKind(row.kind),
            created_at=row.created_at,
            post_count=row.post_count,
            audience=SpaceAudience.of(row.audience, scope.brand) if row.audience else None,
        )

    @batch
    @staticmethod
    async def posts(
        those: list["Space"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[Post]]:
        """The posts of this space, newest first."""
        page = page_arguments(first, after, last, before)
        return await POST_PAGES.present(((one.scope, one.key) for one in those), _posts, page=page)

    @batch
    @staticmethod
    async def viewer_can(those: list["Space"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("space", ((one.scope, one.key) for one in those), "discussions", "members")


def _posts(page: replies.PageReply[replies.PostReply], scope: Scope) -> Connection[Post]:
    return connection(page, lambda row: Post.of(row, scope))


async def load_post(scope: Scope, key: str) -> Post | None:
    """A post by id."""
    return await POSTS.object(scope, key, Post.of)


async def load_reply(scope: Scope, key: str) -> Reply | None:
    """A reply by id."""
    return await REPLIES.object(scope, key, Reply.of)


async def load_space(scope: Scope, key: str) -> Space | None:
    """A space by id."""
    return await SPACES.object(scope, key, Space.of)


@strawberry.type
class BrandDiscussions(BrandPart):
    """The part of a brand that the discussions service answers."""

    @field
    async def spaces(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Space] | None:
        """The spaces of the brand, oldest first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("discussions", "space_page", replies.PageReply[replies.SpaceReply], page=page)
        return connection(found, lambda row: Space.of(row, scope))

    @field
    async def space(self, info: Info, slug: str) -> Space | None:
        """One space by its slug.  Members only."""
        scope = self.inside(info)
        row = await unless_missing(scope.ask("discussions", "space_by_slug", replies.SpaceReply, slug=slug))
        return Space.of(row, scope) if row else None

    @field
    async def posts(
        self,
        info: Info,
        *,
        space: ID | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Post] | None:
        """Posts, newest first: of one space, or of the whole brand.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        key = ids.key_if_given(space, "space", "Space", brand=scope.brand)
        reply = replies.PageReply[replies.PostReply]
        return _posts(await scope.ask("discussions", "post_page", reply, space_id=key, page=page), scope)
