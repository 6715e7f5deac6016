import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import CorruptEvent, Pending, StoredMessage, Subject
from libs.shared.ids import uuid7
from libs.shared.testing.golden import check_golden, write_golden
from libs.shared.tests.hall import NOW, HallOpened, SeatTaken

SUBJECT = Subject("halls", "b1", "hall", "h1")
UPCASTERS = {("seat_taken", 1): lambda data: {**data, "note": f"seat {data['number']}"}}
texts = st.text(st.characters(codec="utf-8"))
ids = st.text("abcXYZ019_-", min_size=1, max_size=64)


def codec() -> Codec:
    return Codec("halls", [HallOpened, SeatTaken], UPCASTERS)


def pending(event: Event, **changes: Any) -> Pending:
    fields: dict[str, Any] = {
        "event": event,
        "id": uuid7(),
        "brand": SUBJECT.brand,
        "aggregate": SUBJECT.aggregate,
        "aggregate_id": SUBJECT.id,
        "actor": "m1",
        "time": NOW,
        "causation_id": "c1",
        "correlation_id": "k1",
    }
    return Pending(**(fields | changes))


def message(data: bytes, subject: Subject = SUBJECT) -> StoredMessage:
    return StoredMessage(str(subject), subject.stream, 7, NOW + timedelta(days=1), data)


def changed(**changes: object) -> bytes:
    """One valid CloudEvent with other attributes; None takes one away."""
    [attributes] = json.loads(codec().encode([pending(HallOpened(seats=3))]))
    attributes.update(changes)
    return json.dumps([{name: value for name, value in attributes.items() if value is not None}]).encode()


def test_it_writes_cloud_events() -> None:
    event = SeatTaken(member="m1", number=1, note="é")
    one = pending(event, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    [attributes] = json.loads(codec().encode([one]))
    assert attributes == {
        "specversion": "1.0",
        "id": one.id,
        "source": "/archipel/halls",
        "type": "seat_taken",
        "datacontenttype": "application/json",
        "dataschema": "urn:archipel:halls:seat_taken:2",
        "time": "2026-03-01T12:00:00.250000Z",
        "subject": "hall/h1",
        "brand": "b1",
        "actor": "m1",
        "causationid": "c1",
        "correlationid": "k1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {"member": "m1", "number": 1, "note": "é"},
    }
    parsed = JSONFormat().read(None, json.dumps(attributes))
    assert (parsed.get_id(), parsed.get_type(), parsed.get_time()) == (one.id, "seat_taken", NOW)
    assert parsed.get_data() == attributes["data"]


@given(
    st.lists(
        st.builds(
            pending,
            st.builds(SeatTaken, member=texts, number=st.integers(-(2**63), 2**63 - 1), note=texts)
            | st.builds(HallOpened, seats=st.integers(0, 10**9)),
            actor=ids,
            causation_id=ids,
            time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])),
            traceparent=st.none() | texts,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read(commit: list[Pending]) -> None:
    found = codec().decode(message(codec().encode(commit)))
    assert [one.index for one in found] == list(range(len(commit)))
    for recorded, one in zip(found, commit, strict=True):
        assert (recorded.event, recorded.id, recorded.time) == (one.event, one.id, one.time)
        assert (recorded.brand, recorded.aggregate, recorded.aggregate_id) == ("b1", "hall", "h1")
        assert (recorded.actor, recorded.causation_id) == (one.actor, one.causation_id)
        assert (recorded.correlation_id, recorded.stream, recorded.sequence) == ("k1", "HALLS", 7)
        assert recorded.recorded_at == NOW + timedelta(days=1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
attribute_names = st.sampled_from([*json.loads(changed())[0], "traceparent", "more"])


def reads_or_is_corrupt(data: bytes, reader: Codec) -> None:
    try:
        reader.decode(message(data))
    except CorruptEvent as corrupt:
        assert (corrupt.stream, corrupt.sequence) == ("HALLS", 7)
        assert corrupt.reason


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_any_bytes_are_read_or_corrupt(data: bytes, skip_unknown: bool) -> None:
    reads_or_is_corrupt(data, Codec("halls", [HallOpened, SeatTaken], UPCASTERS, skip_unknown=skip_unknown))


@given(st.dictionaries(attribute_names, json_values, max_size=3), st.booleans())
def test_any_change_of_a_commit_is_read_or_corrupt(changes: dict[str, object], skip_unknown: bool) -> None:
    reader = Codec("halls", [HallOpened, SeatTaken], UPCASTERS, skip_unknown=skip_unknown)
    reads_or_is_corrupt(changed(**changes), reader)


@given(json_values)
def test_any_data_of_an_older_version_is_read_or_corrupt(data: object) -> None:
    old = changed(type="seat_taken", dataschema="urn:archipel:halls:seat_taken:1", data=data)
    reads_or_is_corrupt(old, codec())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"[null]",
        b"\xff",
        changed(id=None),
        changed(specversion="2.0"),
        changed(type="seat_taken"),
        changed(time="2026-03-01T12:00:00"),
        changed(time="yesterday"),
        changed(brand="b2"),
        changed(subject="hall/h2"),
        changed(subject="hall"),
        changed(dataschema="urn:archipel:halls:hall_opened:2"),
        changed(dataschema="urn:archipel:halls:hall_opened:0"),
        changed(dataschema="urn:archipel:halls:hall_opened:x"),
        changed(dataschema="urn:archipel:halls:hall_opened:²"),
        changed(dataschema="urn:archipel:members:hall_opened:1"),
        changed(dataschema="urn:archipel:halls:hall_closed:1"),
        changed(data={}),
        changed(data={"seats": "3"}),
        changed(data={"seats": None}),
    ],
)
def test_what_cannot_have_been_written_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptEvent) as corrupt:
        codec().decode(message(data))
    assert str(corrupt.value).startswith("HALLS 7: ")


def test_older_versions_are_brought_up() -> None:
    data = changed(type="seat_taken", dataschema="urn:archipel:halls:seat_taken:1", data={"member": "m1", "number": 4})
    [recorded] = codec().decode(message(data))
    assert recorded.event == SeatTaken(member="m1", number=4, note="seat 4")
    with pytest.raises(CorruptEvent, match="no upcaster"):
        Codec("halls", [SeatTaken]).decode(message(data))


def test_an_upcaster_that_fails_makes_it_corrupt() -> None:
    data = changed(type="seat_taken", dataschema="urn:archipel:halls:seat_taken:1", data={"member": "m1"})
    with pytest.raises(CorruptEvent, match="number"):
        codec().decode(message(data))


class SeatSeen(Event, frozen=True, kw_only=True):
    """What a reader of another service needs of a taken seat."""

    wire_name: ClassVar[str] = "seat_taken"

    member: str


def test_a_foreign_reader_reads_only_what_it_declares() -> None:
    commit = [pending(HallOpened(seats=3)), pending(SeatTaken(member="m1", number=1))]
    data = codec().encode(commit)
    [recorded] = Codec("halls", [SeatSeen], skip_unknown=True).decode(message(data))
    assert recorded.event == SeatSeen(member="m1")
    assert (recorded.index, recorded.id) == (1, commit[1].id)


def test_what_cannot_be_read_is_not_written() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        codec().encode([])
    with pytest.raises(ValueError, match="time zone"):
        codec().encode([pending(HallOpened(seats=1), time=datetime(2026, 1, 1))])
    with pytest.raises(ValueError, match="not registered"):
        Codec("halls", [HallOpened]).encode([pending(SeatTaken(member="m1", number=1))])
    with pytest.raises(ValueError, match="two events"):
        codec().register([SeatSeen])


def test_events_that_are_registered_later_are_read() -> None:
    data = codec().encode([pending(SeatTaken(member="m1", number=1))])
    late = Codec("halls", [HallOpened])
    with pytest.raises(CorruptEvent):
        late.decode(message(data))
    late.register([SeatTaken])
    assert late.decode(message(data))[0].event == SeatTaken(member="m1", number=1)


class TestGolden:
    GOLDEN = Path(__file__).parent / "golden"
    SAMPLES = {
        "hall_opened.v1": HallOpened(seats=120),
        "seat_taken.v1": SeatTaken(member="m1", number=1, note="seat 1"),
        "seat_taken.v2": SeatTaken(member="m1", number=1, note="é"),
    }

    def test_the_files_of_this_suite_hold(self) -> None:
        check_golden(self.GOLDEN, codec(), self.SAMPLES)

    def test_a_missing_file_or_sample_is_found(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="missing"):
            check_golden(tmp_path, codec(), self.SAMPLES)
        with pytest.raises(AssertionError, match="samples"):
            check_golden(self.GOLDEN, codec(), {**self.SAMPLES, "seat_left.v1": HallOpened(seats=1)})

    def test_a_changed_shape_is_found(self, tmp_path: Path) -> None:
        class SeatGiven(Event, frozen=True, kw_only=True):
            wire_name: ClassVar[str] = "seat_taken"

            member: str
            row: int = 0

        path = write_golden(tmp_path, Codec("halls", [SeatGiven]), SUBJECT, SeatGiven(member="m1"))
        check_golden(tmp_path, Codec("halls", [SeatGiven]), {"seat_taken.v1": SeatGiven(member="m1")})
        path.write_bytes(path.read_bytes().replace(b',"row":0', b""))
        with pytest.raises(AssertionError, match="written differently"):
            check_golden(tmp_path, Codec("halls", [SeatGiven]), {"seat_taken.v1": SeatGiven(member="m1")})

    def test_a_written_file_is_never_overwritten(self, tmp_path: Path) -> None:
        write_golden(tmp_path, codec(), SUBJECT, HallOpened(seats=1))
        with pytest.raises(FileExistsError):
            write_golden(tmp_path, codec(), SUBJECT, HallOpened(seats=2))
