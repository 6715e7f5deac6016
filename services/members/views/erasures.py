"""Whose erasure was asked for, how far is that, and what certifies it?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, convert, to_builtins
from pymongo import IndexModel, ReplaceOne, UpdateOne

from libs.shared.domain import Id, Query
from libs.shared.privacy import KeyId
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import member_decisions
from services.members.member import MemberErased, MemberErasureRequested, ScrubbedService


class ErasureView(Struct, frozen=True, kw_only=True):
    """An erasure.  The last three are the certificate, None and empty until it is given."""

    member_id: str
    requested_by: str
    requested_at: datetime
    key_destroyed_at: datetime | None
    certified_at: datetime | None
    services: list[ScrubbedService]


class ErasuresGetMany(Query, frozen=True, kw_only=True):
    """The erasures of members, in the order of `ids`; None without one.  Owners; of anybody else, the viewer's own."""

    wire_name: ClassVar[str] = "erasures_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ErasuresView(View):
    """`erasures`: a document an erasure, `_id` brand:member; `pending` until it is certified."""

    name = "erasures"
    version = 1
    stream = "MEMBERS"
    events = member_decisions.DECIDER.events
    subjects = ("evt.members.*.member.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"erasures": (IndexModel("pending"),)}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberErasureRequested():
                document: dict[str, Any] = {
                    **who,
                    "brand": recorded.brand,
                    "member": recorded.aggregate_id,
                    "pending": True,
                    "requested_by": recorded.actor,
                    "requested_at_ms": to_ms(recorded.time),
                    "key_destroyed_at_ms": None,
                    "certified_at_ms": None,
                    "services": [],
                }
                yield Write("erasures", ReplaceOne(who, document, upsert=True))
            case MemberErased() as event:
                certificate = {
                    "pending": False,
                    "key_destroyed_at_ms": to_ms(event.key_destroyed_at),
                    "certified_at_ms": to_ms(recorded.time),
                    "services": to_builtins(event.services),
                }
                yield Write("erasures", UpdateOne(who, {"$set": certificate}))

    async def pending(self, most: int) -> list[KeyId]:
        """Whose erasures are not certified yet, at most so many."""
        documents = await self.collection("erasures").find({"pending": True}).to_list(most)
        return [KeyId(document["brand"], document["member"]) for document in documents]

    async def erasures_get_many(self, query: ErasuresGetMany, *, see_all: bool) -> list[ErasureView | None]:
        """The erasures of the members of `ids`, in that order; only the viewer's own unless `see_all`."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids if see_all or id_ == query.viewer]
        found = {
            document["member"]: _erasure_view(document)
            async for document in self.collection("erasures").find({"_id": {"$in": keys}})
        }
        return [found.get(id_) for id_ in query.ids]


def _erasure_view(document: Mapping[str, Any]) -> ErasureView:
    return ErasureView(
        member_id=document["member"],
        requested_by=document["requested_by"],
        requested_at=from_ms(document["requested_at_ms"]),
        key_destroyed_at=_instant(document["key_destroyed_at_ms"]),
        certified_at=_instant(document["certified_at_ms"]),
        services=convert(document["services"], list[ScrubbedService]),
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
