"""Which service accounts does a brand have, and whose is an API key?"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.access.scopes import Scope
from libs.shared.domain import Id, NotFound, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import service_account
from services.members.service_account import (
    ApiKeyIssued,
    ApiKeyRevoked,
    KeyHash,
    ServiceAccountClosed,
    ServiceAccountCreated,
)


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """A key as people recognise it; the oldest of an account comes first."""

    id: str
    last_four: str
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None


class ServiceAccountView(Struct, frozen=True, kw_only=True):
    """A service account with all keys it ever had; `created_by` and `issued_by` are members."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    created_by: str
    closed_at: datetime | None
    keys: list[ApiKeyView]


class ServiceAccountPageResult(Page[ServiceAccountView], frozen=True, kw_only=True):
    """A page of service accounts."""

    total_count: int


class ApiKeyOwner(Struct, frozen=True, kw_only=True):
    """Whom a key proves, and until when."""

    brand: str
    account_id: str
    expires_at: datetime


class ServiceAccountsGetMany(Query, frozen=True, kw_only=True):
    """Service accounts by id, in the order of `ids`, None for one that this brand never had."""

    wire_name: ClassVar[str] = "service_accounts_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ServiceAccountPage(Query, frozen=True, kw_only=True):
    """The service accounts of the brand, closed ones too, the newest first."""

    wire_name: ClassVar[str] = "service_account_page"

    page: PageRequest = PageRequest()


class OwnerOfApiKey(Query, frozen=True, kw_only=True):
    """Whose key this is.  Envelope: brand `NO_BRAND`, since only the answer tells the brand; viewer SYSTEM.

    NOT_FOUND for a key that does not count, whatever the reason, except that its time may have run out.
    """

    wire_name: ClassVar[str] = "owner_of_api_key"

    key_id: Id
    key_hash: KeyHash


class ServiceAccountsView(View):
    """`accounts`: a document an account, `_id` brand:account.  `keys`: one a key.  `totals`: `count` of a brand's."""

    name = "service_accounts"
    version = 1
    stream = "MEMBERS"
    events = service_account.DECIDER.events
    subjects = ("evt.members.*.service_account.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "accounts": (page_index("brand", "created_at_ms"),),
        "keys": (),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        account = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        now_ms = to_ms(recorded.time)
        match recorded.event:
            case ServiceAccountCreated() as event:
                yield Write("accounts", ReplaceOne(account, {**account, **_created(recorded, event)}, upsert=True))
                yield Write("totals", UpdateOne({"_id": recorded.brand}, {"$inc": {"count": 1}}, upsert=True))
            case ApiKeyIssued() as event:
                issued = {
                    "id": event.key_id,
                    "last_four": event.last_four,
                    "issued_at_ms": now_ms,
                    "issued_by": recorded.actor,
                    "expires_at_ms": to_ms(event.expires_at),
                    "revoked_at_ms": None,
                }
                secret = {
                    "brand": recorded.brand,
                    "account": recorded.aggregate_id,
                    "key_hash": event.key_hash,
                    "expires_at_ms": to_ms(event.expires_at),
                    "revoked": False,
                }
                yield Write("accounts", UpdateOne(account, {"$push": {"keys": issued}}))
                # Who comes second with an id does not take the key away from who has it.
                yield Write("keys", UpdateOne({"_id": event.key_id}, {"$setOnInsert": secret}, upsert=True))
            case ApiKeyRevoked() as event:
                place = {**account, "keys.id": event.key_id}
                yield Write("accounts", UpdateOne(place, {"$set": {"keys.$.revoked_at_ms": now_ms}}))
                mine = {"_id": event.key_id, "brand": recorded.brand, "account": recorded.aggregate_id}
                yield Write("keys", UpdateOne(mine, {"$set": {"revoked": True}}))
            case ServiceAccountClosed():
                yield Write("accounts", UpdateOne(account, {"$set": {"closed_at_ms": now_ms}}))

    async def service_accounts_get_many(self, query: ServiceAccountsGetMany) -> list[ServiceAccountView | None]:
        """The accounts of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {
            document["_id"]: _account(document)
            async for document in self.collection("accounts").find({"_id": {"$in": keys}})
        }
        return [found.get(key) for key in keys]

    async def service_account_page(self, query: ServiceAccountPage) -> ServiceAccountPageResult:
        """A page of a brand's accounts."""
        found = await page(
            self.collection("accounts"),
            prefix={"brand": query.brand},
            key="created_at_ms",
            request=query.page,
            descending=True,
        )
        totals = await self.collection("totals").find_one({"_id": query.brand})
        accounts = found.map(_account)
        return ServiceAccountPageResult(**structs.asdict(accounts), total_count=totals["count"] if totals else 0)

    async def owner_of_api_key(self, query: OwnerOfApiKey) -> ApiKeyOwner:
        """The account that a key proves.  Raises NOT_FOUND."""
        key = await self.collection("keys").find_one({"_id": query.key_id})
        known = key["key_hash"] if key else "0" * 64
        # In constant time, and also when there is no such key: time tells nobody how near a guess came.
        if not hmac.compare_digest(known, query.key_hash) or key is None or key["revoked"]:
            raise _no_such_key()
        account = await self.collection("accounts").find_one({"_id": f"{key['brand']}:{key['account']}"})
        if account is None or account["closed_at_ms"] is not None:
            raise _no_such_key()
        return ApiKeyOwner(brand=key["brand"], account_id=key["account"], expires_at=from_ms(key["expires_at_ms"]))


def _no_such_key() -> NotFound:
    return NotFound("there is no such key", ("key_id",))


def _created(recorded: Recorded[Any], event: ServiceAccountCreated) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "account": recorded.aggregate_id,
        "name": event.name,
        "scopes": [scope.value for scope in event.scopes],
        "created_at_ms": to_ms(recorded.time),
        "created_by": recorded.actor,
        "closed_at_ms": None,
        "keys": [],
    }


def _account(document: Mapping[str, Any]) -> ServiceAccountView:
    return ServiceAccountView(
        id=document["account"],
        name=document["name"],
        scopes=[Scope(scope) for scope in document["scopes"]],
        created_at=from_ms(document["created_at_ms"]),
        created_by=document["created_by"],
        closed_at=_moment(document["closed_at_ms"]),
        keys=[_key(key) for key in document["keys"]],
    )


def _key(document: Mapping[str, Any]) -> ApiKeyView:
    return ApiKeyView(
        id=document["id"],
        last_four=document["last_four"],
        issued_at=from_ms(document["issued_at_ms"]),
        issued_by=document["issued_by"],
        expires_at=from_ms(document["expires_at_ms"]),
        revoked_at=_moment(document["revoked_at_ms"]),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
