"""A provisioned user: what a directory says of one member, and whether it wants them in the brand.

Its id is the member's own, so that what is personal in it is encrypted with the member's key and ends with it.
"""

from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import Role
from libs.access.scopes import PROVISIONER
from libs.shared.domain import (
    ERASED,
    SYSTEM,
    Command,
    Decider,
    DomainError,
    Erased,
    Event,
    Forbidden,
    Id,
    NotFound,
)
from services.members.provisioning.directory import SubjectSource
from services.members.provisioning.profile import Key, Profile, from_text, to_text

#: How often a user was changed; what a client saw, so that it changes nothing that it did not see.
Version = Annotated[int, Meta(ge=1)]

# Events


class UserProvisioned(Event, frozen=True, kw_only=True):
    """The event's actor, a directory's service account, brought a person.

    `subject` says which attribute the identity was derived from, `profile` holds the others as JSON; `names` are keyed
    hashes of what no other user of the brand may have.
    """

    wire_name: ClassVar[str] = "user_provisioned"
    personal: ClassVar[frozenset[str]] = frozenset({"identity", "user_name", "external_id", "profile"})

    identity: str
    subject: SubjectSource
    user_name: str
    external_id: str | None
    profile: str
    active: bool
    names: list[str]


class ProvisionedUserChanged(Event, frozen=True, kw_only=True):
    """The directory says something else of the person; all fields are the new values, changed or not."""

    wire_name: ClassVar[str] = "provisioned_user_changed"
    personal: ClassVar[frozenset[str]] = frozenset({"user_name", "external_id", "profile"})

    user_name: str
    external_id: str | None
    profile: str
    names: list[str]


class UserDeactivated(Event, frozen=True, kw_only=True):
    """The directory wants the person to have no access."""

    wire_name: ClassVar[str] = "user_deactivated"


class UserReactivated(Event, frozen=True, kw_only=True):
    """The directory wants the person to have access again."""

    wire_name: ClassVar[str] = "user_reactivated"


class UserDeprovisioned(Event, frozen=True, kw_only=True):
    """The directory has nothing to say of the person any more, and their membership ended."""

    wire_name: ClassVar[str] = "user_deprovisioned"


class GroupRolesSettled(Event, frozen=True, kw_only=True):
    """The roles that the member has because of groups are these; sorted."""

    wire_name: ClassVar[str] = "group_roles_settled"

    roles: list[Role]


UserEvent = (
    UserProvisioned | ProvisionedUserChanged | UserDeactivated | UserReactivated | UserDeprovisioned | GroupRolesSettled
)

# State


class User(Struct, frozen=True, kw_only=True):
    """What a provisioned user must remember to decide.  `roles` are those that groups gave."""

    there: bool = False
    version: int = 0
    identity: str = ""
    subject: SubjectSource = SubjectSource.EXTERNAL_ID
    user_name: str = ""
    external_id: str | None = None
    profile: str = ""
    active: bool = False
    names: list[str] = []
    roles: list[Role] = []

    @property
    def email(self) -> str | None:
        """The address to write to."""
        return from_text(self.profile).email


def evolve(state: User, event: UserEvent) -> User:
    """The user after `event`."""
    match event:
        case UserProvisioned():
            return User(
                there=True,
                version=1,
                identity=event.identity,
                subject=event.subject,
                user_name=event.user_name,
                external_id=event.external_id,
                profile=event.profile,
                active=event.active,
                names=event.names,
            )
        case ProvisionedUserChanged():
            return structs.replace(
                state,
                version=state.version + 1,
                user_name=event.user_name,
                external_id=event.external_id,
                profile=event.profile,
                names=event.names,
            )
        case UserDeactivated() | UserReactivated():
            return structs.replace(state, version=state.version + 1, active=isinstance(event, UserReactivated))
        case UserDeprovisioned():
            return User()
        case GroupRolesSettled():
            return structs.replace(state, roles=event.roles)
        case _:
            assert_never(event)


# Commands


class ProvisionUser(Command, frozen=True, kw_only=True):
    """Bring a person.  A service account with the scope `members:provision` only, as the two that follow.

    Whose membership it is follows from the attribute that the brand takes the OIDC subject from.
    """

    wire_name: ClassVar[str] = "provision_user"

    user_name: Key
    external_id: Key | None = None
    profile: Profile = Profile()
    active: bool = True


class AddUser(ProvisionUser, frozen=True, kw_only=True):
    """The same, with who it is; the service makes it of what was sent (`commands.py`)."""

    user_id: Id
    identity: Id
    subject: SubjectSource
    names: list[str]


class ReplaceUser(Command, frozen=True, kw_only=True):
    """Say everything about a person anew.  With `version`, only if they are still as the sender saw them."""

    wire_name: ClassVar[str] = "replace_user"

    user_id: Id
    user_name: Key
    external_id: Key | None = None
    profile: Profile = Profile()
    active: bool = True
    version: Version | None = None


class ChangeUser(ReplaceUser, frozen=True, kw_only=True):
    """The same, with what the steps beside it were chosen for: names and identity after it, names and address before.

    `email_before` is the address to write to, None without one.
    """

    identity: Id
    names: list[str]
    names_before: list[str]
    email_before: str | None


class RemoveUser(Command, frozen=True, kw_only=True):
    """Let a person go: the user is no more, and the membership ends.  It is not an erasure."""

    wire_name: ClassVar[str] = "remove_user"

    user_id: Id
    version: Version | None = None


class SettleGroupRoles(Command, frozen=True, kw_only=True):
    """Record which roles a member has because of groups.  The platform only (`upkeep.py`)."""

    wire_name: ClassVar[str] = "settle_group_roles"

    user_id: Id
    group_roles: Annotated[list[Role], Meta(max_length=len(Role))]


class SettleAccess(Command, frozen=True, kw_only=True):
    """Have what the directory says of a member's access hold.  The platform only (`upkeep.py`).

    It changes the membership alone (`commands.py`).
    """

    wire_name: ClassVar[str] = "settle_access"

    user_id: Id


UserCommand = AddUser | ChangeUser | RemoveUser | SettleGroupRoles | SettleAccess

# Decisions


def decide(state: User, command: UserCommand) -> list[UserEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, USER_EXISTS, VERSION_MISMATCH, SUBJECT_FIXED, ERASED, CONFLICT.
    """
    if isinstance(command, SettleGroupRoles | SettleAccess):
        return _settle(state, command)
    require_provisioner(command)
    match command:
        case AddUser():
            return _add(state, command)
        case ChangeUser():
            return _change(state, command)
        case RemoveUser():
            must_be_there(state.there, state.version, command.version)
            return [UserDeprovisioned()]
        case _:
            assert_never(command)


def require_provisioner(command: Command) -> None:
    """Raise `Forbidden` unless a directory's service account or the platform sends it."""
    if command.actor != SYSTEM and PROVISIONER not in command.roles:
        raise Forbidden("only a service account with the scope members:provision does this")


def must_be_there(there: bool, version: int, seen: int | None) -> None:
    """Raise NOT_FOUND for what is not there, VERSION_MISMATCH for what is no longer as it was `seen`."""
    if not there:
        raise NotFound("there is no such resource")
    if seen is not None and seen != version:
        raise DomainError("VERSION_MISMATCH", "it was changed meanwhile", ("version",))


def _add(state: User, command: AddUser) -> list[UserEvent]:
    if state.there:
        raise DomainError("USER_EXISTS", "this person is provisioned already", (command.subject.value,))
    return [
        UserProvisioned(
            identity=command.identity,
            subject=command.subject,
            user_name=command.user_name,
            external_id=command.external_id,
            profile=to_text(command.profile),
            active=command.active,
            names=command.names,
        )
    ]


def _change(state: User, command: ChangeUser) -> list[UserEvent]:
    must_be_there(state.there, state.version, command.version)
    if state.identity == ERASED:
        raise Erased(command.user_id)
    if command.identity != state.identity:
        raise DomainError("SUBJECT_FIXED", "it says who signs in as this member: bring a new one", (state.subject,))
    if (command.names_before, command.email_before) != (state.names, state.email):
        raise DomainError("CONFLICT", "the user was changed at the same time; try again")
    events: list[UserEvent] = []
    changed = ProvisionedUserChanged(
        user_name=command.user_name,
        external_id=command.external_id,
        profile=to_text(command.profile),
        names=command.names,
    )
    now = (changed.user_name, changed.external_id, changed.profile, changed.names)
    if now != (state.user_name, state.external_id, state.profile, state.names):
        events.append(changed)
    if command.active != state.active:
        events.append(UserReactivated() if command.active else UserDeactivated())
    return events


def _settle(state: User, command: SettleGroupRoles | SettleAccess) -> list[UserEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform settles what follows from what a directory says")
    if isinstance(command, SettleAccess):
        return []
    roles = sorted(set(command.group_roles))
    return [] if not state.there or state.roles == roles else [GroupRolesSettled(roles=roles)]


DECIDER: Decider[User, UserCommand, UserEvent] = Decider(
    aggregate="provisioned_user",
    initial=User(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.user_id,
    commands=(AddUser, ChangeUser, RemoveUser, SettleGroupRoles, SettleAccess),
    events=(
        UserProvisioned,
        ProvisionedUserChanged,
        UserDeactivated,
        UserReactivated,
        UserDeprovisioned,
        GroupRolesSettled,
    ),
    snapshots=False,
)
