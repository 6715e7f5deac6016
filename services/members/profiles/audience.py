"""Who may see a field of a profile: the brand's rule, and the member's own narrower choice.  Pure."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta, Struct

from libs.access.roles import LEADERS, Role
from libs.shared.domain import SYSTEM, Invalid


class Reach(StrEnum):
    """How far a field reaches."""

    EVERYONE = "everyone"
    ROLES = "roles"
    ONESELF = "oneself"


class Audience(Struct, frozen=True, kw_only=True):
    """Who may see a field beside the member: everybody in the brand, members with one of `roles`, or nobody."""

    reach: Reach
    roles: Annotated[list[Role], Meta(max_length=len(Role))] = []

    def admits(self, roles: AbstractSet[str]) -> bool:
        """Whether somebody else who may see members of the brand, with these roles in it, is among them."""
        match self.reach:
            case Reach.EVERYONE:
                return True
            case Reach.ROLES:
                return not roles.isdisjoint(self.roles)
            case Reach.ONESELF:
                return False

    @property
    def admits_leaders(self) -> bool:
        """Whether everybody who leads the brand is among them."""
        return all(self.admits({Role.MEMBER, role}) for role in LEADERS)


EVERYONE: Final = Audience(reach=Reach.EVERYONE)
ONESELF: Final = Audience(reach=Reach.ONESELF)


class BuiltIn(StrEnum):
    """Fields that every profile has beside the name; no field of a brand has such a key."""

    BIO = "bio"
    AVATAR = "avatar"
    EMAIL = "email"
    TIME_ZONE = "time-zone"
    LANGUAGE = "language"


#: Who sees the built-in fields where a brand has said nothing.
DEFAULT_AUDIENCES: Final[Mapping[str, Audience]] = MappingProxyType(
    {
        BuiltIn.BIO: EVERYONE,
        BuiltIn.AVATAR: EVERYONE,
        BuiltIn.EMAIL: ONESELF,
        BuiltIn.TIME_ZONE: ONESELF,
        BuiltIn.LANGUAGE: ONESELF,
    }
)

#: Keys that no field of a brand has: those of the built-in fields, and words for what a profile shows beside them.
RESERVED: Final = frozenset({*BuiltIn, "name", "display-name", "external-id", "roles"})


def check_audience(audience: Audience, path: tuple[str, ...]) -> Audience:
    """The audience in its one spelling.  Raises INVALID when roles are named without need, or none where needed."""
    roles = sorted(set(audience.roles))
    if bool(roles) is not (audience.reach is Reach.ROLES):
        raise Invalid("roles are named when, and only when, the field is for roles", (*path, "roles"))
    return Audience(reach=audience.reach, roles=roles)


class Viewer(Struct, frozen=True):
    """Who looks: their id, and their roles in the brand."""

    id: str
    roles: AbstractSet[str]

    def sees(self, field: str, audience: Audience, member: str, hidden: AbstractSet[str]) -> bool:
        """Whether they may see a field of a member who hides the fields `hidden`.  A member sees all of their own."""
        if self.id in (member, SYSTEM):
            return True
        return field not in hidden and audience.admits(self.roles)
