"""Which groups has a directory provisioned, who is in them, and which role do they give?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct
from pymongo import ASCENDING, DeleteMany, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.roles import Role
from libs.shared.domain import Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.provisioning import group
from services.members.provisioning.group import (
    MAX_MEMBERS,
    GroupDeprovisioned,
    GroupMembersChanged,
    GroupProvisioned,
    GroupRoleMapped,
    ProvisionedGroupRenamed,
)
from services.members.provisioning.profile import folded
from services.members.provisioning.views.filters import Compile, Filter, identifier, instant, text, to_query
from services.members.provisioning.views.ranks import counted, ranked, selected

#: The most groups of one page.
MAX_PAGE: Final = 200


class ProvisionedGroupView(Struct, frozen=True, kw_only=True):
    """A group; `role` is the one that its members have by it."""

    id: str
    display_name: str
    external_id: str | None
    role: Role | None
    member_count: int
    created_at: datetime
    modified_at: datetime
    version: int


class ProvisionedGroupRanks(Struct, frozen=True, kw_only=True):
    """A page in the order of ids, and how many groups match in all."""

    items: list[ProvisionedGroupView]
    total_count: int


class ProvisionedGroupPageResult(Page[ProvisionedGroupView], frozen=True, kw_only=True):
    """A page of groups."""

    total_count: int


class UserGroups(Struct, frozen=True, kw_only=True):
    """The groups that a user is in."""

    user_id: str
    groups: list[ProvisionedGroupView]


class ProvisionedGroupsGetMany(Query, frozen=True, kw_only=True):
    """Groups by id, in the order of `ids`, None for one that is not there.  For directories, owners and builders."""

    wire_name: ClassVar[str] = "provisioned_groups_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ProvisionedGroupRange(Query, frozen=True, kw_only=True):
    """The groups after the first `offset`, at most `size`; with `where`, of those that match.  For directories."""

    wire_name: ClassVar[str] = "provisioned_group_range"

    offset: Annotated[int, Meta(ge=0)] = 0
    size: Annotated[int, Meta(ge=0, le=MAX_PAGE)] = 100
    where: Filter | None = None


class ProvisionedGroupPage(Query, frozen=True, kw_only=True):
    """The groups, the newest first.  For owners and builders."""

    wire_name: ClassVar[str] = "provisioned_group_page"

    page: PageRequest = PageRequest()


class ProvisionedGroupMembers(Query, frozen=True, kw_only=True):
    """The ids of the users in a group, sorted; of nobody in one that is not there.  For directories."""

    wire_name: ClassVar[str] = "provisioned_group_members"

    group_id: Id


class GroupsOfUsers(Query, frozen=True, kw_only=True):
    """The groups that users are in, in the order of `user_ids`.  For directories."""

    wire_name: ClassVar[str] = "groups_of_users"

    user_ids: Annotated[list[Id], Meta(max_length=MAX_PAGE)]


_FIELDS: Final[Mapping[str, Compile]] = {
    "id": identifier,
    "displayname": text("name_key"),
    "externalid": text("external_id", fold=False),
    "meta.created": instant("created_at_ms"),
    "meta.lastmodified": instant("modified_at_ms"),
}


class ProvisionedGroupsView(View):
    """`groups`: a document a group, `_id` brand:group.  `members`: one a user in a group, `_id` brand:group:user.

    `totals`: how many groups a brand has, and `gives_roles` once one of them was ever mapped to a role.
    """

    name = "provisioned_groups"
    version = 1
    stream = "MEMBERS"
    events = group.DECIDER.events
    subjects = ("evt.members.*.provisioned_group.*",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "groups": (
            page_index("brand", "created_at_ms"),
            IndexModel([("brand", ASCENDING), ("name_key", ASCENDING)]),
            IndexModel([("brand", ASCENDING), ("external_id", ASCENDING)]),
            IndexModel([("brand", ASCENDING), ("modified_at_ms", ASCENDING)]),
        ),
        "members": (IndexModel("group"), IndexModel("member")),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.  An event names who came and who went, each once: increments are exact."""
        brand, id_, now_ms = recorded.brand, recorded.aggregate_id, to_ms(recorded.time)
        key = f"{brand}:{id_}"
        which = {"_id": key}
        match recorded.event:
            case GroupProvisioned() as event:
                document = {
                    **which,
                    **_said(event),
                    "brand": brand,
                    "group": id_,
                    "role": None,
                    "member_count": 0,
                    "version": 1,
                    "created_at_ms": now_ms,
                    "modified_at_ms": now_ms,
                }
                yield Write("groups", ReplaceOne(which, document, upsert=True))
                yield counted("totals", brand, id_, 1)
            case ProvisionedGroupRenamed() as event:
                change = {"$set": {**_said(event), "modified_at_ms": now_ms}, "$inc": {"version": 1}}
                yield Write("groups", UpdateOne(which, change))
            case GroupMembersChanged() as event:
                for user in event.added:
                    one = {"_id": f"{key}:{user}", "group": key, "user": user, "member": f"{brand}:{user}"}
                    yield Write("members", ReplaceOne({"_id": one["_id"]}, one, upsert=True))
                for user in event.removed:
                    yield Write("members", DeleteOne({"_id": f"{key}:{user}"}))
                more = len(event.added) - len(event.removed)
                counts = {"version": 1, "member_count": more}
                yield Write("groups", UpdateOne(which, {"$inc": counts, "$set": {"modified_at_ms": now_ms}}))
            case GroupRoleMapped() as event:
                yield Write("groups", UpdateOne(which, {"$set": {"role": event.role and event.role.value}}))
                yield Write("totals", UpdateOne({"_id": brand}, {"$set": {"gives_roles": True}}))
            case GroupDeprovisioned():
                yield Write("groups", DeleteOne(which))
                yield Write("members", DeleteMany({"group": key}))
                yield counted("totals", brand, id_, -1)

    async def gives_roles(self, brand: str) -> bool:
        """Whether a group of the brand was ever mapped to a role."""
        totals = await self.collection("totals").find_one({"_id": brand})
        return totals is not None and bool(totals.get("gives_roles"))

    async def provisioned_groups_get_many(self, query: ProvisionedGroupsGetMany) -> list[ProvisionedGroupView | None]:
        """The groups of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {one["_id"]: _group(one) async for one in self.collection("groups").find({"_id": {"$in": keys}})}
        return [found.get(key) for key in keys]

    async def provisioned_group_range(self, query: ProvisionedGroupRange) -> ProvisionedGroupRanks:
        """A page of groups; raises `Invalid` for a filter that cannot be answered."""
        groups = self.collection("groups")
        if query.where is None:
            found, total = await ranked(groups, self.collection("totals"), query.brand, query.offset, query.size)
        else:
            where = to_query(query.brand, query.where, _FIELDS)
            found, total = await selected(groups, where, query.offset, query.size)
        return ProvisionedGroupRanks(items=[_group(document) for document in found], total_count=total)

    async def provisioned_group_page(self, query: ProvisionedGroupPage) -> ProvisionedGroupPageResult:
        """A page of a brand's groups."""
        found = await page(
            self.collection("groups"),
            prefix={"brand": query.brand},
            key="created_at_ms",
            request=query.page,
            descending=True,
        )
        totals = await self.collection("totals").find_one({"_id": query.brand})
        rows = found.map(_group)
        return ProvisionedGroupPageResult(
            items=rows.items,
            cursors=rows.cursors,
            has_next=rows.has_next,
            has_previous=rows.has_previous,
            total_count=totals["count"] if totals else 0,
        )

    async def provisioned_group_members(self, query: ProvisionedGroupMembers) -> list[str]:
        """The users of a group."""
        where = {"group": f"{query.brand}:{query.group_id}"}
        found = await self.collection("members").find(where, {"user": 1}).to_list(MAX_MEMBERS)
        return sorted(document["user"] for document in found)

    async def groups_of_users(self, query: GroupsOfUsers) -> list[UserGroups]:
        """The groups of each user."""
        keys = [f"{query.brand}:{id_}" for id_ in query.user_ids]
        places = await self.collection("members").find({"member": {"$in": keys}}).to_list(None)
        groups = {place["group"] for place in places}
        known = {one["_id"]: _group(one) async for one in self.collection("groups").find({"_id": {"$in": [*groups]}})}
        found: dict[str, list[ProvisionedGroupView]] = {id_: [] for id_ in query.user_ids}
        for place in places:
            if place["group"] in known:
                found[place["user"]].append(known[place["group"]])
        return [UserGroups(user_id=id_, groups=sorted(found[id_], key=lambda one: one.id)) for id_ in query.user_ids]


def _said(event: GroupProvisioned | ProvisionedGroupRenamed) -> dict[str, Any]:
    return {
        "display_name": event.display_name,
        "name_key": folded(event.display_name),
        "external_id": event.external_id,
    }


def _group(document: Mapping[str, Any]) -> ProvisionedGroupView:
    return ProvisionedGroupView(
        id=document["group"],
        display_name=document["display_name"],
        external_id=document["external_id"],
        role=None if document["role"] is None else Role(document["role"]),
        member_count=document["member_count"],
        created_at=from_ms(document["created_at_ms"]),
        modified_at=from_ms(document["modified_at_ms"]),
        version=document["version"],
    )
