"""The events as they stand in the log for ever: one file in `golden/` for each wire name and version."""

from datetime import UTC, date, datetime
from pathlib import Path

from msgspec import structs

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.testing.golden import check_golden
from services.events.decisions import DECIDER
from services.events.event import (
    UPCASTERS,
    AttendeeCheckedIn,
    EventCancelled,
    EventScheduled,
    Format,
    Mode,
    RsvpCancelled,
    RsvpConfirmed,
    RsvpPromoted,
    RsvpStatus,
    RsvpWaitlisted,
)
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited
from services.events.programme import Session

GOLDEN = Path(__file__).parent / "golden"

OPEN = EventScheduled(
    title="EuroMeeting 2026",
    description="Two days of *talks*.",
    format=Format.HYBRID,
    starts_at=datetime(2026, 3, 28, 18, tzinfo=UTC),
    ends_at=datetime(2026, 3, 29, 16, 30, tzinfo=UTC),
    all_day=False,
    time_zone="Europe/Paris",
    in_person_seats=120,
    online_seats=None,
    sessions=(
        Session(
            title="Búsqueda de texto completo",
            speakers=("Ada Ruiz", "Li Wei"),
            recorded_on=date(2026, 3, 28),
            duration_seconds=1_924,
            language="spa",
            url="https://video.example.org/watch?v=1",
        ),
        Session(title="Closing"),
    ),
)

SAMPLES: dict[str, Event] = {
    "event_scheduled.v1": OPEN,
    "event_scheduled.v2": structs.replace(
        OPEN, audience=Audience(roles=(Role.AMBASSADOR,), segments=("sg1",)), organiser="m1"
    ),
    "event_audience_changed.v1": EventAudienceChanged(
        audience=Audience(roles=(Role.MODERATOR,), segments=("sg1",)), invited=("m1", "m2")
    ),
    "members_invited.v1": MembersInvited(member_ids=("m1", "m2")),
    "invitations_withdrawn.v1": InvitationsWithdrawn(member_ids=("m2",)),
    "rsvp_confirmed.v1": RsvpConfirmed(member_id="m1", mode=Mode.IN_PERSON, number=1),
    "rsvp_waitlisted.v1": RsvpWaitlisted(member_id="m2", mode=Mode.IN_PERSON, number=2),
    "rsvp_promoted.v1": RsvpPromoted(member_id="m2", mode=Mode.IN_PERSON),
    "rsvp_cancelled.v1": RsvpCancelled(
        member_id="m1", mode=Mode.IN_PERSON, was=RsvpStatus.CONFIRMED, changed_to=Mode.ONLINE
    ),
    "attendee_checked_in.v1": AttendeeCheckedIn(member_id="m2", mode=Mode.IN_PERSON),
    "event_cancelled.v1": EventCancelled(),
}


def test_every_version_of_every_event() -> None:
    check_golden(GOLDEN, Codec("events", DECIDER.events, UPCASTERS), SAMPLES)
