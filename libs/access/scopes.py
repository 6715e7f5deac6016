"""What a service account may do: scopes that a brand gives it, and the roles that follow from them.  Pure."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final

from libs.access.roles import Role

#: What every id of a service account begins with; the keyed id of a member never does.
ACCOUNT_PREFIX: Final = "sa_"

#: In an account's roles: it may ask.  No command is decided with it.
READER: Final = "reader"

#: In an account's roles: it keeps the brand's members as a directory has them (SCIM), and may do nothing else.
PROVISIONER: Final = "provisioner"


class Scope(StrEnum):
    """`<area>:<level>`; an area is a service.  `write` includes `read`, `manage` both, `provision` neither."""

    MEMBERS_READ = "members:read"
    MEMBERS_PROVISION = "members:provision"
    DISCUSSIONS_READ = "discussions:read"
    DISCUSSIONS_WRITE = "discussions:write"
    DISCUSSIONS_MANAGE = "discussions:manage"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    EVENTS_MANAGE = "events:manage"
    FEEDBACK_READ = "feedback:read"
    FEEDBACK_WRITE = "feedback:write"
    FEEDBACK_MANAGE = "feedback:manage"


_ROLES: Final = {
    "read": frozenset({READER}),
    "write": frozenset({READER, Role.MEMBER.value}),
    "manage": frozenset({READER, Role.MEMBER.value, Role.BUILDER.value}),
    "provision": frozenset({PROVISIONER}),
}


def is_account(actor: str) -> bool:
    """Whether an actor's id is that of a service account."""
    return actor.startswith(ACCOUNT_PREFIX)


def roles_in(area: str, scopes: AbstractSet[str]) -> frozenset[str]:
    """The roles that an account's scopes give it in one area; scopes that this release does not know give none."""
    held = (scope.partition(":") for scope in scopes)
    return frozenset[str]().union(*(_ROLES.get(level, frozenset()) for name, _, level in held if name == area))
