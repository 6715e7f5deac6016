"""To whom do digests of a brand go, and by which clock?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from pymongo import ASCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.notices.foreign import MemberJoined, MemberLeft, MemberLocaleChosen
from services.members.notices.places import Slice, place, places_in
from services.members.notices.preferences import DEFAULT_ZONE, DigestZoneChosen


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
                yield Write("readers", UpdateOne(who, {"$set": {"zone": event.time_zone or ""}}))
            case DigestZoneChosen() as event:
                zone = {"_id": recorded.brand, "zone": event.time_zone}
                yield Write("brands", ReplaceOne({"_id": recorded.brand}, zone, upsert=True))
            case MemberLeft() | ErasureRecorded():
                yield Write("readers", DeleteOne(who))

    async def zones(self, brand: str) -> dict[str, str]:
        """The zones in which a brand has readers: as they chose it (empty for the brand's) → what that is now."""
        chosen: list[str] = await self.collection("readers").distinct("zone", {"brand": brand})
        found = await self.collection("brands").find_one({"_id": brand})
        own = found["zone"] if found else DEFAULT_ZONE
        return {zone: zone or own for zone in chosen}

    async def readers(self, brand: str, zone: str, within: Slice) -> list[str]:
        """Who of a slice chose a zone (empty for the brand's)."""
        where = {"brand": brand, "zone": zone, "place": places_in(within)}
        return [document["member"] async for document in self.collection("readers").find(where)]

    async def how_many(self, brand: str, zone: str) -> int:
        """How many chose it."""
        return await self.collection("readers").count_documents({"brand": brand, "zone": zone})


def _joined(recorded: Recorded[Any]) -> dict[str, Any]:
    member = recorded.aggregate_id
    return {"brand": recorded.brand, "member": member, "place": place(member), "zone": ""}
