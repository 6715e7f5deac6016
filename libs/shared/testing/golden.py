"""Golden files: what stands in the log for ever, one file for each event and version, as `<wire_name>.v<n>.json`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cloudevents.core.formats.json import JSONFormat

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import Pending, StoredMessage, Subject

_RECORDED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def check_golden(folder: Path, codec: Codec, samples: Mapping[str, Event]) -> None:
    """Check all golden files of a service; a file holds one message, a commit of one event.

    `samples` has for each file (by its name without `.json`) the newest event that it must be read as.  Every version
    of every event of the codec has a file; the newest one is also written back to the same bytes; each CloudEvent is
    one for the CloudEvents SDK too.
    """
    versions = {f"{name}.v{n}" for name, event in codec.events.items() for n in range(1, event.version + 1)}
    files = {path.stem for path in folder.glob("*.json")}
    assert files == versions, f"missing: {sorted(versions - files)}, unknown: {sorted(files - versions)}"
    assert set(samples) == versions, f"samples are not the same: {sorted(set(samples) ^ versions)}"
    for name in sorted(versions):
        _check_file((folder / f"{name}.json").read_bytes(), codec, name, samples[name])


def write_golden(folder: Path, codec: Codec, subject: Subject, event: Event) -> Path:
    """Write the file of a new event or version; one that exists is never changed."""
    path = folder / f"{event.wire_name}.v{event.version}.json"
    pending = Pending(
        event=event,
        id="019b76daa80070008000000000000001",
        brand=subject.brand,
        aggregate=subject.aggregate,
        aggregate_id=subject.id,
        actor="m1",
        time=_RECORDED_AT,
        causation_id="c1",
        correlation_id="c1",
    )
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(codec.encode([pending]))
    return path


def _check_file(data: bytes, codec: Codec, name: str, sample: Event) -> None:
    [attributes] = json.loads(data)
    parsed = JSONFormat().read(None, json.dumps(attributes))
    assert f"{parsed.get_type()}.v{str(parsed.get_dataschema()).rpartition(':')[2]}" == name
    subject = Subject(codec.service, attributes["brand"], *attributes["subject"].split("/"))
    [recorded] = codec.decode(StoredMessage(str(subject), subject.stream, 1, _RECORDED_AT, data))
    assert recorded.event == sample, f"{name} is read as {recorded.event}"
    if name.endswith(f".v{type(sample).version}"):
        again = Pending(
            event=recorded.event,
            id=recorded.id,
            brand=recorded.brand,
            aggregate=recorded.aggregate,
            aggregate_id=recorded.aggregate_id,
            actor=recorded.actor,
            time=recorded.time,
            causation_id=recorded.causation_id,
            correlation_id=recorded.correlation_id,
            traceparent=attributes.get("traceparent"),
        )
        assert codec.encode([again]) == data, f"{name} is written differently now"
