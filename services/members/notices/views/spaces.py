"""For whom spaces are: nobody is told of, or follows, what stands in a space that they are not let into."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import convert, to_builtins
from pymongo import DeleteOne, IndexModel, ReplaceOne

from libs.access.audience import Audience
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.notices.foreign import SpaceAudienceChanged, SpaceCreated


class ExclusiveSpacesView(View):
    """`audiences`: a document for each space that is not for every member, `_id` brand:space."""

    name = "exclusive_spaces"
    version = 1
    stream = "DISCUSSIONS"
    foreign = True
    events = (SpaceCreated, SpaceAudienceChanged)
    subjects = ("evt.discussions.*.space.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"audiences": ()}

    def project(self, recorded: Recorded[SpaceCreated | SpaceAudienceChanged]) -> Iterable[Change]:
        """The writes that one event makes."""
        one, audience = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}, recorded.event.audience
        if audience is None:
            yield Write("audiences", DeleteOne(one))
        else:
            document: dict[str, Any] = {**one, "audience": to_builtins(audience)}
            yield Write("audiences", ReplaceOne(one, document, upsert=True))

    async def audiences(self, brand: str, spaces: Collection[str]) -> dict[str, Audience]:
        """For whom spaces are; none of those that are for every member, or that the view has not met."""
        found = self.collection("audiences").find({"_id": {"$in": [f"{brand}:{space}" for space in spaces]}})
        return {
            document["_id"].removeprefix(f"{brand}:"): convert(document["audience"], Audience)
            async for document in found
        }
