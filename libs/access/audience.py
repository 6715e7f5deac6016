"""For whom something is exclusive: members with certain roles or in certain segments.  Pure."""

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


class Audience(Struct, frozen=True, kw_only=True):
    """Who is let in: who has one of the roles or is in one of the segments; always owners and builders."""

    roles: Annotated[tuple[Role, ...], Meta(max_length=10)] = ()
    segments: Annotated[tuple[Id, ...], Meta(max_length=20)] = ()

    def admits(self, viewer: Viewer) -> bool:
        """Whether somebody is let in."""
        allowed = LEADERS.union(self.roles)
        return not (allowed.isdisjoint(viewer.roles) and viewer.segments.isdisjoint(self.segments))
