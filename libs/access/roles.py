"""The roles a member can have in a brand or in one space of it, and the refusal when none of them suffices.  Pure."""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from libs.shared.domain import Forbidden


class Role(StrEnum):
    """A role in one brand.  MEMBER is everyone's who is in it; the others are granted."""

    OWNER = "owner"
    BUILDER = "builder"
    MODERATOR = "moderator"
    AMBASSADOR = "ambassador"
    GUEST_SPEAKER = "guest_speaker"
    MEMBER = "member"


#: Who shapes the community: its spaces, boards, events.
LEADERS: frozenset[Role] = frozenset({Role.OWNER, Role.BUILDER})

#: Who keeps order in it.
STEWARDS: frozenset[Role] = LEADERS | {Role.MODERATOR}

#: Who opens threads where only some do: in spaces that broadcast.
SPEAKERS: frozenset[Role] = LEADERS | {Role.GUEST_SPEAKER}

#: What SYSTEM has.
ALL_ROLES: frozenset[Role] = frozenset(Role)


_AT = "@"


def held_as(role: str, space_id: str | None = None) -> str:
    """How a grant stands among an actor's roles: by its name, or for one space only as `<role>@<space>`."""
    return role if space_id is None else f"{role}{_AT}{space_id}"


def in_space(roles: AbstractSet[str], space_id: str) -> frozenset[str]:
    """The roles that somebody has in a space: those of the whole brand, and those for this space, by their names."""
    here = (held.partition(_AT) for held in roles)
    return frozenset(role for role, at, space in here if not at or space == space_id)


def names(roles: AbstractSet[str]) -> frozenset[str]:
    """What somebody is anywhere: the names of their roles, those for one space among them."""
    return frozenset(held.partition(_AT)[0] for held in roles)


def require(roles: AbstractSet[str], *allowed: Role | AbstractSet[Role]) -> None:
    """Raise `Forbidden` unless `roles` holds one of `allowed`: roles, or sets of them as `STEWARDS`."""
    wanted: set[str] = set()
    for item in allowed:
        wanted |= {item} if isinstance(item, Role) else item
    if wanted.isdisjoint(roles):
        raise Forbidden
