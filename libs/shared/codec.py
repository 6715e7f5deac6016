"""Events of one service ↔ CloudEvents 1.0 JSON batches: what stands in one message of the log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from libs.shared.domain import BrandId, Event
from libs.shared.event_store import CorruptEvent, Pending, StoredMessage
from libs.shared.recorded import Recorded

#: The media type of a message (CloudEvents JSON format 1.0, section 4).
CONTENT_TYPE = "application/cloudevents-batch+json"

#: Turns the data of version n of an event into that of version n + 1.
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

_NO_UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})


class _Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One CloudEvent (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md)."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    datacontenttype: str
    dataschema: str
    time: Annotated[datetime, Meta(tz=True)]
    subject: str
    brand: str
    actor: str
    causationid: str
    correlationid: str
    traceparent: str | None = None


class _Outgoing(_Envelope, frozen=True, kw_only=True, gc=False):
    data: Event


class _Incoming(_Envelope, frozen=True, kw_only=True, gc=False):
    data: msgspec.Raw


class _Shape(NamedTuple):
    """How data of one version is read: as the newest struct, after `upcasters` in this order."""

    event: type[Event]
    decode: Callable[[msgspec.Raw], Event]
    upcasters: tuple[Upcaster, ...]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[_Incoming])


class Codec:
    """Events of one service ↔ CloudEvents 1.0 JSON batches (one JetStream message = one commit).

    A reader of a foreign stream declares its own small structs and sets `skip_unknown`: types that it does not
    declare are skipped, versions that it has no upcaster for are read as they are.  The owner of the stream
    refuses both, since it would decide on a history that it does not understand.
    """

    def __init__(
        self,
        service: str,
        events: Iterable[type[Event]] = (),
        upcasters: Mapping[tuple[str, int], Upcaster] = _NO_UPCASTERS,
        *,
        skip_unknown: bool = False,
    ) -> None:
        self.service = service
        self._source = f"/archipel/{service}"
        self._schema_prefix = f"urn:archipel:{service}:"
        self._skip_unknown = skip_unknown
        self._events: dict[str, type[Event]] = {}
        self._schemas: dict[type[Event], str] = {}
        self._upcasters: dict[tuple[str, int], Upcaster] = {}
        self._shapes: dict[str, _Shape | None] = {}
        self.register(events, upcasters)

    @property
    def events(self) -> Mapping[str, type[Event]]:
        """The newest shape of every event by its wire name."""
        return MappingProxyType(self._events)

    def register(
        self, events: Iterable[type[Event]], upcasters: Mapping[tuple[str, int], Upcaster] = _NO_UPCASTERS
    ) -> None:
        """Read and write these events too; raises `ValueError` when a wire name is taken by another type."""
        for event in events:
            if self._events.setdefault(event.wire_name, event) is not event:
                raise ValueError(f"two events are called {event.wire_name!r}")
            self._schemas[event] = f"{self._schema_prefix}{event.wire_name}:{event.version}"
        self._upcasters.update(upcasters)
        self._shapes.clear()

    def encode(self, commit: Sequence[Pending]) -> bytes:
        """Write a commit; raises `ValueError` for an empty one, an unregistered event or a time without a zone."""
        if not commit:
            raise ValueError("a commit has at least one event")
        return _encoder.encode([self._envelope(pending) for pending in commit])

    def decode(self, message: StoredMessage) -> list[Recorded[Event]]:
        """Read a commit; raises `CorruptEvent` for anything that `encode` cannot have written."""
        try:
            envelopes = _decoder.decode(message.data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._corrupt(message, str(error)) from error
        if not envelopes:
            raise self._corrupt(message, "an empty commit")
        recorded = []
        for index, envelope in enumerate(envelopes):
            one = self._recorded(message, index, envelope)
            if one is not None:
                recorded.append(one)
        return recorded

    def _envelope(self, pending: Pending) -> _Outgoing:
        event = pending.event
        schema = self._schemas.get(type(event))
        if schema is None:
            raise ValueError(f"{type(event).__name__} is not registered with the codec of {self.service}")
        if pending.time.tzinfo is None:
            raise ValueError("the time of an event has a time zone")
        return _Outgoing(
            specversion="1.0",
            id=pending.id,
            source=self._source,
            type=event.wire_name,
            datacontenttype="application/json",
            dataschema=schema,
            time=pending.time,
            subject=f"{pending.aggregate}/{pending.aggregate_id}",
            brand=pending.brand,
            actor=pending.actor,
            causationid=pending.causation_id,
            correlationid=pending.correlation_id,
            traceparent=pending.traceparent,
            data=event,
        )

    def _recorded(self, message: StoredMessage, index: int, envelope: _Incoming) -> Recorded[Event] | None:
        aggregate, _, aggregate_id = envelope.subject.partition("/")
        if f"evt.{self.service}.{envelope.brand}.{aggregate}.{aggregate_id}" != message.subject:
            raise self._corrupt(message, f"an event of another aggregate than {message.subject}")
        shape = self._shape(message, envelope)
        if shape is None:
            return None
        if shape.event.wire_name != envelope.type:
            raise self._corrupt(message, f"{envelope.type!r} with the schema {envelope.dataschema}")
        try:
            event = shape.decode(envelope.data)
        except Exception as error:  # an upcaster may raise anything
            raise self._corrupt(message, f"{envelope.dataschema}: {error}") from error
        return Recorded(
            event=event,
            id=envelope.id,
            brand=BrandId(envelope.brand),
            aggregate=aggregate,
            aggregate_id=aggregate_id,
            actor=envelope.actor,
            time=envelope.time,
            recorded_at=message.recorded_at,
            causation_id=envelope.causationid,
            correlation_id=envelope.correlationid,
            stream=message.stream,
            sequence=message.sequence,
            index=index,
        )

    def _shape(self, message: StoredMessage, envelope: _Incoming) -> _Shape | None:
        schema = envelope.dataschema
        try:
            return self._shapes[schema]
        except KeyError:
            pass
        name, _, version = schema.removeprefix(self._schema_prefix).partition(":")
        if not schema.startswith(self._schema_prefix) or not (version.isascii() and version.isdecimal()):
            raise self._corrupt(message, f"no event of {self.service}: {schema!r}")
        event = self._events.get(name)
        if event is None and not self._skip_unknown:
            raise self._corrupt(message, f"unknown event {name!r}")
        shape = None if event is None else self._find_shape(message, event, int(version))
        self._shapes[schema] = shape
        return shape

    def _find_shape(self, message: StoredMessage, event: type[Event], version: int) -> _Shape:
        upcasters = [self._upcasters.get((event.wire_name, older)) for older in range(version, event.version)]
        known = [upcaster for upcaster in upcasters if upcaster is not None]
        if not self._skip_unknown:
            if not 1 <= version <= event.version:
                raise self._corrupt(message, f"version {version} of {event.wire_name} is not known")
            if len(known) < len(upcasters):
                raise self._corrupt(message, f"no upcaster for version {version} of {event.wire_name}")
        return _Shape(event, _reader(event, known), tuple(known))

    @staticmethod
    def _corrupt(message: StoredMessage, reason: str) -> CorruptEvent:
        return CorruptEvent(message.stream, message.sequence, reason)


def _reader(event: type[Event], upcasters: Sequence[Upcaster]) -> Callable[[msgspec.Raw], Event]:
    newest = msgspec.json.Decoder(event)
    if not upcasters:
        return newest.decode

    def read(data: msgspec.Raw) -> Event:
        value: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        for upcaster in upcasters:
            value = upcaster(value)
        return msgspec.convert(value, event)

    return read
