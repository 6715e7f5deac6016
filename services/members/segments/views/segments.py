"""Which segments has a brand, by which rules, and who is in them since when?"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, convert, structs, to_builtins
from pymongo import IndexModel, UpdateOne

from libs.shared.domain import Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, Counter, SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.segments import membership, segment
from services.members.segments.membership import SegmentEntered, SegmentLeft, part, part_id
from services.members.segments.rules import READING, Rule
from services.members.segments.segment import (
    SegmentCreated,
    SegmentDeleted,
    SegmentRedefined,
    SegmentRenamed,
    SegmentSettled,
)


class SegmentView(Struct, frozen=True, kw_only=True):
    """A segment as a leader sees it.  Without a rule it is a list.

    `settled_at`: since when its members are by its current rule; None while everybody is held against it.
    """

    id: str
    name: str
    rule: Rule | None
    edition: int
    created_at: datetime
    created_by: str
    settled_at: datetime | None
    member_count: int


class SegmentPageResult(Page[SegmentView], frozen=True, kw_only=True):
    """A page of a brand's segments, the oldest first."""

    total_count: int


class InSegment(Struct, frozen=True, kw_only=True):
    """A member who is in a segment, and since when."""

    member_id: str
    entered_at: datetime


class SegmentMembersResult(Page[InSegment], frozen=True, kw_only=True):
    """A page of a segment's members, who came last first."""

    total_count: int


class SegmentPage(Query, frozen=True, kw_only=True):
    """The segments of the brand.  Owners and builders."""

    wire_name: ClassVar[str] = "segment_page"

    page: PageRequest = PageRequest()


class SegmentsGetMany(Query, frozen=True, kw_only=True):
    """Segments by id, in the order of `ids`, None for one that is not in this brand.  Owners and builders."""

    wire_name: ClassVar[str] = "segments_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class SegmentMembers(Query, frozen=True, kw_only=True):
    """The same page of who is in it of each of many segments, in the order of `ids`.  Owners and builders.

    Nobody is in one that is not in this brand.
    """

    wire_name: ClassVar[str] = "segment_members"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class SegmentsOfMembers(Query, frozen=True, kw_only=True):
    """The segments that each of `ids` is in, by name.  Owners and builders."""

    wire_name: ClassVar[str] = "segments_of_members"

    ids: Annotated[list[Id], Meta(max_length=100)]


class Definition(Struct, frozen=True, kw_only=True):
    """What the evaluation needs of a segment."""

    brand: str
    id: str
    edition: int
    rule: Rule | None
    deleted: bool


class SegmentsView(View):
    """`segments`: a document a segment, `_id` brand:segment; `pending` until its edition is settled by this reading.

    `members`: one for each member of each, `_id` brand:segment:member.  `counts`: the number of `members`, `_id` as of
    the segment.  `parts`: how many `changes` each part of each segment has had, `_id` brand:part's id.
    `totals`: the `count` of segments of a brand.
    """

    name = "segments"
    version = 2
    stream = "MEMBERS"
    events = (*segment.DECIDER.events, *membership.DECIDER.events)
    upcasters = segment.UPCASTERS
    subjects = ("evt.members.*.segment.>", "evt.members.*.segment_part.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "segments": (page_index("brand", "deleted", "created_at_ms"), IndexModel("pending")),
        "members": (page_index("of", "entered_at_ms"), IndexModel("part"), IndexModel("who")),
        "counts": (),
        "parts": (),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        brand = recorded.brand
        one = {"_id": f"{brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case SegmentCreated() as event:
                yield Write("segments", UpdateOne(one, {"$set": _new(recorded, event)}, upsert=True))
                yield Write("totals", UpdateOne({"_id": brand}, {"$inc": {"count": 1}}, upsert=True))
            case SegmentRenamed(name=name):
                yield Write("segments", UpdateOne(one, {"$set": {"name": name}}))
            case SegmentRedefined() as event:
                changed = {"rule": to_builtins(event.rule), "edition": event.edition, **_UNSETTLED}
                yield Write("segments", UpdateOne(one, {"$set": changed}))
            case SegmentDeleted(edition=edition):
                changed = {"deleted": True, "edition": edition, **_UNSETTLED}
                yield Write("segments", UpdateOne(one, {"$set": changed}))
                yield Write("totals", UpdateOne({"_id": brand}, {"$inc": {"count": -1}}, upsert=True))
            case SegmentSettled(reading=reading) if reading == READING:
                settled = {"pending": False, "settled_at_ms": to_ms(recorded.time)}
                yield Write("segments", UpdateOne(one, {"$set": settled}))
            case SegmentEntered() | SegmentLeft() as event:
                yield Write("parts", UpdateOne(one, {"$inc": {"changes": 1}}, upsert=True))
                for id_ in event.member_ids:
                    yield _membership(recorded, event, id_)

    # What leaders ask

    async def segment_page(self, query: SegmentPage) -> SegmentPageResult:
        """A page of the brand's segments."""
        found = await page(
            self.collection("segments"),
            prefix={"brand": query.brand, "deleted": False},
            key="created_at_ms",
            request=query.page,
        )
        counts = await self._counts(document["_id"] for document in found.items)
        shown = found.map(lambda document: _segment(document, counts))
        return SegmentPageResult(**structs.asdict(shown), total_count=await self.count(query.brand))

    async def segments_get_many(self, query: SegmentsGetMany) -> list[SegmentView | None]:
        """The brand's segments of `ids`, in that order."""
        found = await self._segments(f"{query.brand}:{id_}" for id_ in query.ids)
        return [found.get(f"{query.brand}:{id_}") for id_ in query.ids]

    async def segment_members(self, query: SegmentMembers) -> list[SegmentMembersResult]:
        """A page of members for each segment of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        pages = await asyncio.gather(*(self._members(key, query.page) for key in keys))
        counts = await self._counts(keys)
        return [
            SegmentMembersResult(**structs.asdict(found), total_count=counts.get(key, 0))
            for found, key in zip(pages, keys, strict=True)
        ]

    async def segments_of_members(self, query: SegmentsOfMembers) -> list[list[SegmentView]]:
        """The segments of each of `ids`."""
        of: dict[str, list[str]] = {f"{query.brand}:{id_}": [] for id_ in query.ids}
        async for document in self.collection("members").find({"who": {"$in": list(of)}}):
            of[document["who"]].append(document["of"])
        known = await self._segments({one for those in of.values() for one in those})
        return [
            sorted((known[one] for one in of[f"{query.brand}:{id_}"] if one in known), key=lambda one: one.name)
            for id_ in query.ids
        ]

    # What the evaluation asks

    async def definitions(self, brand: str) -> list[Definition]:
        """All segments of a brand that are not deleted."""
        found = self.collection("segments").find({"brand": brand, "deleted": False})
        return [_definition(document) async for document in found]

    async def definition(self, brand: str, segment_id: str) -> Definition | None:
        """One of them, also a deleted one."""
        document = await self.collection("segments").find_one({"_id": f"{brand}:{segment_id}"})
        return None if document is None else _definition(document)

    async def count(self, brand: str) -> int:
        """How many segments a brand has."""
        totals = await self.collection("totals").find_one({"_id": brand})
        return totals["count"] if totals else 0

    async def pending(self, most: int) -> list[Definition]:
        """Segments whose edition is not settled, at most so many."""
        found = self.collection("segments").find({"pending": True})
        return [_definition(document) for document in await found.to_list(most)]

    async def pending_of(self, brand: str, ids: Collection[str]) -> dict[str, Definition]:
        """Those of a brand's segments whose edition is not settled, by id."""
        keys = [f"{brand}:{id_}" for id_ in ids]
        found = self.collection("segments").find({"_id": {"$in": keys}, "pending": True})
        return {document["segment"]: _definition(document) async for document in found}

    async def changes(self, brand: str, parts: Collection[str]) -> dict[str, int]:
        """How many changes parts have had, by their ids; none that have had none."""
        keys = [f"{brand}:{one}" for one in parts]
        found = self.collection("parts").find({"_id": {"$in": keys}})
        return {document["_id"].partition(":")[2]: document["changes"] async for document in found}

    async def memberships(self, brand: str, members: Collection[str]) -> set[tuple[str, str]]:
        """Who of them is in what: (segment, member)."""
        keys = [f"{brand}:{member}" for member in members]
        found = self.collection("members").find({"who": {"$in": keys}}, {"segment": 1, "member": 1})
        return {(document["segment"], document["member"]) async for document in found}

    async def members_of_parts(self, brand: str, segment_id: str, parts: Iterable[int]) -> list[str]:
        """Who is in some parts of a segment."""
        keys = [f"{brand}:{part_id(segment_id, number)}" for number in parts]
        found = self.collection("members").find({"part": {"$in": keys}}, {"member": 1})
        return [document["member"] async for document in found]

    async def _segments(self, keys: Iterable[str]) -> dict[str, SegmentView]:
        wanted = list(keys)
        counts = await self._counts(wanted)
        found = self.collection("segments").find({"_id": {"$in": wanted}, "deleted": False})
        return {document["_id"]: _segment(document, counts) async for document in found}

    async def _members(self, of: str, request: PageRequest) -> Page[InSegment]:
        found = await page(
            self.collection("members"), prefix={"of": of}, key="entered_at_ms", request=request, descending=True
        )
        return found.map(_in_segment)

    async def _counts(self, keys: Iterable[str]) -> dict[str, int]:
        found = self.collection("counts").find({"_id": {"$in": list(keys)}})
        return {document["_id"]: document["members"] async for document in found}


_UNSETTLED: Mapping[str, Any] = {"pending": True, "settled_at_ms": None}


def _new(recorded: Recorded[Any], event: SegmentCreated) -> dict[str, Any]:
    at = to_ms(recorded.time)
    # A list has nothing to be worked out.
    settled = {"pending": False, "settled_at_ms": at} if event.rule is None else _UNSETTLED
    return {
        "brand": recorded.brand,
        "segment": recorded.aggregate_id,
        "name": event.name,
        "rule": to_builtins(event.rule),
        "edition": 1,
        "deleted": False,
        "created_at_ms": at,
        "created_by": recorded.actor,
        **settled,
    }


def _membership(recorded: Recorded[Any], event: SegmentEntered | SegmentLeft, id_: str) -> SetMember:
    brand, of = recorded.brand, f"{recorded.brand}:{event.segment_id}"
    document = {
        "of": of,
        "part": f"{brand}:{part_id(event.segment_id, part(id_))}",
        "who": f"{brand}:{id_}",
        "segment": event.segment_id,
        "member": id_,
        "entered_at_ms": to_ms(recorded.time),
    }
    return SetMember(
        collection="members",
        id=f"{of}:{id_}",
        document=document if isinstance(event, SegmentEntered) else None,
        counters=(Counter("counts", of, "members"),),
    )


def _definition(document: Mapping[str, Any]) -> Definition:
    return Definition(
        brand=document["brand"],
        id=document["segment"],
        edition=document["edition"],
        rule=convert(document["rule"], Rule | None),
        deleted=document["deleted"],
    )


def _segment(document: Mapping[str, Any], counts: Mapping[str, int]) -> SegmentView:
    settled = document["settled_at_ms"]
    return SegmentView(
        id=document["segment"],
        name=document["name"],
        rule=convert(document["rule"], Rule | None),
        edition=document["edition"],
        created_at=from_ms(document["created_at_ms"]),
        created_by=document["created_by"],
        settled_at=None if settled is None else from_ms(settled),
        member_count=counts.get(document["_id"], 0),
    )


def _in_segment(document: Mapping[str, Any]) -> InSegment:
    return InSegment(member_id=document["member"], entered_at=from_ms(document["entered_at_ms"]))
