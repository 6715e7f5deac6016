"""Which spaces are exclusive and to whom: kept by each view that shows what stands in spaces, in the order of the log.

A view that shows a post has so passed what says for whom its space is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, convert, to_builtins
from pymongo import DeleteOne, IndexModel, ReplaceOne

from libs.access.audience import Audience
from libs.shared.domain import Id, Query
from libs.shared.projection import View, Write
from libs.shared.recorded import Recorded
from services.discussions.space import SpaceAudienceChanged, SpaceCreated

#: The collection that `exclusive` writes: a document for each space that has an audience, `_id` brand:space.
EXCLUSIVE = "exclusive"
INDEXES = (IndexModel("brand"),)


class AskedInSpaces(Query, frozen=True, kw_only=True):
    """A question about what stands in spaces.

    `hidden` never travels: the service puts in the spaces that the viewer is not let into.
    """

    hidden: tuple[Id, ...] = ()


class Exclusive(Struct, frozen=True, kw_only=True):
    """A space that is not for every member."""

    space_id: str
    audience: Audience


def exclusive(recorded: Recorded[Any]) -> Iterable[Write]:
    """The writes that an event of a space makes."""
    if not isinstance(recorded.event, SpaceCreated | SpaceAudienceChanged):
        return
    audience, one = recorded.event.audience, {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
    if audience is not None:
        about = {"brand": recorded.brand, "space": recorded.aggregate_id, "audience": to_builtins(audience)}
        yield Write(EXCLUSIVE, ReplaceOne(one, {**one, **about}, upsert=True))
    elif isinstance(recorded.event, SpaceAudienceChanged):
        yield Write(EXCLUSIVE, DeleteOne(one))


async def exclusive_spaces(view: View, brand: str) -> list[Exclusive]:
    """The spaces of a brand that are not for every member, as far as a view has come."""
    found = view.collection(EXCLUSIVE).find({"brand": brand})
    return [
        Exclusive(space_id=document["space"], audience=convert(document["audience"], Audience))
        async for document in found
    ]


def not_in(hidden: tuple[str, ...]) -> Mapping[str, Any]:
    """The condition that a document's `space` is none of these."""
    return {"space": {"$nin": list(hidden)}} if hidden else {}
