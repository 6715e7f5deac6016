"""What the journeys read of the log: against the golden files of those who write it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import StoredMessage, Subject
from libs.shared.recorded import Recorded
from libs.shared.testing.views import NOON
from services.members.journeys import facts, membership
from services.members.journeys.facts import Deed, deed
from services.members.journeys.journey import StepKind
from services.members.journeys.renewal import ModuleSwitchedOn, StageEntered

SERVICES = Path(__file__).parents[3]

#: What each golden file tells: the kind of step, and whether it breaks a silence.
DEEDS = {
    "post_published": (StepKind.INTRODUCE, True),
    "reply_published": (StepKind.REPLY, True),
    "rsvp_confirmed": (StepKind.RSVP, False),
    "rsvp_waitlisted": (StepKind.RSVP, False),
    "attendee_checked_in": (StepKind.ATTEND, False),
    "idea_submitted": (StepKind.IDEA, True),
    "vote_cast": (StepKind.IDEA, False),
}


def golden(service: str, event: type[Event]) -> Iterator[tuple[Recorded[Any], dict[str, Any]]]:
    """Each version of an event as a process reads it, which has no keys, and its data."""
    codec = Codec(service, (event,), skip_unknown=True)
    for file in (SERVICES / service).rglob(f"golden/{event.wire_name}.v*.json"):
        [attributes] = msgspec.json.decode(file.read_bytes())
        subject = Subject(service, attributes["brand"], *attributes["subject"].split("/"))
        [recorded] = codec.decode(StoredMessage(str(subject), subject.stream, 1, NOON, file.read_bytes()))
        yield recorded, attributes["data"]


@pytest.mark.parametrize(
    ("service", "event"), [(stream.lower(), event) for stream, events in facts.FOREIGN.items() for event in events]
)
def test_a_deed_is_read_in_every_version(service: str, event: type[Event]) -> None:
    read = list(golden(service, event))
    assert read, f"nobody writes {event.wire_name}"
    for recorded, data in read:
        kind, contributes = DEEDS[event.wire_name]
        member = data.get("member_id", recorded.actor)
        assert deed(recorded) == Deed(member, kind, data.get("space_id"), contributes)


@pytest.mark.parametrize(
    "event",
    [
        membership.MemberJoined,
        membership.MemberLeft,
        membership.RulesAccepted,
        membership.ProfileCompleted,
        StageEntered,
        ModuleSwitchedOn,
    ],
)
def test_the_services_own_facts_are_read_without_anything_personal(event: type[Event]) -> None:
    read = list(golden("members", event))
    assert read, f"nobody writes {event.wire_name}"
    assert all(type(recorded.event) is event and not event.personal for recorded, _ in read)


@pytest.mark.parametrize("actor", ["system", "sa_bot"])
def test_the_platform_and_programs_are_not_led(actor: str) -> None:
    recorded, _ = next(golden("discussions", facts.PostPublished))
    assert deed(structs.replace(recorded, actor=actor)) is None
    vote, _ = next(golden("feedback", facts.VoteCast))
    assert deed(structs.replace(vote, event=facts.VoteCast(member_id=actor))) is None


def test_what_is_no_deed() -> None:
    recorded, _ = next(golden("members", membership.MemberLeft))
    assert deed(recorded) is None


def test_places_grow_with_the_log() -> None:
    recorded, _ = next(golden("members", membership.MemberLeft))
    places = [
        membership.place(structs.replace(recorded, sequence=sequence, index=index))
        for sequence, index in ((1, 0), (1, 1), (1, 499), (2, 0))
    ]
    assert places == sorted(set(places))
    assert places[2] < membership.end_of(1) < places[3]
