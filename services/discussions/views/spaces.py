"""Which spaces has a brand, and how many posts stand in each?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, convert, structs, to_builtins
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne

from libs.access.audience import Audience
from libs.shared.domain import Id, NotFound
from libs.shared.paging import Page, PageRequest, Without, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Slug
from libs.shared.times import from_ms, to_ms
from services.discussions import space, thread
from services.discussions.space import SpaceAudienceChanged, SpaceCreated, SpaceKind
from services.discussions.thread import PostPublished
from services.discussions.views.exclusive import EXCLUSIVE, INDEXES, AskedInSpaces, exclusive


class SpaceView(Struct, frozen=True, kw_only=True):
    """A space as a member sees it who is let into it; `audience` is None where every member is."""

    id: str
    slug: str
    name: str
    kind: SpaceKind
    created_at: datetime
    post_count: int
    audience: Audience | None = None


class SpacePageResult(Page[SpaceView], frozen=True, kw_only=True):
    """A page of a brand's spaces."""

    total_count: int


class SpaceBySlug(AskedInSpaces, frozen=True, kw_only=True):
    """The brand's space at an address; NOT_FOUND without one."""

    wire_name: ClassVar[str] = "space_by_slug"

    slug: Slug


class SpacesGetMany(AskedInSpaces, frozen=True, kw_only=True):
    """Spaces by id, in the order of `ids`, None for one that is not in this brand."""

    wire_name: ClassVar[str] = "spaces_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class SpacePage(AskedInSpaces, frozen=True, kw_only=True):
    """The brand's spaces, the oldest first."""

    wire_name: ClassVar[str] = "space_page"

    page: PageRequest = PageRequest()


class SpacesView(View):
    """`spaces`: a document a space, `_id` brand:space.  `totals`: a document a brand with its `count`.

    `exclusive`: as `exclusive.py` says.
    """

    name = "spaces"
    version = 2
    stream = "DISCUSSIONS"
    events = (*space.DECIDER.events, *thread.DECIDER.events)
    upcasters = {**space.UPCASTERS, **thread.UPCASTERS}
    subjects = ("evt.discussions.*.space.>", "evt.discussions.*.thread.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "spaces": (
            IndexModel([("brand", ASCENDING), ("slug", ASCENDING)]),
            page_index("brand", "created_at_ms"),
        ),
        "totals": (),
        EXCLUSIVE: INDEXES,
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        yield from exclusive(recorded)
        match recorded.event:
            case SpaceCreated() as event:
                key = f"{recorded.brand}:{recorded.aggregate_id}"
                document = {
                    "_id": key,
                    "brand": recorded.brand,
                    "space": recorded.aggregate_id,
                    "slug": event.slug,
                    "name": event.name,
                    "kind": event.kind.value,
                    "audience": to_builtins(event.audience),
                    "created_at_ms": to_ms(recorded.time),
                    "post_count": 0,
                }
                yield Write("spaces", ReplaceOne({"_id": key}, document, upsert=True))
                yield Write("totals", UpdateOne({"_id": recorded.brand}, {"$inc": {"count": 1}}, upsert=True))
            case SpaceAudienceChanged(audience=audience):
                key = f"{recorded.brand}:{recorded.aggregate_id}"
                yield Write("spaces", UpdateOne({"_id": key}, {"$set": {"audience": to_builtins(audience)}}))
            case PostPublished() as event:
                key = f"{recorded.brand}:{event.space_id}"
                yield Write("spaces", UpdateOne({"_id": key}, {"$inc": {"post_count": 1}}))

    async def space_by_slug(self, query: SpaceBySlug) -> SpaceView:
        """The brand's space at a slug.  Raises NOT_FOUND."""
        document = await self.collection("spaces").find_one({"brand": query.brand, "slug": query.slug})
        if document is None or document["space"] in query.hidden:
            raise NotFound("there is no such space", ("slug",))
        return _space(document)

    async def spaces_get_many(self, query: SpacesGetMany) -> list[SpaceView | None]:
        """The brand's spaces of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {
            document["_id"]: _space(document)
            async for document in self.collection("spaces").find({"_id": {"$in": keys}})
            if document["space"] not in query.hidden
        }
        return [found.get(key) for key in keys]

    async def space_page(self, query: SpacePage) -> SpacePageResult:
        """A page of the brand's spaces."""
        found = await page(
            self.collection("spaces"),
            prefix={"brand": query.brand},
            key="created_at_ms",
            request=query.page,
            descending=False,
            keep=Without("space", query.hidden) if query.hidden else None,
        )
        totals = await self.collection("totals").find_one({"_id": query.brand})
        count = totals["count"] - len(query.hidden) if totals else 0
        return SpacePageResult(**structs.asdict(found.map(_space)), total_count=count)


def _space(document: Mapping[str, Any]) -> SpaceView:
    return SpaceView(
        id=document["space"],
        slug=document["slug"],
        name=document["name"],
        kind=SpaceKind(document["kind"]),
        created_at=from_ms(document["created_at_ms"]),
        post_count=document["post_count"],
        audience=convert(document["audience"], Audience | None),
    )
