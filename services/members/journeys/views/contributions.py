"""When did a member last contribute something?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pymongo import DeleteOne, IndexModel, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.journeys import facts


class ContributionsView(View):
    """`last`: a document a member who contributed, `_id` brand:member, with `at_ms`, the last time."""

    foreign = True
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"last": ()}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.  An import may tell of what is long past."""
        if isinstance(recorded.event, ErasureRecorded):
            yield Write("last", DeleteOne({"_id": f"{recorded.brand}:{recorded.aggregate_id}"}))
            return
        deed = facts.deed(recorded)
        if deed is not None and deed.contributes:
            id_ = f"{recorded.brand}:{deed.member}"
            yield Write("last", UpdateOne({"_id": id_}, {"$max": {"at_ms": to_ms(recorded.time)}}, upsert=True))

    async def last_at(self, brand: str, member: str) -> datetime | None:
        """When a member last contributed; None for never."""
        document = await self.collection("last").find_one({"_id": f"{brand}:{member}"})
        return None if document is None else from_ms(document["at_ms"])


class PostedView(ContributionsView):
    """Posts and replies."""

    name = "posted"
    stream = "DISCUSSIONS"
    events = (*facts.FOREIGN["DISCUSSIONS"], ErasureRecorded)
    subjects = (*facts.SUBJECTS["DISCUSSIONS"], "evt.discussions.*.erasure.*")


class ProposedView(ContributionsView):
    """Ideas."""

    name = "proposed"
    stream = "FEEDBACK"
    events = (facts.IdeaSubmitted, ErasureRecorded)
    subjects = ("evt.feedback.*.idea.*", "evt.feedback.*.erasure.*")
