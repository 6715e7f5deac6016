"""The commands of directories that reach over several aggregates: a user, the names it claims, and its membership.

What must hold together is committed together, in one atomic batch: who is provisioned is a member, who is let go is
none, and no two users or groups of a brand have the same name.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol, TypeAlias

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.gate import Stage
from libs.access.roles import ALL_ROLES
from libs.shared import ids
from libs.shared.claims import Claim, Release, claims
from libs.shared.commands import CommandHandler, back_off, handle_together
from libs.shared.domain import SYSTEM, Accepted, Command, DomainError, Invalid
from libs.shared.service import App
from libs.shared.text import as_name
from services.members.addresses import Addresses
from services.members.member import (
    ChangeAddress,
    GrantRole,
    JoinBrand,
    LeaveBrand,
    Member,
    MemberCommand,
    MemberEvent,
    RevokeRole,
)
from services.members.profiles.external_ids import ExternalIds
from services.members.provisioning import directory, group, user
from services.members.provisioning.directory import ShownName, SubjectSource
from services.members.provisioning.group import AddGroup, ChangeGroup, ChangeNamedGroup, ProvisionGroup, RemoveGroup
from services.members.provisioning.profile import folded
from services.members.provisioning.user import (
    AddUser,
    ChangeUser,
    ProvisionUser,
    RemoveUser,
    ReplaceUser,
    SettleAccess,
    SettleGroupRoles,
    User,
    require_provisioner,
)
from services.members.provisioning.views.users import ProvisionedUsersView
from services.members.standing.facts import ReinstateMember, SuspendMember

#: Why a member is suspended whom the directory wants out: by it a suspension is known to be the directory's.
NO_ACCESS: Final = "The organisation's directory gives no access."

#: How people came, as a member's `source` says it.
SOURCE: Final = "scim"

#: What the stage of a brand does not stop: a directory prepares a draft too, and lets people go at any time.  That
#: nobody comes into an archive is decided here.
EXEMPT: Final[frozenset[type[Command]]] = frozenset(
    {ProvisionUser, ReplaceUser, RemoveUser, SettleGroupRoles, SettleAccess, ProvisionGroup, ChangeGroup, RemoveGroup}
)

_ATTEMPTS: Final = 5
_Step: TypeAlias = tuple[CommandHandler[Any, Any, Any], Command]


class Memberships(Protocol):
    """The memberships that directories begin and end (`services/members/commands.py`)."""

    @property
    def members(self) -> CommandHandler[Member, MemberCommand, MemberEvent]:
        """What decides them."""

    @property
    def addresses(self) -> Addresses:
        """What goes with another e-mail address."""

    @property
    def external_ids(self) -> ExternalIds:
        """What goes when one ends."""


class ProvisioningCommands:
    """Registers and answers them."""

    def __init__(self, app: App, authorizer: Authorizer, members: Memberships, view: ProvisionedUsersView) -> None:
        self._settings = app.settings
        self._authorizer = authorizer
        self._members = members.members
        self._addresses = members.addresses
        self._external_ids = members.external_ids
        self._view = view
        self._directories = app.aggregate(directory.DECIDER)
        self._users = app.aggregate(replace(user.DECIDER, commands=()))
        self._groups = app.aggregate(replace(group.DECIDER, commands=(group.MapGroupToRole,)))
        self._user_names = app.aggregate(replace(claims("provisioned_user_name"), commands=()))
        self._group_names = app.aggregate(replace(claims("provisioned_group_name"), commands=()))
        app.command("provisioned_user", ProvisionUser, self._provision_user)
        app.command("provisioned_user", ReplaceUser, _insistent(self._replace_user))
        app.command("provisioned_user", RemoveUser, _insistent(self._remove_user))
        app.command("provisioned_user", SettleGroupRoles, self._settle_roles)
        app.command("provisioned_user", SettleAccess, self._settle_access)
        app.command("provisioned_group", ProvisionGroup, self._provision_group)
        app.command("provisioned_group", ChangeGroup, _insistent(self._change_group))
        app.command("provisioned_group", RemoveGroup, _insistent(self._remove_group))

    # Users

    async def _provision_user(self, command: ProvisionUser) -> Accepted:
        require_provisioner(command)
        chosen = await self._directories.state(command.brand, command.brand)
        identity = self._identity(command, chosen.subject)
        user_id = ids.member_id(self._settings.identity_secret, command.brand, identity)
        names = self._names(command)
        add = AddUser(
            **structs.asdict(command), user_id=user_id, identity=identity, subject=chosen.subject, names=names
        )
        membership = await self._membership(command, user_id, identity, chosen.shown_name)
        membership += await self._address(command, user_id, before=None)
        claimed = self._claims(self._user_names, command, user_id, [], names)
        return await _together("USER_EXISTS", (self._users, add), *claimed, *membership)

    async def _replace_user(self, command: ReplaceUser) -> Accepted:
        require_provisioner(command)
        known = await self._user(command.brand, command.user_id)
        names = self._names(command)
        change = ChangeUser(
            **structs.asdict(command),
            identity=self._identity(command, known.subject),
            names=names,
            names_before=known.names,
            email_before=known.email,
        )
        steps = self._claims(self._user_names, command, command.user_id, known.names, names)
        if known.there and known.active != command.active:
            chosen = await self._directories.state(command.brand, command.brand)
            steps += await self._membership(command, command.user_id, known.identity, chosen.shown_name)
        if known.there:
            steps += await self._address(command, command.user_id, before=known.email)
        if not steps:
            return await self._users.handle(change)
        return await _together("USER_EXISTS", (self._users, change), *steps)

    async def _remove_user(self, command: RemoveUser) -> Accepted:
        require_provisioner(command)
        known = await self._user(command.brand, command.user_id)
        released = self._claims(self._user_names, command, command.user_id, known.names, [])
        leaving = await self._external_ids.leaving(LeaveBrand(**_as_platform(command), member_id=command.user_id))
        lifted = await self._access(command, command.user_id, active=True)
        return await handle_together((self._users, command), *released, *leaving, *lifted)

    async def _settle_roles(self, command: SettleGroupRoles) -> Accepted:
        """Give and take what follows from groups, and nothing that the member has otherwise."""
        known = await self._user(command.brand, command.user_id)
        member = await self._members.state(command.brand, command.user_id, fresh=True)
        given = member.roles & set(known.roles)
        wanted = {role for role in command.group_roles if role not in member.roles - given} if member.joined else set()
        if member.standing.suspension is not None:
            wanted &= given  # nobody who is suspended is given a role; reinstating them settles this again
        about = {**_as_platform(command), "member_id": command.user_id}
        changes: list[_Step] = [
            *((self._members, GrantRole(**about, role=role)) for role in sorted(wanted - given)),
            *((self._members, RevokeRole(**about, role=role)) for role in sorted(given - wanted)),
        ]
        settle = structs.replace(command, group_roles=sorted(wanted))
        return await handle_together((self._users, settle), *changes)

    async def _settle_access(self, command: SettleAccess) -> Accepted:
        known = await self._user(command.brand, command.user_id)
        access = await self._access(command, command.user_id, active=known.active) if known.there else []
        return await handle_together((self._users, command), *access)

    async def _access(self, command: Command, user_id: str, *, active: bool) -> list[_Step]:
        """What access comes to for a membership as it stands.

        A suspension by people is neither replaced nor lifted: the directory does not know of it.
        """
        member = await self._members.state(command.brand, user_id, fresh=True)
        suspension, about = member.standing.suspension, {**_as_platform(command), "member_id": user_id}
        if active and suspension is not None and suspension.reason == NO_ACCESS:
            return [(self._members, ReinstateMember(**about))]
        if not active and member.joined and suspension is None:
            return [(self._members, SuspendMember(**about, reason=NO_ACCESS))]
        return []

    async def _membership(
        self, command: ProvisionUser | ReplaceUser, user_id: str, identity: str, shown: ShownName
    ) -> list[_Step]:
        """What `active` comes to for the membership of a user who is new, or of whom it changes."""
        access = await self._access(command, user_id, active=command.active)
        if not command.active:
            return access
        gate = await self._authorizer.gate(command.brand, proven=True)
        if gate.stage is Stage.ARCHIVED:
            raise DomainError("BRAND_ARCHIVED", "this brand is archived: nobody joins it any more", ("active",))
        profile = command.profile
        name = profile.display_name if shown is ShownName.DISPLAY_NAME else profile.nick_name
        join = JoinBrand(
            **_as_platform(command),
            member_id=user_id,
            identity=identity,
            display_name=as_name(name or "") or f"Member {user_id[:6]}",
            email=profile.email,
            source=SOURCE,
        )
        return [*access, (self._members, join)]

    async def _address(self, command: ProvisionUser | ReplaceUser, user_id: str, *, before: str | None) -> list[_Step]:
        """What another address than `before` comes to for the membership, whoever began that."""
        email = command.profile.email
        if email == before:
            return []
        change = ChangeAddress(**_as_platform(command), member_id=user_id, email=email, before=before)
        return [(self._members, change), *await self._addresses.along(change)]

    def _identity(self, command: ProvisionUser | ReplaceUser, source: SubjectSource) -> str:
        """Whose identity the OIDC issuer will say it is, once the person signs in."""
        subject = command.user_name if source is SubjectSource.USER_NAME else command.external_id
        if subject is None:
            raise Invalid("this brand recognises people by it", (source.value,))
        if not self._settings.issuer:
            raise DomainError("NO_ISSUER", "the platform has no OIDC issuer, so nobody could sign in")
        return ids.identity_id(self._settings.identity_secret, self._settings.issuer, subject)

    def _names(self, command: ProvisionUser | ReplaceUser) -> list[str]:
        names = [self._token(command.brand, "user_name", folded(command.user_name))]
        if command.external_id is not None:
            names.append(self._token(command.brand, "external_id", command.external_id))
        return names

    async def _user(self, brand: str, user_id: str) -> User:
        return await self._users.state(brand, user_id, fresh=True)

    # Groups

    async def _provision_group(self, command: ProvisionGroup) -> Accepted:
        require_provisioner(command)
        await self._must_be_users(command.brand, command.members)
        name = self._group_name(command.brand, command.display_name, command.external_id)
        add = AddGroup(**structs.asdict(command), name=name)
        claimed = self._claims(self._group_names, command, command.group_id, [], [name])
        return await _together("GROUP_EXISTS", (self._groups, add), *claimed)

    async def _change_group(self, command: ChangeGroup) -> Accepted:
        require_provisioner(command)
        known = await self._groups.state(command.brand, command.group_id, fresh=True)
        arriving = {*(command.members or ()), *command.add} - set(known.members)
        await self._must_be_users(command.brand, arriving)
        name = self._group_name(command.brand, *group.names_after(known, command))
        change = ChangeNamedGroup(**structs.asdict(command), name=name, name_before=known.name)
        if not known.there or name == known.name:
            return await self._groups.handle(change)
        moved = self._claims(self._group_names, command, command.group_id, [known.name], [name])
        return await _together("GROUP_EXISTS", (self._groups, change), *moved)

    async def _remove_group(self, command: RemoveGroup) -> Accepted:
        require_provisioner(command)
        known = await self._groups.state(command.brand, command.group_id, fresh=True)
        released = self._claims(self._group_names, command, command.group_id, [known.name] if known.there else [], [])
        return await handle_together((self._groups, command), *released)

    def _group_name(self, brand: str, display_name: str, external_id: str | None) -> str:
        """What no other group may have: a directory has two groups of one name, but tells them apart."""
        if external_id is None:
            return self._token(brand, "group_display_name", folded(display_name))
        return self._token(brand, "group_external_id", external_id)

    async def _must_be_users(self, brand: str, users: Collection[str]) -> None:
        """Refuse ids of nobody; the view may not know yet who has just come."""
        for missing in sorted(set(users) - await self._view.known(brand, users)):
            if not (await self._user(brand, missing)).there:
                raise Invalid(f"{missing} is no user of this brand", ("members",))

    # Names

    def _token(self, brand: str, kind: str, name: str) -> str:
        return ids.keyed_id(self._settings.identity_secret, kind, brand, name)

    def _claims(
        self,
        handler: CommandHandler[Any, Any, Any],
        command: Command,
        holder: str,
        before: Sequence[str],
        after: Sequence[str],
    ) -> list[_Step]:
        """The steps that let names go and take others."""
        about = _as_platform(command)
        return [
            *((handler, Release(**about, name=name, holder=holder)) for name in before if name not in after),
            *((handler, Claim(**about, name=name, holder=holder)) for name in after if name not in before),
        ]


def _as_platform(command: Command) -> dict[str, Any]:
    """The envelope of what follows from a command: the platform does it, for whatever reason the directory has."""
    return {
        "command_id": command.command_id,
        "brand": command.brand,
        "actor": SYSTEM,
        "now": command.now,
        "roles": ALL_ROLES,
    }


async def _together(taken: str, *steps: _Step) -> Accepted:
    """Commit the steps together; a name that another one has is refused with the code `taken`."""
    try:
        return await handle_together(*steps)
    except DomainError as refusal:
        if refusal.code == "NAME_TAKEN":
            raise DomainError(taken, "another one of this brand has this name") from None
        raise


def _insistent(handle: Callable[[Any], Awaitable[Accepted]]) -> Callable[[Any], Awaitable[Accepted]]:
    """Begin again, with what is known by then, when something was changed at the same time."""

    async def run(command: Any) -> Accepted:
        for attempt in range(_ATTEMPTS):
            try:
                return await handle(command)
            except DomainError as refusal:
                if refusal.code != "CONFLICT" or attempt == _ATTEMPTS - 1:
                    raise
            await back_off(attempt)
        raise AssertionError("unreachable")

    return run
