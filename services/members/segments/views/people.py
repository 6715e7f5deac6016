"""Who is in a brand, and what segments ask about who they are?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.projection import Change, Increment, View, Write
from libs.shared.recorded import Recorded
from services.members import member, member_decisions
from services.members.member import MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from services.members.segments.membership import part
from services.members.segments.views.acts import day_of


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who is in a brand, with their roles in the whole of it."""

    member: str
    roles: frozenset[str]
    joined_day: int
    source: str | None
    referrer: str | None


class PeopleView(View):
    """`people`: a document for each who is in a brand now, `_id` brand:member.  `totals`: their `count` in each brand.

    What is personal of them is not kept.  Roles are those of the whole brand: one for a single space is not among them.
    """

    name = "segment_people"
    version = 2
    stream = "MEMBERS"
    events = (*member_decisions.DECIDER.events, ErasureRecorded)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.member.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "people": (IndexModel([("brand", 1), ("part", 1)]), IndexModel([("brand", 1), ("joined_day", 1)])),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.  Joining and leaving alternate, so plain increments stay exact."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberJoined() as event:
                yield Write("people", ReplaceOne(who, {**who, **_joined(recorded, event)}, upsert=True))
                yield Increment("totals", recorded.brand, {"count": 1})
            case MemberLeft():
                yield Write("people", DeleteOne(who))
                yield Increment("totals", recorded.brand, {"count": -1})
            case RoleGranted(role=role, space_id=None):
                yield Write("people", UpdateOne(who, {"$addToSet": {"roles": role.value}}))
            case RoleRevoked(role=role, space_id=None):
                yield Write("people", UpdateOne(who, {"$pull": {"roles": role.value}}))
            case ErasureRecorded():
                yield Write("people", DeleteOne(who))

    async def get_many(self, brand: str, members: Collection[str]) -> list[Person]:
        """Those of the members who are in the brand."""
        keys = [f"{brand}:{id_}" for id_ in members]
        return [_person(document) async for document in self.collection("people").find({"_id": {"$in": keys}})]

    async def of_parts(self, brand: str, parts: Iterable[int]) -> list[str]:
        """Who is in some parts of the brand."""
        found = self.collection("people").find({"brand": brand, "part": {"$in": list(parts)}}, {"member": 1})
        return [document["member"] async for document in found]

    async def count(self, brand: str) -> int:
        """How many are in the brand."""
        totals = await self.collection("totals").find_one({"_id": brand})
        return totals["count"] if totals else 0

    async def joined_on(self, brand: str, first: int, last: int) -> list[str]:
        """Who joined on these days, the first and the last among them."""
        when = {"$gte": first, "$lte": last}
        found = self.collection("people").find({"brand": brand, "joined_day": when}, {"member": 1})
        return [document["member"] async for document in found]


def _joined(recorded: Recorded[Any], event: MemberJoined) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "part": part(recorded.aggregate_id),
        "joined_day": day_of(recorded.time),
        "source": event.source,
        "referrer": event.referrer,
        "roles": [],
    }


def _person(document: Mapping[str, Any]) -> Person:
    return Person(
        member=document["member"],
        roles=frozenset([Role.MEMBER.value, *document["roles"]]),
        joined_day=document["joined_day"],
        source=document["source"],
        referrer=document["referrer"],
    )
