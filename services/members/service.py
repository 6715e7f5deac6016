"""Composes the members service: what it answers, and who may ask."""

from libs.access.authorizer import Authorizer
from libs.access.erasing import compose_erasing
from libs.access.export import Source, compose_export
from libs.access.permissions import compose_permissions
from libs.access.roles import ALL_ROLES, LEADERS, Role, require
from libs.access.view import AccessView
from libs.shared.domain import SYSTEM, Forbidden
from libs.shared.paging import Page
from libs.shared.service import App, anybody
from services.members.commands import EXEMPT, Commands
from services.members.consents.composition import compose_consents
from services.members.erasure import Erasures
from services.members.furnishing import Furnishing
from services.members.invitations.composition import compose_invitations
from services.members.journeys.composition import compose_journeys
from services.members.mail.composition import compose_mail
from services.members.networking.composition import compose_networking
from services.members.notices.composition import Forget, compose_notices
from services.members.permissions import PARTS
from services.members.profiles.composition import compose_profiles
from services.members.provisioning.service import compose_provisioning
from services.members.recognition.composition import compose_recognition
from services.members.segments.composition import compose_segments
from services.members.sessions import Sessions
from services.members.standing.composition import compose_standing
from services.members.views.brands import (
    BrandByDomain,
    BrandBySlug,
    BrandPageResult,
    BrandPages,
    BrandsGetMany,
    BrandsView,
    BrandView,
)
from services.members.views.charters import (
    AcceptanceView,
    CharterEditions,
    CharterEditionsResult,
    CharterOfBrand,
    ChartersView,
    CharterView,
    RulesAcceptance,
)
from services.members.views.erasures import ErasuresGetMany, ErasuresView, ErasureView
from services.members.views.joins import JoinReport, JoinReportView, JoinsView
from services.members.views.member_list import (
    MemberListView,
    MemberPage,
    MemberPageResult,
    MemberSearch,
    MembersGetMany,
    MembershipsOfIdentity,
    MembershipsResult,
    MemberView,
)
from services.members.views.networks import (
    AdminView,
    NetworkAdmins,
    NetworkBySlug,
    NetworkPage,
    NetworkPageResult,
    NetworksGetMany,
    NetworksView,
    NetworkView,
)
from services.members.views.service_accounts import (
    ApiKeyOwner,
    OwnerOfApiKey,
    ServiceAccountPage,
    ServiceAccountPageResult,
    ServiceAccountsGetMany,
    ServiceAccountsView,
    ServiceAccountView,
)
from services.members.views.similar_brands import SimilarBrand, SimilarBrands, SimilarBrandsQueries, SimilarToBrand


def compose(app: App) -> None:
    """Register everything that the members service does."""
    access = app.view(AccessView("members"))
    authorizer = Authorizer(access, app.positions, app.nats, exempt=EXEMPT, clock=app.clock)
    app.authorise(authorizer.to_act, ALL_ROLES, authorizer.admit)
    commands = Commands(app, authorizer)
    Furnishing.register(app)
    on_journeys, journeys = compose_journeys(app, authorizer, commands.members)
    _network_queries(app)
    brands = _brand_queries(app)
    mailer = compose_mail(app, brands)
    invitations = compose_invitations(app, authorizer, commands, brands, mailer)
    members = _member_queries(app, authorizer)
    charters = _charter_queries(app, authorizer)
    _service_account_queries(app, authorizer)
    consents, agreed = compose_consents(app, authorizer)
    told, forget_told = compose_notices(app, authorizer, access, mailer, consents)
    erasures = _erasures(app, authorizer, commands, forget_told)
    on_recognition, recognition = compose_recognition(app, authorizer, commands.members, commands.brands)
    networking = compose_networking(app, authorizer, commands.members)
    profiles, profile = compose_profiles(app, authorizer)
    segments = compose_segments(app, authorizer, commands.members, commands.forms, profiles)
    compose_permissions(app, access, *commands.examples(), *PARTS, on_journeys, on_recognition)
    compose_erasing(app)
    compose_export(
        app,
        [
            Source("membership", members, "members", lambda brand, member: {"_id": f"{brand}:{member}"}),
            Source("rules accepted", charters, "acceptances", lambda brand, member: {"member": f"{brand}:{member}"}),
            profile,
            agreed,
            *invitations,
            Source("erasure", erasures, "erasures", lambda brand, member: {"_id": f"{brand}:{member}"}),
            *compose_standing(app, authorizer, commands.members),
            *told,
            *journeys,
            *recognition,
            *networking,
            *compose_provisioning(app, authorizer, commands),
            *segments,
        ],
    )


def _network_queries(app: App) -> None:
    view = app.view(NetworksView())

    async def operators(query: NetworkPage) -> None:
        if query.viewer != SYSTEM and query.viewer not in app.settings.operators:
            raise Forbidden("only an operator sees all networks")

    async def admins(query: NetworkAdmins) -> list[list[AdminView] | None]:
        runs_all = query.viewer == SYSTEM or query.viewer in app.settings.operators
        return await view.network_admins(query, see_all=runs_all)

    app.query(NetworkAdmins, list[list[AdminView] | None], admins, view=view)
    app.query(NetworkBySlug, NetworkView, view.network_by_slug, view=view, same_for=anybody)
    app.query(NetworksGetMany, list[NetworkView | None], view.networks_get_many, view=view, same_for=anybody)
    app.query(NetworkPage, NetworkPageResult, view.network_page, view=view, allow=operators)


def _brand_queries(app: App) -> BrandsView:
    view = app.view(BrandsView())
    app.query(BrandBySlug, BrandView, view.brand_by_slug, view=view, same_for=anybody)
    app.query(BrandByDomain, BrandView, view.brand_by_domain, view=view, same_for=anybody)
    app.query(BrandsGetMany, list[BrandView | None], view.brands_get_many, view=view, same_for=anybody)
    similar = SimilarBrandsQueries(view)
    app.query(SimilarBrands, list[SimilarBrand], similar.similar_brands, view=view, same_for=anybody)
    app.query(SimilarToBrand, list[SimilarBrand], similar.similar_to_brand, view=view, same_for=anybody)
    app.query(BrandPages, list[BrandPageResult], view.brand_pages, view=view, same_for=anybody)
    return view


def _member_queries(app: App, authorizer: Authorizer) -> MemberListView:
    view = app.view(MemberListView())
    members = authorizer.member_only

    async def oneself(query: MembershipsOfIdentity) -> None:
        if query.viewer not in (query.identity, SYSTEM):
            raise Forbidden("an identity sees its own memberships only")

    reply = list[MemberView | None]
    app.query(MembersGetMany, reply, view.members_get_many, view=view, allow=members, same_for=anybody)
    app.query(MemberPage, MemberPageResult, view.member_page, view=view, allow=members)
    app.query(MemberSearch, Page[MemberView], view.member_search, view=view, allow=members, same_for=anybody)
    joins = app.view(JoinsView())

    async def leaders(query: JoinReport) -> None:
        await authorizer.people_with(query, *LEADERS)

    app.query(JoinReport, JoinReportView, joins.join_report, view=joins, allow=leaders)
    app.query(MembershipsOfIdentity, MembershipsResult, view.memberships_of_identity, view=view, allow=oneself)
    Sessions(app, authorizer, view)
    return view


def _charter_queries(app: App, authorizer: Authorizer) -> ChartersView:
    view = app.view(ChartersView())

    async def oneself_or_leaders(query: RulesAcceptance) -> None:
        await authorizer.member_only(query)
        if query.viewer != query.member_id:
            require(await authorizer.roles(query.brand, query.viewer), *LEADERS)

    app.query(CharterOfBrand, CharterView, view.charter_of_brand, view=view, same_for=anybody)
    app.query(CharterEditions, CharterEditionsResult, view.charter_editions, view=view, same_for=anybody)
    app.query(RulesAcceptance, AcceptanceView, view.rules_acceptance, view=view, allow=oneself_or_leaders)
    return view


def _service_account_queries(app: App, authorizer: Authorizer) -> None:
    view = app.view(ServiceAccountsView())

    async def leaders(query: ServiceAccountsGetMany | ServiceAccountPage) -> None:
        await authorizer.people_with(query, Role.OWNER, Role.BUILDER)

    async def platform(query: OwnerOfApiKey) -> None:
        if query.viewer != SYSTEM:
            raise Forbidden("only the platform asks whose key this is")

    many = list[ServiceAccountView | None]
    app.query(ServiceAccountsGetMany, many, view.service_accounts_get_many, view=view, allow=leaders)
    app.query(ServiceAccountPage, ServiceAccountPageResult, view.service_account_page, view=view, allow=leaders)
    app.query(OwnerOfApiKey, ApiKeyOwner, view.owner_of_api_key, view=view, allow=platform)


def _erasures(app: App, authorizer: Authorizer, commands: Commands, *forget: Forget) -> ErasuresView:
    view = app.view(ErasuresView())

    async def erasures(query: ErasuresGetMany) -> list[ErasureView | None]:
        of_others = any(id_ != query.viewer for id_ in query.ids)
        see_all = of_others and Role.OWNER in await authorizer.roles(query.brand, query.viewer)
        return await view.erasures_get_many(query, see_all=see_all)

    app.query(ErasuresGetMany, list[ErasureView | None], erasures, view=view)
    if app.vault is not None:  # without, the service is only described
        app.background("erasures", Erasures(app, view, commands.members, app.vault, forget).run)
    return view
