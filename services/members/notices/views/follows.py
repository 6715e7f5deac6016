"""Who follows a thing or has muted it, what does a member follow, and who is not to hear of whom?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import ASCENDING, DeleteMany, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.notices import follow
from services.members.notices.follow import Target, TargetFollowed, TargetKind, TargetMuted, TargetUnfollowed
from services.members.notices.foreign import MemberBlocked, MemberLeft, MemberUnblocked
from services.members.notices.places import EVERYBODY, Slice, place, places_in


class Said(StrEnum):
    """A member's last word on a thing."""

    FOLLOWED = "followed"
    UNFOLLOWED = "unfollowed"
    MUTED = "muted"


class FollowView(Struct, frozen=True, kw_only=True):
    """A thing that a member follows or has muted, and since when."""

    kind: TargetKind
    target_id: str
    said: Said
    since: datetime


class FollowPageResult(Page[FollowView], frozen=True, kw_only=True):
    """A page of things."""


class FollowPage(Query, frozen=True, kw_only=True):
    """What the viewer follows, or with `muted` has muted, the newest first."""

    wire_name: ClassVar[str] = "follow_page"

    muted: bool = False
    page: PageRequest = PageRequest()


class FollowsView(View):
    """`words`: a document a member and thing, `_id` brand:kind:thing:member, with the member's last word.

    Leaving a brand takes them away: who comes back follows nothing.  `blocks`: a document for each member who blocks
    another, `_id` brand:blocked:member.  They outlive memberships, as where they are made (`networking`).
    """

    name = "follows"
    version = 3
    stream = "MEMBERS"
    events = (*follow.DECIDER.events, MemberBlocked, MemberUnblocked, MemberLeft, ErasureRecorded)
    foreign = True  # of the events of a membership it reads one
    subjects = (
        "evt.members.*.follow.>",
        "evt.members.*.block_list.>",
        "evt.members.*.member.>",
        "evt.members.*.erasure.>",
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "words": (
            IndexModel([("target", ASCENDING), ("place", ASCENDING)]),
            page_index("whose", "said", "since_ms"),
        ),
        "blocks": (IndexModel([("of", ASCENDING), ("place", ASCENDING)]), IndexModel("whose")),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case TargetFollowed() as event:
                yield from _said(recorded, event, Said.FOLLOWED)
            case TargetUnfollowed() as event:
                yield from _said(recorded, event, Said.UNFOLLOWED)
            case TargetMuted() as event:
                yield from _said(recorded, event, Said.MUTED)
            case MemberBlocked(blocked_id=other):
                document = _block(recorded, other)
                yield Write("blocks", ReplaceOne({"_id": document["_id"]}, document, upsert=True))
            case MemberUnblocked(blocked_id=other):
                yield Write("blocks", DeleteOne({"_id": _block(recorded, other)["_id"]}))
            case MemberLeft() | ErasureRecorded():
                who = f"{recorded.brand}:{recorded.aggregate_id}"
                yield Write("words", DeleteMany({"whose": who}))
                if isinstance(recorded.event, ErasureRecorded):
                    yield Write("blocks", DeleteMany({"whose": who}))
                    yield Write("blocks", DeleteMany({"of": who}))

    async def follow_page(self, query: FollowPage) -> FollowPageResult:
        """A page of the viewer's things."""
        said = Said.MUTED if query.muted else Said.FOLLOWED
        found = await page(
            self.collection("words"),
            prefix={"whose": f"{query.brand}:{query.viewer}", "said": said.value},
            key="since_ms",
            request=query.page,
            descending=True,
        )
        shown = found.map(_follow)
        return FollowPageResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def words_of(self, brand: str, member_id: str, targets: Sequence[Target]) -> list[Said | None]:
        """What a member last said of each of some things; None for nothing."""
        keys = [f"{_key(brand, target)}:{member_id}" for target in targets]
        found = {
            document["_id"]: Said(document["said"])
            async for document in self.collection("words").find({"_id": {"$in": keys}})
        }
        return [found.get(key) for key in keys]

    async def words_on(self, brand: str, target: Target, within: Slice, at_ms: int) -> dict[str, Said]:
        """What members of a slice last said of a thing, by member, without who followed it after `at_ms`."""
        where = {"target": _key(brand, target), "place": places_in(within)}
        return {
            document["member"]: Said(document["said"])
            async for document in self.collection("words").find(where)
            if document["said"] != Said.FOLLOWED or document["since_ms"] <= at_ms
        }

    async def kept_apart(self, brand: str, member_id: str, within: Slice = EVERYBODY) -> set[str]:
        """Who of a slice blocks a member, and whom of all that member blocks."""
        who, blocks = f"{brand}:{member_id}", self.collection("blocks")
        blocking = {document["member"] async for document in blocks.find({"of": who, "place": places_in(within)})}
        blocked = {document["of"].removeprefix(f"{brand}:") async for document in blocks.find({"whose": who})}
        return blocking | blocked

    async def how_many(self, brand: str, target: Target) -> int:
        """How many members ever said something of a thing."""
        return await self.collection("words").count_documents({"target": _key(brand, target)})


def _key(brand: str, target: Target) -> str:
    return f"{brand}:{target.kind}:{target.id}"


def _said(
    recorded: Recorded[Any], event: TargetFollowed | TargetUnfollowed | TargetMuted, said: Said
) -> Iterable[Write]:
    """What a member says twice holds since the first time."""
    target = _key(recorded.brand, Target(event.kind, event.target_id))
    document = {
        "_id": f"{target}:{recorded.aggregate_id}",
        "target": target,
        "kind": event.kind.value,
        "thing": event.target_id,
        "member": recorded.aggregate_id,
        "place": place(recorded.aggregate_id),
        "whose": f"{recorded.brand}:{recorded.aggregate_id}",
        "said": said.value,
        "since_ms": to_ms(recorded.time),
    }
    it = {"_id": document["_id"]}
    yield Write("words", DeleteOne({**it, "said": {"$ne": said.value}}))
    yield Write("words", UpdateOne(it, {"$setOnInsert": document}, upsert=True))


def _block(recorded: Recorded[Any], other: str) -> dict[str, Any]:
    member, of = recorded.aggregate_id, f"{recorded.brand}:{other}"
    return {
        "_id": f"{of}:{member}",
        "of": of,
        "member": member,
        "place": place(member),
        "whose": f"{recorded.brand}:{member}",
    }


def _follow(document: Mapping[str, Any]) -> FollowView:
    return FollowView(
        kind=TargetKind(document["kind"]),
        target_id=document["thing"],
        said=Said(document["said"]),
        since=from_ms(document["since_ms"]),
    )
