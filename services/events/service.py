"""Puts the events service together: its aggregate, its read models and their queries."""

from libs.access.authorizer import Authorizer
from libs.access.erasing import compose_erasing
from libs.access.export import Source, compose_export, within
from libs.access.gate import Module
from libs.access.permissions import compose_permissions
from libs.access.roles import ALL_ROLES
from libs.access.view import AccessView
from libs.shared.service import App, anybody
from services.events.decisions import DECIDER
from services.events.permissions import examples
from services.events.programme import Session
from services.events.views.attendance_sheet import (
    AttendanceSheetView,
    AttendeePageResult,
    AttendeePages,
    AttendeeView,
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


def compose(app: App) -> None:
    """Register what the service answers."""
    access = app.view(AccessView("events"))
    authorizer = Authorizer(access, app.positions, app.nats, module=Module.EVENTS)
    app.authorise(authorizer.to_act, ALL_ROLES, authorizer.admit)
    allow = authorizer.member_only

    compose_permissions(app, access, examples(app.aggregate(DECIDER)))
    compose_erasing(app)

    calendar = app.view(EventCalendarView())
    app.query(EventCalendar, EventPageResult, calendar.event_calendar, view=calendar, allow=allow, same_for=anybody)
    app.query(
        EventsGetMany, list[EventView | None], calendar.events_get_many, view=calendar, allow=allow, same_for=anybody
    )
    app.query(
        AgendasGetMany,
        list[list[Session] | None],
        calendar.agendas_get_many,
        view=calendar,
        allow=allow,
        same_for=anybody,
    )

    sheet = app.view(AttendanceSheetView())
    app.query(AttendeePages, list[AttendeePageResult], sheet.attendee_pages, view=sheet, allow=allow, same_for=anybody)
    app.query(ViewerRsvps, list[AttendeeView | None], sheet.viewer_rsvps, view=sheet, allow=allow)
    compose_export(
        app,
        [
            Source("event", calendar, "events", lambda brand, member: {"brand": brand, "scheduled_by": member}),
            Source("rsvp", sheet, "attendances", lambda brand, member: {"member_id": member, "event": within(brand)}),
        ],
    )
