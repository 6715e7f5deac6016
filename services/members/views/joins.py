"""How did people come into a brand, and who brought them?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import IndexModel

from libs.shared.domain import Query
from libs.shared.paging import MAX_SIZE, PageRequest, page, page_index
from libs.shared.projection import Change, Increment, View
from libs.shared.recorded import Recorded
from services.members import member, member_decisions
from services.members.member import MemberJoined

#: The sources of who said nothing of it: brought by a member, or not.
REFERRAL, DIRECT = "referral", "direct"


class SourceJoins(Struct, frozen=True, kw_only=True):
    """How many joined by a source."""

    source: str
    joins: int


class ReferrerJoins(Struct, frozen=True, kw_only=True):
    """How many a member brought."""

    member_id: str
    joins: int


class JoinReportView(Struct, frozen=True, kw_only=True):
    """Each joining counts once, also that of somebody who comes back.

    `sources` and `referrers` are the 100 with most; `sources` and `other_sources` together are `joins`, `referrers` and
    `other_referrers` together are `referred`.
    """

    joins: int
    referred: int
    sources: list[SourceJoins]
    other_sources: int
    referrers: list[ReferrerJoins]
    other_referrers: int


class JoinReport(Query, frozen=True, kw_only=True):
    """The report of a brand.  Owners and builders."""

    wire_name: ClassVar[str] = "join_report"


class JoinsView(View):
    """`sources`: a document a source of a brand.  `referrers`: one a member.  `totals`: one a brand.  Each has `joins`.

    `totals` also has how many were `referred`.
    """

    name = "joins"
    version = 1
    stream = "MEMBERS"
    events = member_decisions.DECIDER.events
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.member.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "sources": (page_index("brand", "joins"),),
        "referrers": (page_index("brand", "joins"),),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        if not isinstance(recorded.event, MemberJoined):
            return
        brand, referrer = recorded.brand, recorded.event.referrer
        source = recorded.event.source or (REFERRAL if referrer else DIRECT)
        yield Increment("sources", f"{brand}:{source}", {"joins": 1}, {"brand": brand, "source": source})
        if referrer:
            yield Increment("referrers", f"{brand}:{referrer}", {"joins": 1}, {"brand": brand, "member": referrer})
        yield Increment("totals", brand, {"joins": 1, "referred": int(bool(referrer))})

    async def join_report(self, query: JoinReport) -> JoinReportView:
        """The report, as far as the view has come."""
        totals = await self.collection("totals").find_one({"_id": query.brand}) or {"joins": 0, "referred": 0}
        sources = [
            SourceJoins(source=document["source"], joins=document["joins"])
            for document in await self._most("sources", query.brand, totals["joins"])
        ]
        referrers = [
            ReferrerJoins(member_id=document["member"], joins=document["joins"])
            for document in await self._most("referrers", query.brand, totals["referred"])
        ]
        return JoinReportView(
            joins=totals["joins"],
            referred=totals["referred"],
            sources=sources,
            other_sources=totals["joins"] - sum(one.joins for one in sources),
            referrers=referrers,
            other_referrers=totals["referred"] - sum(one.joins for one in referrers),
        )

    async def _most(self, collection: str, brand: str, ceiling: int) -> list[dict[str, Any]]:
        found = await page(
            self.collection(collection),
            prefix={"brand": brand},
            key="joins",
            request=PageRequest(first=MAX_SIZE),
            floor=1,
            ceiling=max(1, ceiling),
            descending=True,
        )
        return found.items
