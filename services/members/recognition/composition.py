"""Composes recognition: what it answers, who may ask, and the processes that let facts count and end spotlights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, structs

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.permissions import Examples
from libs.access.roles import LEADERS, require
from libs.shared.app import Guard
from libs.shared.commands import CommandHandler
from libs.shared.domain import Accepted, Command, Id, Query
from libs.shared.service import App, anybody
from services.members.brand import Brand, BrandCommand, BrandEvent
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.recognition import permissions, rules, scoring, spotlight
from services.members.recognition.curtain import Curtain
from services.members.recognition.defaults import default_rules
from services.members.recognition.recording import register_recording
from services.members.recognition.rules import Level, PublishRecognitionRules, Rulebook
from services.members.recognition.score import (
    AwardBadge,
    GrantBadge,
    RecordFact,
    Score,
    ScoreCommand,
    ScoreEvent,
    ScoreFact,
    ShowOnLeaderboard,
)
from services.members.recognition.spotlight import EndSpotlight, ShineOn, SpotlightMember
from services.members.recognition.views.badges import BadgesGetMany, BadgesView, BadgeView
from services.members.recognition.views.rules import (
    RecognitionRules,
    RecognitionRulesPage,
    RecognitionRulesPageResult,
    RecognitionRulesResult,
    RecognitionRulesView,
)
from services.members.recognition.views.scores import (
    EntryPageResult,
    Leaderboard,
    LeaderboardResult,
    ScoreEntries,
    ScoresView,
    StandingOfMember,
    StandingView,
)
from services.members.recognition.views.spotlights import (
    SpotlightPage,
    SpotlightPageResult,
    SpotlightsGetMany,
    SpotlightsView,
    SpotlightView,
)

#: What the stage of a brand does not stop: nobody is shown against their will.
EXEMPT: frozenset[type[Command]] = frozenset({ShowOnLeaderboard, EndSpotlight})

_Members = CommandHandler[Member, MemberCommand, MemberEvent]
_Brands = CommandHandler[Brand, BrandCommand, BrandEvent]


class ScoreView(Struct, frozen=True, kw_only=True):
    """A member's points of all time, and the levels that the rules of the day give them."""

    points: int
    level: Level | None
    next_level: Level | None
    opted_out: bool


class ScoresGetMany(Query, frozen=True, kw_only=True):
    """The scores of members by id, in the order of `ids`.

    None for who does not want to be on leaderboards, unless the viewer is them or a leader, and for who is away.
    """

    wire_name: ClassVar[str] = "scores_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]
    day: date


@dataclass(frozen=True, slots=True)
class _Commands:
    """Adds to commands what the rules look at beside their own aggregate."""

    app: App
    members: _Members
    brands: _Brands
    rulebooks: CommandHandler[Rulebook, PublishRecognitionRules, rules.RecognitionRulesPublished]
    scores: CommandHandler[Score, ScoreCommand, ScoreEvent]
    spotlights: CommandHandler[spotlight.Spotlight, spotlight.SpotlightCommand, spotlight.SpotlightEvent]

    async def record_fact(self, command: RecordFact) -> Accepted:
        member = await self.members.state(command.brand, command.member_id, fresh=True)
        rulebook = await self.rulebook(command.brand)
        fact = ScoreFact(**structs.asdict(command), rulebook=rulebook, erased=member.erasing is not None)
        return await self.scores.handle(fact)

    async def award_badge(self, command: AwardBadge) -> Accepted:
        return await self.scores.handle(await self._grant(command))

    async def would_award(self, command: AwardBadge) -> bool:
        return await self.scores.rehearse(await self._grant(command), fresh=True)

    async def spotlight_member(self, command: SpotlightMember) -> Accepted:
        return await self.spotlights.handle(await self._shine(command))

    async def would_spotlight(self, command: SpotlightMember) -> bool:
        return await self.spotlights.rehearse(await self._shine(command), fresh=True)

    async def _grant(self, command: AwardBadge) -> GrantBadge:
        rulebook, joined = await self.rulebook(command.brand), await self._joined(command)
        return GrantBadge(**structs.asdict(command), rulebook=rulebook, joined=joined)

    async def _shine(self, command: SpotlightMember) -> ShineOn:
        return ShineOn(**structs.asdict(command), joined=await self._joined(command))

    async def _joined(self, command: AwardBadge | SpotlightMember) -> bool:
        return (await self.members.state(command.brand, command.member_id, fresh=True)).joined

    async def rulebook(self, brand_id: str) -> Rulebook:
        """All editions, as the stream's leader has them now, after what the brand begins with."""
        own = await self.rulebooks.state(brand_id, brand_id, fresh=True)
        brand = await self.brands.state(brand_id, brand_id)
        return own.with_first(default_rules(brand.type, brand.kind, brand.locale))


def compose_recognition(
    app: App, authorizer: Authorizer, members: _Members, brands: _Brands
) -> tuple[Mapping[str, Examples], list[Source]]:
    """Register everything.

    Returns what a viewer could send, for `viewer_can`, and what a member's export has of it.
    """
    commands = _Commands(
        app=app,
        members=members,
        brands=brands,
        rulebooks=app.aggregate(rules.DECIDER, guards={PublishRecognitionRules: _by_the_clock_of(app)}),
        scores=app.aggregate(scoring.DECIDER),
        spotlights=app.aggregate(spotlight.DECIDER),
    )
    app.command("score", RecordFact, commands.record_fact)
    app.command("score", AwardBadge, commands.award_badge, rehearse=commands.would_award)
    app.command("spotlight", SpotlightMember, commands.spotlight_member, rehearse=commands.would_spotlight)
    register_recording(app)
    Curtain.register(app)
    scores = _score_queries(app, authorizer)
    badges = app.view(BadgesView())
    spotlights = app.view(SpotlightsView())
    seen = authorizer.member_only
    app.query(BadgesGetMany, list[list[BadgeView]], badges.badges_get_many, view=badges, allow=seen, same_for=anybody)
    app.query(SpotlightPage, SpotlightPageResult, spotlights.spotlight_page, view=spotlights, allow=seen)
    many = list[SpotlightView | None]
    app.query(SpotlightsGetMany, many, spotlights.spotlights_get_many, view=spotlights, allow=seen)
    return permissions.examples(commands.scores, commands.rulebook), [
        Source("score", scores, "members", _with_something_in_it),
        Source("score entry", scores, "entries", lambda brand, member: {"who": f"{brand}:{member}"}),
        Source("badge", badges, "badges", lambda brand, member: {"who": f"{brand}:{member}"}),
        Source("spotlight", spotlights, "spotlights", lambda brand, member: {"who": f"{brand}:{member}"}),
    ]


def _score_queries(app: App, authorizer: Authorizer) -> ScoresView:
    view, rulebooks = app.view(ScoresView()), app.view(RecognitionRulesView())
    seen = authorizer.member_only

    async def oneself_or_leaders(query: StandingOfMember) -> None:
        await authorizer.member_only(query)
        if query.viewer != query.member_id:
            require(await authorizer.roles(query.brand, query.viewer), LEADERS)

    async def score_entries(query: ScoreEntries) -> list[EntryPageResult | None]:
        leads = not LEADERS.isdisjoint(await authorizer.roles(query.brand, query.viewer))
        shown = [id_ for id_ in query.ids if leads or id_ == query.viewer]
        found = dict(zip(shown, await view.score_entries(structs.replace(query, ids=shown)), strict=True))
        return [found.get(id_) for id_ in query.ids]

    async def scores_get_many(query: ScoresGetMany) -> list[ScoreView | None]:
        held = await rulebooks.rules_on(query.brand, query.day)
        leads = not LEADERS.isdisjoint(await authorizer.roles(query.brand, query.viewer))
        return [
            ScoreView(
                points=score.points,
                level=held.level(score.points),
                next_level=held.next_level(score.points),
                opted_out=score.opted_out,
            )
            if score.shown or leads or id_ == query.viewer
            else None
            for id_, score in zip(query.ids, await view.points(query.brand, query.ids), strict=True)
        ]

    app.query(
        RecognitionRules,
        RecognitionRulesResult,
        rulebooks.recognition_rules,
        view=rulebooks,
        allow=seen,
        same_for=anybody,
    )
    app.query(
        RecognitionRulesPage,
        RecognitionRulesPageResult,
        rulebooks.recognition_rules_page,
        view=rulebooks,
        allow=seen,
    )
    app.query(Leaderboard, LeaderboardResult, view.leaderboard, view=view, allow=seen, same_for=anybody)
    app.query(StandingOfMember, StandingView, view.standing_of_member, view=view, allow=oneself_or_leaders)
    app.query(ScoreEntries, list[EntryPageResult | None], score_entries, view=view, allow=seen)
    app.query(ScoresGetMany, list[ScoreView | None], scores_get_many, view=view, allow=seen)
    return view


def _by_the_clock_of(app: App) -> Guard:
    """Let an edition be published by this service's clock at the earliest: its notice counts from then."""

    async def guard(command: PublishRecognitionRules) -> PublishRecognitionRules:
        return structs.replace(command, now=max(command.now, app.clock.now()))

    return guard


def _with_something_in_it(brand: str, member: str) -> dict[str, object]:
    """The document of who has points or said that leaderboards do not show them."""
    return {"_id": f"{brand}:{member}", "$or": [{"number": {"$gte": 1}}, {"absent": "opted_out"}]}
