from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest

from libs.shared.codec import Codec
from libs.shared.domain import SYSTEM, Erased, Event, Owner
from libs.shared.event_store import CorruptEvent, Pending, StoredMessage, Subject
from libs.shared.privacy import DataKey, KeyId, Keys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
M1 = KeyId("b1", "m1")
KEYS: Keys = {M1: DataKey(M1, bytes(32))}


class Joined(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "joined"
    personal: ClassVar[frozenset[str]] = frozenset({"name", "email"})

    name: str
    email: str | None = None
    source: str = "web"


class Written(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "written"
    personal: ClassVar[frozenset[str]] = frozenset({"body"})
    owner: ClassVar[Owner] = Owner.ACTOR

    body: str


class JoinedNow(Event, frozen=True, kw_only=True):
    """`Joined` a version later."""

    wire_name: ClassVar[str] = "joined"
    version: ClassVar[int] = 2
    personal: ClassVar[frozenset[str]] = frozenset({"display_name", "email"})

    display_name: str
    email: str | None
    source: str


class JoinedSeen(Event, frozen=True, kw_only=True):
    """`Joined` for who does not look at personal fields."""

    wire_name: ClassVar[str] = "joined"

    source: str


CODEC = Codec("halls", [Joined, Written])


def pending(event: Event, actor: str = "m2", member: str = "m1") -> Pending:
    return Pending(
        event=event, id="e1", brand="b1", aggregate="member", aggregate_id=member, actor=actor, time=NOW,
        causation_id="c", correlation_id="c",
    )  # fmt: skip


def stored(data: bytes, member: str = "m1") -> StoredMessage:
    return StoredMessage(str(Subject("halls", "b1", "member", member)), "HALLS", 1, NOW, data)


def read(data: bytes, keys: Keys | None, codec: Codec = CODEC) -> Event:
    [recorded] = codec.decode(stored(data), keys)
    return recorded.event


def test_the_log_holds_no_personal_text() -> None:
    joined = Joined(name="Zoë", email="z@example.org")
    data = CODEC.encode([pending(joined)], KEYS)
    [event] = msgspec.json.decode(data)
    assert (event["sealedfor"], event["sealedfields"]) == ("m1", "email,name")
    assert event["data"]["name"].startswith("enc:1:")
    assert "ë".encode() not in data
    assert rb"\u00eb" not in data
    assert b"@" not in data
    assert read(data, KEYS) == joined


def test_what_has_no_value_is_not_encrypted() -> None:
    data = CODEC.encode([pending(Joined(name="Zoë"))], KEYS)
    assert msgspec.json.decode(data)[0]["sealedfields"] == "name"
    assert read(data, KEYS) == Joined(name="Zoë")


def test_without_keys_it_is_written_and_read_plain() -> None:
    data = CODEC.encode([pending(Joined(name="Zoë"))])
    assert b"sealed" not in data
    assert read(data, None) == read(data, KEYS) == Joined(name="Zoë")
    assert CODEC.readers_need([stored(data)]) == set()


def test_a_plain_text_that_looks_encrypted_stays_what_it_is() -> None:
    for actor, keys in ((SYSTEM, KEYS), ("m1", None), ("m1", KEYS)):
        written = Written(body="enc:1:AAAA")
        assert read(CODEC.encode([pending(written, actor)], keys), KEYS) == written


def test_the_owner_is_the_aggregate_or_the_actor_and_never_the_platform() -> None:
    need = CODEC.writers_need
    assert need([pending(Joined(name="Zoë"), actor="m2")]) == {KeyId("b1", "m1")}
    assert need([pending(Written(body="x"), actor="m2"), pending(Joined(name="Zoë"))]) == {KeyId("b1", "m2"), M1}
    assert need([pending(Written(body="x"), actor=SYSTEM)]) == set()
    assert CODEC.encode([pending(Written(body="x"), SYSTEM)], KEYS) == CODEC.encode(
        [pending(Written(body="x"), SYSTEM)]
    )


def test_what_belongs_to_who_was_erased_reads_as_erased() -> None:
    data = CODEC.encode([pending(Joined(name="Zoë", email="z@example.org", source="qr"))], KEYS)
    assert read(data, {M1: None}) == Joined(name="[erased]", email=None, source="qr")


def test_nothing_is_written_for_who_was_erased() -> None:
    with pytest.raises(Erased):
        CODEC.encode([pending(Joined(name="Zoë"))], {M1: None})


def test_a_missing_or_wrong_key_is_an_error_and_not_erasure() -> None:
    data = CODEC.encode([pending(Joined(name="Zoë"))], KEYS)
    for keys in (None, {}, {M1: DataKey(M1, b"x" * 32)}, {KeyId("b1", "m2"): None}):
        with pytest.raises(CorruptEvent, match=r"encrypted|decrypted"):
            read(data, keys)


@pytest.mark.parametrize("field", ["id", "sealedfor", "brand"])
def test_a_moved_ciphertext_is_noticed(field: str) -> None:
    data = CODEC.encode([pending(Joined(name="Zoë"))], KEYS)
    [event] = msgspec.json.decode(data)
    other = KeyId("b2" if field == "brand" else "b1", "m9" if field == "sealedfor" else "m1")
    event[field] = {"id": "e2", "sealedfor": "m9", "brand": "b2"}[field]
    message = stored(msgspec.json.encode([event]))._replace(subject=f"evt.halls.{event['brand']}.member.m1")
    with pytest.raises(CorruptEvent):
        CODEC.decode(message, {other: DataKey(other, bytes(32))})


def test_a_reader_needs_keys_only_for_the_fields_that_it_has() -> None:
    data = CODEC.encode([pending(Joined(name="Zoë", source="qr"))], KEYS)
    seen = Codec("halls", [JoinedSeen], skip_unknown=True)
    assert CODEC.readers_need([stored(data)]) == {M1}
    assert seen.readers_need([stored(data)]) == Codec("halls", skip_unknown=True).readers_need([stored(data)]) == set()
    assert read(data, None, seen) == JoinedSeen(source="qr")


def test_a_message_that_cannot_be_read_needs_no_key() -> None:
    sealed = msgspec.json.decode(CODEC.encode([pending(Joined(name="Zoë"))], KEYS))[0]
    for changed in ({"sealedfor": "m.>"}, {"brand": "*"}, {"sealedfor": 1}, {"dataschema": "urn:else"}):
        data = msgspec.json.encode([{**sealed, **changed}])
        assert CODEC.readers_need([stored(data)]) == set()
    assert CODEC.readers_need([stored(b'{"sealedfor":')]) == set()


@pytest.mark.parametrize("keys", [KEYS, {M1: None}])
def test_upcasters_see_plain_values(keys: Keys) -> None:
    def rename(data: dict[str, Any]) -> dict[str, Any]:
        assert not data["name"].startswith("enc:")
        return {"display_name": data["name"], "email": data["email"], "source": "web"}

    data = CODEC.encode([pending(Joined(name="Zoë", email="z@example.org"))], KEYS)
    newer = Codec("halls", [JoinedNow], {("joined", 1): rename})
    erased = keys[M1] is None
    assert newer.readers_need([stored(data)]) == {M1}
    assert read(data, keys, newer) == JoinedNow(
        display_name="[erased]" if erased else "Zoë", email=None if erased else "z@example.org", source="web"
    )


@pytest.mark.parametrize("body", ["", "x", "\n" * 20_000, "é" * 20_000, "\U0001f600" * 3])
def test_the_size_without_keys_is_an_upper_bound(body: str) -> None:
    commit = [pending(Written(body=body), "m1"), pending(Joined(name=body)), pending(Joined(name=body, email=body))]
    size, exact = CODEC.size(commit), len(CODEC.encode(commit, KEYS))
    assert exact <= size
    assert CODEC.size([pending(Written(body=body), SYSTEM)]) == len(CODEC.encode([pending(Written(body=body), SYSTEM)]))


class Numbered(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "numbered"
    personal: ClassVar[frozenset[str]] = frozenset({"number"})

    number: int


class Misspelt(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "misspelt"
    personal: ClassVar[frozenset[str]] = frozenset({"nmae"})

    name: str


@pytest.mark.parametrize("event", [Numbered, Misspelt])
def test_only_texts_can_be_personal(event: type[Event]) -> None:
    with pytest.raises(ValueError, match="personal"):
        Codec("halls", [event])
