import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import SYSTEM, Erased, Event, Owner
from libs.shared.event_store import Pending, Subject, WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.jetstream_api import Get
from libs.shared.privacy import CannotOpen, KeyId, MasterKeys, Wrapped
from libs.shared.rotation import Rotated, rotate
from libs.shared.streams import KEYS, ensure_streams, event_stream, key_stream
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import NatsServer
from libs.shared.vault import KeyUnavailable, Vault, _Stored

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEW_KEYS = f"new:{base64.b64encode(bytes(32)).decode()}"


class Said(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "said"
    personal: ClassVar[frozenset[str]] = frozenset({"text"})
    owner: ClassVar[Owner] = Owner.ACTOR

    text: str


@asynccontextmanager
async def opened(url: str, masters: str = MASTER_KEYS) -> AsyncIterator[Vault]:
    """A vault as a process of its own has it."""
    connection = Connection("test")
    await connection.open(url)
    await ensure_streams(connection, key_stream(), event_stream("talk"))
    vault = Vault(connection, MasterKeys.parse(masters))
    await vault.start()
    try:
        yield vault
    finally:
        await connection.close()


@pytest.fixture
async def vault(nats_url: str) -> AsyncIterator[Vault]:
    async with opened(nats_url) as made:
        yield made


@pytest.fixture
async def other(nats_url: str) -> AsyncIterator[Vault]:
    async with opened(nats_url) as made:
        yield made


@pytest.fixture
def owner() -> KeyId:
    return KeyId(uuid7(), "m1")


async def sealed(vault: Vault, owner: KeyId, text: str = "text") -> str:
    key = (await vault.to_write({owner}))[owner]
    assert key is not None
    return key.seal(text, "e1", "body")


async def read(vault: Vault, owner: KeyId, text: str) -> str | None:
    key = (await vault.to_read({owner}))[owner]
    return None if key is None else key.open(text, "e1", "body")


async def until(vault: Vault, owner: KeyId, text: str, wanted: str | None) -> None:
    """Return when the vault reads so."""
    async with asyncio.timeout(20):
        while await read(vault, owner, text) != wanted:  # noqa: ASYNC110 – nothing here hears the announcement
            await asyncio.sleep(0.01)


async def test_processes_that_need_a_key_at_once_agree_on_one(nats_url: str, owner: KeyId) -> None:
    async with opened(nats_url) as one, opened(nats_url) as two, opened(nats_url) as three:
        vaults = [one, two, three] * 4
        texts = await asyncio.gather(*(sealed(vault, owner, str(n)) for n, vault in enumerate(vaults)))
        async with opened(nats_url) as reader:
            assert [await read(reader, owner, text) for text in texts] == [str(n) for n in range(len(vaults))]


async def test_many_keys_are_made_and_read_in_one_go(nats_url: str, vault: Vault) -> None:
    brand = uuid7()
    owners = [KeyId(brand, f"m{n}") for n in range(1_100)]
    made = await vault.to_write(owners)
    async with opened(nats_url) as reader:
        found = await reader.to_read(owners)
    assert set(found) == set(made) == set(owners)
    for one in owners[::100]:
        mine, theirs = made[one], found[one]
        assert mine is not None and theirs is not None
        assert theirs.open(mine.seal("text", "e1", "body"), "e1", "body") == "text"


async def test_a_key_that_is_missing_is_an_error(vault: Vault, owner: KeyId) -> None:
    with pytest.raises(KeyUnavailable, match="lacks the key"):
        await vault.to_read({owner})


async def test_a_key_whose_master_key_is_missing_is_an_error(nats_url: str, vault: Vault, owner: KeyId) -> None:
    await sealed(vault, owner)
    async with opened(nats_url, NEW_KEYS) as stranger:
        with pytest.raises(KeyUnavailable, match="'test' is not among"):
            await stranger.to_read({owner})
        with pytest.raises(KeyUnavailable):
            await stranger.to_write({owner})


async def test_a_destroyed_key_is_gone_everywhere_and_for_good(vault: Vault, other: Vault, owner: KeyId) -> None:
    text = await sealed(vault, owner)
    assert await read(other, owner, text) == "text"
    assert await vault.destroy(owner, NOW) == NOW
    assert await read(vault, owner, text) is None
    await until(other, owner, text, None)  # it had the key in memory
    assert (await other.to_write({owner}))[owner] is None
    assert await other.destroy(owner, NOW + timedelta(days=1)) == NOW, "the first time counts"


async def test_who_never_had_a_key_can_be_erased_too(vault: Vault, other: Vault, owner: KeyId) -> None:
    await vault.destroy(owner, NOW)
    assert (await other.to_write({owner}))[owner] is None


async def test_making_and_destroying_at_once_ends_destroyed(nats_url: str, owner: KeyId) -> None:
    async with opened(nats_url) as one, opened(nats_url) as two:
        await asyncio.gather(one.to_write({owner}), two.destroy(owner, NOW), one.to_write({owner}))
        async with opened(nats_url) as reader:
            assert (await reader.to_read({owner}))[owner] is None


async def test_a_destroyed_key_is_overwritten_on_disk(tmp_path: Path, owner: KeyId) -> None:
    with NatsServer(tmp_path) as server:
        async with opened(server.url) as vault:
            await sealed(vault, owner)
            stored = await vault._stream.ask_leader(_last(owner))
            assert stored is not None
            raw = base64.b64decode(stored.data)
            assert found(tmp_path, raw), "the scan finds what is there"
            await vault.destroy(owner, NOW)
            assert not found(tmp_path, raw)
        server.restart()
        assert not found(tmp_path, raw)


async def test_a_lost_connection_makes_forgetful(tmp_path: Path, owner: KeyId) -> None:
    with NatsServer(tmp_path) as server:
        async with opened(server.url) as away:
            text = await sealed(away, owner)
            server.kill()
            async with asyncio.timeout(20):
                while away._connection.is_connected:  # noqa: ASYNC110 – the client only calls its owner
                    await asyncio.sleep(0.01)
            server.start()
            async with opened(server.url) as vault:
                await vault.destroy(owner, NOW)
            assert await read(away, owner, text) is None


async def test_a_store_encrypts_reads_and_refuses(nats_url: str, vault: Vault, owner: KeyId) -> None:
    connection = Connection("test")
    await connection.open(nats_url)
    store = JetStreamEventStore(connection, Codec("talk", [Said]), vault=vault)
    subject = Subject("talk", owner.brand, "talk", "t1")

    def said(text: str, actor: str) -> Pending:
        return Pending(
            event=Said(text=text), id=uuid7(), brand=subject.brand, aggregate="talk", aggregate_id="t1", actor=actor,
            time=NOW, causation_id="c", correlation_id="c",
        )  # fmt: skip

    async def texts() -> list[str]:
        return [one.event.text for one in await store.load(subject) if isinstance(one.event, Said)]

    first = await store.append(subject, [said("one", "m1"), said("two", "m2"), said("three", SYSTEM)], expected=0)
    assert await texts() == ["one", "two", "three"]
    with pytest.raises(WrongExpectation):
        await store.append(subject, [said("four", "m1")], expected=0)
    [raw] = (await store._page(str(subject), 0))[0]
    assert b"one" not in raw.data and b"two" not in raw.data and b"three" in raw.data
    await vault.destroy(owner, NOW)
    assert await texts() == ["[erased]", "two", "three"]
    with pytest.raises(Erased):
        await store.append(subject, [said("five", "m1")], expected=first)
    await connection.close()


async def test_rotation_wraps_all_keys_and_can_be_begun_again(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        async with opened(server.url) as before:
            owners = [KeyId("b1", f"m{n}") for n in range(50)]
            texts = [await sealed(before, owner) for owner in owners]
            await before.destroy(owners[7], NOW)
        async with opened(server.url, f"{NEW_KEYS},{MASTER_KEYS}") as both:
            old = await both._stream.ask_leader(_last(owners[0]))
            assert old is not None
            told: list[Rotated] = []
            # As if a run had been killed between wrapping a key anew and taking the old one away.
            await both._put(old.subject, _wrapped(both, owners[0], old.data), expected=old.seq)
            assert await rotate(both._connection, both, told.append) == 49
            assert told[-1] == Rotated(keys=49, left=0)
            assert await rotate(both._connection, both, told.append) == 0
            info = await both._connection.jetstream().stream_info(KEYS)
            assert info.state.messages == 50, "nothing of the old ones is left"
        assert not found(tmp_path, base64.b64decode(old.data))
        async with opened(server.url, NEW_KEYS) as after:
            for owner, text in zip(owners, texts, strict=True):
                assert await read(after, owner, text) == (None if owner is owners[7] else "text")
        async with opened(server.url) as stranger:
            with pytest.raises(KeyUnavailable):
                await stranger.to_read(owners[:1])


async def test_rotation_stops_at_a_key_that_it_cannot_open(tmp_path: Path, owner: KeyId) -> None:
    with NatsServer(tmp_path) as server:
        async with opened(server.url) as before:
            await sealed(before, owner)
        async with opened(server.url, NEW_KEYS) as stranger:
            with pytest.raises(CannotOpen):
                await rotate(stranger._connection, stranger, lambda _: None)
        async with opened(server.url) as again:
            assert (await again.to_read({owner}))[owner] is not None


def found(folder: Path, marker: bytes) -> bool:
    """Whether the bytes stand in any file below the folder."""
    return any(marker in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _last(owner: KeyId) -> Get:
    return Get(last_by_subj=f"key.{owner.brand}.{owner.member}")


def _wrapped(vault: Vault, owner: KeyId, stored: str) -> _Stored:
    record = msgspec.json.decode(base64.b64decode(stored), type=_Stored)
    wrapped = vault._masters.rewrap(owner, Wrapped(record.master, record.key))
    return _Stored(wrapped.master, wrapped.data)
