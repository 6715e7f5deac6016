"""What follows from the commands on roles and standing: who may act on whom, and what ends when."""

from datetime import datetime, timedelta
from typing import Final, assert_never

from libs.access.roles import LEADERS, STEWARDS, Role, held_as, names, require
from libs.shared.domain import SYSTEM, DomainError, Erased, Forbidden, Invalid
from services.members.member import GrantRole, Member, MemberEvent, RevokeRole, RoleGranted, RoleRevoked
from services.members.parting import parting
from services.members.standing.facts import (
    BanMember,
    BanMemberFreeing,
    EndSuspension,
    ExpireRole,
    GrantVerifiedMark,
    MemberBanned,
    MemberReinstated,
    MemberSuspended,
    ReinstateMember,
    RevokeVerifiedMark,
    StandingCommand,
    SuspendMember,
    Suspension,
    VerifiedMarkGranted,
    VerifiedMarkRevoked,
)

#: The longest term of a role or a suspension; what is for longer is for good.
LONGEST_TERM: Final = timedelta(days=3_653)
#: Grants that one member holds at a time.
MOST_GRANTS: Final = 100


def decide_role(state: Member, command: GrantRole | RevokeRole) -> list[MemberEvent]:
    """The facts that a grant or its end makes true.

    Raises FORBIDDEN, NOT_A_MEMBER, SUSPENDED, LAST_OWNER, TOO_MANY_ROLES, INVALID.
    """
    require(command.roles, Role.OWNER)
    return _grant(state, command) if isinstance(command, GrantRole) else _revoke(state, command)


def decide_standing(state: Member, command: StandingCommand) -> list[MemberEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_A_MEMBER, LAST_OWNER, ERASED, INVALID, CONFLICT.
    """
    match command:
        case SuspendMember():
            return _suspend(state, command)
        case BanMember():
            return _ban(state, command)
        case ReinstateMember():
            return _reinstate(state, command)
        case GrantVerifiedMark() | RevokeVerifiedMark():
            return _verify(state, command)
        case EndSuspension():
            _platform_only(command)
            suspension = state.standing.suspension
            ends = suspension is not None and suspension.until == command.until
            return [MemberReinstated(expired=True)] if ends else []
        case ExpireRole():
            _platform_only(command)
            ends = state.grants.get(held_as(command.role, command.space_id)) == command.expires_at
            return [RoleRevoked(role=command.role, space_id=command.space_id, expired=True)] if ends else []
        case _:
            assert_never(command)


def must_not_be_excluded(state: Member) -> None:
    """Raise BANNED or SUSPENDED for who may not come in, or not write as the member that they are."""
    if state.standing.banned:
        raise DomainError("BANNED", "this identity is banned from the brand")
    if state.standing.suspension is not None:
        raise DomainError("SUSPENDED", "this membership is suspended: it lets you read, and leave")


def _grant(state: Member, command: GrantRole) -> list[MemberEvent]:
    if not state.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))
    if state.standing.suspension is not None:
        raise DomainError("SUSPENDED", "reinstate the member first", ("member_id",))
    if command.role is Role.OWNER and command.space_id is not None:
        raise Invalid("an owner owns the whole brand", ("space_id",))
    if command.role is Role.OWNER and command.expires_at is not None:
        raise Invalid("a brand does not lose its owner by a clock", ("expires_at",))
    if command.role is Role.MEMBER:
        return []
    _must_be_ahead(command.expires_at, command.now, "expires_at")
    held = held_as(command.role, command.space_id)
    if held in state.grants and state.grants[held] == command.expires_at:
        return []
    if held not in state.grants and len(state.grants) >= MOST_GRANTS:
        raise DomainError("TOO_MANY_ROLES", f"a member holds at most {MOST_GRANTS} roles", ("member_id",))
    return [RoleGranted(role=command.role, space_id=command.space_id, expires_at=command.expires_at)]


def _revoke(state: Member, command: RevokeRole) -> list[MemberEvent]:
    if command.role is Role.MEMBER:
        raise Invalid("the role member ends by leaving", ("role",))
    if held_as(command.role, command.space_id) not in state.grants:
        return []
    if command.role is Role.OWNER and command.actor == command.member_id:
        raise DomainError("LAST_OWNER", "another owner must take this role from you", ("role",))
    return [RoleRevoked(role=command.role, space_id=command.space_id)]


def _suspend(state: Member, command: SuspendMember) -> list[MemberEvent]:
    _must_be_in_reach(state, command)
    if not state.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))
    _must_not_be_owner(state, command)
    _must_be_ahead(command.until, command.now, "until")
    if state.standing.suspension == Suspension(reason=command.reason, until=command.until):
        return []
    return [MemberSuspended(reason=command.reason, until=command.until)]


def _ban(state: Member, command: BanMember) -> list[MemberEvent]:
    _must_be_in_reach(state, command)
    if state.erasing is not None:
        raise Erased(command.member_id)
    _must_not_be_owner(state, command)
    if state.standing.banned:
        return []
    freeing = command.freeing if isinstance(command, BanMemberFreeing) else None
    return [*(parting(state, freeing) if state.joined else []), MemberBanned(reason=command.reason)]


def _reinstate(state: Member, command: ReinstateMember) -> list[MemberEvent]:
    _must_be_in_reach(state, command)
    if state.standing.suspension is None and not state.standing.banned:
        return []
    return [MemberReinstated(reason=command.reason)]


def _verify(state: Member, command: GrantVerifiedMark | RevokeVerifiedMark) -> list[MemberEvent]:
    require(command.roles, LEADERS)
    grants = isinstance(command, GrantVerifiedMark)
    if grants and command.actor == command.member_id:
        raise Forbidden("nobody vouches for themselves", ("member_id",))
    if not state.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))
    if state.standing.verified is grants:
        return []
    return [VerifiedMarkGranted() if grants else VerifiedMarkRevoked()]


def _must_be_in_reach(state: Member, command: SuspendMember | BanMember | ReinstateMember) -> None:
    """Owners act on everybody, moderators on who has no part in running the brand; nobody on themselves."""
    require(command.roles, Role.OWNER, Role.MODERATOR)
    if command.actor == command.member_id:
        raise Forbidden("nobody does this to themselves", ("member_id",))
    if not state.known:
        raise DomainError("NOT_A_MEMBER", "this was never a member of the brand", ("member_id",))
    runs_it = not STEWARDS.isdisjoint(names(state.grants.keys()))
    if runs_it and Role.OWNER not in command.roles:
        raise Forbidden("only owners do this to owners, builders and moderators", ("member_id",))


def _must_not_be_owner(state: Member, command: SuspendMember | BanMember) -> None:
    if Role.OWNER in state.roles and command.actor != SYSTEM:
        raise DomainError("LAST_OWNER", "another owner must first take the role owner away", ("member_id",))


def _must_be_ahead(end: datetime | None, now: datetime, field: str) -> None:
    if end is not None and not now < end <= now + LONGEST_TERM:
        raise Invalid("this ends within ten years from now, or not by itself", (field,))


def _platform_only(command: EndSuspension | ExpireRole) -> None:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform does this, when its time has come")
