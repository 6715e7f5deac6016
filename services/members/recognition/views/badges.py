"""Which badges do members have, and for what?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct
from pymongo import ASCENDING, DeleteMany, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import SYSTEM, Id, Query
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.recognition import scoring
from services.members.recognition.score import BadgeAwarded, BadgeRevoked, Evidence


class BadgeView(Struct, frozen=True, kw_only=True):
    """A badge that a member has, called as it was then.

    Either a rule of `edition` gave it, with `evidence`, or the member `awarded_by` (None: the platform) did, with a
    `reason`.
    """

    badge: str
    name: str
    awarded_at: datetime
    edition: int
    evidence: Evidence | None
    awarded_by: str | None
    reason: str | None


class BadgesGetMany(Query, frozen=True, kw_only=True):
    """The badges of members by id, in the order of `ids`, each member's oldest first."""

    wire_name: ClassVar[str] = "badges_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class BadgesView(View):
    """`badges`: a document for each badge that a member was ever given, `_id` brand:member:badge; `held` or not."""

    name = "badges"
    version = 1
    stream = "MEMBERS"
    events = (*scoring.DECIDER.events, ErasureRecorded)
    subjects = ("evt.members.*.score.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "badges": (IndexModel([("who", ASCENDING), ("held", ASCENDING)]),)
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case BadgeAwarded() as event:
                one = {"_id": f"{who}:{event.badge}"}
                yield Write("badges", ReplaceOne(one, {**one, "who": who, **_awarded(recorded, event)}, upsert=True))
            case BadgeRevoked() as event:
                revoked = {"held": False, "revoked_at_ms": to_ms(recorded.time), "revoked_reason": event.reason}
                yield Write("badges", UpdateOne({"_id": f"{who}:{event.badge}"}, {"$set": revoked}))
            case ErasureRecorded():
                yield Write("badges", DeleteMany({"who": who}))

    async def badges_get_many(self, query: BadgesGetMany) -> list[list[BadgeView]]:
        """The badges of each member of `ids`."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        badges: dict[str, list[Mapping[str, Any]]] = {key: [] for key in keys}
        async for document in self.collection("badges").find({"who": {"$in": keys}, "held": True}):
            badges[document["who"]].append(document)
        return [
            [_badge(one) for one in sorted(badges[key], key=lambda one: (one["awarded_at_ms"], one["badge"]))]
            for key in keys
        ]


def _awarded(recorded: Recorded[Any], event: BadgeAwarded) -> dict[str, Any]:
    return {
        "held": True,
        "badge": event.badge,
        "name": event.name,
        "awarded_at_ms": to_ms(recorded.time),
        "edition": event.edition,
        "evidence": None if event.evidence is None else msgspec.to_builtins(event.evidence),
        "awarded_by": None if recorded.actor == SYSTEM else recorded.actor,
        "reason": event.reason,
    }


def _badge(document: Mapping[str, Any]) -> BadgeView:
    return BadgeView(
        badge=document["badge"],
        name=document["name"],
        awarded_at=from_ms(document["awarded_at_ms"]),
        edition=document["edition"],
        evidence=msgspec.convert(document["evidence"], Evidence | None),
        awarded_by=document["awarded_by"],
        reason=document["reason"],
    )
