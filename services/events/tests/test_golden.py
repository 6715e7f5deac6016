"""The events as they stand in the log for ever: one file in `golden/` for each wire name and version."""

from datetime import UTC, date, datetime
from pathlib import Path

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.testing.golden import check_golden
from services.events.decisions import DECIDER
from services.events.event import (
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
from services.events.programme import Session

GOLDEN = Path(__file__).parent / "golden"

SAMPLES: dict[str, Event] = {
    "event_scheduled.v1": EventScheduled(
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
    ),
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
    check_golden(GOLDEN, Codec("events", DECIDER.events), SAMPLES)
