"""For whom something is exclusive: members with certain roles or in certain segments.  Pure."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from libs.access.roles import LEADERS, Role, in_space
from libs.shared.domain import Id


class Viewer(NamedTuple):
    """What lets somebody in: the roles that they have in the brand now, and the segments that they are in."""

    roles: frozenset[str]
    segments: frozenset[str]

    def in_space(self, space_id: str) -> "Viewer":
        """Who they are in a space: their roles for it alone are among theirs there."""
        return self._replace(roles=in_space(self.roles, space_id))

    def ways_in(self) -> frozenset[str]:
        """What may let them in, as `Audience.ways_in` writes it."""
        return _ways_in(self.roles, self.segments)


class Audience(Struct, frozen=True, kw_only=True):
    """Who is let in: who has one of the roles or is in one of the segments; always owners and builders."""

    roles: Annotated[tuple[Role, ...], Meta(max_length=10)] = ()
    segments: Annotated[tuple[Id, ...], Meta(max_length=20)] = ()

    def admits(self, viewer: Viewer) -> bool:
        """Whether somebody is let in."""
        allowed = LEADERS.union(self.roles)
        return not (allowed.isdisjoint(viewer.roles) and viewer.segments.isdisjoint(self.segments))

    def ways_in(self) -> frozenset[str]:
        """What lets in, for an index: it admits whoever has one of the same ways, and owners and builders."""
        return _ways_in(self.roles, self.segments)


def _ways_in(roles: Iterable[str], segments: Iterable[str]) -> frozenset[str]:
    return frozenset((*(f"role:{role}" for role in roles), *(f"segment:{segment}" for segment in segments)))
