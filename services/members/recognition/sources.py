"""What the events of all services mean for recognition: who made what, who is credited, who is away.  Pure.

Each stream is read by itself.  What one event needs of another (the author of what was reacted to) stands earlier in
the same stream, so the outcome depends on that stream alone.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from libs.access.scopes import is_account
from libs.shared.domain import SYSTEM, Event
from libs.shared.recorded import Recorded
from services.members.recognition.facts import Fact
from services.members.recognition.score import Absence

#: Reactions that nobody is credited with.
UNKIND: Final = frozenset({"thumbs_down"})
#: The status of an idea that was carried out.
SHIPPED: Final = "shipped"

# The events, as far as they are read


class PostPublished(Event, frozen=True, kw_only=True):
    """A post; the aggregate is its thread."""

    wire_name: ClassVar[str] = "post_published"

    official: bool = False


class ReplyPublished(Event, frozen=True, kw_only=True):
    """A reply in the thread that is the aggregate."""

    wire_name: ClassVar[str] = "reply_published"

    reply_id: str
    official: bool = False


class ReactionAdded(Event, frozen=True, kw_only=True):
    """A reaction to the post of the thread that is the aggregate, or to one of its replies."""

    wire_name: ClassVar[str] = "reaction_added"

    target_id: str
    emoji: str


class IdeaSubmitted(Event, frozen=True, kw_only=True):
    """An idea; it is the aggregate."""

    wire_name: ClassVar[str] = "idea_submitted"


class IdeaStatusChanged(Event, frozen=True, kw_only=True):
    """How far the idea that is the aggregate has come."""

    wire_name: ClassVar[str] = "idea_status_changed"

    status: str


class VoteCast(Event, frozen=True, kw_only=True):
    """A member wants the idea that is the aggregate."""

    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


class AttendeeCheckedIn(Event, frozen=True, kw_only=True):
    """A member came to the event that is the aggregate."""

    wire_name: ClassVar[str] = "attendee_checked_in"

    member_id: str


class MemberJoined(Event, frozen=True, kw_only=True):
    """Somebody became a member, or came back; `referrer` is the member who brought them."""

    wire_name: ClassVar[str] = "member_joined"

    referrer: str | None = None


class MemberLeft(Event, frozen=True, kw_only=True):
    """Somebody is no longer a member."""

    wire_name: ClassVar[str] = "member_left"


class Source(NamedTuple):
    """A stream that is read: under which subjects, and which events."""

    service: str
    subjects: tuple[str, ...]
    events: tuple[type[Event], ...]


SOURCES: Final = (
    Source(
        "discussions",
        ("evt.discussions.*.thread.*", "evt.discussions.*.reaction.*"),
        (PostPublished, ReplyPublished, ReactionAdded),
    ),
    Source("events", ("evt.events.*.event.*",), (AttendeeCheckedIn,)),
    Source(
        "feedback",
        ("evt.feedback.*.idea.*", "evt.feedback.*.vote.*"),
        (IdeaSubmitted, IdeaStatusChanged, VoteCast),
    ),
    Source("members", ("evt.members.*.member.*",), (MemberJoined, MemberLeft)),
)

# What they mean


class Made(NamedTuple):
    """A member made a thing: `post:…`, `reply:…`, `idea:…`."""

    thing: str
    member: str


class Credit(NamedTuple):
    """A fact counts, unless what was done `by` a member concerns a thing of their own.

    It counts for `member`, or for who made `thing` when that is None.  With `once`, only the first of that name does.
    """

    fact: Fact
    about: tuple[str, ...]
    by: str | None = None
    member: str | None = None
    thing: str | None = None
    once: str | None = None


class Away(NamedTuple):
    """A member is not to be shown."""

    member: str
    reason: Absence


class Back(NamedTuple):
    """A reason not to show a member is gone, if there was one."""

    member: str
    reason: Absence


Meaning: TypeAlias = Made | Credit | Away | Back


def read(recorded: Recorded[Any]) -> Iterator[Meaning]:
    """What one event means.

    The voice of the brand (`official`), the platform and service accounts are credited with nothing, and nobody with
    what is done to their things.  Reactions to a thing count once a member, whatever they say and whether they stay.
    """
    id_, actor = recorded.aggregate_id, recorded.actor
    person = actor != SYSTEM and not is_account(actor)
    match recorded.event:
        case PostPublished(official=False) if person:
            yield Made(f"post:{id_}", actor)
            yield Credit(Fact.POST_PUBLISHED, (id_,), member=actor)
        case ReplyPublished(official=False) as event if person:
            yield Made(f"reply:{event.reply_id}", actor)
            yield Credit(Fact.REPLY_PUBLISHED, (id_, event.reply_id), by=actor, member=actor, thing=f"post:{id_}")
        case ReactionAdded() as event if person and event.emoji not in UNKIND:
            yield _reaction(id_, event.target_id, actor)
        case IdeaSubmitted() if person:
            yield Made(f"idea:{id_}", actor)
            yield Credit(Fact.IDEA_SUBMITTED, (id_,), member=actor)
        case VoteCast() as event:
            once = f"vote:{id_}:{event.member_id}"
            yield Credit(Fact.VOTE_RECEIVED, (id_,), by=event.member_id, thing=f"idea:{id_}", once=once)
        case IdeaStatusChanged(status=status) if status == SHIPPED:
            yield Credit(Fact.IDEA_SHIPPED, (id_,), by=actor, thing=f"idea:{id_}", once=f"shipped:{id_}")
        case AttendeeCheckedIn() as event:
            once = f"attended:{id_}:{event.member_id}"
            yield Credit(Fact.EVENT_ATTENDED, (id_,), member=event.member_id, once=once)
        case MemberJoined() as event:
            yield Back(id_, Absence.LEFT)
            if event.referrer is not None:
                yield Credit(Fact.MEMBER_REFERRED, (id_,), by=id_, member=event.referrer, once=f"referred:{id_}")
        case MemberLeft():
            yield Away(id_, Absence.LEFT)


def _reaction(thread: str, target: str, by: str) -> Credit:
    """A reaction to a post goes by its thread's id."""
    once = f"reaction:{target}:{by}"
    if target == thread:
        return Credit(Fact.POST_REACTION_RECEIVED, (thread,), by=by, thing=f"post:{thread}", once=once)
    return Credit(Fact.REPLY_REACTION_RECEIVED, (thread, target), by=by, thing=f"reply:{target}", once=once)
