"""To whom do digests of a brand go, in which time zone and in which language?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import ASCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.notices.foreign import MemberJoined, MemberLeft, MemberLocaleChosen
from services.members.notices.places import Slice, place, places_in
from services.members.notices.preferences import DigestZoneChosen

#: The time zone of who chose none in a brand that chose none.
UTC = "UTC"


class Reader(Struct, frozen=True, kw_only=True):
    """A member as digests know them; `language` None is the brand's."""

    member: str
    language: str | None


class ReadersView(View):
    """`readers`: a document a member who is in a brand, with the `zone` that they chose, empty for the brand's.

    `brands`: the zone of each brand that chose one.
    """

    name = "digest_readers"
    version = 1
    stream = "MEMBERS"
    events = (MemberJoined, MemberLocaleChosen, MemberLeft, DigestZoneChosen, ErasureRecorded)
    foreign = True  # of the events of a membership it reads three
    subjects = ("evt.members.*.member.>", "evt.members.*.notification_defaults.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "readers": (IndexModel([("brand", ASCENDING), ("zone", ASCENDING), ("place", ASCENDING)]),),
        "brands": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberJoined():
                yield Write("readers", ReplaceOne(who, {**who, **_joined(recorded)}, upsert=True))
            case MemberLocaleChosen() as event:
                chosen = {"zone": event.time_zone or "", "language": event.language}
                yield Write("readers", UpdateOne(who, {"$set": chosen}))
            case DigestZoneChosen() as event:
                zone = {"_id": recorded.brand, "zone": event.time_zone}
                yield Write("brands", ReplaceOne({"_id": recorded.brand}, zone, upsert=True))
            case MemberLeft() | ErasureRecorded():
                yield Write("readers", DeleteOne(who))

    async def zones(self, brand: str) -> dict[str, str]:
        """The zones in which a brand has readers: as they chose it (empty for the brand's) → what that is now."""
        chosen: list[str] = await self.collection("readers").distinct("zone", {"brand": brand})
        found = await self.collection("brands").find_one({"_id": brand})
        own = found["zone"] if found else UTC
        return {zone: zone or own for zone in chosen}

    async def readers(self, brand: str, zone: str, within: Slice) -> list[Reader]:
        """Who of a slice chose a zone (empty for the brand's)."""
        where = {"brand": brand, "zone": zone, "place": places_in(within)}
        return [_reader(document) async for document in self.collection("readers").find(where)]

    async def how_many(self, brand: str, zone: str) -> int:
        """How many chose it."""
        return await self.collection("readers").count_documents({"brand": brand, "zone": zone})

    async def reader(self, brand: str, member: str) -> Reader | None:
        """A member; None for who is not in the brand."""
        document = await self.collection("readers").find_one({"_id": f"{brand}:{member}"})
        return None if document is None else _reader(document)


def _joined(recorded: Recorded[Any]) -> dict[str, Any]:
    member = recorded.aggregate_id
    return {"brand": recorded.brand, "member": member, "place": place(member), "zone": "", "language": None}


def _reader(document: Mapping[str, Any]) -> Reader:
    return Reader(member=document["member"], language=document["language"])
