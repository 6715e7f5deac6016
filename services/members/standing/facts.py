"""How a membership stands: suspended, banned, verified.  Its facts, what they add up to, and the commands.

They are facts of the member aggregate (`member.py`); the rules stand in `decisions.py`.
"""

from datetime import datetime
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import Role
from libs.shared.domain import Command, Event, Id

#: Why somebody was suspended, banned or reinstated: plain text, not blank, at most 1,000 characters.
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1_000,
        pattern=r"^(?=[\s\S]*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z",
    ),
]

#: When something ends; it has an offset from UTC.
End = Annotated[datetime, Meta(tz=True)]

# Events


class MemberSuspended(Event, frozen=True, kw_only=True):
    """The event's actor stopped the member from writing, until a time or (None) until somebody reinstates them.

    It takes the place of a suspension that holds already.
    """

    wire_name: ClassVar[str] = "member_suspended"
    personal: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str
    until: datetime | None = None


class MemberBanned(Event, frozen=True, kw_only=True):
    """The event's actor shut the identity out of the brand; a membership that there was has ended just before."""

    wire_name: ClassVar[str] = "member_banned"
    personal: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str


class MemberReinstated(Event, frozen=True, kw_only=True):
    """A suspension or a ban is over: the event's actor lifted it, or (`expired`) its time came."""

    wire_name: ClassVar[str] = "member_reinstated"
    personal: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str | None = None
    expired: bool = False


class VerifiedMarkGranted(Event, frozen=True, kw_only=True):
    """The event's actor vouches that the member is who their name says."""

    wire_name: ClassVar[str] = "verified_mark_granted"


class VerifiedMarkRevoked(Event, frozen=True, kw_only=True):
    """Nobody vouches for the name any more: the event's actor said so, or is the member, who took another name."""

    wire_name: ClassVar[str] = "verified_mark_revoked"


StandingEvent = MemberSuspended | MemberBanned | MemberReinstated | VerifiedMarkGranted | VerifiedMarkRevoked

# State


class Suspension(Struct, frozen=True, kw_only=True):
    """A suspension that holds; `until` None: until somebody reinstates."""

    reason: str
    until: datetime | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How a membership stands.  Leaving and coming back change nothing of a suspension or a ban."""

    suspension: Suspension | None = None
    banned: bool = False
    verified: bool = False

    def after(self, event: StandingEvent) -> "Standing":
        """The standing after one more fact."""
        match event:
            case MemberSuspended():
                suspension = Suspension(reason=event.reason, until=event.until)
                return structs.replace(self, suspension=suspension)
            case MemberBanned():
                return Standing(banned=True)
            case MemberReinstated():
                return structs.replace(self, suspension=None, banned=False)
            case VerifiedMarkGranted() | VerifiedMarkRevoked():
                return structs.replace(self, verified=isinstance(event, VerifiedMarkGranted))
            case _:
                assert_never(event)

    def ended(self) -> "Standing":
        """The standing of who has left: nobody vouches for them any more."""
        return structs.replace(self, verified=False)


# Commands


class SuspendMember(Command, frozen=True, kw_only=True):
    """Stop a member from writing.  Owners and moderators; a moderator none who runs the brand with them.

    Who is suspended reads, leaves, gets what is held about them, and may have it erased.  Sent again with another
    reason or end it takes the place of the suspension that holds.
    """

    wire_name: ClassVar[str] = "suspend_member"

    member_id: Id
    reason: Reason
    until: End | None = None


class BanMember(Command, frozen=True, kw_only=True):
    """End a membership and keep its identity out of the brand until it is reinstated, also one that has left.

    Owners and moderators, as for a suspension.
    """

    wire_name: ClassVar[str] = "ban_member"

    member_id: Id
    reason: Reason


class BanMemberFreeing(BanMember, frozen=True, kw_only=True):
    """The same of who has an external id, whose claim goes with it (`profiles/external_ids.py`)."""

    freeing: str


class ReinstateMember(Command, frozen=True, kw_only=True):
    """Lift a suspension or a ban.  Owners and moderators.  Who was banned may join again."""

    wire_name: ClassVar[str] = "reinstate_member"

    member_id: Id
    reason: Reason | None = None


class EndSuspension(Command, frozen=True, kw_only=True):
    """Lift the suspension that ends at `until`, if it is still that one.  The platform only (`terms.py`)."""

    wire_name: ClassVar[str] = "end_suspension"

    member_id: Id
    until: End


class GrantVerifiedMark(Command, frozen=True, kw_only=True):
    """Vouch that a member is who their name says.  Owners and builders, not for themselves."""

    wire_name: ClassVar[str] = "grant_verified_mark"

    member_id: Id


class RevokeVerifiedMark(Command, frozen=True, kw_only=True):
    """Vouch no longer.  Owners and builders."""

    wire_name: ClassVar[str] = "revoke_verified_mark"

    member_id: Id


class ExpireRole(Command, frozen=True, kw_only=True):
    """Take a role whose time has come, if it still ends at `expires_at`.  The platform only (`terms.py`)."""

    wire_name: ClassVar[str] = "expire_role"

    member_id: Id
    role: Role
    space_id: Id | None = None
    expires_at: End


StandingCommand = (
    SuspendMember | BanMember | ReinstateMember | EndSuspension | GrantVerifiedMark | RevokeVerifiedMark | ExpireRole
)
EVENTS: tuple[type[StandingEvent], ...] = (
    MemberSuspended,
    MemberBanned,
    MemberReinstated,
    VerifiedMarkGranted,
    VerifiedMarkRevoked,
)
COMMANDS: tuple[type[StandingCommand], ...] = (
    SuspendMember,
    BanMember,
    ReinstateMember,
    EndSuspension,
    GrantVerifiedMark,
    RevokeVerifiedMark,
    ExpireRole,
)
