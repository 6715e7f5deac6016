"""Composes what this package answers: the queries on standing and roles, and the process that ends what has an end."""

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import STEWARDS, Role
from libs.shared.commands import CommandHandler
from libs.shared.domain import Query
from libs.shared.service import App
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.standing.terms import Terms
from services.members.standing.views.standings import (
    ActionPageResult,
    ExcludedMembers,
    ExcludedPageResult,
    RoleChangePageResult,
    RoleHistory,
    StandingActions,
    StandingsGetMany,
    StandingsView,
    StandingView,
)

#: Who suspends, bans and reinstates, and so may look at all of it.
_JUDGES = (Role.OWNER, Role.MODERATOR)


def compose_standing(
    app: App, authorizer: Authorizer, members: CommandHandler[Member, MemberCommand, MemberEvent]
) -> list[Source]:
    """Register it; returns what the view holds about a member."""
    view = app.view(StandingsView())
    Terms(app, members)

    async def judges(query: Query) -> None:
        await authorizer.people_with(query, *_JUDGES)

    async def oneself_or_judges(query: StandingActions) -> None:
        if query.viewer != query.member_id:
            await judges(query)

    async def oneself_or_stewards(query: RoleHistory) -> None:
        if query.viewer != query.member_id:
            await authorizer.people_with(query, *STEWARDS)

    async def standings(query: StandingsGetMany) -> list[StandingView]:
        roles = await authorizer.roles(query.brand, query.viewer)
        return await view.standings_get_many(query, see_all=not roles.isdisjoint(_JUDGES))

    app.query(StandingsGetMany, list[StandingView], standings, view=view, allow=authorizer.member_only)
    app.query(StandingActions, ActionPageResult, view.standing_actions, view=view, allow=oneself_or_judges)
    app.query(RoleHistory, RoleChangePageResult, view.role_history, view=view, allow=oneself_or_stewards)
    app.query(ExcludedMembers, ExcludedPageResult, view.excluded_members, view=view, allow=judges)
    return [
        Source("standing", view, "standings", lambda brand, member: {"_id": f"{brand}:{member}"}),
        Source("standing action", view, "actions", lambda brand, member: {"who": f"{brand}:{member}"}),
        Source("role change", view, "role_changes", lambda brand, member: {"who": f"{brand}:{member}"}),
    ]
