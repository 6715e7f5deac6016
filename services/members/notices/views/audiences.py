"""For whom things are that are not for every member: kept by the views that say to whom something may be told."""

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


async def audience_of(view: View, brand: str, id: str) -> Audience | None:  # noqa: A002 – the field's word
    """For whom something is; None for every member, and for what the view has not met."""
    document = await view.collection(AUDIENCES).find_one({"_id": f"{brand}:{id}"})
    return None if document is None else convert(document["audience"], Audience)
