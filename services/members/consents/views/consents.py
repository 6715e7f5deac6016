"""To what have the members of a brand agreed, since when, by which words, and how many?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta, Struct
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne

from libs.shared.domain import Id, NotFound, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Slug
from libs.shared.times import from_ms, to_ms
from services.members import member, member_decisions
from services.members.consents import purposes
from services.members.consents.consent import ConsentGiven, ConsentWithdrawn
from services.members.consents.purposes import (
    BUILT_IN,
    ConsentPurposePublished,
    ConsentPurposeRestored,
    ConsentPurposeRetired,
    ConsentText,
)

#: More changes of one member's consents are not looked at for a moment.
_MOST_CHANGES: Final = 10_000


class PurposeView(Struct, frozen=True, kw_only=True):
    """A purpose of a brand with the text that holds; a retired one is not asked for any more."""

    purpose: str
    edition: int
    texts: list[ConsentText]
    retired: bool


class ConsentView(Struct, frozen=True, kw_only=True):
    """That a member agreed at a moment: to which edition, and since when to that one."""

    purpose: str
    edition: int
    given_at: datetime


class ConsentChange(Struct, frozen=True, kw_only=True):
    """One line of a member's history."""

    purpose: str
    edition: int
    given: bool
    at: datetime


class ConsentHistoryResult(Page[ConsentChange], frozen=True, kw_only=True):
    """A page of a history."""


class EditionCount(Struct, frozen=True, kw_only=True):
    """How many agree by one edition of a text."""

    edition: int
    members: int


class PurposeCount(Struct, frozen=True, kw_only=True):
    """How many agree to a purpose now; `editions` adds up to `members`."""

    purpose: str
    members: int
    editions: list[EditionCount]


class ConsentPurposes(Query, frozen=True, kw_only=True):
    """The purposes of a brand, by key.  Members."""

    wire_name: ClassVar[str] = "consent_purposes"


class ConsentTextEdition(Query, frozen=True, kw_only=True):
    """An edition of a purpose's text, also an old one.  Members.  NOT_FOUND."""

    wire_name: ClassVar[str] = "consent_text_edition"

    purpose: Slug
    edition: int


class ConsentsOfMember(Query, frozen=True, kw_only=True):
    """To what a member agrees, now or did `as_of` a moment (by the time of the events).  The member alone."""

    wire_name: ClassVar[str] = "consents_of_member"

    member_id: Id
    as_of: Annotated[datetime, Meta(tz=True)] | None = None


class ConsentHistory(Query, frozen=True, kw_only=True):
    """What a member gave and withdrew, the newest first.  The member alone."""

    wire_name: ClassVar[str] = "consent_history"

    member_id: Id
    page: PageRequest = PageRequest()


class ConsentReport(Query, frozen=True, kw_only=True):
    """How many members agree to what.  Owners and builders."""

    wire_name: ClassVar[str] = "consent_report"


class ConsentsView(View):
    """`purposes`: a document a brand that changed the built-in ones.  `texts`: one an edition that a brand published.

    `history`: a document each time that a consent was given or withdrawn, also of who left: the proof is kept, and
    says nothing but which purpose.  `totals`: a document a purpose of a brand, how many agree by each edition; giving
    and withdrawing alternate, so plain increments stay exact.
    """

    name = "consents"
    version = 1
    stream = "MEMBERS"
    events = (*purposes.DECIDER.events, *member_decisions.DECIDER.events)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.consent_purposes.>", "evt.members.*.member.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "purposes": (),
        "texts": (),
        "history": (page_index("member", "sequence"),),
        "totals": (IndexModel([("brand", ASCENDING)]),),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        brand = recorded.brand
        match recorded.event:
            case ConsentPurposePublished(purpose=key) as event:
                text = {"edition": event.edition, "texts": msgspec.to_builtins(event.texts)}
                id_ = f"{brand}:{key}:{event.edition}"
                yield Write("texts", ReplaceOne({"_id": id_}, {"_id": id_, **text}, upsert=True))
                change = {f"by_key.{key}.{name}": value for name, value in text.items()}
                yield Write("purposes", UpdateOne({"_id": brand}, {"$set": change}, upsert=True))
            case ConsentPurposeRetired(purpose=key):
                yield Write("purposes", UpdateOne({"_id": brand}, {"$addToSet": {"retired": key}}, upsert=True))
            case ConsentPurposeRestored(purpose=key):
                yield Write("purposes", UpdateOne({"_id": brand}, {"$pull": {"retired": key}}, upsert=True))
            case ConsentGiven() as event:
                yield _line(recorded, event, given=True)
                counts = {f"editions.{event.edition}": 1}
                if event.replaced is not None:
                    counts[f"editions.{event.replaced}"] = -1
                yield _count(brand, event.purpose, counts)
            case ConsentWithdrawn() as event:
                yield _line(recorded, event, given=False)
                yield _count(brand, event.purpose, {f"editions.{event.edition}": -1})

    async def consent_purposes(self, query: ConsentPurposes) -> list[PurposeView]:
        """The purposes, the built-in ones and the brand's own."""
        kept = await self.collection("purposes").find_one({"_id": query.brand}) or {}
        retired = kept.get("retired", ())
        built_in = {key: {"edition": 1, "texts": msgspec.to_builtins(texts)} for key, texts in BUILT_IN.items()}
        by_key = {str(key): text for key, text in (built_in | kept.get("by_key", {})).items()}
        return [
            PurposeView(
                purpose=key,
                edition=text["edition"],
                texts=msgspec.convert(text["texts"], list[ConsentText]),
                retired=key in retired,
            )
            for key, text in sorted(by_key.items())
        ]

    async def consent_text_edition(self, query: ConsentTextEdition) -> list[ConsentText]:
        """The text in its languages.  Raises NOT_FOUND."""
        if query.edition == 1 and query.purpose in BUILT_IN:
            return BUILT_IN[query.purpose]
        id_ = f"{query.brand}:{query.purpose}:{query.edition}"
        found = await self.collection("texts").find_one({"_id": id_})
        if found is None:
            raise NotFound("there is no such text", ("edition",))
        return msgspec.convert(found["texts"], list[ConsentText])

    async def consents_of_member(self, query: ConsentsOfMember) -> list[ConsentView]:
        """The consents that held, by purpose."""
        until = {"at_ms": {"$lte": to_ms(query.as_of)}} if query.as_of else {}
        found = self.collection("history").find({"member": f"{query.brand}:{query.member_id}", **until})
        held: dict[str, ConsentView] = {}
        for line in await found.sort("sequence", ASCENDING).to_list(_MOST_CHANGES):
            held.pop(line["purpose"], None)
            if line["given"]:
                held[line["purpose"]] = ConsentView(
                    purpose=line["purpose"], edition=line["edition"], given_at=from_ms(line["at_ms"])
                )
        return sorted(held.values(), key=lambda consent: consent.purpose)

    async def withdrawn(self, brand: str, member_id: str) -> frozenset[str]:
        """The purposes that a member agreed to once and does not any more."""
        found = self.collection("history").find({"member": f"{brand}:{member_id}"})
        lines = await found.sort("sequence", ASCENDING).to_list(_MOST_CHANGES)
        last = {line["purpose"]: line["given"] for line in lines}
        return frozenset(purpose for purpose, given in last.items() if not given)

    async def consent_history(self, query: ConsentHistory) -> ConsentHistoryResult:
        """A page of the history."""
        found = await page(
            self.collection("history"),
            prefix={"member": f"{query.brand}:{query.member_id}"},
            key="sequence",
            request=query.page,
            floor=0,
            descending=True,
        )
        shown = found.map(
            lambda line: ConsentChange(
                purpose=line["purpose"], edition=line["edition"], given=line["given"], at=from_ms(line["at_ms"])
            )
        )
        return ConsentHistoryResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def consent_report(self, query: ConsentReport) -> list[PurposeCount]:
        """The counts, by purpose."""
        counts = []
        async for total in self.collection("totals").find({"brand": query.brand}):
            editions = sorted((int(edition), members) for edition, members in total["editions"].items() if members)
            counts.append(
                PurposeCount(
                    purpose=total["purpose"],
                    members=sum(members for _, members in editions),
                    editions=[EditionCount(edition=edition, members=members) for edition, members in editions],
                )
            )
        return sorted(counts, key=lambda count: count.purpose)


def _line(recorded: Recorded[Any], event: ConsentGiven | ConsentWithdrawn, *, given: bool) -> Write:
    id_ = f"{recorded.brand}:{recorded.aggregate_id}:{recorded.sequence}:{recorded.index}"
    document = {
        "_id": id_,
        "member": f"{recorded.brand}:{recorded.aggregate_id}",
        "sequence": recorded.sequence,
        "purpose": event.purpose,
        "edition": event.edition,
        "given": given,
        "at_ms": to_ms(recorded.time),
    }
    return Write("history", ReplaceOne({"_id": id_}, document, upsert=True))


def _count(brand: str, purpose: str, counts: dict[str, int]) -> Write:
    fields = {"brand": brand, "purpose": purpose}
    change = {"$inc": counts, "$setOnInsert": fields}
    return Write("totals", UpdateOne({"_id": f"{brand}:{purpose}"}, change, upsert=True))
