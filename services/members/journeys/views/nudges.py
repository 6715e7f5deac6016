"""Who is there to be nudged, since when, and who wants to be?"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Event, Id, Query
from libs.shared.paging import MAX_SIZE, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.journeys import membership, nudge, nudge_rule
from services.members.journeys.membership import (
    MemberBanned,
    MemberJoined,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
)
from services.members.journeys.nudge import MemberNudged, NudgesDeclined, NudgesWelcomed
from services.members.journeys.nudge_rule import DEFAULT_DAYS, NudgeRuleSet


class NudgeRuleView(Struct, frozen=True, kw_only=True):
    """After how many days of silence the brand nudges; None: never."""

    after_days: int | None


class MemberNudgesView(Struct, frozen=True, kw_only=True):
    """Whether a member wants nudges, and when they had the last one."""

    on: bool
    last_at: datetime | None


class NudgeRuleOfBrand(Query, frozen=True, kw_only=True):
    """The rule of the brand."""

    wire_name: ClassVar[str] = "nudge_rule_of_brand"


class NudgesOfMember(Query, frozen=True, kw_only=True):
    """A member's nudges.  The member only."""

    wire_name: ClassVar[str] = "nudges_of_member"

    member_id: Id


class Presence(Struct, frozen=True, kw_only=True):
    """A member who is there, and since when: the last time that they joined or were reinstated."""

    member: str
    since: datetime


class NudgesView(View):
    """`rules`: a document a brand that set its rule.  `members`: one a member, also of who left, until they are erased.

    Of what an import tells as long past, `since_ms` says when the platform learnt of it: who was brought in has been
    there since then.
    """

    name = "nudges"
    version = 1
    stream = "MEMBERS"
    foreign = True
    subjects = (membership.SUBJECT, "evt.members.*.nudge_rule.*", "evt.members.*.nudge.*", "evt.members.*.erasure.*")
    events: ClassVar[tuple[type[Event], ...]] = (
        *membership.PRESENCE,
        *nudge_rule.DECIDER.events,
        *nudge.DECIDER.events,
        ErasureRecorded,
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "rules": (),
        "members": (page_index("brand", "joined", "since_ms"),),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        since = {"since_ms": to_ms(max(recorded.time, recorded.recorded_at))}
        match recorded.event:
            case MemberJoined():
                named = {"brand": recorded.brand, "member": recorded.aggregate_id}
                fields = {**named, "joined": True}
                yield Write("members", UpdateOne(who, {"$set": fields, "$max": since}, upsert=True))
            case MemberLeft():
                yield Write("members", UpdateOne(who, {"$set": {"joined": False}}))
            case MemberSuspended() | MemberBanned():
                yield Write("members", UpdateOne(who, {"$set": {"shut_out": True}}))
            case MemberReinstated():
                yield Write("members", UpdateOne(who, {"$set": {"shut_out": False}, "$max": since}))
            case NudgeRuleSet(after_days=days):
                rule = {"_id": recorded.brand, "after_days": days}
                yield Write("rules", ReplaceOne({"_id": recorded.brand}, rule, upsert=True))
            case NudgesDeclined() | NudgesWelcomed():
                declined = isinstance(recorded.event, NudgesDeclined)
                yield Write("members", UpdateOne(who, {"$set": {"declined": declined}}))
            case ErasureRecorded():
                yield Write("members", DeleteOne(who))
            case MemberNudged():
                yield Write("members", UpdateOne(who, {"$set": {"nudged_at_ms": to_ms(recorded.time)}}))

    async def nudge_rule_of_brand(self, query: NudgeRuleOfBrand) -> NudgeRuleView:
        """The rule that holds."""
        document = await self.collection("rules").find_one({"_id": query.brand})
        return NudgeRuleView(after_days=DEFAULT_DAYS if document is None else document["after_days"])

    async def nudges_of_member(self, query: NudgesOfMember) -> MemberNudgesView:
        """What a member chose, and had."""
        document = await self.collection("members").find_one({"_id": f"{query.brand}:{query.member_id}"}) or {}
        last = document.get("nudged_at_ms")
        return MemberNudgesView(on=not document.get("declined", False), last_at=None if last is None else from_ms(last))

    async def presence(self, brand: str, member: str) -> Presence | None:
        """The member, when they are there and not shut out."""
        return _presence(await self.collection("members").find_one({"_id": f"{brand}:{member}"}))

    async def present(self, brand: str) -> AsyncIterator[list[Presence]]:
        """Who is in a brand and not shut out, page by page."""
        after = None
        while True:
            found = await page(
                self.collection("members"),
                prefix={"brand": brand, "joined": True},
                key="since_ms",
                request=PageRequest(first=MAX_SIZE, after=after),
            )
            yield [there for document in found.items if (there := _presence(document)) is not None]
            if not found.has_next:
                return
            after = found.cursors[-1]


def _presence(document: Mapping[str, Any] | None) -> Presence | None:
    if document is None or not document["joined"] or document.get("shut_out", False):
        return None
    return Presence(member=document["member"], since=from_ms(document["since_ms"]))
