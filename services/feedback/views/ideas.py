"""Which ideas stand on a brand's boards, how far is each, and how many members want it?"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import IndexModel, ReplaceOne, UpdateMany, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.budget import fit
from libs.shared.domain import ERASED, Event, Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.feedback.idea import IdeaStatusChanged, IdeaSubmitted, Status
from services.feedback.views.votes import (
    VOTE_INDEXES,
    ViewerVotes,
    VoterPage,
    VoterPageResult,
    VoterPages,
    VoterView,
    vote_change,
    vote_key,
    voter_view,
)
from services.feedback.vote import VoteCast, VoteWithdrawn


class IdeaView(Struct, frozen=True, kw_only=True):
    """An idea as a member sees it."""

    id: str
    board_id: str
    title: str
    body: str
    status: Status
    status_note: str | None
    status_changed_at: datetime | None
    submitted_at: datetime
    submitted_by: str
    vote_count: int


class IdeaPageResult(Page[IdeaView], frozen=True, kw_only=True):
    """A page of the ideas of a board or a whole brand."""

    total_count: int


class IdeasGetMany(Query, frozen=True, kw_only=True):
    """Ideas by id, in the order of `ids`, None for one that is not in this brand."""

    wire_name: ClassVar[str] = "ideas_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class IdeaPage(Query, frozen=True, kw_only=True):
    """The ideas of a board, or of the whole brand without `board_id`; the newest first."""

    wire_name: ClassVar[str] = "idea_page"

    board_id: Id | None = None
    page: PageRequest = PageRequest()


class IdeaPages(Query, frozen=True, kw_only=True):
    """The same page of ideas of each of many boards, in the order of `ids`."""

    wire_name: ClassVar[str] = "idea_pages"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class IdeasView(View):
    """`ideas`: a document an idea, `_id` brand:idea.  `votes`: see `votes.py`.

    `totals`: a document a brand (`_id` brand) and a board (`_id` brand:board) with its `count`.
    """

    name = "ideas"
    version = 1
    stream = "FEEDBACK"
    events: ClassVar[tuple[type[Event], ...]] = (
        IdeaSubmitted,
        IdeaStatusChanged,
        VoteCast,
        VoteWithdrawn,
        ErasureRecorded,
    )
    subjects = ("evt.feedback.*.idea.>", "evt.feedback.*.vote.>", "evt.feedback.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "ideas": (
            page_index("brand", "submitted_at_ms"),
            page_index("board", "submitted_at_ms"),
            IndexModel([("brand", 1), ("submitted_by", 1)]),
        ),
        "votes": VOTE_INDEXES,
        "totals": (),
    }

    def project(self, recorded: Recorded[Event]) -> Iterable[Write | SetMember]:
        """The writes that one event makes."""
        key = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case IdeaSubmitted() as event:
                document = _document(recorded, event)
                yield Write("ideas", ReplaceOne({"_id": key}, {"_id": key, **document}, upsert=True))
                for total in (recorded.brand, document["board"]):
                    yield Write("totals", UpdateOne({"_id": total}, {"$inc": {"count": 1}}, upsert=True))
            case IdeaStatusChanged() as event:
                status = {
                    "status": event.status.value,
                    "status_note": event.note,
                    "status_changed_at_ms": to_ms(recorded.time),
                }
                yield Write("ideas", UpdateOne({"_id": key}, {"$set": status}))
            case VoteCast() | VoteWithdrawn() as event:
                yield vote_change(recorded, event)
            case ErasureRecorded():
                theirs = {"brand": recorded.brand, "submitted_by": recorded.aggregate_id}
                yield Write("ideas", UpdateMany(theirs, {"$set": {"title": ERASED, "body": ERASED}}))

    async def idea_page(self, query: IdeaPage) -> IdeaPageResult:
        """A page of ideas; an empty one for a board that the brand does not have."""
        if query.board_id is None:
            return (await self._idea_pages(query.page, "brand", [query.brand]))[0]
        return (await self._idea_pages(query.page, "board", [f"{query.brand}:{query.board_id}"]))[0]

    async def idea_pages(self, query: IdeaPages) -> list[IdeaPageResult]:
        """A page of ideas for each board of `ids`, in that order."""
        return await self._idea_pages(query.page, "board", [f"{query.brand}:{board}" for board in query.ids])

    async def ideas_get_many(self, query: IdeasGetMany) -> list[IdeaView | None]:
        """The brand's ideas of `ids`, in that order."""
        keys = [f"{query.brand}:{idea}" for idea in query.ids]
        cursor = self.collection("ideas").find({"_id": {"$in": keys}})
        found = {document["_id"]: _idea(document) async for document in cursor}
        return [found.get(key) for key in keys]

    async def voter_page(self, query: VoterPage) -> VoterPageResult:
        """A page of those who want an idea; an empty one for an idea that the brand does not have."""
        return (await self._voter_pages(query, [query.idea_id]))[0]

    async def voter_pages(self, query: VoterPages) -> list[VoterPageResult]:
        """A page of those who want it for each idea of `ids`, in that order."""
        return await self._voter_pages(query, query.ids)

    async def viewer_votes(self, query: ViewerVotes) -> list[bool]:
        """Whether the viewer voted for each of `ids`, in that order; False for a missing idea."""
        keys = [vote_key(query.brand, idea, query.viewer) for idea in query.ids]
        cursor = self.collection("votes").find({"_id": {"$in": keys}}, {"_id": 1})
        found = {document["_id"] async for document in cursor}
        return [key in found for key in keys]

    async def _idea_pages(self, request: PageRequest, field: str, keys: Sequence[str]) -> list[IdeaPageResult]:
        """A page of the ideas whose `field` is a key, for each key, which is that of their total too."""
        pages = await asyncio.gather(*(self._ideas({field: key}, request) for key in keys))
        totals = self.collection("totals").find({"_id": {"$in": list(keys)}})
        counts = {document["_id"]: document["count"] async for document in totals}
        return [
            IdeaPageResult(**structs.asdict(fitting), total_count=counts.get(key, 0))
            for fitting, key in zip(fit(pages, request), keys, strict=True)
        ]

    async def _ideas(self, prefix: Mapping[str, str], request: PageRequest) -> Page[IdeaView]:
        found = await page(
            self.collection("ideas"), prefix=prefix, key="submitted_at_ms", request=request, descending=True
        )
        return found.map(_idea)

    async def _voter_pages(self, query: VoterPage | VoterPages, ideas: Sequence[str]) -> list[VoterPageResult]:
        keys = [f"{query.brand}:{idea}" for idea in ideas]
        pages = await asyncio.gather(*(self._voters(key, query.page) for key in keys))
        counted = self.collection("ideas").find({"_id": {"$in": keys}}, {"vote_count": 1})
        counts = {document["_id"]: document["vote_count"] async for document in counted}
        return [
            VoterPageResult(**structs.asdict(found), total_count=counts.get(key, 0))
            for found, key in zip(pages, keys, strict=True)
        ]

    async def _voters(self, idea: str, request: PageRequest) -> Page[VoterView]:
        found = await page(
            self.collection("votes"), prefix={"idea": idea}, key="voted_at_ms", request=request, descending=False
        )
        return found.map(voter_view)


def _document(recorded: Recorded[Event], event: IdeaSubmitted) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "board": f"{recorded.brand}:{event.board_id}",
        "idea_id": recorded.aggregate_id,
        "board_id": event.board_id,
        "title": event.title,
        "body": event.body,
        "status": Status.SUBMITTED.value,
        "status_note": None,
        "status_changed_at_ms": None,
        "submitted_at_ms": to_ms(recorded.time),
        "submitted_by": recorded.actor,
        "vote_count": 0,
    }


def _idea(document: Mapping[str, Any]) -> IdeaView:
    changed_at_ms = document["status_changed_at_ms"]
    return IdeaView(
        id=document["idea_id"],
        board_id=document["board_id"],
        title=document["title"],
        body=document["body"],
        status=Status(document["status"]),
        status_note=document["status_note"],
        status_changed_at=None if changed_at_ms is None else from_ms(changed_at_ms),
        submitted_at=from_ms(document["submitted_at_ms"]),
        submitted_by=document["submitted_by"],
        vote_count=document["vote_count"],
    )
