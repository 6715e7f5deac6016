"""What a brand recognises, and whom: its rules, its leaderboards, and who stands in the light."""

from datetime import UTC, date, datetime
from enum import Enum

import strawberry

from libs.executor.with_strawberry import Answers, batch
from services.gateway import replies
from services.gateway.context import Info, Scope
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    Connection,
    First,
    Last,
    connection,
    field,
    known,
    page_arguments,
)
from services.gateway.schema.honours import RecognitionLevel, RecognizedFact, Spotlight
from services.gateway.schema.members import Member, load_members


@strawberry.enum(description="How much of the past a leaderboard looks at.  Days begin at midnight UTC.")
class LeaderboardWindow(Enum):
    """Windows, as services name them."""

    WEEK = strawberry.enum_value("week", description="The week of a day, Monday to Sunday (ISO 8601).")
    MONTH = strawberry.enum_value("month", description="The month of a day.")
    ALL = strawberry.enum_value("all", description="All of it.")


@strawberry.type(description="Points for a fact.")
class RecognitionAward:
    """An award."""

    fact: RecognizedFact = strawberry.field(description="What it is for.")
    points: int = strawberry.field(description="What it gives.")
    daily_cap: int | None = strawberry.field(description="How many of a day give points; null when all do.")


@strawberry.type(description="A badge, and how it is earned.")
class RecognitionBadge:
    """A badge of the rules."""

    badge: str = strawberry.field(description="Its name for programs.")
    name: str
    description: str = strawberry.field(description="What it is for, one line.")
    fact: RecognizedFact | None = strawberry.field(description="The kind of facts that count; null for points.")
    at_least: int | None = strawberry.field(description="How many; null for one that is given by hand alone.")


@strawberry.type(description="An edition of the rules of recognition.")
class RecognitionRules:
    """Rules since a day."""

    version: int = strawberry.field(description="From 1; 0 for what a brand begins with.")
    holds_from: date | None = strawberry.field(description="Its first day (UTC); null for version 0.")
    published_at: datetime | None = strawberry.field(description="When it was published; null for version 0.")
    awards: list[RecognitionAward] = strawberry.field(description="What gives points.")
    badges: list[RecognitionBadge] = strawberry.field(description="What can be earned or given.")
    levels: list[RecognitionLevel] = strawberry.field(description="Lowest first.")

    @staticmethod
    def of(row: replies.RulesEditionReply) -> "RecognitionRules":
        """Rules as a service sees them."""
        return RecognitionRules(
            version=row.edition,
            holds_from=row.holds_from,
            published_at=row.published_at,
            awards=[
                RecognitionAward(fact=fact, points=award.points, daily_cap=award.daily_cap)
                for award in row.rules.awards
                for fact in known([award.fact], RecognizedFact)
            ],
            badges=[_badge(badge) for badge in row.rules.badges],
            levels=[RecognitionLevel(name=level.name, points=level.points) for level in row.rules.levels],
        )


@strawberry.type(description="The rules of recognition of a brand.  A day is scored by one edition, and never again.")
class BrandRecognitionRules:
    """The rules of today, and those of a day to come."""

    current: RecognitionRules = strawberry.field(description="What holds today.")
    coming: RecognitionRules | None = strawberry.field(description="What will hold; null when nothing is to change.")


@strawberry.type(description="A place on a leaderboard.  Equal scores share a rank: 1, 2, 2, 4.")
class Standing:
    """A member's place."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    score: int = strawberry.field(description="The points of the window.")
    rank: int | None = strawberry.field(description="From 1; null for who is not on the leaderboard.")

    @staticmethod
    def of(row: replies.StandingReply, scope: Scope) -> "Standing":
        """A place as a service sees it."""
        return Standing(scope=scope, key=row.member_id, score=row.score, rank=row.rank)

    @batch
    @staticmethod
    async def member(those: list["Standing"]) -> Answers[Member | None]:
        """Whose place it is."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type(description="A member in the light.")
class SpotlightedMember:
    """A member and what is said of them."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    spotlight: Spotlight = strawberry.field(description="What the brand says of them.")

    @batch
    @staticmethod
    async def member(those: list["SpotlightedMember"]) -> Answers[Member | None]:
        """Who it is."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type
class BrandRecognition(BrandPart):
    """The part of a brand that recognises members."""

    @field
    async def recognition_rules(self, info: Info) -> BrandRecognitionRules | None:
        """What gives points, badges and levels.  Members only."""
        return await load_rules(self.inside(info))

    @field
    async def recognition_rules_editions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[RecognitionRules] | None:
        """All versions of the brand's own rules, newest first.  Members only."""
        page, reply = page_arguments(first, after, last, before), replies.PageReply[replies.RulesEditionReply]
        found = await self.inside(info).ask("members", "recognition_rules_page", reply, page=page)
        return connection(found, RecognitionRules.of)

    @field
    async def leaderboard(
        self,
        info: Info,
        window: LeaderboardWindow = LeaderboardWindow.ALL,
        day: date | None = None,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Standing] | None:
        """Who has most points in the week or month of a day, or in all, highest first.  Members only.

        Equal scores are in no meaningful order.  Who left, or does not want to be on it, is not.
        """
        scope, reply = self.inside(info), replies.PageReply[replies.StandingReply]
        asked = {"window": window.value, "day": day or _today()}
        page = page_arguments(first, after, last, before)
        found = await scope.ask("members", "leaderboard", reply, **asked, page=page)
        return connection(found, lambda row: Standing.of(row, scope))

    @field
    async def viewer_standing(
        self, info: Info, window: LeaderboardWindow = LeaderboardWindow.ALL, day: date | None = None
    ) -> Standing | None:
        """The sender's own place on a leaderboard.  Members only."""
        scope = self.inside(info)
        asked = {"member_id": scope.viewer, "window": window.value, "day": day or _today()}
        return Standing.of(await scope.ask("members", "standing_of_member", replies.StandingReply, **asked), scope)

    @field
    async def spotlights(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[SpotlightedMember] | None:
        """Who stands in the light now, who leaves it soonest first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        reply = replies.PageReply[replies.SpotlightReply]
        found = await scope.ask("members", "spotlight_page", reply, at=datetime.now(UTC), page=page)
        return connection(
            found,
            lambda row: SpotlightedMember(scope=scope, key=row.member_id, spotlight=Spotlight.of(row, scope)),
        )


async def load_rules(scope: Scope) -> BrandRecognitionRules:
    """The rules of a brand."""
    row = await scope.ask("members", "recognition_rules", replies.RecognitionRulesReply, day=_today())
    return BrandRecognitionRules(
        current=RecognitionRules.of(row.current), coming=RecognitionRules.of(row.coming) if row.coming else None
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _badge(row: replies.BadgeRuleReply) -> RecognitionBadge:
    condition = row.condition
    fact = [condition.fact] if condition and condition.fact else []
    return RecognitionBadge(
        badge=row.badge,
        name=row.name,
        description=row.description,
        fact=next(iter(known(fact, RecognizedFact)), None),
        at_least=condition.at_least if condition else None,
    )
