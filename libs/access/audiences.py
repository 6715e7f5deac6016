"""Who somebody is to an audience: each service that has something exclusive keeps a view of its own of segments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from cachetools import LRUCache
from pymongo import IndexModel

from libs.access.audience import Viewer
from libs.access.authorizer import Authorizer
from libs.shared.domain import Event
from libs.shared.positions import Positions
from libs.shared.projection import Change, SetMember, View
from libs.shared.recorded import Recorded
from libs.shared.shelves import Shelves

_MEMBERS_A_BRAND = 2_000


class SegmentEntered(Event, frozen=True, kw_only=True):
    """Members are in a segment from now on."""

    wire_name: ClassVar[str] = "segment_entered"

    segment_id: str
    member_ids: list[str]


class SegmentLeft(Event, frozen=True, kw_only=True):
    """Members are no longer in a segment."""

    wire_name: ClassVar[str] = "segment_left"

    segment_id: str
    member_ids: list[str]


class MembershipsView(View):
    """`memberships`: a document for each segment of each member, `_id` brand:member:segment."""

    name = "memberships"
    version = 1
    stream = "MEMBERS"
    foreign = True
    subjects = ("evt.members.*.segment_part.>",)
    events: ClassVar[tuple[type[Event], ...]] = (SegmentEntered, SegmentLeft)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"memberships": (IndexModel("who"),)}

    def project(self, recorded: Recorded[SegmentEntered | SegmentLeft]) -> Iterable[Change]:
        """Return what one event changes."""
        event = recorded.event
        for member in event.member_ids:
            who = f"{recorded.brand}:{member}"
            document = {"who": who, "segment": event.segment_id} if isinstance(event, SegmentEntered) else None
            yield SetMember("memberships", f"{who}:{event.segment_id}", document)

    async def segments(self, brand: str, member: str) -> frozenset[str]:
        """Return the segments that a member is in, as far as the view has come."""
        return (await self.segments_of_many(brand, [member]))[member]

    async def segments_of_many(self, brand: str, members: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the segments that each of these is in, as far as the view has come."""
        segments: dict[str, set[str]] = {member: set() for member in members}
        found = self.collection("memberships").find({"who": {"$in": [f"{brand}:{member}" for member in members]}})
        async for document in found:
            segments[document["who"].removeprefix(f"{brand}:")].add(document["segment"])
        return {member: frozenset(those) for member, those in segments.items()}


class Audiences:
    """Knows who somebody is to audiences: roles from the `Authorizer`, segments from a `MembershipsView`.

    As the roles, segments are remembered until the view passes an event of their brand: who loses a role or leaves a
    segment is let in no longer than that takes.
    """

    def __init__(self, view: MembershipsView, authorizer: Authorizer, positions: Positions) -> None:
        self._view = view
        self._authorizer = authorizer
        self._known = Shelves[LRUCache[str, frozenset[str]]](view, positions, lambda: LRUCache(_MEMBERS_A_BRAND))

    async def viewer(self, brand: str, actor: str) -> Viewer:
        """Return who an actor is; SYSTEM has all roles.  Raises as `Authorizer.roles` does."""
        return Viewer(await self._authorizer.roles(brand, actor), await self._segments(brand, actor))

    async def _segments(self, brand: str, actor: str) -> frozenset[str]:
        known = self._known.of(brand)
        segments = known.get(actor)
        if segments is None:
            segments = known[actor] = await self._view.segments(brand, actor)
        return segments
