"""What a member may do and what follows from it: the decisions on the commands of `member.py`."""

from libs.access.roles import LEADERS, Role, require
from libs.shared.domain import SYSTEM, Decider, DomainError, Erased, Forbidden
from services.members.consents.consent import (
    ConsentGiven,
    ConsentWithdrawn,
    GiveConsent,
    WithdrawConsent,
    decide_consents,
)
from services.members.member import (
    AcceptRules,
    AdmitMember,
    CertifyErasure,
    ChangeAddress,
    ChangeProfile,
    ChangeProfileBy,
    EraseMember,
    EraseMemberFreeing,
    Erasing,
    GrantRole,
    JoinBrand,
    JoinThrough,
    LeaveBrand,
    LeaveBrandFreeing,
    Member,
    MemberAddressChanged,
    MemberAdmitted,
    MemberCommand,
    MemberErased,
    MemberErasureRequested,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    ProfileChanged,
    RevokeRole,
    RoleGranted,
    RoleRevoked,
    RulesAccepted,
    evolve,
)
from services.members.parting import parting
from services.members.profiles.form import Form
from services.members.profiles.profile import (
    AvatarChosen,
    ChooseAvatar,
    ChooseMemberLocale,
    ExternalIdAssigned,
    ExternalIdFreed,
    HideProfileFields,
    MemberLocaleChosen,
    ProfileCommand,
    ProfileCompleted,
    ProfileFieldsHidden,
    ProfileFieldsSet,
    SetExternalId,
    SetProfileFields,
)
from services.members.profiles.profile_decisions import decide_profile, with_completion
from services.members.standing import facts
from services.members.standing.decisions import decide_role, decide_standing, must_not_be_excluded
from services.members.standing.facts import VerifiedMarkRevoked


def decide(state: Member, command: MemberCommand) -> list[MemberEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_A_MEMBER, LAST_OWNER, ERASED, NOT_REQUESTED, BANNED, SUSPENDED, INVALID, CONFLICT, or as the
    door, `decide_profile`, `decide_role` and `decide_standing` do.
    """
    match command:
        case AdmitMember():
            return _admit(state, command)
        case JoinBrand():
            return _join(state, command)
        case AcceptRules():
            return _accept_rules(state, command)
        case ChangeProfile():
            return _change_profile(state, command)
        case ChangeAddress():
            return _change_address(state, command)
        case GrantRole() | RevokeRole():
            return decide_role(state, command)
        case ChooseAvatar() | SetProfileFields() | HideProfileFields() | ChooseMemberLocale() | SetExternalId():
            return _profile(state, command)
        case GiveConsent() | WithdrawConsent():
            _only_oneself(command.actor, command.member_id)
            _must_be_joined(state)
            if isinstance(command, GiveConsent) and command.actor != SYSTEM:
                must_not_be_excluded(state)
            return [*decide_consents(state.consents, command)]
        case LeaveBrand():
            return _leave(state, command)
        case EraseMember() | CertifyErasure():
            return _erase(state, command) if isinstance(command, EraseMember) else _certify(state, command)
        case _:
            return decide_standing(state, command)


def _admit(state: Member, command: AdmitMember) -> list[MemberEvent]:
    require(command.roles, *LEADERS)
    if command.role is not Role.MEMBER:
        require(command.roles, Role.OWNER)
    must_not_be_excluded(state)
    return [] if state.joined or state.place is command.role else [MemberAdmitted(role=command.role)]


def _join(state: Member, command: JoinBrand) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    if state.erasing is not None:
        raise Erased(command.member_id)
    if state.joined:
        return _come_again(state, command)
    must_not_be_excluded(state)
    if isinstance(command, JoinThrough) and command.actor != SYSTEM:
        command.door.admit(state.place, command.accepted_rules)
    joined = MemberJoined(
        identity=command.identity,
        display_name=command.display_name,
        email=command.email,
        source=command.source,
        referrer=command.referrer,
    )
    events: list[MemberEvent] = [joined]
    if command.accepted_rules is not None:
        events.append(RulesAccepted(edition=command.accepted_rules))
    if state.place is not None and state.place is not Role.MEMBER:
        events.append(RoleGranted(role=state.place))
    return events


def _come_again(state: Member, command: JoinBrand) -> list[MemberEvent]:
    """Follow the address that the member's own token proves; one that proves none says nothing about the one kept.

    The platform proves nothing: an import that is run again does not bring an old address back.
    """
    if command.actor == SYSTEM or command.email in (None, state.email):
        return []
    return [MemberAddressChanged(email=command.email)]


def _change_address(state: Member, command: ChangeAddress) -> list[MemberEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform follows a directory")
    if not state.joined or command.email == state.email:
        return []
    if command.email is None and state.email != command.before:
        return []  # the member's own token proved this one; the directory took back another
    return [MemberAddressChanged(email=command.email)]


def _accept_rules(state: Member, command: AcceptRules) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    _must_be_joined(state)
    return [] if command.edition <= state.accepted_rules else [RulesAccepted(edition=command.edition)]


def _change_profile(state: Member, command: ChangeProfile) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    _must_be_joined(state)
    if command.actor != SYSTEM:
        must_not_be_excluded(state)
    changed = ProfileChanged(
        display_name=state.display_name if command.display_name is None else command.display_name,
        bio=state.bio if command.bio is None else command.bio,
    )
    if (changed.display_name, changed.bio) == (state.display_name, state.bio):
        return []
    form = command.form if isinstance(command, ChangeProfileBy) else Form()
    renamed = state.standing.verified and changed.display_name != state.display_name
    return [*with_completion(state, [changed], form), *([VerifiedMarkRevoked()] if renamed else [])]


def _profile(state: Member, command: ProfileCommand) -> list[MemberEvent]:
    if isinstance(command, SetExternalId):
        require(command.roles, LEADERS)
    else:
        _only_oneself(command.actor, command.member_id)
    _must_be_joined(state)
    # Who is suspended may still show less of themselves.
    if command.actor == command.member_id and not isinstance(command, HideProfileFields):
        must_not_be_excluded(state)
    return decide_profile(state, command)


def _leave(state: Member, command: LeaveBrand) -> list[MemberEvent]:
    _only_oneself(command.actor, command.member_id)
    if not state.joined:
        return []
    if Role.OWNER in state.roles:
        raise DomainError("LAST_OWNER", "hand over first: another owner must take the role owner from you")
    return parting(state, command.freeing if isinstance(command, LeaveBrandFreeing) else None)


def _erase(state: Member, command: EraseMember) -> list[MemberEvent]:
    if command.actor != command.member_id:
        require(command.roles, Role.OWNER)
    if not state.known:
        raise DomainError("NOT_A_MEMBER", "this was never a member of the brand", ("member_id",))
    if state.erasing is not None:
        return []
    if Role.OWNER in state.roles and command.actor != SYSTEM:
        raise DomainError("LAST_OWNER", "hand over first: another owner must take the role owner away")
    freeing = command.freeing if isinstance(command, EraseMemberFreeing) else None
    return [*(parting(state, freeing) if state.joined else []), MemberErasureRequested()]


def _certify(state: Member, command: CertifyErasure) -> list[MemberEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform certifies an erasure")
    if state.erasing is None:
        raise DomainError("NOT_REQUESTED", "nobody asked for this erasure", ("member_id",))
    if state.erasing is Erasing.CERTIFIED:
        return []
    return [MemberErased(key_destroyed_at=command.key_destroyed_at, services=command.services)]


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
    commands=(
        AdmitMember,
        JoinBrand,
        AcceptRules,
        ChangeProfile,
        GrantRole,
        RevokeRole,
        LeaveBrand,
        EraseMember,
        CertifyErasure,
        *facts.COMMANDS,
        ChooseAvatar,
        SetProfileFields,
        HideProfileFields,
        ChooseMemberLocale,
        SetExternalId,
        GiveConsent,
        WithdrawConsent,
    ),
    events=(
        MemberAdmitted,
        MemberJoined,
        RulesAccepted,
        ProfileChanged,
        MemberAddressChanged,
        RoleGranted,
        RoleRevoked,
        MemberLeft,
        MemberErasureRequested,
        MemberErased,
        *facts.EVENTS,
        AvatarChosen,
        ProfileFieldsSet,
        ProfileFieldsHidden,
        ProfileCompleted,
        MemberLocaleChosen,
        ExternalIdAssigned,
        ExternalIdFreed,
        ConsentGiven,
        ConsentWithdrawn,
    ),
    snapshots=False,
)
