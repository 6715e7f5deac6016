"""Who stands in the light now, and why?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import ASCENDING, DeleteMany, IndexModel, ReplaceOne, UpdateMany, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import SYSTEM, Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import member, member_decisions
from services.members.member import MemberLeft
from services.members.recognition import spotlight
from services.members.recognition.spotlight import MemberSpotlighted, SpotlightEnded


class SpotlightView(Struct, frozen=True, kw_only=True):
    """A member in the light: what a leader says of them, and for how long; `by` is None for the platform."""

    id: str
    member_id: str
    text: str
    since: datetime
    until: datetime
    by: str | None


class SpotlightPageResult(Page[SpotlightView], frozen=True, kw_only=True):
    """A page of spotlights."""


class SpotlightPage(Query, frozen=True, kw_only=True):
    """Who stands in the light at a moment that is not long past, who leaves it soonest first."""

    wire_name: ClassVar[str] = "spotlight_page"

    at: Annotated[datetime, Meta(tz=True)]
    page: PageRequest = PageRequest()


class SpotlightsGetMany(Query, frozen=True, kw_only=True):
    """The spotlights on members by id at a moment, in the order of `ids`; None for who stands in none."""

    wire_name: ClassVar[str] = "spotlights_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]
    at: Annotated[datetime, Meta(tz=True)]


class SpotlightsView(View):
    """`spotlights`: a document a spotlight, `_id` brand:member:spotlight; `shining` until it has ended."""

    name = "spotlights"
    version = 1
    stream = "MEMBERS"
    events = (*spotlight.DECIDER.events, *member_decisions.DECIDER.events, ErasureRecorded)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.spotlight.>", "evt.members.*.member.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "spotlights": (
            page_index("brand", "shining", "until_ms"),
            IndexModel([("who", ASCENDING), ("shining", ASCENDING)]),
        )
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = f"{recorded.brand}:{recorded.aggregate_id}"
        dark = {"$set": {"shining": False}}
        match recorded.event:
            case MemberSpotlighted() as event:
                one = {"_id": f"{who}:{event.spotlight_id}"}
                yield Write("spotlights", ReplaceOne(one, {**one, **_lit(recorded, who, event)}, upsert=True))
            case SpotlightEnded() as event:
                yield Write("spotlights", UpdateOne({"_id": f"{who}:{event.spotlight_id}"}, dark))
            case MemberLeft():
                yield Write("spotlights", UpdateMany({"who": who, "shining": True}, dark))
            case ErasureRecorded():
                yield Write("spotlights", DeleteMany({"who": who}))

    async def spotlight_page(self, query: SpotlightPage) -> SpotlightPageResult:
        """A page of those that shine."""
        found = await page(
            self.collection("spotlights"),
            prefix={"brand": query.brand, "shining": True},
            key="until_ms",
            request=query.page,
            floor=to_ms(query.at) + 1,
        )
        shown = found.map(_spotlight)
        return SpotlightPageResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def spotlights_get_many(self, query: SpotlightsGetMany) -> list[SpotlightView | None]:
        """The spotlight on each member of `ids`."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        shining = {"who": {"$in": keys}, "shining": True, "until_ms": {"$gt": to_ms(query.at)}}
        found = {one["who"]: _spotlight(one) async for one in self.collection("spotlights").find(shining)}
        return [found.get(key) for key in keys]


def _lit(recorded: Recorded[Any], who: str, event: MemberSpotlighted) -> dict[str, Any]:
    return {
        "who": who,
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "spotlight": event.spotlight_id,
        "shining": True,
        "text": event.text,
        "since_ms": to_ms(recorded.time),
        "until_ms": to_ms(event.until),
        "by": None if recorded.actor == SYSTEM else recorded.actor,
    }


def _spotlight(document: Mapping[str, Any]) -> SpotlightView:
    return SpotlightView(
        id=document["spotlight"],
        member_id=document["member"],
        text=document["text"],
        since=from_ms(document["since_ms"]),
        until=from_ms(document["until_ms"]),
        by=document["by"],
    )
