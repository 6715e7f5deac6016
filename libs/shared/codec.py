"""Events of one service ↔ CloudEvents 1.0 JSON batches: what stands in one message of the log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from libs.shared import sealing
from libs.shared.domain import ERASED, BrandId, Event
from libs.shared.event_store import CorruptEvent, Pending, StoredMessage, is_token
from libs.shared.privacy import CannotOpen, KeyId, Keys
from libs.shared.recorded import Recorded

#: The media type of a message (CloudEvents JSON format 1.0, section 4).
CONTENT_TYPE = "application/cloudevents-batch+json"

#: Turns the data of version n of an event into that of version n + 1.
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

_NO_UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})


class _Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One CloudEvent (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).

    `sealedfields` names, with commas, the fields of `data` that are encrypted with the key of the member `sealedfor`.
    """

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
    sealedfor: str = ""
    sealedfields: str = ""


class _Outgoing(_Envelope, frozen=True, kw_only=True, gc=False):
    data: Event


class _Incoming(_Envelope, frozen=True, kw_only=True, gc=False):
    data: msgspec.Raw


class _Sealed(Struct, frozen=True, gc=False):
    """What tells which key is needed to read an event."""

    brand: str
    dataschema: str
    sealedfor: str = ""
    sealedfields: str = ""


class _Shape(NamedTuple):
    """How data of one version is read: as the newest struct, after `upcasters` in this order.

    `fields` are those of the struct, `optional` those that may be None.
    """

    event: type[Event]
    decode: msgspec.json.Decoder[Event]
    upcasters: tuple[Upcaster, ...]
    fields: frozenset[str]
    optional: frozenset[str]

    def reads(self, field: str) -> bool:
        """Whether the field is looked at: an upcaster may look at any."""
        return bool(self.upcasters) or field in self.fields

    def read(self, data: msgspec.Raw, fields: Sequence[str], opened: Callable[[str, str], str | None]) -> Event:
        """Read an event's data; `opened` gives the plain value of each of the encrypted `fields`."""
        if not self.upcasters:
            event = self.decode.decode(data)
            if not fields:
                return event
            return msgspec.structs.replace(event, **{field: opened(field, getattr(event, field)) for field in fields})
        value: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        value.update({field: opened(field, value[field]) for field in fields})
        for upcaster in self.upcasters:
            value = upcaster(value)
        return msgspec.convert(value, self.event)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[_Incoming])
_sealed_decoder = msgspec.json.Decoder(list[_Sealed])


class Codec:
    """Events of one service ↔ CloudEvents 1.0 JSON batches (one JetStream message = one commit).

    A reader of a foreign stream declares its own small structs and sets `skip_unknown`: types that it does not
    declare are skipped, versions that it has no upcaster for are read as they are.  The owner of the stream
    refuses both, since it would decide on a history that it does not understand.

    Personal fields are encrypted and decrypted with `keys`, which callers get beforehand for what `writers_need` and
    `readers_need`: the codec itself waits for nothing.  Without keys it writes plain text.
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
            sealing.check(event)
            self._schemas[event] = f"{self._schema_prefix}{event.wire_name}:{event.version}"
        self._upcasters.update(upcasters)
        self._shapes.clear()

    def writers_need(self, commit: Iterable[Pending]) -> set[KeyId]:
        """Whose keys `encode` needs for a commit."""
        return sealing.needed(commit)

    def readers_need(self, messages: Iterable[StoredMessage]) -> set[KeyId]:
        """Whose keys `decode` needs for these messages; of one that cannot be read, none."""
        needed: set[KeyId] = set()
        for message in messages:
            if b'"sealedfor":' not in message.data:
                continue
            try:
                for event in _sealed_decoder.decode(message.data):
                    if event.sealedfor and self._reads_sealed(message, event):
                        needed.add(KeyId(event.brand, event.sealedfor))
            except (msgspec.MsgspecError, ValueError, RecursionError, CorruptEvent):
                continue  # `decode` says what is wrong with it
        return needed

    def encode(self, commit: Sequence[Pending], keys: Keys | None = None) -> bytes:
        """Write a commit; raises `ValueError` for an empty one, an unregistered event or a time without a zone.

        Raises `Erased` when personal fields belong to who was erased.
        """
        if not commit:
            raise ValueError("a commit has at least one event")
        return _encoder.encode([self._envelope(pending, keys) for pending in commit])

    def size(self, commit: Sequence[Pending]) -> int:
        """At most so many bytes `encode` makes of a commit, whatever the keys are."""
        return len(self.encode(commit)) + sum(map(sealing.growth, commit))

    def decode(self, message: StoredMessage, keys: Keys | None = None) -> list[Recorded[Event]]:
        """Read a commit; raises `CorruptEvent` for anything that `encode` cannot have written, or that lacks its key.

        Personal fields of who was erased are `ERASED`, or None where they may be.
        """
        try:
            envelopes = _decoder.decode(message.data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._corrupt(message, str(error)) from error
        if not envelopes:
            raise self._corrupt(message, "an empty commit")
        recorded = []
        for index, envelope in enumerate(envelopes):
            one = self._recorded(message, index, envelope, keys)
            if one is not None:
                recorded.append(one)
        return recorded

    def _envelope(self, pending: Pending, keys: Keys | None) -> _Outgoing:
        event = pending.event
        schema = self._schemas.get(type(event))
        if schema is None:
            raise ValueError(f"{type(event).__name__} is not registered with the codec of {self.service}")
        if pending.time.tzinfo is None:
            raise ValueError("the time of an event has a time zone")
        sealed = sealing.Sealed(event) if keys is None else sealing.seal(pending, keys)
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
            sealedfor=sealed.owner,
            sealedfields=",".join(sealed.fields),
            data=sealed.event,
        )

    def _recorded(
        self, message: StoredMessage, index: int, envelope: _Incoming, keys: Keys | None
    ) -> Recorded[Event] | None:
        aggregate, _, aggregate_id = envelope.subject.partition("/")
        if f"evt.{self.service}.{envelope.brand}.{aggregate}.{aggregate_id}" != message.subject:
            raise self._corrupt(message, f"an event of another aggregate than {message.subject}")
        shape = self._shape(message, envelope.dataschema)
        if shape is None:
            return None
        if shape.event.wire_name != envelope.type:
            raise self._corrupt(message, f"{envelope.type!r} with the schema {envelope.dataschema}")
        try:
            event = self._read(shape, envelope, keys)
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

    @staticmethod
    def _read(shape: _Shape, envelope: _Incoming, keys: Keys | None) -> Event:
        fields = [field for field in envelope.sealedfields.split(",") if field and shape.reads(field)]
        if not fields:
            return shape.read(envelope.data, (), _never)
        owner = KeyId(envelope.brand, envelope.sealedfor)
        if keys is None or owner not in keys:
            raise CannotOpen("it is encrypted, and the key is not at hand")
        key = keys[owner]

        def opened(field: str, value: str) -> str | None:
            if key is not None:
                return key.open(value, envelope.id, field)
            return None if field in shape.optional else ERASED

        return shape.read(envelope.data, fields, opened)

    def _reads_sealed(self, message: StoredMessage, event: _Sealed) -> bool:
        if not (is_token(event.brand) and is_token(event.sealedfor)):
            raise self._corrupt(message, "encrypted for nobody who can be")
        shape = self._shape(message, event.dataschema)
        return shape is not None and any(shape.reads(field) for field in event.sealedfields.split(","))

    def _shape(self, message: StoredMessage, schema: str) -> _Shape | None:
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
        fields = msgspec.structs.fields(event)
        return _Shape(
            event,
            msgspec.json.Decoder(event),
            tuple(known),
            frozenset(field.name for field in fields),
            frozenset(field.name for field in fields if sealing.is_optional(field.type)),
        )

    @staticmethod
    def _corrupt(message: StoredMessage, reason: str) -> CorruptEvent:
        return CorruptEvent(message.stream, message.sequence, reason)


def _never(_field: str, _value: str) -> str | None:
    raise AssertionError("nothing is encrypted")
