"""Mutations on spaces, posts, replies and reactions."""

from typing import Final

import strawberry
from strawberry import ID

from libs.shared.domain import NotFound
from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.schema.audiences import AudienceInput
from services.gateway.schema.common import CommandId, Payload, command, field, optional
from services.gateway.schema.discussions import (
    Contribution,
    Emoji,
    Post,
    Reply,
    Space,
    SpaceKind,
    load_post,
    load_reply,
    load_space,
)

_TAGS: Final = (
    "At most five, of at most 60 characters each, in any case.  Tags are words of the brand: they stay when the author "
    "is erased."
)


@strawberry.type
class SpacePayload(Payload):
    """The space that was created."""

    @field
    async def space(self) -> Space | None:
        """The space, read at the command's position."""
        return await load_space(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class PostPayload(Payload):
    """The post that was published or changed."""

    @field
    async def post(self) -> Post | None:
        """The post, read at the command's position."""
        return await load_post(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class ReplyPayload(Payload):
    """The reply that was published."""

    key: strawberry.Private[str] = ""

    @field
    async def reply(self) -> Reply | None:
        """The reply, read at the command's position."""
        return await load_reply(self.done.scope, self.key) if self.done else None


@strawberry.type
class ReactionPayload(Payload):
    """What was reacted to."""

    key: strawberry.Private[str] = ""

    @field
    async def target(self) -> Contribution | None:
        """The post or reply with its reactions."""
        if self.done is None:
            return None
        if self.key == self.done.id:
            return await load_post(self.done.scope, self.key)
        return await load_reply(self.done.scope, self.key)


@strawberry.input
class SpaceAudienceInput(AudienceInput):
    """Who is let in: whoever has one of the roles or is in one of the segments; owners and builders always are."""


@strawberry.input
class CreateSpaceInput:
    """A new space."""

    brand_id: ID
    slug: str
    name: str
    kind: SpaceKind = SpaceKind.DISCUSSION
    audience: SpaceAudienceInput | None = strawberry.field(
        default=None, description="Who alone is to see it; nothing for every member."
    )
    command_id: CommandId = None


@strawberry.input
class ChangeSpaceAudienceInput:
    """For whom a space is from now on."""

    space_id: ID
    audience: SpaceAudienceInput | None = strawberry.field(description="Who alone sees it; null for every member.")
    command_id: CommandId = None


@strawberry.input
class PublishPostInput:
    """A new post."""

    space_id: ID
    title: str
    body: str
    official: bool = strawberry.field(default=False, description="As the voice of the brand: owners and builders only.")
    tags: list[str] = strawberry.field(default_factory=list, description=_TAGS)
    command_id: CommandId = None


@strawberry.input
class ChangeTagsInput:
    """What a post is about from now on."""

    post_id: ID
    tags: list[str] = strawberry.field(description=f"In place of those that it has.  {_TAGS}")
    command_id: CommandId = None


@strawberry.input
class PublishReplyInput:
    """A new reply."""

    post_id: ID
    body: str
    reply_to_id: ID | None = None
    official: bool = strawberry.field(default=False, description="As the voice of the brand: owners and builders only.")
    command_id: CommandId = None


@strawberry.input
class ThreadInput:
    """A post's thread."""

    post_id: ID
    command_id: CommandId = None


@strawberry.input
class ReactionInput:
    """An emoji on a post or reply."""

    target_id: ID
    emoji: Emoji
    command_id: CommandId = None


@strawberry.type
class DiscussionMutation:
    """Commands on discussions."""

    @command
    async def create_space(self, info: Info, input: CreateSpaceInput) -> SpacePayload:  # noqa: A002
        """Create a space, for every member or for an audience.  Owners and builders only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "discussions.space.create_space",
            input.command_id,
            creates="space_id",
            slug=input.slug,
            name=input.name,
            kind=input.kind.value,
            **optional(audience=input.audience.fields(brand) if input.audience else None),
        )
        return SpacePayload(done=done)

    @command
    async def change_space_audience(self, info: Info, input: ChangeSpaceAudienceInput) -> SpacePayload:  # noqa: A002
        """Let only an audience into a space and all that stands in it, or every member.  Owners and builders only."""
        space = ids.expect(input.space_id, "spaceId", "Space")
        done = await info.context.act(
            space.brand,
            "discussions.space.change_space_audience",
            input.command_id,
            space_id=space.key,
            audience=input.audience.fields(space.brand) if input.audience else None,
        )
        return SpacePayload(done=done)

    @command
    async def publish_post(self, info: Info, input: PublishPostInput) -> PostPayload:  # noqa: A002
        """Publish a post in a space."""
        space = ids.expect(input.space_id, "spaceId", "Space")
        done = await info.context.act(
            space.brand,
            "discussions.thread.publish_post",
            input.command_id,
            creates="thread_id",
            space_id=space.key,
            title=input.title,
            body=input.body,
            official=input.official,
            tags=input.tags,
        )
        return PostPayload(done=done)

    @command
    async def change_tags(self, info: Info, input: ChangeTagsInput) -> PostPayload:  # noqa: A002
        """Give a post other tags.  Its author, owners, builders and moderators; nobody is told."""
        post = ids.expect(input.post_id, "postId", "Post")
        to = "discussions.thread.change_tags"
        done = await info.context.act(post.brand, to, input.command_id, thread_id=post.key, tags=input.tags)
        return PostPayload(done=done)

    @command
    async def publish_reply(self, info: Info, input: PublishReplyInput) -> ReplyPayload:  # noqa: A002
        """Reply to a post, or to a reply in its thread."""
        context, name = info.context, "publish_reply"
        post = ids.expect(input.post_id, "postId", "Post")
        answered = None
        if input.reply_to_id is not None:
            answered = ids.expect(input.reply_to_id, "replyToId", "Reply", brand=post.brand)
            if answered.parts[0] != post.key:
                raise NotFound("that reply stands in another thread", ("replyToId",))
        actor = context.member(post.brand)
        command_id = context.command_id(post.brand, actor, name, input.command_id)
        reply_id = context.new_id("reply", command_id)
        fields = optional(reply_to=answered.key if answered else None)
        done = await context.send(
            post.brand,
            actor,
            f"discussions.thread.{name}",
            command_id,
            thread_id=post.key,
            reply_id=reply_id,
            body=input.body,
            official=input.official,
            **fields,
        )
        return ReplyPayload(done=done, key=reply_id)

    @command
    async def lock_thread(self, info: Info, input: ThreadInput) -> PostPayload:  # noqa: A002
        """Close a thread to replies.  Stewards only."""
        return PostPayload(done=await _thread(info, "lock_thread", input))

    @command
    async def unlock_thread(self, info: Info, input: ThreadInput) -> PostPayload:  # noqa: A002
        """Open a locked thread again.  Stewards only."""
        return PostPayload(done=await _thread(info, "unlock_thread", input))

    @command
    async def add_reaction(self, info: Info, input: ReactionInput) -> ReactionPayload:  # noqa: A002
        """React to a post or reply; the same reaction again changes nothing."""
        return await _react(info, "add_reaction", input)

    @command
    async def remove_reaction(self, info: Info, input: ReactionInput) -> ReactionPayload:  # noqa: A002
        """Take a reaction back."""
        return await _react(info, "remove_reaction", input)


async def _thread(info: Info, name: str, given: ThreadInput) -> Done:
    post = ids.expect(given.post_id, "postId", "Post")
    return await info.context.act(post.brand, f"discussions.thread.{name}", given.command_id, thread_id=post.key)


async def _react(info: Info, name: str, given: ReactionInput) -> ReactionPayload:
    target = ids.expect(given.target_id, "targetId", "Post", "Reply")
    done = await info.context.act(
        target.brand,
        f"discussions.reaction.{name}",
        given.command_id,
        thread_id=target.parts[0],
        target_id=target.key,
        emoji=given.emoji.value,
    )
    return ReactionPayload(done=done, key=target.key)
