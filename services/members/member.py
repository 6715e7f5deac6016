"""A member: the membership of one identity in one brand, with its profile and roles."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import Role, held_as
from libs.shared.codec import Upcaster
from libs.shared.domain import Command, Event, Id
from libs.shared.text import Name, Slug
from services.members.consents.consent import ConsentCommand, ConsentEvent, evolve_consents
from services.members.joining import Door
from services.members.profiles.form import Form
from services.members.profiles.profile import Profile, ProfileCommand, ProfileEvent
from services.members.profiles.profile import evolve as evolve_profile
from services.members.standing.facts import End, Standing, StandingCommand, StandingEvent

#: A member's words about themselves: Markdown, at most 2,000 characters.
Bio = Annotated[str, Meta(max_length=2_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]

#: An e-mail address, by its outer shape only; at most 254 characters (RFC 5321, section 4.5.3.1.3).
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\Z")]

#: The number of an edition of a brand's rules.
Edition = Annotated[int, Meta(ge=1, le=1_000_000)]

# Events


class MemberAdmitted(Event, frozen=True, kw_only=True):
    """The event's actor keeps a place for an identity: it may join before the brand is open, and then has `role`."""

    wire_name: ClassVar[str] = "member_admitted"

    role: Role


class MemberJoined(Event, frozen=True, kw_only=True):
    """An identity became a member, for the first time or again after leaving.  Every member has the role member.

    `source` is how they came, as who sent them calls it; `referrer` the member who brought them.
    """

    wire_name: ClassVar[str] = "member_joined"
    version: ClassVar[int] = 2
    personal: ClassVar[frozenset[str]] = frozenset({"identity", "display_name", "email"})

    identity: str
    display_name: str
    email: str | None = None
    source: str | None = None
    referrer: str | None = None


class RulesAccepted(Event, frozen=True, kw_only=True):
    """The member accepted an edition of the brand's rules."""

    wire_name: ClassVar[str] = "rules_accepted"

    edition: int


class ProfileChanged(Event, frozen=True, kw_only=True):
    """The member shows themselves differently.  Both fields are the new values, changed or not."""

    wire_name: ClassVar[str] = "profile_changed"
    personal: ClassVar[frozenset[str]] = frozenset({"display_name", "bio"})

    display_name: str
    bio: str


class MemberAddressChanged(Event, frozen=True, kw_only=True):
    """Mails of the brand go to this address of the member from now on; None: there is none any more.

    The member came with it in a token of theirs, or a directory says it.
    """

    wire_name: ClassVar[str] = "member_address_changed"
    personal: ClassVar[frozenset[str]] = frozenset({"email"})

    email: str | None


class RoleGranted(Event, frozen=True, kw_only=True):
    """The event's actor gave the member a role beside member; or the place did, with which they have just joined.

    It is for the whole brand, or for one space only; until it is revoked, or until `expires_at`.  Granted again for
    the same, it takes the place of the grant before.
    """

    wire_name: ClassVar[str] = "role_granted"
    version: ClassVar[int] = 2

    role: Role
    space_id: str | None = None
    expires_at: datetime | None = None


class RoleRevoked(Event, frozen=True, kw_only=True):
    """The event's actor took a role from the member, in the whole brand or in one space; or (`expired`) it ended."""

    wire_name: ClassVar[str] = "role_revoked"
    version: ClassVar[int] = 2

    role: Role
    space_id: str | None = None
    expired: bool = False


class MemberLeft(Event, frozen=True, kw_only=True):
    """The membership ended, and with it all of its roles."""

    wire_name: ClassVar[str] = "member_left"


class ScrubbedService(Struct, frozen=True, kw_only=True):
    """A service in which nothing about a member is left: `views` have passed its record of that at `sequence`."""

    service: str
    sequence: int
    views: tuple[str, ...]


class MemberErasureRequested(Event, frozen=True, kw_only=True):
    """The event's actor, the member or an owner, asked that nothing about the member is kept.  It is final."""

    wire_name: ClassVar[str] = "member_erasure_requested"


class MemberErased(Event, frozen=True, kw_only=True):
    """The certificate: when the key to everything personal was destroyed, and where the readable copies are gone."""

    wire_name: ClassVar[str] = "member_erased"

    key_destroyed_at: datetime
    services: tuple[ScrubbedService, ...]


MemberEvent = (
    MemberAdmitted
    | MemberJoined
    | RulesAccepted
    | ProfileChanged
    | MemberAddressChanged
    | RoleGranted
    | RoleRevoked
    | MemberLeft
    | MemberErasureRequested
    | MemberErased
    | StandingEvent
    | ProfileEvent
    | ConsentEvent
)


def _joined_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Nobody asked yet where members came from."""
    return {**data, "source": None, "referrer": None}


def _granted_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Roles were for the whole brand, and without an end."""
    return {**data, "space_id": None, "expires_at": None}


def _revoked_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Roles were for the whole brand, and somebody took them."""
    return {**data, "space_id": None, "expired": False}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {
    (MemberJoined.wire_name, 1): _joined_v1,
    (RoleGranted.wire_name, 1): _granted_v1,
    (RoleRevoked.wire_name, 1): _revoked_v1,
}

# State


class Erasing(StrEnum):
    """How far an erasure is."""

    REQUESTED = "requested"
    CERTIFIED = "certified"


class Member(Struct, frozen=True, kw_only=True):
    """What a membership must remember to decide.

    `known` says that there was a membership at any time.  `place` is the role that joining will give, None without a
    place; `accepted_rules` the newest edition that was accepted, 0 before any.  `grants` are the roles beside member,
    as `held_as` writes them, each with its end, empty when not joined; `consents` the edition of the text under each
    purpose that the member agrees to.
    """

    known: bool = False
    place: Role | None = None
    joined: bool = False
    erasing: Erasing | None = None
    accepted_rules: int = 0
    display_name: str = ""
    email: str | None = None
    bio: str = ""
    grants: Mapping[str, datetime | None] = {}
    standing: Standing = Standing()
    profile: Profile = Profile()
    consents: Mapping[str, int] = {}

    @property
    def roles(self) -> frozenset[Role]:
        """The roles beside member that are held in the whole brand."""
        return frozenset(role for role in Role if role.value in self.grants)


def evolve(state: Member, event: MemberEvent) -> Member:
    """The membership after `event`."""
    if isinstance(event, ProfileEvent):
        return structs.replace(state, profile=evolve_profile(state.profile, event))
    if isinstance(event, ConsentEvent):
        return structs.replace(state, consents=evolve_consents(state.consents, event))
    if isinstance(event, StandingEvent):
        return structs.replace(state, standing=state.standing.after(event))
    match event:
        case MemberAdmitted():
            return structs.replace(state, place=event.role)
        case MemberJoined():
            return Member(
                known=True,
                joined=True,
                display_name=event.display_name,
                email=event.email,
                standing=state.standing,
            )
        case RulesAccepted():
            return structs.replace(state, accepted_rules=event.edition)
        case ProfileChanged():
            return structs.replace(state, display_name=event.display_name, bio=event.bio)
        case MemberAddressChanged():
            return structs.replace(state, email=event.email)
        case RoleGranted() | RoleRevoked():
            return structs.replace(state, grants=_grants_after(state.grants, event))
        case MemberLeft():
            return Member(known=True, erasing=state.erasing, standing=state.standing.ended())
        case MemberErasureRequested() | MemberErased():
            certified = isinstance(event, MemberErased)
            return Member(known=True, erasing=Erasing.CERTIFIED if certified else Erasing.REQUESTED)
        case _:
            assert_never(event)


def _grants_after(
    grants: Mapping[str, datetime | None], event: RoleGranted | RoleRevoked
) -> dict[str, datetime | None]:
    about = held_as(event.role, event.space_id)
    if isinstance(event, RoleGranted):
        return {**grants, about: event.expires_at}
    return {held: end for held, end in grants.items() if held != about}


# Commands


class AdmitMember(Command, frozen=True, kw_only=True):
    """Keep a place for an identity.  Owners and builders; owners only for a role beside member."""

    wire_name: ClassVar[str] = "admit_member"

    member_id: Id
    identity: Id
    role: Role = Role.MEMBER


class JoinBrand(Command, frozen=True, kw_only=True):
    """Become a member.  The actor is the member to be: `member_id`, derived from brand and identity.

    Of who is in already nothing is taken over but the address that the issuer of their token has verified: `email`.
    That the id is so derived, that the brand exists and that the referrer is a member of it is checked before the
    decision (`commands.py`).
    """

    wire_name: ClassVar[str] = "join_brand"

    member_id: Id
    identity: Id
    display_name: Name
    email: Email | None = None
    accepted_rules: Edition | None = None
    source: Slug | None = None
    referrer: Id | None = None


class JoinThrough(JoinBrand, frozen=True, kw_only=True):
    """Become a member as the brand's door lets people in; the service makes it of what was sent."""

    door: Door


class AcceptRules(Command, frozen=True, kw_only=True):
    """Accept an edition of the brand's rules; that it is the current one is checked before (`commands.py`)."""

    wire_name: ClassVar[str] = "accept_rules"

    member_id: Id
    edition: Edition


class ChangeProfile(Command, frozen=True, kw_only=True):
    """Show oneself differently; None leaves a field as it is."""

    wire_name: ClassVar[str] = "change_profile"

    member_id: Id
    display_name: Name | None = None
    bio: Bio | None = None


class ChangeProfileBy(ChangeProfile, frozen=True, kw_only=True):
    """The same with the form that says what a complete profile has; the service makes it of what was sent."""

    form: Form


class ChangeAddress(Command, frozen=True, kw_only=True):
    """Send mails to the address that a directory says, where it said `before`.  The platform only (`provisioning`).

    It is a step of what directories command, and is not sent by itself.
    """

    wire_name: ClassVar[str] = "change_address"

    member_id: Id
    email: Email | None
    before: Email | None


class GrantRole(Command, frozen=True, kw_only=True):
    """Give a member a role, in the whole brand or in one space, with or without an end.  Owners only.

    Granted again with another end, or none, it ends then.  An owner owns the whole brand, without an end.
    """

    wire_name: ClassVar[str] = "grant_role"

    member_id: Id
    role: Role
    space_id: Id | None = None
    expires_at: End | None = None


class RevokeRole(Command, frozen=True, kw_only=True):
    """Take a role from a member, in the whole brand or in one space.  Owners; nobody takes owner from themselves."""

    wire_name: ClassVar[str] = "revoke_role"

    member_id: Id
    role: Role
    space_id: Id | None = None


class LeaveBrand(Command, frozen=True, kw_only=True):
    """End one's membership.  An owner hands over first."""

    wire_name: ClassVar[str] = "leave_brand"

    member_id: Id


class LeaveBrandFreeing(LeaveBrand, frozen=True, kw_only=True):
    """The same of who has an external id, whose claim goes with it (`profiles/external_ids.py`)."""

    freeing: str


class EraseMember(Command, frozen=True, kw_only=True):
    """End a membership and have everything personal in it destroyed.  The member, also after leaving, or an owner.

    An owner hands over first.  The rest follows by itself (`erasure.py`), and nobody can come back.
    """

    wire_name: ClassVar[str] = "erase_member"

    member_id: Id


class EraseMemberFreeing(EraseMember, frozen=True, kw_only=True):
    """The same of who has an external id, as `LeaveBrandFreeing`."""

    freeing: str


class CertifyErasure(Command, frozen=True, kw_only=True):
    """Record that an erasure is complete.  The platform only."""

    wire_name: ClassVar[str] = "certify_erasure"

    member_id: Id
    key_destroyed_at: Annotated[datetime, Meta(tz=True)]
    services: tuple[ScrubbedService, ...]


MemberCommand = (
    AdmitMember
    | JoinBrand
    | AcceptRules
    | ChangeProfile
    | ChangeAddress
    | GrantRole
    | RevokeRole
    | LeaveBrand
    | EraseMember
    | CertifyErasure
    | StandingCommand
    | ProfileCommand
    | ConsentCommand
)
