"""For whom things are that are not for every member: kept by the views that say to whom something may be told."""

from collections.abc import Collection
from typing import Any, Final

from msgspec import convert, to_builtins
from pymongo import DeleteOne, ReplaceOne

from libs.access.audience import Audience
from libs.shared.projection import View, Write
from libs.shared.recorded import Recorded

#: A document for each thing that is not for every member, `_id` brand:id.
AUDIENCES: Final = "audiences"


def audience_write(recorded: Recorded[Any], audience: Audience | None) -> Write:
    """What it writes that the event's aggregate is for an audience."""
    one = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
    if audience is None:
        return Write(AUDIENCES, DeleteOne(one))
    return Write(AUDIENCES, ReplaceOne(one, {**one, "audience": to_builtins(audience)}, upsert=True))


async def audiences_of(view: View, brand: str, ids: Collection[str]) -> dict[str, Audience]:
    """For whom things are; none of those that are for every member, or that the view has not met."""
    if not ids:
        return {}
    found = view.collection(AUDIENCES).find({"_id": {"$in": [f"{brand}:{id_}" for id_ in ids]}})
    return {
        document["_id"].removeprefix(f"{brand}:"): convert(document["audience"], Audience) async for document in found
    }
