"""What members do, in whichever service: which step of a journey it completes, and what breaks a silence.  Pure.

| Stream | Event | Completes | Whose | A contribution |
|---|---|---|---|---|
| MEMBERS | `rules_accepted` | ACCEPT_RULES | the member's | |
| MEMBERS | `profile_completed` | COMPLETE_PROFILE | the member's | |
| DISCUSSIONS | `post_published` | INTRODUCE, in its space | the actor's | yes |
| DISCUSSIONS | `reply_published`, under somebody else's post | REPLY | the actor's | yes, under any post |
| EVENTS | `rsvp_confirmed`, `rsvp_waitlisted` | RSVP | `member_id` | |
| EVENTS | `attendee_checked_in` | ATTEND | `member_id` | |
| FEEDBACK | `idea_submitted` | IDEA | the actor's | yes |
| FEEDBACK | `vote_cast` | IDEA | `member_id` | |

A new kind is a line here, once a service publishes a fact that completes it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

from libs.access.scopes import is_account
from libs.shared.domain import SYSTEM, Event
from libs.shared.recorded import Recorded
from services.members.journeys.journey import StepKind


class PostPublished(Event, frozen=True, kw_only=True):
    """Somebody opened a thread; its words are not read."""

    wire_name: ClassVar[str] = "post_published"

    space_id: str


class ReplyPublished(Event, frozen=True, kw_only=True):
    """Somebody replied in a thread, which is the event's aggregate."""

    wire_name: ClassVar[str] = "reply_published"


class RsvpConfirmed(Event, frozen=True, kw_only=True):
    """A member has a seat."""

    wire_name: ClassVar[str] = "rsvp_confirmed"

    member_id: str


class RsvpWaitlisted(Event, frozen=True, kw_only=True):
    """A member waits for a seat."""

    wire_name: ClassVar[str] = "rsvp_waitlisted"

    member_id: str


class AttendeeCheckedIn(Event, frozen=True, kw_only=True):
    """A member came."""

    wire_name: ClassVar[str] = "attendee_checked_in"

    member_id: str


class IdeaSubmitted(Event, frozen=True, kw_only=True):
    """Somebody proposed something; its words are not read."""

    wire_name: ClassVar[str] = "idea_submitted"


class VoteCast(Event, frozen=True, kw_only=True):
    """A member wants an idea."""

    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


#: What is read of other services' streams.
FOREIGN: Final[Mapping[str, tuple[type[Event], ...]]] = {
    "DISCUSSIONS": (PostPublished, ReplyPublished),
    "EVENTS": (RsvpConfirmed, RsvpWaitlisted, AttendeeCheckedIn),
    "FEEDBACK": (IdeaSubmitted, VoteCast),
}

#: Where they stand.
SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "DISCUSSIONS": ("evt.discussions.*.thread.*",),
    "EVENTS": ("evt.events.*.event.*",),
    "FEEDBACK": ("evt.feedback.*.idea.*", "evt.feedback.*.vote.*"),
}


class Deed(NamedTuple):
    """What a member did: the kind of step that it completes, where, and whether it breaks a silence."""

    member: str
    kind: StepKind
    space_id: str | None = None
    contributes: bool = False


def deed(recorded: Recorded[Any]) -> Deed | None:
    """What an event says that a member did; None for the platform's and programs' doings."""
    match recorded.event:
        case PostPublished(space_id=space):
            done = Deed(recorded.actor, StepKind.INTRODUCE, space, contributes=True)
        case ReplyPublished():
            done = Deed(recorded.actor, StepKind.REPLY, contributes=True)
        case IdeaSubmitted():
            done = Deed(recorded.actor, StepKind.IDEA, contributes=True)
        case VoteCast(member_id=member):
            done = Deed(member, StepKind.IDEA)
        case RsvpConfirmed(member_id=member) | RsvpWaitlisted(member_id=member):
            done = Deed(member, StepKind.RSVP)
        case AttendeeCheckedIn(member_id=member):
            done = Deed(member, StepKind.ATTEND)
        case _:
            return None
    return None if done.member == SYSTEM or is_account(done.member) else done
