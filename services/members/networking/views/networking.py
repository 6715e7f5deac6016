"""Who wants to be found and by which tags, whom to suggest to a member, and who is not to meet whom?"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

from msgspec import Meta, Struct, structs
from pymongo import DeleteMany, DeleteOne, IndexModel, ReplaceOne

from libs.access.erasure import ErasureRecorded
from libs.shared.cursors import Place
from libs.shared.domain import Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index, page_of
from libs.shared.projection import Change, Document, View, Write
from libs.shared.recorded import Recorded
from libs.shared.tags import tag_key
from libs.shared.times import from_ms, to_ms
from services.members import member, member_decisions
from services.members.member import MemberLeft
from services.members.networking import block_list, networking, tag_list
from services.members.networking.block_list import MemberBlocked, MemberUnblocked
from services.members.networking.networking import NetworkingChosen, NetworkingLeft, SuggestionDismissed
from services.members.networking.suggesting import CANDIDATES, HOLDERS_A_TAG, Suggestion, Tagged, suggest, weight
from services.members.networking.tag_list import TagsOffered
from services.members.networking.tags import SLOTS, TagKind, from_text, slot

#: The first look for a tag's holders is at so many slots: where they are many, that is enough to tell.
_FIRST_LOOK = 64


class NetworkingView(Struct, frozen=True, kw_only=True):
    """What a member shows to be found; nothing unless `open`."""

    open: bool
    interests: list[str]
    skills: list[str]


class SuggestionView(Struct, frozen=True, kw_only=True):
    """Somebody to meet: `score` as `suggesting.py` says, and why: what both have."""

    member_id: str
    score: int
    shared_interests: list[str]
    shared_skills: list[str]


class SuggestionPageResult(Page[SuggestionView], frozen=True, kw_only=True):
    """A page of suggestions, the best first."""


class OfferedTagsView(Struct, frozen=True, kw_only=True):
    """The tags that a brand offers, and whether no others are taken."""

    tags: list[str]
    only_these: bool


class BlockView(Struct, frozen=True, kw_only=True):
    """Somebody whom the viewer blocks."""

    member_id: str
    blocked_at: datetime


class BlockPageResult(Page[BlockView], frozen=True, kw_only=True):
    """A page of blocks, the newest first."""

    total_count: int


class ViewerNetworking(Query, frozen=True, kw_only=True):
    """What the viewer shows of themselves."""

    wire_name: ClassVar[str] = "viewer_networking"


class MemberSuggestions(Query, frozen=True, kw_only=True):
    """Whom the viewer may want to meet; nobody unless the viewer takes part."""

    wire_name: ClassVar[str] = "member_suggestions"

    page: PageRequest = PageRequest()


class OfferedTags(Query, frozen=True, kw_only=True):
    """The tags of a brand."""

    wire_name: ClassVar[str] = "offered_tags"


class ViewerBlocks(Query, frozen=True, kw_only=True):
    """Whether the viewer blocks members, in the order of `ids`."""

    wire_name: ClassVar[str] = "viewer_blocks"

    ids: Annotated[list[Id], Meta(max_length=100)]


class BlockPage(Query, frozen=True, kw_only=True):
    """Whom the viewer blocks."""

    wire_name: ClassVar[str] = "block_page"

    page: PageRequest = PageRequest()


class _Holders(NamedTuple):
    """Members who have a tag, at most about `HOLDERS_A_TAG` of them, and how many there are, or about are."""

    members: list[str]
    total: int


class NetworkingsView(View):
    """Everything is about members as `brand:member`, here `who`.

    `people`: a document for each member who takes part, `_id` who.  `tagged`: the index of tags, a document for each
    tag of each of them, `_id` brand:tag key:slot:member.  `dismissals`: `_id` who:dismissed.  `blocks`: `_id`
    who:blocked.  `offers`: a document a brand.
    """

    name = "networking"
    version = 1
    stream = "MEMBERS"
    events = (
        *networking.DECIDER.events,
        *block_list.DECIDER.events,
        *tag_list.DECIDER.events,
        *member_decisions.DECIDER.events,
        ErasureRecorded,
    )
    upcasters = member.UPCASTERS
    subjects = (
        "evt.members.*.networking.>",
        "evt.members.*.block_list.>",
        "evt.members.*.tag_list.>",
        "evt.members.*.member.>",
        "evt.members.*.erasure.>",
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "people": (),
        "tagged": (IndexModel("who"),),
        "dismissals": (IndexModel("who"), IndexModel("other")),
        "blocks": (page_index("who", "blocked_at_ms"), IndexModel("other")),
        "offers": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case NetworkingChosen() as event:
                yield from _shown(recorded, event)
            case NetworkingLeft() | MemberLeft():
                yield from _hidden(who)
            case SuggestionDismissed(dismissed_id=other):
                yield _between("dismissals", recorded, other, {})
            case MemberBlocked(blocked_id=other):
                yield _between("blocks", recorded, other, {"blocked_at_ms": to_ms(recorded.time)})
            case MemberUnblocked(blocked_id=other):
                yield Write("blocks", DeleteOne({"_id": f"{who}:{other}"}))
            case TagsOffered() as event:
                offer = {"_id": recorded.brand, "tags": list(event.tags), "only_these": event.only_these}
                yield Write("offers", ReplaceOne({"_id": recorded.brand}, offer, upsert=True))
            case ErasureRecorded():
                yield from _hidden(who)
                for collection in ("dismissals", "blocks"):
                    yield Write(collection, DeleteMany({"who": who}))
                    yield Write(collection, DeleteMany({"other": who}))

    async def viewer_networking(self, query: ViewerNetworking) -> NetworkingView:
        """What the viewer shows."""
        found = await self.collection("people").find_one({"_id": f"{query.brand}:{query.viewer}"})
        if found is None:
            return NetworkingView(open=False, interests=[], skills=[])
        return NetworkingView(open=True, interests=found["interests"], skills=found["skills"])

    async def offered_tags(self, query: OfferedTags) -> OfferedTagsView:
        """What the brand offers."""
        found = await self.collection("offers").find_one({"_id": query.brand}) or {"tags": [], "only_these": False}
        return OfferedTagsView(tags=found["tags"], only_these=found["only_these"])

    async def viewer_blocks(self, query: ViewerBlocks) -> list[bool]:
        """Whether the viewer blocks each of them."""
        keys = [f"{query.brand}:{query.viewer}:{id_}" for id_ in query.ids]
        found = await self._which("blocks", keys)
        return [key in found for key in keys]

    async def block_page(self, query: BlockPage) -> BlockPageResult:
        """A page of the viewer's blocks."""
        blocks, whose = self.collection("blocks"), {"who": f"{query.brand}:{query.viewer}"}
        found = await page(blocks, prefix=whose, key="blocked_at_ms", request=query.page, descending=True)
        count = await blocks.count_documents(whose)
        return BlockPageResult(**structs.asdict(found.map(_block)), total_count=count)

    async def member_suggestions(self, query: MemberSuggestions) -> SuggestionPageResult:
        """A page of suggestions.  The work is bounded, however large the brand and however common the tags."""
        me = await self.collection("people").find_one({"_id": f"{query.brand}:{query.viewer}"})
        found = [] if me is None else await self._suggestions(query.brand, query.viewer, _tags(me))
        shown = page_of(found, lambda one: Place(-one.score, one.member), query.page)
        return SuggestionPageResult(**structs.asdict(shown.map(_suggestion)))

    async def _suggestions(self, brand: str, viewer: str, mine: frozenset[Tagged]) -> list[Suggestion]:
        tags = sorted(mine)
        holders = dict(
            zip(tags, await asyncio.gather(*(self._holders(brand, viewer, tag) for tag in tags)), strict=True)
        )
        candidates = _most_promising(viewer, holders)
        candidates = await self._meeting(brand, viewer, candidates)
        others = self.collection("people").find({"_id": {"$in": [f"{brand}:{other}" for other in candidates]}})
        people = [(document["member"], _tags(document)) async for document in others]
        return suggest(mine, people, {tag: of.total for tag, of in holders.items()})

    async def _holders(self, brand: str, viewer: str, tag: Tagged) -> _Holders:
        """Read slots from the viewer's own on, around the ring, until enough are found: others begin elsewhere."""
        prefix, start = f"{brand}:{tag_key(*tag)}", slot(viewer)
        members = await self._slots(prefix, start, _FIRST_LOOK)
        looked = _FIRST_LOOK
        if len(members) < HOLDERS_A_TAG:
            wanted = SLOTS if not members else min(SLOTS, _FIRST_LOOK * HOLDERS_A_TAG // len(members))
            members += await self._slots(prefix, (start + looked) % SLOTS, wanted - looked)
            looked = max(looked, wanted)
        return _Holders(members, len(members) * SLOTS // looked)

    async def _slots(self, prefix: str, start: int, count: int) -> list[str]:
        """The members of so many slots, at most all of them, in their order around the ring."""
        parts = [(start, min(SLOTS, start + count)), (0, start + count - SLOTS)]
        found: list[str] = []
        for first, end in parts:
            if first < end:
                range_ = {"$gte": f"{prefix}:{first:04}:", "$lt": f"{prefix}:{end:04}:"}
                documents = self.collection("tagged").find({"_id": range_}, {"member": 1}).sort("_id", 1)
                found += [document["member"] async for document in documents]
        return found

    async def _meeting(self, brand: str, viewer: str, others: Sequence[str]) -> list[str]:
        """Those of others who may meet the viewer: neither blocks the other, and the viewer did not pass them over."""
        to = [f"{brand}:{viewer}:{other}" for other in others]
        from_ = [f"{brand}:{other}:{viewer}" for other in others]
        dismissed, blocks = await asyncio.gather(self._which("dismissals", to), self._which("blocks", [*to, *from_]))
        not_to_meet = dismissed | blocks
        return [other for other, *keys in zip(others, to, from_, strict=True) if not_to_meet.isdisjoint(keys)]

    async def _which(self, collection: str, keys: Sequence[str]) -> set[str]:
        """Those of the keys that there are."""
        found = self.collection(collection).find({"_id": {"$in": keys}}, {"_id": 1})
        return {document["_id"] async for document in found}


def _shown(recorded: Recorded[Any], event: NetworkingChosen) -> Iterable[Write]:
    brand, id_ = recorded.brand, recorded.aggregate_id
    who = f"{brand}:{id_}"
    interests, skills = from_text(event.interests), from_text(event.skills)
    shown = {
        "_id": who,
        "brand": brand,
        "member": id_,
        "interests": list(interests),
        "skills": list(skills),
        "chosen_at_ms": to_ms(recorded.time),
    }
    yield Write("people", ReplaceOne({"_id": who}, shown, upsert=True))
    yield Write("tagged", DeleteMany({"who": who}))
    for kind, tags in ((TagKind.INTEREST, interests), (TagKind.SKILL, skills)):
        for tag in tags:
            key = f"{brand}:{tag_key(kind, tag)}:{slot(id_):04}:{id_}"
            entry = {"_id": key, "who": who, "member": id_}
            yield Write("tagged", ReplaceOne({"_id": key}, entry, upsert=True))


def _hidden(who: str) -> Iterable[Write]:
    yield Write("people", DeleteOne({"_id": who}))
    yield Write("tagged", DeleteMany({"who": who}))


def _between(collection: str, recorded: Recorded[Any], other: str, fields: Mapping[str, Any]) -> Write:
    who = f"{recorded.brand}:{recorded.aggregate_id}"
    key = f"{who}:{other}"
    document = {"_id": key, "who": who, "other": f"{recorded.brand}:{other}", "other_member": other, **fields}
    return Write(collection, ReplaceOne({"_id": key}, document, upsert=True))


def _tags(document: Document) -> frozenset[Tagged]:
    interests = ((TagKind.INTEREST, tag) for tag in document["interests"])
    return frozenset([*interests, *((TagKind.SKILL, tag) for tag in document["skills"])])


def _most_promising(viewer: str, holders: Mapping[Tagged, _Holders]) -> list[str]:
    """Those who were found under the tags that weigh most, at most `CANDIDATES` and never the viewer."""
    scores: dict[str, float] = {}
    for tag in sorted(holders):
        for other in holders[tag].members:
            scores[other] = scores.get(other, 0.0) + weight(holders[tag].total)
    scores.pop(viewer, None)
    return sorted(scores, key=lambda other: (-scores[other], other))[:CANDIDATES]


def _suggestion(found: Suggestion) -> SuggestionView:
    def of(wanted: TagKind) -> list[str]:
        return [tag for kind, tag in found.shared if kind is wanted]

    return SuggestionView(
        member_id=found.member,
        score=found.score,
        shared_interests=of(TagKind.INTEREST),
        shared_skills=of(TagKind.SKILL),
    )


def _block(document: Mapping[str, Any]) -> BlockView:
    return BlockView(member_id=document["other_member"], blocked_at=from_ms(document["blocked_at_ms"]))
