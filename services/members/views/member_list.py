"""Who is in a brand, with which roles, and in which brands is an identity?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.domain import ERASED, Id, NotFound, Query
from libs.shared.paging import DEFAULT_SIZE, MAX_SIZE, Page, PageRequest, page, page_index
from libs.shared.projection import Change, Increment, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Line
from libs.shared.times import from_ms, to_ms
from services.members import member, member_decisions, service_account
from services.members.member import MemberJoined, MemberLeft, ProfileChanged, RoleGranted, RoleRevoked
from services.members.service_account import ServiceAccountCreated
from services.members.views.names import INDEX, Guides, find, forgotten, named

#: No identity has more memberships in an answer than this.
MAX_MEMBERSHIPS = 1_000


class MemberView(Struct, frozen=True, kw_only=True):
    """A member as another member sees them.

    Someone who left keeps the name under their posts, and has `left_at` and no roles.  A service account is known here
    by its name alone: it has no roles and is on no page of members.  What members tell about themselves beside the name
    is in the view `profiles`.
    """

    id: str
    display_name: str
    roles: list[str]
    joined_at: datetime
    left_at: datetime | None


class MemberPageResult(Page[MemberView], frozen=True, kw_only=True):
    """A page of members."""

    total_count: int


class Membership(Struct, frozen=True, kw_only=True):
    """An identity's place in one brand."""

    brand_id: str
    member_id: str
    display_name: str
    roles: list[str]
    joined_at: datetime


class MembershipsResult(Struct, frozen=True, kw_only=True):
    """The brands that an identity is in, the oldest membership first; at most 1,000."""

    items: list[Membership]


class MembersGetMany(Query, frozen=True, kw_only=True):
    """Members by id, in the order of `ids`, None for one that never joined this brand."""

    wire_name: ClassVar[str] = "members_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class MemberPage(Query, frozen=True, kw_only=True):
    """Who is in the brand now, the newest member first."""

    wire_name: ClassVar[str] = "member_page"

    page: PageRequest = PageRequest()


class MemberSearch(Query, frozen=True, kw_only=True):
    """Who is in the brand and has a word in their name that begins with `prefix`, by their names from that word on.

    Case, accents and punctuation do not count (`names.fold`).
    """

    wire_name: ClassVar[str] = "member_search"

    prefix: Line
    first: Annotated[int, Meta(ge=1, le=MAX_SIZE)] = DEFAULT_SIZE
    after: str | None = None


class MembershipsOfIdentity(Query, frozen=True, kw_only=True):
    """In which brands an identity is.  Envelope: brand `NO_BRAND`, viewer the same identity."""

    wire_name: ClassVar[str] = "memberships_of_identity"

    identity: Id


class MemberListView(View):
    """`members`: a document a membership, `_id` brand:member.  `totals`: a document a brand with its `count`.

    `names`: the words by which those who are in a brand are found, as `names.py` has them.

    A service account has a document for its name, without an identity and never joined.
    """

    name = "member_list"
    version = 4
    stream = "MEMBERS"
    events = (*member_decisions.DECIDER.events, *service_account.DECIDER.events, ErasureRecorded)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.member.>", "evt.members.*.service_account.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "members": (
            page_index("brand", "joined", "joined_at_ms"),
            IndexModel("identity"),
        ),
        "totals": (),
        "names": (INDEX,),
    }

    def __init__(self) -> None:
        super().__init__()
        self._guides = Guides()

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.  Joining and leaving alternate, so plain increments stay exact."""
        brand, member = recorded.brand, recorded.aggregate_id
        who = {"_id": f"{brand}:{member}"}
        match recorded.event:
            case MemberJoined() as event:
                yield Write("members", ReplaceOne(who, {**who, **_joined(recorded, event)}, upsert=True))
                yield Increment("totals", brand, {"count": 1})
                yield from named(brand, member, event.display_name)
            case ProfileChanged() as event:
                yield Write("members", UpdateOne(who, {"$set": {"display_name": event.display_name}}))
                yield forgotten(brand, member)
                yield from named(brand, member, event.display_name)
            case RoleGranted(space_id=None) as event:
                yield Write("members", UpdateOne(who, {"$addToSet": {"roles": event.role.value}}))
            case RoleRevoked(space_id=None) as event:
                yield Write("members", UpdateOne(who, {"$pull": {"roles": event.role.value}}))
            case MemberLeft():
                left = {"joined": False, "left_at_ms": to_ms(recorded.time), "roles": []}
                yield Write("members", UpdateOne(who, {"$set": left, "$unset": {"identity": ""}}))
                yield Increment("totals", brand, {"count": -1})
                yield forgotten(brand, member)
            case ServiceAccountCreated() as event:
                yield Write("members", ReplaceOne(who, {**who, **_named(recorded, event.name)}, upsert=True))
            case ErasureRecorded():
                scrubbed = {"$set": {"display_name": ERASED}, "$unset": {"identity": ""}}
                yield Write("members", UpdateOne(who, scrubbed))
                yield forgotten(brand, member)

    async def members_get_many(self, query: MembersGetMany) -> list[MemberView | None]:
        """The members of `ids`, in that order."""
        return await self._members(query.brand, query.ids)

    async def member_page(self, query: MemberPage) -> MemberPageResult:
        """A page of those who are in the brand."""
        found = await page(
            self.collection("members"),
            prefix={"brand": query.brand, "joined": True},
            key="joined_at_ms",
            request=query.page,
            descending=True,
        )
        return MemberPageResult(**structs.asdict(found.map(_member)), total_count=await self._count(query.brand))

    async def member_search(self, query: MemberSearch) -> Page[MemberView]:
        """A page of those who are found; a member whose name changed a moment ago may be left out."""
        names = self.collection("names")
        guide = self._guides.of(query.brand) or await self._guides.read(
            names, query.brand, await self._count(query.brand)
        )
        found = await find(names, guide, query.prefix, query.first, query.after)
        members = zip(await self._members(query.brand, found.members), found.cursors, strict=True)
        shown = [(member, cursor) for member, cursor in members if member is not None]
        return Page(
            items=[member for member, _ in shown],
            cursors=[cursor for _, cursor in shown],
            has_next=found.has_next,
            has_previous=query.after is not None,
        )

    async def _count(self, brand: str) -> int:
        totals = await self.collection("totals").find_one({"_id": brand})
        return totals["count"] if totals else 0

    async def _members(self, brand: str, ids: Sequence[str]) -> list[MemberView | None]:
        keys = [f"{brand}:{id_}" for id_ in ids]
        found = {
            document["_id"]: _member(document)
            async for document in self.collection("members").find({"_id": {"$in": keys}})
        }
        return [found.get(key) for key in keys]

    async def identity_of(self, brand: str, member: str) -> str:
        """The identity behind a member who is in the brand.  Raises NOT_FOUND."""
        document = await self.collection("members").find_one({"_id": f"{brand}:{member}"})
        if document is None or not document["joined"]:
            raise NotFound("there is no such member", ("member_id",))
        identity: str = document["identity"]
        return identity

    async def memberships_of_identity(self, query: MembershipsOfIdentity) -> MembershipsResult:
        """The memberships of an identity."""
        documents = await self.collection("members").find({"identity": query.identity}).to_list(MAX_MEMBERSHIPS)
        documents.sort(key=lambda document: (document["joined_at_ms"], document["_id"]))
        return MembershipsResult(items=[_membership(document) for document in documents])


def _joined(recorded: Recorded[Any], event: MemberJoined) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "identity": event.identity,
        "joined": True,
        "joined_at_ms": to_ms(recorded.time),
        "left_at_ms": None,
        "display_name": event.display_name,
        "roles": [],
    }


def _named(recorded: Recorded[Any], name: str) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "joined": False,
        "joined_at_ms": to_ms(recorded.time),
        "left_at_ms": None,
        "display_name": name,
        "roles": [],
    }


def _member(document: Mapping[str, Any]) -> MemberView:
    return MemberView(
        id=document["member"],
        display_name=document["display_name"],
        roles=_roles(document),
        joined_at=from_ms(document["joined_at_ms"]),
        left_at=None if document["left_at_ms"] is None else from_ms(document["left_at_ms"]),
    )


def _membership(document: Mapping[str, Any]) -> Membership:
    return Membership(
        brand_id=document["brand"],
        member_id=document["member"],
        display_name=document["display_name"],
        roles=_roles(document),
        joined_at=from_ms(document["joined_at_ms"]),
    )


def _roles(document: Mapping[str, Any]) -> list[str]:
    return sorted([Role.MEMBER.value, *document["roles"]]) if document["joined"] else []
