"""What the journeys read of a member's own facts, as small structs without anything personal.  Pure."""

from typing import Any, ClassVar, Final

from libs.shared.domain import Event
from libs.shared.recorded import Recorded

_EVENTS_PER_COMMIT: Final = 1_000


class MemberJoined(Event, frozen=True, kw_only=True):
    """Somebody became a member, or came back."""

    wire_name: ClassVar[str] = "member_joined"


class MemberLeft(Event, frozen=True, kw_only=True):
    """A membership ended."""

    wire_name: ClassVar[str] = "member_left"


class MemberSuspended(Event, frozen=True, kw_only=True):
    """A member may not write for a while."""

    wire_name: ClassVar[str] = "member_suspended"


class MemberBanned(Event, frozen=True, kw_only=True):
    """Somebody is kept out of the brand."""

    wire_name: ClassVar[str] = "member_banned"


class MemberReinstated(Event, frozen=True, kw_only=True):
    """A suspension or a ban is over."""

    wire_name: ClassVar[str] = "member_reinstated"


class RulesAccepted(Event, frozen=True, kw_only=True):
    """A member accepted the rules."""

    wire_name: ClassVar[str] = "rules_accepted"


class ProfileCompleted(Event, frozen=True, kw_only=True):
    """A member's profile has all that the brand asks for."""

    wire_name: ClassVar[str] = "profile_completed"


#: Where they stand.
SUBJECT: Final = "evt.members.*.member.*"

#: What says who is there.
PRESENCE: Final[tuple[type[Event], ...]] = (MemberJoined, MemberLeft, MemberSuspended, MemberBanned, MemberReinstated)

#: Everything that is read.
EVENTS: Final[tuple[type[Event], ...]] = (*PRESENCE, RulesAccepted, ProfileCompleted)


def place(recorded: Recorded[Any]) -> int:
    """Where an event stands in its stream, as one number that grows."""
    return recorded.sequence * _EVENTS_PER_COMMIT + recorded.index


def end_of(sequence: int) -> int:
    """The place behind which nothing of the commit at `sequence` stands."""
    return sequence * _EVENTS_PER_COMMIT + _EVENTS_PER_COMMIT - 1
