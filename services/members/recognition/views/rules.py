"""By which rules does a brand recognise its members, on which day?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne

from libs.shared.domain import Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import brand
from services.members.brand import BrandCreated, BrandKind, BrandType
from services.members.recognition import rules
from services.members.recognition.defaults import default_rules
from services.members.recognition.rules import MAX_EDITIONS, RecognitionRulesPublished, Rules


class RulesView(Struct, frozen=True, kw_only=True):
    """An edition.  That of a brand without one of its own has number 0, and no first day, moment and member."""

    edition: int
    rules: Rules
    holds_from: date | None = None
    published_at: datetime | None = None
    published_by: str | None = None


class RecognitionRulesResult(Struct, frozen=True, kw_only=True):
    """The edition that holds on a day, and the newest one that holds later, if there is one."""

    current: RulesView
    coming: RulesView | None


class RecognitionRulesPageResult(Page[RulesView], frozen=True, kw_only=True):
    """A page of editions."""


class RecognitionRules(Query, frozen=True, kw_only=True):
    """The rules of a day (UTC)."""

    wire_name: ClassVar[str] = "recognition_rules"

    day: date


class RecognitionRulesPage(Query, frozen=True, kw_only=True):
    """The brand's own editions, the newest first."""

    wire_name: ClassVar[str] = "recognition_rules_page"

    page: PageRequest = PageRequest()


class RecognitionRulesView(View):
    """`editions`: a document an edition.  `brands`: what the rules of a brand follow from that has none of its own."""

    name = "recognition_rules"
    version = 1
    stream = "MEMBERS"
    events = (*brand.DECIDER.events, *rules.DECIDER.events)
    upcasters = brand.UPCASTERS
    subjects = ("evt.members.*.brand.>", "evt.members.*.recognition_rules.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "editions": (
            page_index("brand", "edition"),
            IndexModel([("brand", ASCENDING), ("holds_from", ASCENDING)]),
        ),
        "brands": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case BrandCreated() as event:
                of = {"_id": recorded.brand}
                about = {"type": event.type and event.type.value, "kind": event.kind.value, "locale": event.locale}
                yield Write("brands", ReplaceOne(of, {**of, **about}, upsert=True))
            case RecognitionRulesPublished() as event:
                one = {"_id": f"{recorded.brand}:{event.edition}"}
                edition = {
                    "brand": recorded.brand,
                    "edition": event.edition,
                    "holds_from": event.holds_from.isoformat(),
                    "rules": msgspec.to_builtins(event.rules),
                    "published_at_ms": to_ms(recorded.time),
                    "published_by": recorded.actor,
                }
                yield Write("editions", ReplaceOne(one, {**one, **edition}, upsert=True))

    async def recognition_rules(self, query: RecognitionRules) -> RecognitionRulesResult:
        """What holds, and what will."""
        coming = await self._newest(query.brand, {"$gt": query.day.isoformat()})
        return RecognitionRulesResult(
            current=await self._current(query.brand, query.day), coming=None if coming is None else _edition(coming)
        )

    async def recognition_rules_page(self, query: RecognitionRulesPage) -> RecognitionRulesPageResult:
        """A page of the brand's own editions."""
        found = await page(
            self.collection("editions"),
            prefix={"brand": query.brand},
            key="edition",
            request=query.page,
            floor=1,
            ceiling=MAX_EDITIONS,
            descending=True,
        )
        shown = found.map(_edition)
        return RecognitionRulesPageResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def rules_on(self, brand_id: str, day: date) -> Rules:
        """The rules of a day."""
        return (await self._current(brand_id, day)).rules

    async def _current(self, brand_id: str, day: date) -> RulesView:
        own = await self._newest(brand_id, {"$lte": day.isoformat()})
        if own is not None:
            return _edition(own)
        about = await self.collection("brands").find_one({"_id": brand_id})
        if about is None:
            return RulesView(edition=0, rules=Rules())
        type_ = about["type"] and BrandType(about["type"])
        return RulesView(edition=0, rules=default_rules(type_, BrandKind(about["kind"]), about["locale"]))

    async def _newest(self, brand_id: str, holds_from: Mapping[str, str]) -> dict[str, Any] | None:
        found = self.collection("editions").find({"brand": brand_id, "holds_from": holds_from})
        newest = await found.sort([("holds_from", DESCENDING), ("edition", DESCENDING)]).limit(1).to_list(1)
        return newest[0] if newest else None


def _edition(document: Mapping[str, Any]) -> RulesView:
    return RulesView(
        edition=document["edition"],
        rules=msgspec.convert(document["rules"], Rules),
        holds_from=date.fromisoformat(document["holds_from"]),
        published_at=from_ms(document["published_at_ms"]),
        published_by=document["published_by"],
    )
