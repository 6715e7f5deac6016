"""What events of other services and parts say that concerns notifications: only what is read here.  Pure."""

from typing import ClassVar

from libs.access.audience import Audience
from libs.shared.domain import Event

# other parts of members


class MemberJoined(Event, frozen=True, kw_only=True):
    """Someone became a member, or came back."""

    wire_name: ClassVar[str] = "member_joined"


class MemberLocaleChosen(Event, frozen=True, kw_only=True):
    """The member chose their time zone (IANA); None is what the brand has."""

    wire_name: ClassVar[str] = "member_locale_chosen"
    personal: ClassVar[frozenset[str]] = frozenset({"time_zone"})

    time_zone: str | None


class MemberLeft(Event, frozen=True, kw_only=True):
    """Someone is no longer a member."""

    wire_name: ClassVar[str] = "member_left"


class RoleGranted(Event, frozen=True, kw_only=True):
    """A member has a role more; the actor gave it, or is the member, who came with it."""

    wire_name: ClassVar[str] = "role_granted"

    role: str


class MemberBlocked(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) does not want to meet `blocked_id`."""

    wire_name: ClassVar[str] = "member_blocked"

    blocked_id: str


class MemberUnblocked(Event, frozen=True, kw_only=True):
    """The member takes that back."""

    wire_name: ClassVar[str] = "member_unblocked"

    blocked_id: str


class BadgeAwarded(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) has a badge, which the brand calls `name`."""

    wire_name: ClassVar[str] = "badge_awarded"

    badge: str
    name: str


class MemberSpotlighted(Event, frozen=True, kw_only=True):
    """The event's actor puts the member (the aggregate's id) in the light; what they say is not read."""

    wire_name: ClassVar[str] = "member_spotlighted"

    spotlight_id: str


class StepReminded(Event, frozen=True, kw_only=True):
    """A step of the member's (the aggregate's id) journey is due."""

    wire_name: ClassVar[str] = "step_reminded"

    step_id: str


class MemberNudged(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) was silent for long and is invited to say something."""

    wire_name: ClassVar[str] = "member_nudged"


# discussions


class SpaceCreated(Event, frozen=True, kw_only=True):
    """A space was opened: for an audience only, or for every member."""

    wire_name: ClassVar[str] = "space_created"

    audience: Audience | None = None


class SpaceAudienceChanged(Event, frozen=True, kw_only=True):
    """From now on a space is for this audience only; None: for every member."""

    wire_name: ClassVar[str] = "space_audience_changed"

    audience: Audience | None


class PostPublished(Event, frozen=True, kw_only=True):
    """The event's actor opened the thread that is the aggregate; `official`: as the voice of the brand."""

    wire_name: ClassVar[str] = "post_published"

    space_id: str
    official: bool = False
    tags: tuple[str, ...] = ()


class PostTagsChanged(Event, frozen=True, kw_only=True):
    """The post of the thread that is the aggregate has these tags from now on."""

    wire_name: ClassVar[str] = "post_tags_changed"

    tags: tuple[str, ...]


class ReplyPublished(Event, frozen=True, kw_only=True):
    """The event's actor replied in the thread that is the aggregate; `official` as of a post."""

    wire_name: ClassVar[str] = "reply_published"

    reply_id: str
    official: bool = False


class ReactionAdded(Event, frozen=True, kw_only=True):
    """The event's actor reacted to the thread's post or one of its replies."""

    wire_name: ClassVar[str] = "reaction_added"

    target_id: str


# events


class EventScheduled(Event, frozen=True, kw_only=True):
    """The event that is the aggregate is to take place: for an audience only, or for every member."""

    wire_name: ClassVar[str] = "event_scheduled"

    audience: Audience | None = None


class EventAudienceChanged(Event, frozen=True, kw_only=True):
    """From now on an event is for this audience and who is invited only; None: for every member.

    `invited` are on the guest list because of it.
    """

    wire_name: ClassVar[str] = "event_audience_changed"

    audience: Audience | None
    invited: tuple[str, ...]


class MembersInvited(Event, frozen=True, kw_only=True):
    """These members are on the guest list."""

    wire_name: ClassVar[str] = "members_invited"

    member_ids: tuple[str, ...]


class InvitationsWithdrawn(Event, frozen=True, kw_only=True):
    """These members no longer are."""

    wire_name: ClassVar[str] = "invitations_withdrawn"

    member_ids: tuple[str, ...]


class RsvpConfirmed(Event, frozen=True, kw_only=True):
    """The member has a seat at the event that is the aggregate."""

    wire_name: ClassVar[str] = "rsvp_confirmed"

    member_id: str


class RsvpWaitlisted(Event, frozen=True, kw_only=True):
    """The member waits for a seat."""

    wire_name: ClassVar[str] = "rsvp_waitlisted"

    member_id: str


class RsvpPromoted(Event, frozen=True, kw_only=True):
    """A seat became free for the member."""

    wire_name: ClassVar[str] = "rsvp_promoted"

    member_id: str


class RsvpCancelled(Event, frozen=True, kw_only=True):
    """The member gave up what they had; when they change to the other mode, the next event says so."""

    wire_name: ClassVar[str] = "rsvp_cancelled"

    member_id: str


class EventCancelled(Event, frozen=True, kw_only=True):
    """The event that is the aggregate does not take place."""

    wire_name: ClassVar[str] = "event_cancelled"


# feedback


class IdeaSubmitted(Event, frozen=True, kw_only=True):
    """The event's actor proposed the idea that is the aggregate."""

    wire_name: ClassVar[str] = "idea_submitted"

    board_id: str


class IdeaStatusChanged(Event, frozen=True, kw_only=True):
    """The event's actor told how far the idea has come."""

    wire_name: ClassVar[str] = "idea_status_changed"


class VoteCast(Event, frozen=True, kw_only=True):
    """The member wants the idea that is the aggregate."""

    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


class VoteWithdrawn(Event, frozen=True, kw_only=True):
    """The member no longer says so."""

    wire_name: ClassVar[str] = "vote_withdrawn"

    member_id: str
