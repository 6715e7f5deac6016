"""A member: the membership of one identity in one brand, with its profile and roles."""

from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid
from libs.shared.text import Line

#: A member's words about themselves: Markdown, at most 2,000 characters.
Bio = Annotated[str, Meta(max_length=2_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]

#: An e-mail address, by its outer shape only; at most 254 characters (RFC 5321, section 4.5.3.1.3).
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\Z")]

# Events


class MemberJoined(Event, frozen=True, kw_only=True):
    """An identity became a member, for the first time or again after leaving.  Every member has the role member."""

    wire_name: ClassVar[str] = "member_joined"
    personal: ClassVar[frozenset[str]] = frozenset({"display_name", "email"})

    identity: str
    display_name: str
    email: str | None = None


class ProfileChanged(Event, frozen=True, kw_only=True):
    """The member shows themselves differently.  Both fields are the new values, changed or not."""

    wire_name: ClassVar[str] = "profile_changed"
    personal: ClassVar[frozenset[str]] = frozenset({"display_name", "bio"})

    display_name: str
    bio: str


class RoleGranted(Event, frozen=True, kw_only=True):
    """The event's actor gave the member a role beside member."""

    wire_name: ClassVar[str] = "role_granted"

    role: Role


class RoleRevoked(Event, frozen=True, kw_only=True):
    """The event's actor took a role from the member."""

    wire_name: ClassVar[str] = "role_revoked"

    role: Role


class MemberLeft(Event, frozen=True, kw_only=True):
    """The membership ended, and with it all of its roles."""

    wire_name: ClassVar[str] = "member_left"


MemberEvent = MemberJoined | ProfileChanged | RoleGranted | RoleRevoked | MemberLeft

# State


class Member(Struct, frozen=True, kw_only=True):
    """What a membership must remember to decide.  `roles` are those beside member; empty when not joined."""

    joined: bool = False
    display_name: str = ""
    bio: str = ""
    roles: frozenset[Role] = frozenset()


def evolve(state: Member, event: MemberEvent) -> Member:
    """The membership after `event`."""
    match event:
        case MemberJoined():
            return Member(joined=True, display_name=event.display_name)
        case ProfileChanged():
            return structs.replace(state, display_name=event.display_name, bio=event.bio)
        case RoleGranted():
            return structs.replace(state, roles=state.roles | {event.role})
        case RoleRevoked():
            return structs.replace(state, roles=state.roles - {event.role})
        case MemberLeft():
            return Member()
        case _:
            assert_never(event)


# Commands


class JoinBrand(Command, frozen=True, kw_only=True):
    """Become a member.  The actor is the member to be: `member_id`, derived from brand and identity.

    That the id is so derived and that the brand exists is checked before the decision (`service.py`).
    """

    wire_name: ClassVar[str] = "join_brand"

    member_id: Id
    identity: Id
    display_name: Line
    email: Email | None = None


class ChangeProfile(Command, frozen=True, kw_only=True):
    """Show oneself differently; None leaves a field as it is."""

    wire_name: ClassVar[str] = "change_profile"

    member_id: Id
    display_name: Line | None = None
    bio: Bio | None = None


class GrantRole(Command, frozen=True, kw_only=True):
    """Give a member a role.  Owners only."""

    wire_name: ClassVar[str] = "grant_role"

    member_id: Id
    role: Role


class RevokeRole(Command, frozen=True, kw_only=True):
    """Take a role from a member.  Owners only; nobody takes owner from themselves."""

    wire_name: ClassVar[str] = "revoke_role"

    member_id: Id
    role: Role


class LeaveBrand(Command, frozen=True, kw_only=True):
    """End one's membership.  An owner hands over first."""

    wire_name: ClassVar[str] = "leave_brand"

    member_id: Id


MemberCommand = JoinBrand | ChangeProfile | GrantRole | RevokeRole | LeaveBrand

# Decisions


def decide(state: Member, command: MemberCommand) -> list[MemberEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_A_MEMBER, LAST_OWNER, INVALID."""
    match command:
        case JoinBrand():
            return _join(state, command)
        case ChangeProfile():
            return _change_profile(state, command)
        case GrantRole():
            return _grant_role(state, command)
        case RevokeRole():
            return _revoke_role(state, command)
        case LeaveBrand():
            return _leave(state, command)
        case _:
            assert_never(command)


def _join(state: Member, command: JoinBrand) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    if state.joined:
        return []
    return [MemberJoined(identity=command.identity, display_name=command.display_name, email=command.email)]


def _change_profile(state: Member, command: ChangeProfile) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    _must_be_joined(state)
    changed = ProfileChanged(
        display_name=state.display_name if command.display_name is None else command.display_name,
        bio=state.bio if command.bio is None else command.bio,
    )
    return [] if (changed.display_name, changed.bio) == (state.display_name, state.bio) else [changed]


def _grant_role(state: Member, command: GrantRole) -> list[MemberEvent]:
    require(command.roles, Role.OWNER)
    _must_be_joined(state)
    if command.role is Role.MEMBER or command.role in state.roles:
        return []
    return [RoleGranted(role=command.role)]


def _revoke_role(state: Member, command: RevokeRole) -> list[MemberEvent]:
    require(command.roles, Role.OWNER)
    if command.role is Role.MEMBER:
        raise Invalid("the role member ends by leaving", ("role",))
    if command.role not in state.roles:
        return []
    if command.role is Role.OWNER and command.actor == command.member_id:
        raise DomainError("LAST_OWNER", "another owner must take this role from you", ("role",))
    return [RoleRevoked(role=command.role)]


def _leave(state: Member, command: LeaveBrand) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    if not state.joined:
        return []
    if Role.OWNER in state.roles:
        raise DomainError("LAST_OWNER", "hand over first: another owner must take the role owner from you")
    return [MemberLeft()]


def _only_oneself(actor: str, member_id: str) -> None:
    if actor not in (member_id, SYSTEM):
        raise Forbidden("only the member does this")


def _must_be_joined(state: Member) -> None:
    if not state.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))


DECIDER: Decider[Member, MemberCommand, MemberEvent] = Decider(
    aggregate="member",
    initial=Member(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(JoinBrand, ChangeProfile, GrantRole, RevokeRole, LeaveBrand),
    events=(MemberJoined, ProfileChanged, RoleGranted, RoleRevoked, MemberLeft),
    snapshots=False,
)
