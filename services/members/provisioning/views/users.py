"""Which users has a directory provisioned, and what does it say of them?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct
from pymongo import ASCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import ERASED, Id, Query
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.provisioning import user
from services.members.provisioning.profile import Profile, folded, from_text
from services.members.provisioning.user import (
    ProvisionedUserChanged,
    UserDeactivated,
    UserDeprovisioned,
    UserProvisioned,
    UserReactivated,
)
from services.members.provisioning.views.filters import Compile, Filter, flag, identifier, instant, text, to_query
from services.members.provisioning.views.ranks import counted, ranked, selected

#: The most users of one page.
MAX_PAGE: Final = 200


class ProvisionedUserView(Struct, frozen=True, kw_only=True):
    """A user as the directory has them.  The membership's id is the user's own."""

    id: str
    user_name: str
    external_id: str | None
    profile: Profile
    active: bool
    created_at: datetime
    modified_at: datetime
    version: int


class ProvisionedUserPageResult(Struct, frozen=True, kw_only=True):
    """A page in the order of ids, and how many users match in all."""

    items: list[ProvisionedUserView]
    total_count: int


class ProvisionedUsersGetMany(Query, frozen=True, kw_only=True):
    """Users by id, in the order of `ids`, None for one that is not there.  For directories."""

    wire_name: ClassVar[str] = "provisioned_users_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ProvisionedUserPage(Query, frozen=True, kw_only=True):
    """The users after the first `offset`, at most `size`; with `where`, of those that match.  For directories."""

    wire_name: ClassVar[str] = "provisioned_user_page"

    offset: Annotated[int, Meta(ge=0)] = 0
    size: Annotated[int, Meta(ge=0, le=MAX_PAGE)] = 100
    where: Filter | None = None


_FIELDS: Final[Mapping[str, Compile]] = {
    "id": identifier,
    "username": text("name_key"),
    "externalid": text("external_id", fold=False),
    "displayname": text("display_key"),
    "active": flag("active"),
    "emails.value": text("emails.value"),
    "emails.type": text("emails.type"),
    "emails.primary": flag("emails.primary"),
    "meta.created": instant("created_at_ms"),
    "meta.lastmodified": instant("modified_at_ms"),
}


class ProvisionedUsersView(View):
    """`users`: a document a user, `_id` brand:user, with the keys that filters compare.  `totals`: how many a brand."""

    name = "provisioned_users"
    version = 1
    stream = "MEMBERS"
    events = (*user.DECIDER.events, ErasureRecorded)
    subjects = ("evt.members.*.provisioned_user.*", "evt.members.*.erasure.*")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "users": tuple(
            IndexModel([("brand", ASCENDING), (key, ASCENDING)])
            for key in ("name_key", "external_id", "emails.value", "display_key", "modified_at_ms")
        ),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes.  Coming and going alternate, so plain increments stay exact."""
        brand, user_id, now_ms = recorded.brand, recorded.aggregate_id, to_ms(recorded.time)
        who = {"_id": f"{brand}:{user_id}"}
        change: dict[str, Any]
        match recorded.event:
            case UserProvisioned() as event:
                document = {
                    **who,
                    **_said(event.user_name, event.external_id, event.profile),
                    "brand": brand,
                    "user": user_id,
                    "active": event.active,
                    "version": 1,
                    "created_at_ms": now_ms,
                    "modified_at_ms": now_ms,
                }
                yield Write("users", ReplaceOne(who, document, upsert=True))
                yield counted("totals", brand, user_id, 1)
            case ProvisionedUserChanged() as event:
                change = {**_said(event.user_name, event.external_id, event.profile), "modified_at_ms": now_ms}
                yield Write("users", UpdateOne(who, {"$set": change, "$inc": {"version": 1}}))
            case UserDeactivated() | UserReactivated() as event:
                change = {"active": isinstance(event, UserReactivated), "modified_at_ms": now_ms}
                yield Write("users", UpdateOne(who, {"$set": change, "$inc": {"version": 1}}))
            case UserDeprovisioned():
                yield Write("users", DeleteOne(who))
                yield counted("totals", brand, user_id, -1)
            case ErasureRecorded():
                yield Write("users", UpdateOne(who, {"$set": _said(ERASED, None, ERASED)}))

    async def known(self, brand: str, users: Collection[str]) -> set[str]:
        """Which of the ids are users, as far as the view has come."""
        keys = [f"{brand}:{id_}" for id_ in users]
        found = self.collection("users").find({"_id": {"$in": keys}}, {"user": 1})
        return {document["user"] async for document in found}

    async def provisioned_users_get_many(self, query: ProvisionedUsersGetMany) -> list[ProvisionedUserView | None]:
        """The users of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {one["_id"]: _user(one) async for one in self.collection("users").find({"_id": {"$in": keys}})}
        return [found.get(key) for key in keys]

    async def provisioned_user_page(self, query: ProvisionedUserPage) -> ProvisionedUserPageResult:
        """A page of users; raises `Invalid` for a filter that cannot be answered."""
        users = self.collection("users")
        if query.where is None:
            found, total = await ranked(users, self.collection("totals"), query.brand, query.offset, query.size)
        else:
            where = to_query(query.brand, query.where, _FIELDS)
            found, total = await selected(users, where, query.offset, query.size)
        return ProvisionedUserPageResult(items=[_user(document) for document in found], total_count=total)


def _said(user_name: str, external_id: str | None, profile: str) -> dict[str, Any]:
    """What the directory says, and the keys by which it is found."""
    said = from_text(profile)
    return {
        "user_name": user_name,
        "name_key": folded(user_name),
        "external_id": external_id,
        "profile": profile,
        "display_key": folded(said.display_name) if said.display_name else None,
        "emails": [
            {
                "value": folded(email.value) if email.value else None,
                "type": folded(email.type) if email.type else None,
                "primary": bool(email.primary),
            }
            for email in said.emails
        ],
    }


def _user(document: Mapping[str, Any]) -> ProvisionedUserView:
    return ProvisionedUserView(
        id=document["user"],
        user_name=document["user_name"],
        external_id=document["external_id"],
        profile=from_text(document["profile"]),
        active=document["active"],
        created_at=from_ms(document["created_at_ms"]),
        modified_at=from_ms(document["modified_at_ms"]),
        version=document["version"],
    )
