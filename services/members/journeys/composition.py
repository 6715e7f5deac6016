"""Composes the journeys: what they answer, who may ask, and the processes that lead members."""

from collections.abc import Mapping
from dataclasses import replace

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.permissions import Examples
from libs.access.roles import LEADERS, require
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Forbidden
from libs.shared.service import App, anybody
from services.members.journeys import journey, nudge, nudge_rule, permissions, progress_decisions
from services.members.journeys.deeds import Deeds
from services.members.journeys.following import Following
from services.members.journeys.guide import Guide
from services.members.journeys.nudge import ChooseNudges
from services.members.journeys.nudger import Nudger
from services.members.journeys.progress import BeginJourney, CompleteStep, SkipStep
from services.members.journeys.renewal import Renewal
from services.members.journeys.views.contributions import PostedView, ProposedView
from services.members.journeys.views.journeys import (
    JourneyOfBrand,
    JourneyOfBrandResult,
    JourneyReport,
    JourneyReportView,
    JourneysView,
    MemberJourney,
    MemberJourneyResult,
)
from services.members.journeys.views.nudges import (
    MemberNudgesView,
    NudgeRuleOfBrand,
    NudgeRuleView,
    NudgesOfMember,
    NudgesView,
)
from services.members.member import Member, MemberCommand, MemberEvent


def compose_journeys(
    app: App, authorizer: Authorizer, members: CommandHandler[Member, MemberCommand, MemberEvent]
) -> tuple[Mapping[str, Examples], list[Source]]:
    """Register everything.

    Returns what a viewer could send, for `viewer_can`, and where something of a member stands, for the export.
    """
    journeys = app.aggregate(journey.DECIDER)
    rules = app.aggregate(nudge_rule.DECIDER)
    # What the processes send is for nobody else to send.
    progress = app.aggregate(replace(progress_decisions.DECIDER, commands=(CompleteStep, SkipStep)))
    nudges = app.aggregate(replace(nudge.DECIDER, commands=(ChooseNudges,)))
    journeys_view, nudges_view = app.view(JourneysView()), app.view(NudgesView())
    posted, proposed = app.view(PostedView()), app.view(ProposedView())
    guide = Guide(app, authorizer, journeys, progress, members)
    nudger = Nudger(app, authorizer, rules, nudges, presence=nudges_view, contributions=(posted, proposed))
    app.command("progress", BeginJourney, guide.begin, rehearse=guide.would_begin)
    Deeds.register(app, guide, nudger, Following.register(app, guide, nudger))
    Renewal(app, guide, nudger, journeys, rules, on_journey=journeys_view, there=nudges_view)
    _queries(app, authorizer, journeys_view, nudges_view)
    return permissions.examples(progress), [
        Source("journey", journeys_view, "members", _by_id),
        Source("nudges", nudges_view, "members", _by_id),
        Source("last post or reply", posted, "last", _by_id),
        Source("last idea", proposed, "last", _by_id),
    ]


def _queries(app: App, authorizer: Authorizer, journeys: JourneysView, nudges: NudgesView) -> None:
    members = authorizer.member_only

    async def oneself_or_leaders(query: MemberJourney) -> None:
        await authorizer.member_only(query)
        if query.viewer != query.member_id:
            require(await authorizer.roles(query.brand, query.viewer), *LEADERS)

    async def leaders(query: JourneyReport) -> None:
        await authorizer.people_with(query, *LEADERS)

    async def oneself(query: NudgesOfMember) -> None:
        await authorizer.member_only(query)
        if query.viewer not in (query.member_id, SYSTEM):
            raise Forbidden("a member sees their own nudges only")

    app.query(
        JourneyOfBrand, JourneyOfBrandResult, journeys.journey_of_brand, view=journeys, allow=members, same_for=anybody
    )
    app.query(MemberJourney, MemberJourneyResult, journeys.member_journey, view=journeys, allow=oneself_or_leaders)
    app.query(JourneyReport, JourneyReportView, journeys.journey_report, view=journeys, allow=leaders)
    app.query(NudgeRuleOfBrand, NudgeRuleView, nudges.nudge_rule_of_brand, view=nudges, allow=members, same_for=anybody)
    app.query(NudgesOfMember, MemberNudgesView, nudges.nudges_of_member, view=nudges, allow=oneself)


def _by_id(brand: str, member: str) -> dict[str, str]:
    return {"_id": f"{brand}:{member}"}
