"""Which networks are there, and how many brands does each have?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.shared.domain import SYSTEM, Id, NotFound, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Slug
from libs.shared.times import from_ms, to_ms
from services.members import brand, network
from services.members.brand import BrandCreated
from services.members.network import AdminAppointed, AdminDismissed, NetworkCreated


class NetworkView(Struct, frozen=True, kw_only=True):
    """What anybody may know of a network."""

    id: str
    name: str
    slug: str
    created_at: datetime
    brand_count: int


class NetworkPageResult(Page[NetworkView], frozen=True, kw_only=True):
    """A page of networks."""

    total_count: int


class NetworkBySlug(Query, frozen=True, kw_only=True):
    """The network at an address; NOT_FOUND without one."""

    wire_name: ClassVar[str] = "network_by_slug"

    slug: Slug


class NetworksGetMany(Query, frozen=True, kw_only=True):
    """Networks by id, in the order of `ids`, None for a missing one."""

    wire_name: ClassVar[str] = "networks_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class NetworkPage(Query, frozen=True, kw_only=True):
    """All networks, the newest first.  Operators only."""

    wire_name: ClassVar[str] = "network_page"

    page: PageRequest = PageRequest()


class AdminView(Struct, frozen=True, kw_only=True):
    """An admin: an identity, since when, and the identity that appointed it."""

    identity: str
    since: datetime
    appointed_by: str


class NetworkAdmins(Query, frozen=True, kw_only=True):
    """Who runs each of many networks, in the order of `ids`: at most 100, the longest-serving first.

    None for a network whose admin the viewer is not, unless an operator asks.  Envelope: viewer an identity.
    """

    wire_name: ClassVar[str] = "network_admins"

    ids: Annotated[list[Id], Meta(max_length=100)]


class NetworksView(View):
    """`networks`: a document a network, with its `admins` by identity.

    `totals`: one document, `_id` "networks", with their `count`.
    """

    name = "networks"
    version = 2
    stream = "MEMBERS"
    events = (*network.DECIDER.events, *brand.DECIDER.events)
    upcasters = brand.UPCASTERS
    subjects = ("evt.members.*.network.>", "evt.members.*.brand.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "networks": (IndexModel("slug"), page_index("created_at_ms")),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case NetworkCreated() as event:
                document = {
                    "_id": recorded.aggregate_id,
                    "name": event.name,
                    "slug": event.slug,
                    "created_at_ms": to_ms(recorded.time),
                    "brand_count": 0,
                    "admins": {} if event.admin == SYSTEM else {event.admin: _appointed(recorded)},
                }
                yield Write("networks", ReplaceOne({"_id": recorded.aggregate_id}, document, upsert=True))
                yield Write("totals", UpdateOne({"_id": "networks"}, {"$inc": {"count": 1}}, upsert=True))
            case AdminAppointed(identity=identity):
                yield _change(recorded, {"$set": {f"admins.{identity}": _appointed(recorded)}})
            case AdminDismissed(identity=identity):
                yield _change(recorded, {"$unset": {f"admins.{identity}": ""}})
            case BrandCreated() as event:
                yield Write("networks", UpdateOne({"_id": event.network_id}, {"$inc": {"brand_count": 1}}))

    async def network_by_slug(self, query: NetworkBySlug) -> NetworkView:
        """The network at a slug.  Raises NOT_FOUND."""
        document = await self.collection("networks").find_one({"slug": query.slug})
        if document is None:
            raise NotFound("there is no such network", ("slug",))
        return _network(document)

    async def networks_get_many(self, query: NetworksGetMany) -> list[NetworkView | None]:
        """The networks of `ids`, in that order."""
        found = {
            document["_id"]: _network(document)
            async for document in self.collection("networks").find({"_id": {"$in": query.ids}})
        }
        return [found.get(id_) for id_ in query.ids]

    async def network_admins(self, query: NetworkAdmins, *, see_all: bool) -> list[list[AdminView] | None]:
        """The admins of each network of `ids`, for themselves and, when `see_all`, for others."""
        found = self.collection("networks").find({"_id": {"$in": query.ids}}, {"admins": 1})
        admins = {document["_id"]: document["admins"] async for document in found}
        return [
            _admins(admins[id_]) if id_ in admins and (see_all or query.viewer in admins[id_]) else None
            for id_ in query.ids
        ]

    async def network_page(self, query: NetworkPage) -> NetworkPageResult:
        """A page of all networks."""
        found = await page(
            self.collection("networks"), prefix={}, key="created_at_ms", request=query.page, descending=True
        )
        totals = await self.collection("totals").find_one({"_id": "networks"})
        return NetworkPageResult(**structs.asdict(found.map(_network)), total_count=totals["count"] if totals else 0)


def _appointed(recorded: Recorded[Any]) -> dict[str, Any]:
    return {"since_ms": to_ms(recorded.time), "by": recorded.actor}


def _admins(admins: Mapping[str, Any]) -> list[AdminView]:
    shown = [
        AdminView(identity=identity, since=from_ms(admin["since_ms"]), appointed_by=admin["by"])
        for identity, admin in admins.items()
    ]
    return sorted(shown, key=lambda one: (one.since, one.identity))


def _change(recorded: Recorded[Any], change: Mapping[str, Any]) -> Write:
    return Write("networks", UpdateOne({"_id": recorded.aggregate_id}, change))


def _network(document: Mapping[str, Any]) -> NetworkView:
    return NetworkView(
        id=document["_id"],
        name=document["name"],
        slug=document["slug"],
        created_at=from_ms(document["created_at_ms"]),
        brand_count=document["brand_count"],
    )
