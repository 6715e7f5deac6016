"""How people came into a brand and who brought them, for those who lead it."""

import strawberry

from libs.executor.with_strawberry import Answers, batch
from services.gateway import replies
from services.gateway.context import Info, Scope
from services.gateway.schema.common import BrandPart, field
from services.gateway.schema.members import Member, load_members


@strawberry.type(description="A way into the brand.")
class JoinSource:
    """A source."""

    source: str = strawberry.field(description="As joinBrand said it; else `referral` or `direct`.")
    joins: int = strawberry.field(description="How many joined so.")


@strawberry.type(description="A member who brought others.")
class JoinReferrer:
    """A referrer."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    joins: int = strawberry.field(description="How many they brought.")

    @batch
    @staticmethod
    async def member(those: list["JoinReferrer"]) -> Answers[Member | None]:
        """Who brought them."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type(description="All joinings of a brand, each counted once, also of somebody who comes back.")
class JoinReport:
    """The 100 sources and referrers with most, and the others together."""

    joins: int = strawberry.field(description="How many there were: those of `sources` and `otherSources` together.")
    referred: int = strawberry.field(description="How many somebody brought: `referrers` and `otherReferrers`.")
    sources: list[JoinSource] = strawberry.field(description="The 100 with most.")
    other_sources: int = strawberry.field(description="Joinings by all other sources.")
    referrers: list[JoinReferrer] = strawberry.field(description="The 100 with most.")
    other_referrers: int = strawberry.field(description="Joinings by all other referrers.")


@strawberry.type
class BrandJoins(BrandPart):
    """The part of a brand that says how people came."""

    @field
    async def joins(self, info: Info) -> JoinReport | None:
        """How people came, and who brought them.  Owners and builders."""
        scope = self.inside(info)
        row = await scope.ask("members", "join_report", replies.JoinReportReply)
        return JoinReport(
            joins=row.joins,
            referred=row.referred,
            sources=[JoinSource(source=one.source, joins=one.joins) for one in row.sources],
            other_sources=row.other_sources,
            referrers=[JoinReferrer(scope=scope, key=one.member_id, joins=one.joins) for one in row.referrers],
            other_referrers=row.other_referrers,
        )
