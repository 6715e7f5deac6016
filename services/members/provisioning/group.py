"""A provisioned group: a name, the users that a directory put into it, and the role that owners let it give."""

from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs
from rpds import HashTrieSet

from libs.access.roles import Role, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from services.members.provisioning.profile import Key
from services.members.provisioning.user import Version, must_be_there, require_provisioner

#: The most members of one group: what one answer can hold.
MAX_MEMBERS: Final = 10_000

#: Ids of users.
Users = Annotated[list[Id], Meta(max_length=MAX_MEMBERS)]

# Events


class GroupProvisioned(Event, frozen=True, kw_only=True):
    """The event's actor, a directory's service account, brought a group.  `name` is a keyed hash that is its own."""

    wire_name: ClassVar[str] = "group_provisioned"

    display_name: str
    external_id: str | None
    name: str


class ProvisionedGroupRenamed(Event, frozen=True, kw_only=True):
    """The group is called otherwise, by people or by the directory; all fields are the new values."""

    wire_name: ClassVar[str] = "provisioned_group_renamed"

    display_name: str
    external_id: str | None
    name: str


class GroupMembersChanged(Event, frozen=True, kw_only=True):
    """Users came into the group and left it; sorted, none that was there or gone before."""

    wire_name: ClassVar[str] = "group_members_changed"

    added: list[str]
    removed: list[str]


class GroupRoleMapped(Event, frozen=True, kw_only=True):
    """An owner said which role the group gives its members; None for none."""

    wire_name: ClassVar[str] = "group_role_mapped"

    role: Role | None


class GroupDeprovisioned(Event, frozen=True, kw_only=True):
    """The group is no more, and `members` are not in it any more; sorted."""

    wire_name: ClassVar[str] = "group_deprovisioned"

    members: list[str]


GroupEvent = GroupProvisioned | ProvisionedGroupRenamed | GroupMembersChanged | GroupRoleMapped | GroupDeprovisioned

# State


class Group(Struct, frozen=True, kw_only=True):
    """What a group must remember to decide."""

    there: bool = False
    gone: bool = False
    version: int = 0
    display_name: str = ""
    external_id: str | None = None
    name: str = ""
    role: Role | None = None
    members: HashTrieSet[str] = HashTrieSet()


def evolve(state: Group, event: GroupEvent) -> Group:
    """The group after `event`."""
    version = state.version + 1
    match event:
        case GroupProvisioned():
            return Group(
                there=True,
                version=1,
                display_name=event.display_name,
                external_id=event.external_id,
                name=event.name,
            )
        case ProvisionedGroupRenamed():
            return structs.replace(
                state,
                version=version,
                display_name=event.display_name,
                external_id=event.external_id,
                name=event.name,
            )
        case GroupMembersChanged():
            members = state.members.update(event.added)
            for user in event.removed:
                members = members.discard(user)
            return structs.replace(state, version=version, members=members)
        case GroupRoleMapped():
            return structs.replace(state, role=event.role)
        case GroupDeprovisioned():
            return Group(gone=True)
        case _:
            assert_never(event)


# Commands


class ProvisionGroup(Command, frozen=True, kw_only=True):
    """Bring a group.  A service account with the scope `members:provision` only, as the two that follow.

    That `members` are users of the brand is checked before the decision (`commands.py`), as in `ChangeGroup`.
    """

    wire_name: ClassVar[str] = "provision_group"

    group_id: Id
    display_name: Key
    external_id: Key | None = None
    members: Users = []


class AddGroup(ProvisionGroup, frozen=True, kw_only=True):
    """The same, with the name that it claims."""

    name: str


class ChangeGroup(Command, frozen=True, kw_only=True):
    """Change what is given; with `version`, only if the group is still as the sender saw it.

    `members` are to be exactly these, then `add` come in and `remove` go.  None leaves a field as it is;
    `drop_external_id` takes the external id away.
    """

    wire_name: ClassVar[str] = "change_group"

    group_id: Id
    display_name: Key | None = None
    external_id: Key | None = None
    drop_external_id: bool = False
    members: Users | None = None
    add: Users = []
    remove: Users = []
    version: Version | None = None


class ChangeNamedGroup(ChangeGroup, frozen=True, kw_only=True):
    """The same, with the name after it and the one before it, which the claims beside it were chosen for."""

    name: str
    name_before: str


class RemoveGroup(Command, frozen=True, kw_only=True):
    """Let a group go, and with it the roles that it gave."""

    wire_name: ClassVar[str] = "remove_group"

    group_id: Id
    version: Version | None = None


class MapGroupToRole(Command, frozen=True, kw_only=True):
    """Say which role a group gives its members, None for none.  Owners only; never the role owner."""

    wire_name: ClassVar[str] = "map_group_to_role"

    group_id: Id
    role: Role | None


GroupCommand = AddGroup | ChangeNamedGroup | RemoveGroup | MapGroupToRole

# Decisions


def decide(state: Group, command: GroupCommand) -> list[GroupEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, ID_TAKEN, VERSION_MISMATCH, TOO_MANY_MEMBERS, INVALID, CONFLICT.
    """
    if isinstance(command, MapGroupToRole):
        return _map(state, command)
    require_provisioner(command)
    match command:
        case AddGroup():
            return _add(state, command)
        case ChangeNamedGroup():
            return _change(state, command)
        case RemoveGroup():
            must_be_there(state.there, state.version, command.version)
            return [GroupDeprovisioned(members=sorted(state.members))]
        case _:
            assert_never(command)


def _add(state: Group, command: AddGroup) -> list[GroupEvent]:
    if state.there or state.gone:
        raise DomainError("ID_TAKEN", "another group has this id", ("group_id",))
    provisioned = GroupProvisioned(
        display_name=command.display_name, external_id=command.external_id, name=command.name
    )
    members = sorted(set(command.members))
    return [provisioned, *([GroupMembersChanged(added=members, removed=[])] if members else [])]


def _change(state: Group, command: ChangeNamedGroup) -> list[GroupEvent]:
    must_be_there(state.there, state.version, command.version)
    if command.name_before != state.name:
        raise DomainError("CONFLICT", "the group was changed at the same time; try again")
    display_name, external_id = names_after(state, command)
    events: list[GroupEvent] = []
    if (display_name, external_id, command.name) != (state.display_name, state.external_id, state.name):
        events.append(ProvisionedGroupRenamed(display_name=display_name, external_id=external_id, name=command.name))
    before = set(state.members)
    after = ((before if command.members is None else set(command.members)) | set(command.add)) - set(command.remove)
    if len(after) > MAX_MEMBERS:
        raise DomainError("TOO_MANY_MEMBERS", f"a group has at most {MAX_MEMBERS} members", ("members",))
    if after != before:
        events.append(GroupMembersChanged(added=sorted(after - before), removed=sorted(before - after)))
    return events


def names_after(state: Group, command: ChangeGroup) -> tuple[str, str | None]:
    """What the group is called after a change, by people and by the directory."""
    kept = None if command.drop_external_id else state.external_id
    return command.display_name or state.display_name, command.external_id or kept


def _map(state: Group, command: MapGroupToRole) -> list[GroupEvent]:
    require(command.roles, Role.OWNER)
    if not state.there:
        raise NotFound("there is no such group", ("group_id",))
    if command.role in (Role.OWNER, Role.MEMBER):
        raise Invalid("who owns a brand is said in it, and every member has the role member", ("role",))
    return [] if state.role is command.role else [GroupRoleMapped(role=command.role)]


DECIDER: Decider[Group, GroupCommand, GroupEvent] = Decider(
    aggregate="provisioned_group",
    initial=Group(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.group_id,
    commands=(AddGroup, ChangeNamedGroup, RemoveGroup, MapGroupToRole),
    events=(GroupProvisioned, ProvisionedGroupRenamed, GroupMembersChanged, GroupRoleMapped, GroupDeprovisioned),
)
