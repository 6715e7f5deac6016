"""What the sender is told of: their inbox, what they follow, and how they want to be told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Annotated, Any, Final, NamedTuple

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import BOARDS, EVENTS, IDEAS, MEMBERS, NOTICES, POSTS, REPLIES, SPACES, TAGS, Many
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
    is_missing,
    known,
    page_arguments,
)
from services.gateway.schema.discussions import Post, Reply, Space, Tag
from services.gateway.schema.events import Event
from services.gateway.schema.feedback import Board, Idea
from services.gateway.schema.followable import TARGETS
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.roles import Role

#: How many of those behind a notification are shown.
SHOWN_PEOPLE: Final = 10


@strawberry.enum(description="What a notification is about.")
class NotificationKind(Enum):
    """Kinds, as services name them."""

    REPLY = "reply"
    POST_BY_PERSON = "post_by_person"
    POST_WITH_TAG = "post_with_tag"
    POST_IN_SPACE = "post_in_space"
    REACTION = "reaction"
    EVENT_INVITATION = "event_invitation"
    RSVP_PROMOTED = "rsvp_promoted"
    EVENT_CANCELLED = "event_cancelled"
    IDEA_SUBMITTED = "idea_submitted"
    IDEA_STATUS = "idea_status"
    ROLE_GRANTED = "role_granted"
    BADGE_AWARDED = "badge_awarded"
    SPOTLIGHT = "spotlight"
    JOURNEY_STEP = "journey_step"
    NUDGE = "nudge"
    NEWS = "news"


@strawberry.enum(description="When e-mail comes about a kind.")
class NotificationMail(Enum):
    """As services name it."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"
    OFF = "off"


Thing = Annotated[
    Post | Reply | Space | Tag | Member | Event | Board | Idea,
    strawberry.union("Thing", description="What a notification can be about, and what can be followed."),
]


class Wanted(NamedTuple):
    """A thing of a brand: its type in the schema, and its own id."""

    scope: Scope
    kind: str
    key: str


_THINGS: Final[dict[str, tuple[Many[Any], Callable[[Any, Scope], Any]]]] = {
    "Post": (POSTS, Post.of),
    "Reply": (REPLIES, Reply.of),
    "Space": (SPACES, Space.of),
    "Tag": (TAGS, Tag.of),
    "Member": (MEMBERS, Member.of),
    "Event": (EVENTS, Event.of),
    "Board": (BOARDS, Board.of),
    "Idea": (IDEAS, Idea.of),
}
_TYPES: Final = {kind: name for name, kind in TARGETS.items()}


async def load_things(wanted: Sequence[Wanted | None]) -> Answers[Thing | None]:
    """Things of several types, one question for each type; None for what the viewer may not see."""
    found: Answers[Thing | None] = [None] * len(wanted)
    for kind in sorted({one.kind for one in wanted if one is not None}):
        many, make = _THINGS[kind]
        asked = ((one.scope, one.key) if one is not None and one.kind == kind else None for one in wanted)
        for place, thing in enumerate(await many.objects(asked, make)):
            if thing is not None and not is_missing(thing):
                found[place] = thing
    return found


@strawberry.type(
    description="Something that the sender is told.  What happens to the same thing gathers until it is read."
)
class Notification(Node):
    """A notification of the sender."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.NoticeReply]
    kind: NotificationKind
    unread: bool
    count: int = strawberry.field(description="How many things happened since it was last read.")
    people_count: int = strawberry.field(description="By how many people; 100 stands for as many or more.")
    since: datetime
    happened_at: datetime

    @staticmethod
    def of(row: replies.NoticeReply, scope: Scope) -> "Notification":
        """A notification as a service sees it."""
        return Notification(
            id=ids.encode("Notification", scope.brand, row.id),
            scope=scope,
            row=row,
            kind=NotificationKind(row.kind),
            unread=row.unread,
            count=row.facts,
            people_count=row.people_count,
            since=row.since,
            happened_at=row.at,
        )

    @batch
    @staticmethod
    async def people(those: list["Notification"]) -> Answers[list[Member]]:
        """Who did it, the newest first; at most ten, without the platform itself."""
        shown = [one.row.people[:SHOWN_PEOPLE] for one in those]
        asked = [(one.scope, key) for one, keys in zip(those, shown, strict=True) for key in keys]
        members = iter(await load_members(asked))
        return [_present(list(islice(members, len(keys)))) for keys in shown]

    @batch
    @staticmethod
    async def subject(those: list["Notification"]) -> Answers[Thing | None]:
        """What it is about; null when the sender may not see it any more."""
        return await load_things([_subject(one) for one in those])

    @batch
    @staticmethod
    async def latest(those: list["Notification"]) -> Answers[Thing | None]:
        """What was written last: a reply, a post or an idea; null where nothing was written."""
        return await load_things([_latest(one) for one in those])

    @field
    def role(self) -> Role | None:
        """The role that was given; null for other kinds."""
        return next(iter(known([self.row.refs.get("role", "")], Role)), None)

    @field
    def badge(self) -> str | None:
        """The badge that was given, as `Member.badges` call it; null for other kinds."""
        return self.row.refs.get("badge")

    @field
    def step_id(self) -> str | None:
        """The step of the sender's journey that is due; null for other kinds."""
        return self.row.refs.get("step")

    @batch
    @staticmethod
    async def viewer_can(those: list["Notification"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("notification", ((one.scope, one.row.id) for one in those), "members")


def _present(found: Answers[Member | None]) -> list[Member] | Exception:
    failed = next((one for one in found if isinstance(one, Exception)), None)
    return failed or [one for one in found if isinstance(one, Member)]


def _subject(one: Notification) -> Wanted | None:
    subject = one.row.subject
    match one.kind:
        case NotificationKind.REPLY:
            return Wanted(one.scope, "Post", subject)
        case NotificationKind.REACTION:
            return Wanted(one.scope, "Post" if subject == one.row.refs.get("thread") else "Reply", subject)
        case NotificationKind.POST_BY_PERSON:
            return Wanted(one.scope, "Member", subject)
        case NotificationKind.POST_WITH_TAG:
            return Wanted(one.scope, "Tag", subject)
        case NotificationKind.POST_IN_SPACE:
            return Wanted(one.scope, "Space", subject)
        case NotificationKind.EVENT_INVITATION | NotificationKind.RSVP_PROMOTED | NotificationKind.EVENT_CANCELLED:
            return Wanted(one.scope, "Event", subject)
        case NotificationKind.IDEA_SUBMITTED:
            return Wanted(one.scope, "Board", subject)
        case NotificationKind.IDEA_STATUS:
            return Wanted(one.scope, "Idea", subject)
        case NotificationKind.NEWS:
            return None
        case _:  # about the sender
            return Wanted(one.scope, "Member", one.scope.viewer)


def _latest(one: Notification) -> Wanted | None:
    refs = one.row.refs
    match one.kind:
        case NotificationKind.REPLY:
            kind, key = "Reply", refs.get("reply")
        case NotificationKind.POST_BY_PERSON | NotificationKind.POST_WITH_TAG | NotificationKind.POST_IN_SPACE:
            kind, key = "Post", refs.get("thread")
        case NotificationKind.IDEA_SUBMITTED:
            kind, key = "Idea", refs.get("idea")
        case _:
            return None
    return Wanted(one.scope, kind, key) if key else None


async def load_notification(scope: Scope, key: str) -> Notification | None:
    """A notification of the viewer by id."""
    return await NOTICES.object(scope, key, Notification.of)


@strawberry.type(description="Something that the sender follows, or has muted.")
class FollowedThing:
    """A follow."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.FollowReply]
    since: datetime

    @field
    def target_id(self) -> ID:
        """Its id, also when the sender may not see it any more: it can be unfollowed all the same."""
        return ID(ids.encode(_TYPES[self.row.kind], self.scope.brand, self.row.target_id))

    @batch
    @staticmethod
    async def target(those: list["FollowedThing"]) -> Answers[Thing | None]:
        """What it is; null when the sender may not see it any more."""
        return await load_things([Wanted(one.scope, _TYPES[one.row.kind], one.row.target_id) for one in those])


@strawberry.type(description="How somebody is told of a kind.")
class NotificationChoice:
    """What holds for a kind."""

    kind: NotificationKind
    inbox: bool
    mail: NotificationMail
    inbox_said: bool = strawberry.field(
        description="Whether the member, or of defaults the brand, said so of the inbox; else it comes from below."
    )
    mail_said: bool = strawberry.field(description="The same of e-mail.")

    @staticmethod
    def of(row: replies.ChoiceReply) -> "NotificationChoice":
        """A choice as a service sees it."""
        return NotificationChoice(
            kind=NotificationKind(row.kind),
            inbox=row.inbox,
            mail=NotificationMail(row.mail),
            inbox_said=row.inbox_said,
            mail_said=row.mail_said,
        )


@strawberry.type(description="How members are told who said nothing themselves.")
class NotificationDefaults:
    """What a brand proposes."""

    kinds: list[NotificationChoice]
    digest_time_zone: str = strawberry.field(description="By which clock their digests come, IANA.")


@strawberry.type(description="How the sender is told of things.")
class NotificationChoices:
    """What holds for every kind."""

    kinds: list[NotificationChoice]
    mail_off: bool = strawberry.field(description="No e-mail at all, whatever the kinds say.")


async def load_choices(scope: Scope) -> NotificationChoices:
    """How the viewer is told of things."""
    row = await scope.ask("members", "notification_choices", replies.ChoicesReply)
    return NotificationChoices(kinds=[NotificationChoice.of(kind) for kind in row.kinds], mail_off=row.mail_off)


async def load_defaults(scope: Scope) -> NotificationDefaults:
    """How members are told who said nothing."""
    row = await scope.ask("members", "notification_defaults", replies.ChoicesReply)
    return NotificationDefaults(
        kinds=[NotificationChoice.of(kind) for kind in row.kinds], digest_time_zone=row.time_zone
    )


@strawberry.type
class BrandNotifications(BrandPart):
    """The part of a brand that is about what its members are told."""

    @field
    async def viewer_notifications(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Notification] | None:
        """The sender's inbox, what happened last first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("members", "notice_page", replies.NoticePageReply, page=page)
        return connection(found, lambda row: Notification.of(row, scope))

    @field
    async def viewer_unread_notifications(self, info: Info) -> int | None:
        """How many notifications of the sender are unread.  Members only."""
        return await self.inside(info).ask("members", "unread_notices", int)

    @field
    async def viewer_follows(
        self,
        info: Info,
        *,
        muted: bool = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[FollowedThing] | None:
        """What the sender follows or has muted, the newest first; not what they take part in.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        reply = replies.PageReply[replies.FollowReply]
        found = await scope.ask("members", "follow_page", reply, muted=muted, page=page)
        return connection(found, lambda row: FollowedThing(scope=scope, row=row, since=row.since))

    @field
    async def viewer_notification_choices(self, info: Info) -> NotificationChoices | None:
        """How the sender is told of things.  Members only."""
        return await load_choices(self.inside(info))

    @field
    async def notification_defaults(self, info: Info) -> NotificationDefaults | None:
        """How members are told who said nothing themselves.  Members only."""
        return await load_defaults(self.inside(info))
