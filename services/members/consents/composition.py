"""Composes what the members service answers about consents, and who may ask."""

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import LEADERS
from libs.shared.domain import SYSTEM, Forbidden
from libs.shared.service import App
from services.members.consents import purposes
from services.members.consents.consent import GiveConsent
from services.members.consents.purposes import ConsentText
from services.members.consents.views.consents import (
    ConsentHistory,
    ConsentHistoryResult,
    ConsentPurposes,
    ConsentReport,
    ConsentsOfMember,
    ConsentsView,
    ConsentTextEdition,
    ConsentView,
    PurposeCount,
    PurposeView,
)


class PurposeGuard:
    """Lets members agree only to what the brand asks for at that moment."""

    def __init__(self, app: App) -> None:
        self.purposes = app.aggregate(purposes.DECIDER)

    async def __call__(self, command: GiveConsent) -> None:
        """Raise as `Purposes.check_consent`."""
        known = await self.purposes.state(command.brand, command.brand, fresh=True)
        known.check_consent(command.purpose, command.edition)


def compose_consents(app: App, authorizer: Authorizer) -> tuple[ConsentsView, Source]:
    """Answer the queries; returns the view, and what an export takes from it."""
    view = app.view(ConsentsView())

    async def oneself(query: ConsentsOfMember | ConsentHistory) -> None:
        await authorizer.member_only(query)  # of who left there is the export
        if query.viewer not in (query.member_id, SYSTEM):
            raise Forbidden("members see their own consents only")

    async def leaders(query: ConsentReport) -> None:
        await authorizer.people_with(query, *LEADERS)

    members = authorizer.member_only
    app.query(ConsentPurposes, list[PurposeView], view.consent_purposes, view=view, allow=members)
    app.query(ConsentTextEdition, list[ConsentText], view.consent_text_edition, view=view, allow=members)
    app.query(ConsentsOfMember, list[ConsentView], view.consents_of_member, view=view, allow=oneself)
    app.query(ConsentHistory, ConsentHistoryResult, view.consent_history, view=view, allow=oneself)
    app.query(ConsentReport, list[PurposeCount], view.consent_report, view=view, allow=leaders)
    return view, Source("consent", view, "history", lambda brand, member: {"member": f"{brand}:{member}"})
