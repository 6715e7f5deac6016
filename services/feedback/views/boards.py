"""Which boards has a brand, and how many ideas stand on each?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne

from libs.shared.domain import Event, Id, NotFound, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Slug
from libs.shared.times import from_ms, to_ms
from services.feedback.board import BoardKind, BoardOpened
from services.feedback.idea import IdeaStatusChanged, IdeaSubmitted


class BoardView(Struct, frozen=True, kw_only=True):
    """A board as a member sees it."""

    id: str
    slug: str
    name: str
    kind: BoardKind
    opened_at: datetime
    opened_by: str
    idea_count: int


class BoardPageResult(Page[BoardView], frozen=True, kw_only=True):
    """A page of a brand's boards."""

    total_count: int


class BoardBySlug(Query, frozen=True, kw_only=True):
    """The brand's board at an address; NOT_FOUND without one."""

    wire_name: ClassVar[str] = "board_by_slug"

    slug: Slug


class BoardsGetMany(Query, frozen=True, kw_only=True):
    """Boards by id, in the order of `ids`, None for one that is not in this brand."""

    wire_name: ClassVar[str] = "boards_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class BoardPage(Query, frozen=True, kw_only=True):
    """The brand's boards, the oldest first."""

    wire_name: ClassVar[str] = "board_page"

    page: PageRequest = PageRequest()


class BoardsView(View):
    """`boards`: a document a board, `_id` brand:board.  `totals`: a document a brand with its `count`."""

    name = "boards"
    version = 1
    stream = "FEEDBACK"
    events: ClassVar[tuple[type[Event], ...]] = (BoardOpened, IdeaSubmitted, IdeaStatusChanged)
    subjects = ("evt.feedback.*.board.>", "evt.feedback.*.idea.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "boards": (
            IndexModel([("brand", ASCENDING), ("slug", ASCENDING)]),
            page_index("brand", "opened_at_ms"),
        ),
        "totals": (),
    }

    def project(self, recorded: Recorded[Event]) -> Iterable[Write | SetMember]:
        """The writes that one event makes."""
        match recorded.event:
            case BoardOpened() as event:
                key = f"{recorded.brand}:{recorded.aggregate_id}"
                document = {
                    "_id": key,
                    "brand": recorded.brand,
                    "board": recorded.aggregate_id,
                    "slug": event.slug,
                    "name": event.name,
                    "kind": event.kind.value,
                    "opened_at_ms": to_ms(recorded.time),
                    "opened_by": recorded.actor,
                    "idea_count": 0,
                }
                yield Write("boards", ReplaceOne({"_id": key}, document, upsert=True))
                yield Write("totals", UpdateOne({"_id": recorded.brand}, {"$inc": {"count": 1}}, upsert=True))
            case IdeaSubmitted() as event:
                board = {"_id": f"{recorded.brand}:{event.board_id}"}
                yield Write("boards", UpdateOne(board, {"$inc": {"idea_count": 1}}))

    async def board_by_slug(self, query: BoardBySlug) -> BoardView:
        """The brand's board at a slug.  Raises NOT_FOUND."""
        document = await self.collection("boards").find_one({"brand": query.brand, "slug": query.slug})
        if document is None:
            raise NotFound("there is no such board", ("slug",))
        return _board(document)

    async def boards_get_many(self, query: BoardsGetMany) -> list[BoardView | None]:
        """The brand's boards of `ids`, in that order."""
        keys = [f"{query.brand}:{board}" for board in query.ids]
        cursor = self.collection("boards").find({"_id": {"$in": keys}})
        found = {document["_id"]: _board(document) async for document in cursor}
        return [found.get(key) for key in keys]

    async def board_page(self, query: BoardPage) -> BoardPageResult:
        """A page of the brand's boards."""
        found = await page(
            self.collection("boards"),
            prefix={"brand": query.brand},
            key="opened_at_ms",
            request=query.page,
            descending=False,
        )
        totals = await self.collection("totals").find_one({"_id": query.brand})
        return BoardPageResult(
            items=[_board(document) for document in found.items],
            cursors=found.cursors,
            has_next=found.has_next,
            has_previous=found.has_previous,
            total_count=totals["count"] if totals else 0,
        )


def _board(document: Mapping[str, Any]) -> BoardView:
    return BoardView(
        id=document["board"],
        slug=document["slug"],
        name=document["name"],
        kind=BoardKind(document["kind"]),
        opened_at=from_ms(document["opened_at_ms"]),
        opened_by=document["opened_by"],
        idea_count=document["idea_count"],
    )
