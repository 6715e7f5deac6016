"""What may be done with an invitation, and what follows: the decisions on the commands of `invitation.py`."""

from datetime import timedelta
from typing import assert_never

from libs.access.roles import LEADERS, Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Forbidden, NotFound
from services.members.invitations.invitation import (
    BETWEEN_MAILS,
    MAX_MAILS,
    AcceptToken,
    ExpireInvitation,
    ForgetInvitation,
    Invitation,
    InvitationAccepted,
    InvitationCommand,
    InvitationEvent,
    InvitationExpired,
    InvitationForgotten,
    InvitationResent,
    InvitationRevoked,
    InvitationWorded,
    InviteAddress,
    MemberInvited,
    ResendInvitation,
    RevokeInvitation,
    Status,
    evolve,
)


class InvalidInvitation(DomainError):
    """A token is no invitation of this brand, or of one that has been replaced.  Code `INVALID_INVITATION`."""

    def __init__(self) -> None:
        super().__init__("INVALID_INVITATION", "this is no invitation to this brand", ("token",))


def decide(state: Invitation, command: InvitationCommand) -> list[InvitationEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, ALREADY_INVITED, TOO_SOON, TOO_MANY_MAILS, INVALID_INVITATION, INVITATION_USED,
    INVITATION_REVOKED, INVITATION_EXPIRED, and CONFLICT when the address got another invitation meanwhile.
    """
    match command:
        case InviteAddress():
            return _invite(state, command)
        case ResendInvitation():
            return _resend(state, command)
        case RevokeInvitation():
            return _revoke(state, command)
        case AcceptToken():
            return _accept(state, command)
        case ExpireInvitation():
            _only_the_platform(command)
            over = state.status is Status.PENDING and state.edition > 0 and not state.holds(command.now)
            return [InvitationExpired()] if over else []
        case ForgetInvitation():
            _only_the_platform(command)
            over = state.status is not Status.PENDING and not state.forgotten
            return [InvitationForgotten()] if over else []
        case _:
            assert_never(command)


def _invite(state: Invitation, command: InviteAddress) -> list[InvitationEvent]:
    _may_give(command, command.role)
    if state.status is Status.ACCEPTED:
        return []
    if state.holds(command.now):
        if state.role is not command.role:
            raise DomainError("ALREADY_INVITED", f"revoke the invitation as {state.role} first", ("role",))
        return []
    if state.forgotten:
        raise DomainError("CONFLICT", "this invitation has just been forgotten; try again")
    invited = MemberInvited(
        edition=state.edition + 1,
        address=command.address,
        name=command.name,
        role=command.role,
        language=command.language,
        invited_at=command.now,
        expires_at=command.now + timedelta(days=command.valid_days),
        valid_days=command.valid_days,
        salt=command.salt,
        token_hash=command.token_hash,
    )
    return [invited] if command.message is None else [invited, InvitationWorded(message=command.message)]


def _resend(state: Invitation, command: ResendInvitation) -> list[InvitationEvent]:
    require(command.roles, LEADERS)
    _must_exist(state)
    _may_give(command, state.role)
    if state.status in (Status.ACCEPTED, Status.REVOKED):
        raise _over(state)
    if state.forgotten:
        raise DomainError("INVITATION_EXPIRED", "nobody knows any more whom it was for: invite them again")
    if state.mails >= MAX_MAILS:
        raise DomainError("TOO_MANY_MAILS", f"an invitation is sent at most {MAX_MAILS} times")
    if state.mailed_at is not None and command.now < state.mailed_at + BETWEEN_MAILS:
        raise DomainError("TOO_SOON", "it was sent less than a day ago")
    expires_at = command.now + timedelta(days=state.valid_days)
    return [InvitationResent(mail=state.mails + 1, resent_at=command.now, expires_at=expires_at)]


def _revoke(state: Invitation, command: RevokeInvitation) -> list[InvitationEvent]:
    require(command.roles, LEADERS)
    _must_exist(state)
    if state.status is Status.ACCEPTED:
        raise _over(state)
    return [] if state.status is Status.REVOKED or state.forgotten else [InvitationRevoked()]


def _accept(state: Invitation, command: AcceptToken) -> list[InvitationEvent]:
    if command.actor != command.member_id:
        raise Forbidden("nobody accepts for another")
    if state.edition == 0 or state.token_hash != command.token_hash:
        raise InvalidInvitation
    if state.status is Status.ACCEPTED and state.accepted_by == command.member_id:
        return []
    if state.status in (Status.ACCEPTED, Status.REVOKED) or not state.holds(command.now):
        raise _over(state)
    return [InvitationAccepted(member_id=command.member_id)]


def _may_give(command: Command, role: Role) -> None:
    """Leaders let members in; with a role beside that, also by an invitation that had run out, only owners."""
    require(command.roles, LEADERS if role is Role.MEMBER else frozenset({Role.OWNER}))


def _over(state: Invitation) -> DomainError:
    match state.status:
        case Status.ACCEPTED:
            return DomainError("INVITATION_USED", "this invitation was accepted already")
        case Status.REVOKED:
            return DomainError("INVITATION_REVOKED", "this invitation was taken back")
        case _:
            return DomainError("INVITATION_EXPIRED", "the time of this invitation ran out")


def _must_exist(state: Invitation) -> None:
    if state.edition == 0:
        raise NotFound("there is no such invitation", ("invitation_id",))


def _only_the_platform(command: Command) -> None:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform does this")


DECIDER: Decider[Invitation, InvitationCommand, InvitationEvent] = Decider(
    aggregate="invitation",
    initial=Invitation(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.invitation_id,
    commands=(InviteAddress, ResendInvitation, RevokeInvitation, AcceptToken, ExpireInvitation, ForgetInvitation),
    events=(
        MemberInvited,
        InvitationWorded,
        InvitationResent,
        InvitationRevoked,
        InvitationAccepted,
        InvitationExpired,
        InvitationForgotten,
    ),
)
