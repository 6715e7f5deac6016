"""What may anybody know of a brand: its address, what it is for, how far it is, and its number of members?"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, convert, structs, to_builtins
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.access.gate import Module, Stage
from libs.shared.domain import Id, NotFound, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Slug
from libs.shared.times import from_ms, to_ms
from services.members import brand, home, member, member_decisions
from services.members.brand import (
    BrandCreated,
    BrandFurnished,
    BrandKind,
    BrandType,
    ModuleSwitchedOff,
    ModuleSwitchedOn,
    StageEntered,
)
from services.members.home import DomainLeft, DomainTaken, HomeDesigned, LocaleChosen, Theme, canonical_domain
from services.members.member import MemberJoined, MemberLeft


class BrandView(Struct, frozen=True, kw_only=True):
    """What anybody may know of a brand."""

    id: str
    network_id: str
    slug: str
    name: str
    kind: BrandKind
    locale: str
    created_at: datetime
    member_count: int
    type: BrandType | None = None
    description: str = ""
    stage: Stage = Stage.OPEN
    modules_off: list[Module] = []
    theme: Theme | None = None
    domain: str | None = None
    furnished_at: datetime | None = None


class BrandPageResult(Page[BrandView], frozen=True, kw_only=True):
    """A page of a network's brands."""

    total_count: int


class BrandBySlug(Query, frozen=True, kw_only=True):
    """The brand at an address; NOT_FOUND without one."""

    wire_name: ClassVar[str] = "brand_by_slug"

    slug: Slug


class BrandByDomain(Query, frozen=True, kw_only=True):
    """The brand whose home is at a domain; NOT_FOUND without one."""

    wire_name: ClassVar[str] = "brand_by_domain"

    domain: Annotated[str, Meta(max_length=253)]


class BrandsGetMany(Query, frozen=True, kw_only=True):
    """Brands by id, in the order of `ids`, None for a missing one."""

    wire_name: ClassVar[str] = "brands_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class BrandPages(Query, frozen=True, kw_only=True):
    """The same page of brands, the newest first, of each of many networks, in the order of `ids`."""

    wire_name: ClassVar[str] = "brand_pages"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class BrandsView(View):
    """`brands`: a document a brand.  `totals`: a document a network with the `count` of its brands."""

    name = "brands"
    version = 2
    stream = "MEMBERS"
    events = (*brand.DECIDER.events, *home.DECIDER.events, *member_decisions.DECIDER.events)
    upcasters = {**brand.UPCASTERS, **member.UPCASTERS}
    subjects = ("evt.members.*.brand.>", "evt.members.*.home.>", "evt.members.*.member.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "brands": (IndexModel("slug"), IndexModel("domain"), page_index("network_id", "created_at_ms")),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.

        Joining and leaving alternate in the aggregate, so plain increments keep `member_count` exact.
        """
        match recorded.event:
            case BrandCreated() as event:
                document: dict[str, Any] = {
                    "_id": recorded.brand,
                    "network_id": event.network_id,
                    "slug": event.slug,
                    "name": event.name,
                    "kind": event.kind.value,
                    "locale": event.locale,
                    "created_at_ms": to_ms(recorded.time),
                    "member_count": 0,
                    "type": event.type and event.type.value,
                    "description": event.description,
                    "stage": event.stage.value,
                    "modules_off": [],
                    "theme": None,
                    "domain": None,
                    "furnished_at_ms": None,
                }
                yield Write("brands", ReplaceOne({"_id": recorded.brand}, document, upsert=True))
                yield Write("totals", UpdateOne({"_id": event.network_id}, {"$inc": {"count": 1}}, upsert=True))
            case StageEntered(stage=stage):
                yield _set(recorded, stage=stage.value)
            case ModuleSwitchedOff(module=module):
                yield Write("brands", UpdateOne({"_id": recorded.brand}, {"$addToSet": {"modules_off": module.value}}))
            case ModuleSwitchedOn(module=module):
                yield Write("brands", UpdateOne({"_id": recorded.brand}, {"$pull": {"modules_off": module.value}}))
            case BrandFurnished():
                yield _set(recorded, furnished_at_ms=to_ms(recorded.recorded_at))
            case HomeDesigned(theme=theme):
                yield _set(recorded, theme=to_builtins(theme))
            case DomainTaken(domain=domain):
                yield _set(recorded, domain=domain)
            case DomainLeft():
                yield _set(recorded, domain=None)
            case LocaleChosen(locale=locale):
                yield _set(recorded, locale=locale)
            case MemberJoined():
                yield Write("brands", UpdateOne({"_id": recorded.brand}, {"$inc": {"member_count": 1}}))
            case MemberLeft():
                yield Write("brands", UpdateOne({"_id": recorded.brand}, {"$inc": {"member_count": -1}}))

    async def brand_by_slug(self, query: BrandBySlug) -> BrandView:
        """The brand at a slug.  Raises NOT_FOUND."""
        document = await self.collection("brands").find_one({"slug": query.slug})
        if document is None:
            raise NotFound("there is no such brand", ("slug",))
        return _brand(document)

    async def brand_by_domain(self, query: BrandByDomain) -> BrandView:
        """The brand at a domain, in any spelling of its name.  Raises NOT_FOUND, INVALID."""
        document = await self.collection("brands").find_one({"domain": canonical_domain(query.domain)})
        if document is None:
            raise NotFound("there is no brand at this domain", ("domain",))
        return _brand(document)

    async def brands_get_many(self, query: BrandsGetMany) -> list[BrandView | None]:
        """The brands of `ids`, in that order."""
        found = {
            document["_id"]: _brand(document)
            async for document in self.collection("brands").find({"_id": {"$in": query.ids}})
        }
        return [found.get(id_) for id_ in query.ids]

    async def brand_pages(self, query: BrandPages) -> list[BrandPageResult]:
        """A page of brands for each network of `ids`, in that order."""
        pages = await asyncio.gather(*(self._of_network(network, query.page) for network in query.ids))
        totals = self.collection("totals").find({"_id": {"$in": query.ids}})
        counts = {document["_id"]: document["count"] async for document in totals}
        return [
            BrandPageResult(**structs.asdict(found), total_count=counts.get(network, 0))
            for found, network in zip(pages, query.ids, strict=True)
        ]

    async def _of_network(self, network: str, request: PageRequest) -> Page[BrandView]:
        found = await page(
            self.collection("brands"),
            prefix={"network_id": network},
            key="created_at_ms",
            request=request,
            descending=True,
        )
        return found.map(_brand)


def _set(recorded: Recorded[Any], **fields: Any) -> Write:
    return Write("brands", UpdateOne({"_id": recorded.brand}, {"$set": fields}))


def _brand(document: Mapping[str, Any]) -> BrandView:
    return BrandView(
        id=document["_id"],
        network_id=document["network_id"],
        slug=document["slug"],
        name=document["name"],
        kind=BrandKind(document["kind"]),
        locale=document["locale"],
        created_at=from_ms(document["created_at_ms"]),
        member_count=document["member_count"],
        type=document["type"] and BrandType(document["type"]),
        description=document["description"],
        stage=Stage(document["stage"]),
        theme=document["theme"] and convert(document["theme"], Theme),
        domain=document["domain"],
        furnished_at=None if document["furnished_at_ms"] is None else from_ms(document["furnished_at_ms"]),
        modules_off=sorted(Module(module) for module in document["modules_off"]),
    )
