"""Which roles each member has in each brand: the small view that every service keeps of the members stream."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.roles import Role
from libs.shared.domain import Event
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded


class MemberJoined(Event, frozen=True, kw_only=True):
    """Someone became a member, or came back; what the members service stores beyond that is not read."""

    wire_name: ClassVar[str] = "member_joined"


class MemberLeft(Event, frozen=True, kw_only=True):
    """Someone is no longer a member."""

    wire_name: ClassVar[str] = "member_left"


class RoleGranted(Event, frozen=True, kw_only=True):
    """A member has a role more."""

    wire_name: ClassVar[str] = "role_granted"

    role: str


class RoleRevoked(Event, frozen=True, kw_only=True):
    """A member has a role less."""

    wire_name: ClassVar[str] = "role_revoked"

    role: str


class AccessView(View):
    """`roles`: a document a member who is in the brand, `_id` brand:member; `granted` are the roles beside member."""

    name = "access"
    version = 1
    stream = "MEMBERS"
    foreign = True
    subjects = ("evt.members.*.member.*",)
    events: ClassVar[tuple[type[Event], ...]] = (MemberJoined, MemberLeft, RoleGranted, RoleRevoked)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"roles": ()}

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        """Return what one event changes.  Leaving takes all roles; who comes back starts as a member."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberJoined():
                yield Write("roles", ReplaceOne(who, {**who, "granted": []}, upsert=True))
            case MemberLeft():
                yield Write("roles", DeleteOne(who))
            case RoleGranted(role=role):
                yield Write("roles", UpdateOne(who, {"$addToSet": {"granted": role}}))
            case RoleRevoked(role=role):
                yield Write("roles", UpdateOne(who, {"$pull": {"granted": role}}))

    async def roles(self, brand: str, member: str) -> frozenset[str]:
        """Return the roles of a member in a brand, as far as the view has come; none for who is not in it."""
        document = await self.collection("roles").find_one({"_id": f"{brand}:{member}"})
        return frozenset() if document is None else frozenset({Role.MEMBER.value, *document["granted"]})
