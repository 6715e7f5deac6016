"""A thread: a post in a space and the replies under it, in the order in which they came."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Meta, Struct, structs
from rpds import HashTrieSet

from libs.access.roles import LEADERS, STEWARDS, Role, in_space, require
from libs.shared.codec import Upcaster
from libs.shared.domain import Command, Decider, DomainError, Event, Forbidden, Id, NotFound, Owner
from libs.shared.tags import normalised_all
from libs.shared.text import Body, Label, Line

#: What a post is given: a handful of tags, as they are written.
Tags = Annotated[tuple[Label, ...], Meta(max_length=5)]

# Events


class PostPublished(Event, frozen=True, kw_only=True):
    """The event's actor opened a thread with a post; `official`: as the voice of the brand.

    The `tags` are normalised and sorted.  They are words of the brand, not of the author: not personal.
    """

    wire_name: ClassVar[str] = "post_published"
    version: ClassVar[int] = 3
    personal: ClassVar[frozenset[str]] = frozenset({"title", "body"})
    owner: ClassVar[Owner] = Owner.ACTOR

    space_id: str
    title: str
    body: str
    official: bool = False
    tags: tuple[str, ...] = ()


class PostTagsChanged(Event, frozen=True, kw_only=True):
    """The post, which stands in this space, has these `tags` from now on, in place of those `before`."""

    wire_name: ClassVar[str] = "post_tags_changed"

    space_id: str
    tags: tuple[str, ...]
    before: tuple[str, ...]


class ReplyPublished(Event, frozen=True, kw_only=True):
    """The event's actor replied.  `number` is the reply's 1-based place in the thread; `official` as of a post."""

    wire_name: ClassVar[str] = "reply_published"
    version: ClassVar[int] = 2
    personal: ClassVar[frozenset[str]] = frozenset({"body"})
    owner: ClassVar[Owner] = Owner.ACTOR

    reply_id: str
    number: int
    body: str
    reply_to: str | None = None
    official: bool = False


class ThreadLocked(Event, frozen=True, kw_only=True):
    """A steward closed the thread to replies."""

    wire_name: ClassVar[str] = "thread_locked"


class ThreadUnlocked(Event, frozen=True, kw_only=True):
    """A steward opened the thread to replies again."""

    wire_name: ClassVar[str] = "thread_unlocked"


ThreadEvent = PostPublished | PostTagsChanged | ReplyPublished | ThreadLocked | ThreadUnlocked


def _published_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Nobody could speak for the brand yet."""
    return {**data, "official": False}


def _post_v2(data: dict[str, Any]) -> dict[str, Any]:
    """Posts had no tags."""
    return {**data, "tags": []}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {
    (PostPublished.wire_name, 1): _published_v1,
    (PostPublished.wire_name, 2): _post_v2,
    (ReplyPublished.wire_name, 1): _published_v1,
}

# State


class Thread(Struct, frozen=True, kw_only=True):
    """What a thread must remember to decide: never bodies.  A missing thread has no `space_id`."""

    space_id: str = ""
    tags: tuple[str, ...] = ()
    locked: bool = False
    replies: HashTrieSet[str] = HashTrieSet()

    @property
    def exists(self) -> bool:
        """Whether its post was published."""
        return bool(self.space_id)


def evolve(state: Thread, event: ThreadEvent) -> Thread:
    """The thread after `event`."""
    match event:
        case PostPublished():
            return structs.replace(state, space_id=event.space_id, tags=event.tags)
        case PostTagsChanged():
            return structs.replace(state, tags=event.tags)
        case ReplyPublished():
            return structs.replace(state, replies=state.replies.insert(event.reply_id))
        case ThreadLocked():
            return structs.replace(state, locked=True)
        case ThreadUnlocked():
            return structs.replace(state, locked=False)
        case _:
            assert_never(event)


# Commands


class PublishPost(Command, frozen=True, kw_only=True):
    """Open a thread in a space.  Members; whether this space takes it is the space's rule (`space.admit_post`).

    Leaders of the brand or of the space may say that it is `official`.
    """

    wire_name: ClassVar[str] = "publish_post"

    thread_id: Id
    space_id: Id
    title: Line
    body: Body
    official: bool = False
    tags: Tags = ()


class ChangeTags(Command, frozen=True, kw_only=True):
    """Give a post these tags in place of those it has, in locked threads too.  Its author, and stewards."""

    wire_name: ClassVar[str] = "change_tags"

    thread_id: Id
    tags: Tags


class ChangeTagsOf(ChangeTags, frozen=True, kw_only=True):
    """Change the tags of a post by this author; the service makes it of what was sent."""

    author: Id


class PublishReply(Command, frozen=True, kw_only=True):
    """Reply in a thread, to its post or (`reply_to`) to one of its replies.  Members, while it is not locked.

    Leaders of the brand or of the space may say that it is `official`.
    """

    wire_name: ClassVar[str] = "publish_reply"

    thread_id: Id
    reply_id: Id
    body: Body
    reply_to: Id | None = None
    official: bool = False


class LockThread(Command, frozen=True, kw_only=True):
    """Close a thread to replies.  Stewards of the brand or of its space only."""

    wire_name: ClassVar[str] = "lock_thread"

    thread_id: Id


class UnlockThread(Command, frozen=True, kw_only=True):
    """Open a thread to replies again.  Stewards of the brand or of its space only."""

    wire_name: ClassVar[str] = "unlock_thread"

    thread_id: Id


ThreadCommand = PublishPost | ChangeTags | PublishReply | LockThread | UnlockThread

# Decisions


def decide(state: Thread, command: ThreadCommand) -> list[ThreadEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, INVALID, THREAD_LOCKED, ID_TAKEN."""
    match command:
        case PublishPost():
            return _publish_post(state, command)
        case ChangeTags():
            return _change_tags(state, command)
        case PublishReply():
            return _publish_reply(state, command)
        case LockThread():
            return _lock(state, command)
        case UnlockThread():
            return _unlock(state, command)
        case _:
            assert_never(command)


def _publish_post(state: Thread, command: PublishPost) -> list[ThreadEvent]:
    require(command.roles, Role.MEMBER)
    _may_be_official(command, command.space_id)
    tags = normalised_all(command.tags, "tags")
    if not state.exists:
        return [
            PostPublished(
                space_id=command.space_id,
                title=command.title,
                body=command.body,
                official=command.official,
                tags=tags,
            )
        ]
    if state.space_id != command.space_id:
        raise DomainError("ID_TAKEN", "another post has this id", ("thread_id",))
    return []


def _change_tags(state: Thread, command: ChangeTags) -> list[ThreadEvent]:
    require(command.roles, Role.MEMBER)
    _must_exist(state)
    if not (isinstance(command, ChangeTagsOf) and command.author == command.actor):
        require(in_space(command.roles, state.space_id), *STEWARDS)
    tags = normalised_all(command.tags, "tags")
    return [] if tags == state.tags else [PostTagsChanged(space_id=state.space_id, tags=tags, before=state.tags)]


def _publish_reply(state: Thread, command: PublishReply) -> list[ThreadEvent]:
    require(command.roles, Role.MEMBER)
    _may_be_official(command, state.space_id)
    _must_exist(state)
    if command.reply_id in state.replies:
        return []
    if command.reply_to is not None and command.reply_to not in state.replies:
        raise NotFound("there is no such reply in this thread", ("reply_to",))
    if state.locked:
        raise DomainError("THREAD_LOCKED", "this thread takes no more replies", ("thread_id",))
    return [
        ReplyPublished(
            reply_id=command.reply_id,
            number=len(state.replies) + 1,
            body=command.body,
            reply_to=command.reply_to,
            official=command.official,
        )
    ]


def _lock(state: Thread, command: LockThread) -> list[ThreadEvent]:
    require(in_space(command.roles, state.space_id), *STEWARDS)
    _must_exist(state)
    return [] if state.locked else [ThreadLocked()]


def _unlock(state: Thread, command: UnlockThread) -> list[ThreadEvent]:
    require(in_space(command.roles, state.space_id), *STEWARDS)
    _must_exist(state)
    return [ThreadUnlocked()] if state.locked else []


def _may_be_official(command: PublishPost | PublishReply, space_id: str) -> None:
    if command.official and LEADERS.isdisjoint(in_space(command.roles, space_id)):
        raise Forbidden("only owners and builders speak for the brand", ("official",))


def _must_exist(state: Thread) -> None:
    if not state.exists:
        raise NotFound("there is no such thread", ("thread_id",))


DECIDER: Decider[Thread, ThreadCommand, ThreadEvent] = Decider(
    aggregate="thread",
    initial=Thread(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.thread_id,
    commands=(PublishPost, ChangeTags, PublishReply, LockThread, UnlockThread),
    events=(PostPublished, PostTagsChanged, ReplyPublished, ThreadLocked, ThreadUnlocked),
)
