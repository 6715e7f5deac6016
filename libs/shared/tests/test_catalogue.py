"""The documents that are made from the code."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator

from libs.shared.app import App
from libs.shared.catalogue import asyncapi, documents, schema
from libs.shared.tests import counting
from libs.shared.tests.counting import CounterById, Increase, increase


@pytest.fixture
def app() -> App:
    offline = App.offline("counting")
    counting.compose(offline)
    return offline


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("$ref"), str):
            yield found
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def resolve(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


def test_the_asyncapi_document_is_complete_and_refers_to_nothing_that_is_not_there(app: App) -> None:
    document = asyncapi(app)
    assert document["asyncapi"] == "3.0.0"
    assert all(resolve(document, reference) for reference in references(document))
    ApplicationSchema.model_validate(document)
    for message in document["components"]["messages"].values():
        Draft202012Validator.check_schema(message["payload"])


def test_every_request_is_a_channel_with_its_reply_and_the_error(app: App) -> None:
    document = asyncapi(app)
    channels, operations = document["channels"], document["operations"]
    addresses = {channel["address"] for channel in channels.values() if channel["address"]}
    assert addresses == {
        "cmd.counting.counter.increase",
        "cmd.counting.counter.join",
        "qry.counting.counter_by_id",
        "evt.counting.{brand}.counter.{id}",
    }
    increase_ = operations["increase"]
    assert increase_["action"] == "receive"
    assert resolve(document, increase_["channel"]["$ref"])["address"] == "cmd.counting.counter.increase"
    payloads = [_payload(document, message) for message in increase_["reply"]["messages"]]
    assert [payload["title"] for payload in payloads] == ["Accepted", "ErrorReply"]
    [reply, _] = operations["counter_by_id"]["reply"]["messages"]
    assert _payload(document, reply)["title"] == "CounterReply"
    # An operation's messages are those of its channel.
    for operation in operations.values():
        for owner in (operation, operation.get("reply", operation)):
            assert all(message["$ref"].startswith(owner["channel"]["$ref"]) for message in owner["messages"])


def _payload(document: Any, reference: Any) -> Any:
    message = resolve(document, resolve(document, reference["$ref"])["$ref"])
    return resolve(document, message["payload"]["$ref"])


def test_events_are_documented_as_they_are_stored(app: App) -> None:
    document = asyncapi(app)
    commit = document["components"]["messages"]["counter.commit"]
    assert commit["contentType"] == "application/cloudevents-batch+json"
    event = {
        "specversion": "1.0", "id": "1", "source": "/archipel/counting", "type": "increased",
        "datacontenttype": "application/json", "dataschema": "urn:archipel:counting:increased:1",
        "time": "2026-01-01T00:00:00Z", "subject": "counter/k", "brand": "b1", "actor": "m1", "causationid": "c",
        "correlationid": "c", "data": {"by": 1, "roles": []},
    }  # fmt: skip
    validator = Draft202012Validator({**commit["payload"], "components": document["components"]})
    validator.validate([event])
    for wrong in ([], [{**event, "type": "joined"}], [{**event, "data": {}}], [{**event, "subject": "other/k"}]):
        assert not validator.is_valid(wrong)


def test_a_message_schema_accepts_what_the_service_accepts(app: App) -> None:
    validator = Draft202012Validator(schema(app, Increase))
    command = msgspec.to_builtins(increase("k"))
    validator.validate(command)
    for wrong in ({**command, "counter_id": "a b"}, {**command, "more": 1}, {**command, "by": "1"}):
        assert not validator.is_valid(wrong)
    assert not validator.is_valid({**command, "roles": ["owner"]})  # they do not travel
    assert schema(app, Increase)["$id"] == "urn:archipel:counting:increase:1"
    assert r"\Z" not in json.dumps(schema(app, CounterById))


def test_each_message_has_a_file(app: App) -> None:
    assert sorted(documents(app)) == [
        "counting/asyncapi.json",
        "counting/commands/increase.schema.json",
        "counting/commands/join.schema.json",
        "counting/events/increased.schema.json",
        "counting/events/joined.schema.json",
        "counting/queries/counter_by_id.schema.json",
    ]


def test_to_describe_a_service_needs_no_environment(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    before = documents(app)
    monkeypatch.setenv("ARCHIPEL_HTTP_PORT", "nonsense")
    again = App.offline("counting")
    counting.compose(again)
    assert documents(again) == before
