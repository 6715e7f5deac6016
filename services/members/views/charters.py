"""What does a brand stand for, by which rules, since when, and who has accepted them?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne

from libs.shared.domain import Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import charter, member, member_decisions
from services.members.charter import CharterEvent, CharterPart, ManifestoPublished, RulesPublished
from services.members.member import RulesAccepted


class CharterTextView(Struct, frozen=True, kw_only=True):
    """An edition of a text: Markdown, its number from 1, when it was published and by whom (a member)."""

    part: CharterPart
    edition: int
    text: str
    published_at: datetime
    published_by: str


class CharterView(Struct, frozen=True, kw_only=True):
    """What holds in a brand at a moment; None where there was nothing yet."""

    manifesto: CharterTextView | None = None
    rules: CharterTextView | None = None


class CharterEditionsResult(Page[CharterTextView], frozen=True, kw_only=True):
    """A page of editions."""


class Acceptance(Struct, frozen=True, kw_only=True):
    """What a member had accepted at a moment: the newest edition, and when they did."""

    edition: int
    accepted_at: datetime


class AcceptanceView(Struct, frozen=True, kw_only=True):
    """A member and the rules at a moment.  `must_accept`: the rules had an edition that was not accepted."""

    accepted: Acceptance | None
    must_accept: bool


class CharterOfBrand(Query, frozen=True, kw_only=True):
    """The texts that hold in a brand, now or `as_of` a moment (by the time of the events)."""

    wire_name: ClassVar[str] = "charter_of_brand"

    brand_id: Id
    as_of: Annotated[datetime, Meta(tz=True)] | None = None


class CharterEditions(Query, frozen=True, kw_only=True):
    """All editions of a text, the newest first."""

    wire_name: ClassVar[str] = "charter_editions"

    brand_id: Id
    part: CharterPart
    page: PageRequest = PageRequest()


class RulesAcceptance(Query, frozen=True, kw_only=True):
    """What a member has accepted, now or `as_of` a moment."""

    wire_name: ClassVar[str] = "rules_acceptance"

    member_id: Id
    as_of: Annotated[datetime, Meta(tz=True)] | None = None


class ChartersView(View):
    """The texts and their acceptance.

    `texts`: a document an edition.  `current`: the newest one of each, `_id` brand:part.
    `acceptances`: a document each time that a member accepted rules, also of who left.
    """

    name = "charters"
    version = 1
    stream = "MEMBERS"
    events = (*charter.DECIDER.events, *member_decisions.DECIDER.events)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.charter.>", "evt.members.*.member.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "texts": (page_index("brand", "part", "edition"),),
        "current": (),
        "acceptances": (IndexModel([("member", ASCENDING), ("edition", ASCENDING)]),),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case ManifestoPublished() as event:
                yield from _published(recorded, CharterPart.MANIFESTO, event)
            case RulesPublished() as event:
                yield from _published(recorded, CharterPart.RULES, event)
            case RulesAccepted() as event:
                at = to_ms(recorded.time)
                who = f"{recorded.brand}:{recorded.aggregate_id}"
                id_ = f"{who}:{recorded.sequence}"
                accepted = {"_id": id_, "member": who, "edition": event.edition, "accepted_at_ms": at}
                yield Write("acceptances", ReplaceOne({"_id": id_}, accepted, upsert=True))

    async def charter_of_brand(self, query: CharterOfBrand) -> CharterView:
        """The manifesto and the rules that hold."""
        return CharterView(
            manifesto=await self._text(query.brand_id, CharterPart.MANIFESTO, query.as_of),
            rules=await self._text(query.brand_id, CharterPart.RULES, query.as_of),
        )

    async def charter_editions(self, query: CharterEditions) -> CharterEditionsResult:
        """A page of editions."""
        found = await page(
            self.collection("texts"),
            prefix={"brand": query.brand_id, "part": query.part.value},
            key="edition",
            request=query.page,
            ceiling=1_000_000,
            descending=True,
        )
        shown = found.map(_text)
        return CharterEditionsResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def rules_acceptance(self, query: RulesAcceptance) -> AcceptanceView:
        """The newest edition that a member accepted, held against the rules of then."""
        rules = await self._text(query.brand, CharterPart.RULES, query.as_of)
        until = {"accepted_at_ms": {"$lte": to_ms(query.as_of)}} if query.as_of else {}
        found = self.collection("acceptances").find({"member": f"{query.brand}:{query.member_id}", **until})
        newest = await found.sort("edition", DESCENDING).limit(1).to_list(1)
        accepted = (
            Acceptance(edition=newest[0]["edition"], accepted_at=from_ms(newest[0]["accepted_at_ms"]))
            if newest
            else None
        )
        return AcceptanceView(
            accepted=accepted,
            must_accept=rules is not None and (accepted is None or accepted.edition < rules.edition),
        )

    async def _text(self, brand: str, part: CharterPart, as_of: datetime | None) -> CharterTextView | None:
        if as_of is None:
            document = await self.collection("current").find_one({"_id": f"{brand}:{part.value}"})
            return None if document is None else _text(document)
        then = {"brand": brand, "part": part.value, "published_at_ms": {"$lte": to_ms(as_of)}}
        found = self.collection("texts").find(then)
        newest = await found.sort("edition", DESCENDING).limit(1).to_list(1)
        return _text(newest[0]) if newest else None


def _published(recorded: Recorded[Any], part: CharterPart, event: CharterEvent) -> Iterable[Write]:
    of_brand = f"{recorded.brand}:{part.value}"
    document = {
        "brand": recorded.brand,
        "part": part.value,
        "edition": event.edition,
        "text": event.text,
        "published_at_ms": to_ms(recorded.time),
        "published_by": recorded.actor,
    }
    for collection, id_ in (("texts", f"{of_brand}:{event.edition}"), ("current", of_brand)):
        yield Write(collection, ReplaceOne({"_id": id_}, {"_id": id_, **document}, upsert=True))


def _text(document: Mapping[str, Any]) -> CharterTextView:
    return CharterTextView(
        part=CharterPart(document["part"]),
        edition=document["edition"],
        text=document["text"],
        published_at=from_ms(document["published_at_ms"]),
        published_by=document["published_by"],
    )
