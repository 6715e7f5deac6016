"""What a command takes at the edge: one field of `schedule_event` at a time."""

import json
from typing import Any

import msgspec
import pytest

from services.events.decisions import CheckIn, Rsvp, ScheduleEvent

GOOD: dict[str, Any] = {
    "command_id": "c1",
    "brand": "b1",
    "actor": "m1",
    "now": "2026-01-01T00:00:00Z",
    "event_id": "e1",
    "title": "Spring meeting",
    "format": "hybrid",
    "starts_at": "2026-03-28T19:00:00+01:00",
    "ends_at": "2026-03-28T21:00:00+01:00",
    "time_zone": "Europe/Paris",
}
SESSION: dict[str, Any] = {"title": "Opening"}


def decode(**changes: Any) -> ScheduleEvent:
    return msgspec.json.decode(json.dumps({**GOOD, **changes}), type=ScheduleEvent)


def session(**changes: Any) -> dict[str, Any]:
    return {"sessions": [{**SESSION, **changes}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"description": "x" * 20_000},
        {"in_person_seats": 1, "online_seats": 1_000_000},
        {"sessions": [SESSION] * 500},
        session(speakers=["Ada"] * 50, recorded_on="2017-04-04", duration_seconds=0, language="eng"),
        session(language="pt-BR", url="http://example.org/?a=b#c"),
        session(url="https://example.org/é"),
    ],
)
def test_accepted(changes: dict[str, Any]) -> None:
    decode(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": " "},
        {"title": "x" * 201},
        {"description": "x" * 20_001},
        {"description": "a\x00b"},
        {"format": "elsewhere"},
        {"starts_at": "2026-03-28T19:00:00"},
        {"ends_at": "2026-03-28"},
        {"in_person_seats": 0},
        {"online_seats": 1_000_001},
        {"online_seats": 1.5},
        {"sessions": [SESSION] * 501},
        {"unknown": 1},
        session(title=""),
        session(title="two\nlines"),
        session(speakers=[""]),
        session(speakers=["Ada"] * 51),
        session(recorded_on="2017-04-04T10:00:00Z"),
        session(duration_seconds=-1),
        session(language="english!"),
        session(url="javascript:alert(1)"),
        session(url="ftp://example.org"),
        session(url="https://"),
        session(url="https://example.org/a b"),
        session(url='https://example.org/"onload="'),
        session(url="https://example.org\n"),
        session(url="https://" + "x" * 2_000),
        session(unknown=1),
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(**changes)


@pytest.mark.parametrize(
    ("command", "changes"), [(Rsvp, {"mode": "hybrid"}), (Rsvp, {}), (CheckIn, {"member_id": "a.b"}), (CheckIn, {})]
)
def test_other_commands_refuse_what_they_do_not_know(command: type[Any], changes: dict[str, str]) -> None:
    envelope = {name: GOOD[name] for name in ("command_id", "brand", "actor", "now", "event_id")}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps({**envelope, **changes}), type=command)
