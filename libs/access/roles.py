"""The roles a member can have in a brand, and the refusal when none of them suffices.  Pure."""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from libs.shared.domain import Forbidden


class Role(StrEnum):
    """A role in one brand.  MEMBER is everyone's who is in it; the others are granted."""

    OWNER = "owner"
    BUILDER = "builder"
    MODERATOR = "moderator"
    AMBASSADOR = "ambassador"
    MEMBER = "member"


#: Who shapes the community: its spaces, boards, events.
LEADERS: frozenset[Role] = frozenset({Role.OWNER, Role.BUILDER})

#: Who keeps order in it.
STEWARDS: frozenset[Role] = LEADERS | {Role.MODERATOR}

#: What SYSTEM has.
ALL_ROLES: frozenset[Role] = frozenset(Role)


def require(roles: AbstractSet[str], *allowed: Role | AbstractSet[Role]) -> None:
    """Raise `Forbidden` unless `roles` holds one of `allowed`: roles, or sets of them as `STEWARDS`."""
    wanted: set[str] = set()
    for item in allowed:
        wanted |= {item} if isinstance(item, Role) else item
    if wanted.isdisjoint(roles):
        raise Forbidden
