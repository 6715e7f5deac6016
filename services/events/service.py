"""Puts the events service together: its aggregate, its read models and their queries."""

from libs.access.audiences import Audiences, MembershipsView
from libs.access.authorizer import Authorizer
from libs.access.erasing import compose_erasing
from libs.access.export import Source, compose_export, within
from libs.access.gate import Module
from libs.access.permissions import compose_permissions
from libs.access.roles import ALL_ROLES, LEADERS
from libs.access.view import AccessView
from libs.shared.domain import Forbidden
from libs.shared.service import App, anybody
from services.events.commands import Commands
from services.events.partings import Partings
from services.events.permissions import examples
from services.events.programme import Session
from services.events.views.attendance_sheet import (
    AttendanceSheetView,
    AttendeePage,
    AttendeePageResult,
    AttendeeView,
    InviteePage,
    InviteePageResult,
    ViewerInvited,
    ViewerRsvps,
)
from services.events.views.event_calendar import (
    AgendasGetMany,
    EventCalendar,
    EventCalendarView,
    EventPageResult,
    EventsGetMany,
    EventView,
)
from services.events.views.guests import INVITED
from services.events.visibility import Visibility


def compose(app: App) -> None:
    """Register what the service answers."""
    access = app.view(AccessView("events"))
    authorizer = Authorizer(access, app.positions, app.nats, module=Module.EVENTS)
    app.authorise(authorizer.to_act, ALL_ROLES, authorizer.admit)
    memberships = app.view(MembershipsView())
    audiences = Audiences(memberships, authorizer, app.positions)
    members = authorizer.member_only

    compose_permissions(app, access, examples(Commands(app, authorizer, audiences).events))
    compose_erasing(app)

    calendar = app.view(EventCalendarView())
    seen = Visibility(calendar, audiences, app.positions, app.settings.stale_seconds).to(members)
    app.query(EventCalendar, EventPageResult, calendar.event_calendar, view=calendar, allow=seen, same_for=anybody)
    app.query(
        EventsGetMany, list[EventView | None], calendar.events_get_many, view=calendar, allow=seen, same_for=anybody
    )
    app.query(
        AgendasGetMany,
        list[list[Session] | None],
        calendar.agendas_get_many,
        view=calendar,
        allow=seen,
        same_for=anybody,
    )

    sheet = app.view(AttendanceSheetView())
    attended = Visibility(sheet, audiences, app.positions, app.settings.stale_seconds).to(members)

    async def organisers(query: InviteePage) -> InviteePage:
        asked = await attended(query)
        roles = await authorizer.roles(query.brand, query.viewer)
        if LEADERS.isdisjoint(roles) and not await sheet.organises(query.brand, query.event_id, query.viewer):
            raise Forbidden("only who organises an event sees whom it invites")
        return asked

    app.query(AttendeePage, AttendeePageResult, sheet.attendee_page, view=sheet, allow=attended, same_for=anybody)
    app.query(ViewerRsvps, list[AttendeeView | None], sheet.viewer_rsvps, view=sheet, allow=attended)
    app.query(ViewerInvited, list[bool], sheet.viewer_invited, view=sheet, allow=attended)
    app.query(InviteePage, InviteePageResult, sheet.invitee_page, view=sheet, allow=organisers, same_for=anybody)
    Partings(app, sheet, access, memberships)
    compose_export(
        app,
        [
            Source("event", calendar, "events", lambda brand, member: {"brand": brand, "scheduled_by": member}),
            Source("rsvp", sheet, "attendances", lambda brand, member: {"member_id": member, "event": within(brand)}),
            Source("invitation", sheet, INVITED, lambda brand, member: {"whose": f"{brand}:{member}"}),
        ],
    )
