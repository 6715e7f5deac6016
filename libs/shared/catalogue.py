"""What a service takes, answers and records, as documents: AsyncAPI 3.0 and one JSON Schema a message.

Made from an `App` that was composed and not started, so that the documents cannot differ from the code.  FastStream's
own generator is not used: it knows messages by their pydantic models, and these are msgspec structs.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import inspect
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from libs.shared.app import App, Endpoint
from libs.shared.bus import DEADLINE, ERROR, ErrorReply
from libs.shared.codec import CONTENT_TYPE
from libs.shared.domain import Command, Event
from libs.shared.telemetry import TRACEPARENT

#: A JSON value, as it stands in a document.
Json: TypeAlias = Any

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCHEMAS = "#/components/schemas/{name}"
_HEADERS: Json = {
    "type": "object",
    "properties": {
        DEADLINE: {"type": "string", "pattern": "^[0-9]{1,15}$", "description": "Unix milliseconds; later is too late"},
        TRACEPARENT: {"type": "string", "description": "https://www.w3.org/TR/trace-context/"},
    },
}
_ERROR_HEADERS: Json = {"type": "object", "required": [ERROR], "properties": {ERROR: {"type": "string"}}}


def asyncapi(app: App) -> Json:
    """The AsyncAPI 3.0 document of a service: the requests it answers, their replies, and the events it records."""
    types = _types(app)
    replies = [endpoint.reply for endpoint in app.endpoints]
    found, schemas = msgspec.json.schema_components([*types, *replies, ErrorReply], ref_template=_SCHEMAS)
    schema_of = dict(zip(types, found, strict=False))
    document = _Document()
    for endpoint, reply in zip(app.endpoints, found[len(types) :], strict=False):
        if endpoint.aggregate:
            _without_roles(schemas, schema_of[endpoint.message])
        document.add_request(endpoint, schema_of[endpoint.message], reply)
    for aggregate, events in app.aggregates.items():
        document.add_log(app.name, aggregate, {event: schema_of[event] for event in events})
    complete: Json = {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Archipel {app.name}",
            "version": "1",
            "description": f"Commands and queries that the service {app.name} answers, and the events it records.",
        },
        "defaultContentType": "application/json",
        "channels": document.channels,
        "operations": document.operations,
        "components": {"messages": document.messages, "schemas": schemas},
    }
    return _portable(complete)


def schema(app: App, message: type[Command] | type[Event] | type[Any]) -> Json:
    """The JSON Schema (2020-12) of one message, complete in itself."""
    found = msgspec.json.schema(message)
    definitions = found.get("$defs", {})
    if issubclass(message, Command):
        _without_roles(definitions, found)
    version = message.version if issubclass(message, Event) else 1
    return _portable({"$schema": _DRAFT, "$id": f"urn:archipel:{app.name}:{message.wire_name}:{version}", **found})


def documents(app: App) -> dict[str, Json]:
    """Every document of a service: its path under the catalogue's folder → JSON."""
    found = {f"{app.name}/asyncapi.json": asyncapi(app)}
    for endpoint in app.endpoints:
        kind = "commands" if endpoint.aggregate else "queries"
        found[f"{app.name}/{kind}/{endpoint.message.wire_name}.schema.json"] = schema(app, endpoint.message)
    for events in app.aggregates.values():
        for event in events:
            found[f"{app.name}/events/{event.wire_name}.schema.json"] = schema(app, event)
    return found


class _Document:
    """The parts of an AsyncAPI document that refer to one another."""

    def __init__(self) -> None:
        error = {"$ref": _SCHEMAS.format(name="ErrorReply")}
        self.channels: dict[str, Json] = {}
        self.operations: dict[str, Json] = {}
        self.messages: dict[str, Json] = {"error": _message("error", error, headers=_ERROR_HEADERS)}

    def add_request(self, endpoint: Endpoint, payload: Json, reply: Json) -> None:
        """A command or query, and its two kinds of reply."""
        name = endpoint.message.wire_name
        answer = f"{name}.reply"
        self.messages[name] = _message(name, payload, headers=_HEADERS, summary=_summary(endpoint.message))
        self.messages[answer] = _message(answer, reply)
        self.channels[name] = {"address": endpoint.subject, "messages": {name: _component(name)}}
        # The address is the inbox of whoever asks: NATS gives it with the request.
        self.channels[answer] = {
            "address": None,
            "messages": {answer: _component(answer), "error": _component("error")},
        }
        self.operations[name] = {
            "action": "receive",
            "channel": _channel(name),
            "messages": [_message_of(name, name)],
            "tags": [{"name": "command" if endpoint.aggregate else "query"}],
            "reply": {
                "channel": _channel(answer),
                "messages": [_message_of(answer, answer), _message_of(answer, "error")],
            },
        }

    def add_log(self, service: str, aggregate: str, events: Mapping[type[Event], Json]) -> None:
        """The events of one aggregate: a stored message is one commit, a CloudEvents batch of them."""
        channel, commit = f"{aggregate}.events", f"{aggregate}.commit"
        items = [_cloud_event(service, aggregate, event, data) for event, data in events.items()]
        batch = {"type": "array", "minItems": 1, "items": {"oneOf": items}}
        summary = f"One commit of one {aggregate}."
        self.messages[commit] = _message(commit, batch, summary=summary, content_type=CONTENT_TYPE)
        self.channels[channel] = {
            "address": f"evt.{service}.{{brand}}.{aggregate}.{{id}}",
            "messages": {commit: _component(commit)},
            "parameters": {
                "brand": {"description": "The id of the brand, `_` above brands."},
                "id": {"description": f"The id of the {aggregate}."},
            },
        }
        self.operations[f"{aggregate}.record"] = {
            "action": "send",
            "channel": _channel(channel),
            "messages": [_message_of(channel, commit)],
            "tags": [{"name": "event"}],
        }


def _types(app: App) -> list[type[Any]]:
    """Every command, query and event, in an order that does not depend on the order of registration."""
    events = {event for events in app.aggregates.values() for event in events}
    types: set[type[Any]] = {endpoint.message for endpoint in app.endpoints} | events
    return sorted(types, key=lambda one: (one.__module__, one.__qualname__))


def _cloud_event(service: str, aggregate: str, event: type[Event], data: Json) -> Json:
    text: Json = {"type": "string"}
    properties: Json = {
        "specversion": {"const": "1.0"},
        "id": text,
        "source": {"const": f"/archipel/{service}"},
        "type": {"const": event.wire_name},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": f"urn:archipel:{service}:{event.wire_name}:{event.version}"},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "pattern": f"^{aggregate}/"},
        "brand": text,
        "actor": text,
        "causationid": text,
        "correlationid": text,
        "data": data,
    }
    required = list(properties)
    properties["traceparent"] = text
    if event.personal:
        fields = ", ".join(sorted(event.personal))
        properties["sealedfor"] = {"type": "string", "description": "The member whose key the personal fields need."}
        properties["sealedfields"] = {"type": "string", "description": f"Which are encrypted, with commas: {fields}."}
    return {"title": event.wire_name, "type": "object", "required": required, "properties": properties}


def _message(
    name: str, payload: Json, *, headers: Json = None, summary: str = "", content_type: str = "application/json"
) -> Json:
    message: Json = {"name": name, "contentType": content_type, "payload": payload}
    if headers:
        message["headers"] = headers
    if summary:
        message["summary"] = summary
    return message


def _summary(message: type[Any]) -> str:
    return (inspect.getdoc(message) or "").partition("\n\n")[0].replace("\n", " ")


def _component(name: str) -> Json:
    return {"$ref": f"#/components/messages/{name}"}


def _channel(name: str) -> Json:
    return {"$ref": f"#/channels/{name}"}


def _message_of(channel: str, name: str) -> Json:
    return {"$ref": f"#/channels/{channel}/messages/{name}"}


def _without_roles(components: Json, reference: Json) -> None:
    """Roles do not travel: whatever a command says of them is overwritten where it is decided."""
    components[reference["$ref"].rpartition("/")[2]]["properties"].pop("roles", None)


def _portable(value: Json) -> Json:
    """The same document with patterns as ECMA-262 has them, which JSON Schema asks for: `$` is the very end there."""
    match value:
        case dict():
            return {
                key: one.replace(r"\Z", "$") if key == "pattern" and isinstance(one, str) else _portable(one)
                for key, one in value.items()
            }
        case list():
            return [_portable(one) for one in value]
        case _:
            return value
