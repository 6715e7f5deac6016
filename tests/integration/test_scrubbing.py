"""No view of any service keeps anything personal past an erasure: read off the events, so that none can forget it."""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from libs.access.erasure import SERVICES, ErasureRecorded
from libs.shared.app import App
from libs.shared.codec import Codec
from libs.shared.domain import BrandId, Event, Owner
from libs.shared.event_store import StoredMessage, Subject
from libs.shared.projection import View
from libs.shared.recorded import Recorded
from libs.shared.testing.views import canonical, view_bench

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARK, MEMBER = "personaltext", "m1"


def app(service: str) -> App:
    made = App.offline(service)
    importlib.import_module(f"services.{service}.service").compose(made)
    return made


def cases() -> list[tuple[str, str]]:
    """Every view that reads an event with personal fields."""
    return [
        (service, view.name)
        for service in SERVICES
        for view in app(service).views.values()
        if any(event.personal for event in view.events)
    ]


def marked(service: str, codec: Codec, event: type[Event]) -> Recorded[Event]:
    """The event of the golden file with a mark in each personal field, about the member."""
    file = ROOT / f"services/{service}/tests/golden/{event.wire_name}.v{event.version}.json"
    [attributes] = json.loads(file.read_bytes())
    subject = Subject(service, attributes["brand"], *attributes["subject"].split("/"))
    [recorded] = codec.decode(StoredMessage(str(subject), subject.stream, 1, NOON, file.read_bytes()))
    return structs.replace(
        recorded,
        event=structs.replace(
            recorded.event, **{name: with_mark(getattr(recorded.event, name)) for name in event.personal}
        ),
        actor=MEMBER,
        brand=BrandId("b1"),
        aggregate_id=MEMBER if event.owner is Owner.AGGREGATE else recorded.aggregate_id,
    )


def with_mark(value: str | None) -> str:
    """The mark; where there was a JSON object, one of the same keys that holds nothing else."""
    return json.dumps(dict.fromkeys(json.loads(value), MARK)) if value and value.startswith("{") else MARK


def erasure(view: View) -> Recorded[Event]:
    return Recorded(
        event=ErasureRecorded(key_destroyed_at=NOON), id="e9", brand=BrandId("b1"), aggregate="erasure",
        aggregate_id=MEMBER, actor="system", time=NOON, recorded_at=NOON, causation_id="c", correlation_id="c",
        stream=view.stream, sequence=9,
    )  # fmt: skip


def test_there_are_such_views() -> None:
    assert {"member_list", "threads", "ideas"} <= {view for _, view in cases()}


@pytest.mark.parametrize(("service", "name"), cases())
async def test_a_view_scrubs_what_is_personal(mongo_url: str, service: str, name: str) -> None:
    composed = app(service)
    view = composed.views[name]
    personal = [event for event in view.events if event.personal]
    async with view_bench(view, mongo_url) as bench:
        for number, event in enumerate(personal, 1):
            one = marked(service, composed.store.codec, event)
            await bench.given_recorded(structs.replace(one, sequence=number))
        if MARK.encode() not in await canonical(view):
            return  # it reads such events and keeps none of their texts
        assert ErasureRecorded in view.events, f"{name} keeps what is personal and does not hear of erasures"
        await bench.given_recorded(structs.replace(erasure(view), sequence=len(personal) + 1))
        assert MARK.encode() not in await canonical(view)
