import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import Unavailable
from libs.shared.event_store import EventStore, Snapshot, Subject, WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.jetstream_api import JetStreamError
from libs.shared.streams import SNAPSHOTS, ensure_streams, event_stream, snapshot_stream
from libs.shared.testing.contracts import EventStoreContract, Noted, note, texts
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.testing.servers import NatsServer


async def connected(url: str) -> Connection:
    connection = Connection("test")
    await connection.open(url)
    return connection


async def store_on(connection: Connection) -> JetStreamEventStore:
    await ensure_streams(connection, event_stream("contract"), snapshot_stream())
    return JetStreamEventStore(connection, Codec("contract", [Noted]))


class TestMemory(EventStoreContract):
    @pytest.fixture
    def store(self) -> EventStore:
        return MemoryEventStore(Codec("contract"))


class TestJetStream(EventStoreContract):
    @pytest.fixture
    async def store(self, nats_url: str) -> AsyncIterator[EventStore]:
        connection = await connected(nats_url)
        yield await store_on(connection)
        await connection.close()

    async def test_reads_may_have_connections_of_their_own(self, nats_url: str) -> None:
        connection, reader = await connected(nats_url), await connected(nats_url)
        await store_on(connection)
        store = JetStreamEventStore(connection, Codec("contract", [Noted]), readers=[reader])
        subject = Subject("contract", uuid7(), "page", "p1")
        await store.append(subject, [note(subject, "a")], expected=0)
        loads = [texts(store, subject) for _ in range(200)]
        assert await asyncio.gather(*loads) == [["a"]] * 200
        await reader.close()
        await connection.close()

    async def test_streams_are_created_once_and_brought_up_to_date(self, nats_url: str) -> None:
        connection = await connected(nats_url)
        config = event_stream("evolving")
        await asyncio.gather(*(ensure_streams(connection, config, snapshot_stream()) for _ in range(4)))
        config.description = "with a word about it"
        await ensure_streams(connection, config)
        info = await connection.jetstream().stream_info("EVOLVING")
        assert info.config.description == "with a word about it"
        assert (await connection.jetstream().stream_info(SNAPSHOTS)).config.max_msgs_per_subject == 1
        await connection.close()

    async def test_a_missing_setting_is_an_error_and_not_tried_again(self, nats_url: str) -> None:
        connection = await connected(nats_url)
        config = event_stream("plain")
        config.allow_atomic = False
        await ensure_streams(connection, config)
        store = JetStreamEventStore(connection, Codec("plain", [Noted]))
        first, second = Subject("plain", "b1", "page", "p1"), Subject("plain", "b1", "page", "p2")
        with pytest.raises(JetStreamError, match="10174"):
            await store.append_together([(first, [note(first, "a")], 0), (second, [note(second, "b")], 0)])
        await connection.close()

    async def test_a_closed_connection_is_unavailable(self, nats_url: str) -> None:
        connection = await connected(nats_url)
        store = await store_on(connection)
        await connection.close()
        subject = Subject("contract", "b1", "page", "p1")
        with pytest.raises(Unavailable):
            await store.append(subject, [note(subject, "a")], expected=0)


class TestLostAnswers:
    """Whether a commit was stored is found out, whatever is lost."""

    async def test_a_commit_whose_ack_was_lost_is_a_success(self, tmp_path: Path) -> None:
        with NatsServer(tmp_path) as server:
            connection = await connected(server.url)
            store = await store_on(connection)
            first, second = Subject("contract", "b1", "page", "p1"), Subject("contract", "b1", "page", "p2")
            await store.append(first, [note(first, "a")], expected=0)
            server.pause()
            alone = asyncio.create_task(store.append(first, [note(first, "b")], expected=1))
            third = second._replace(id="p3")
            commits = [(second, [note(second, "c")], 0), (third, [note(third, "d")], 0)]
            batch = asyncio.create_task(store.append_together(commits))
            await asyncio.sleep(2.2)  # the first try waits for 2 s
            server.resume()
            assert await alone == await store.head(first)
            assert await batch == [await store.head(second), await store.head(third)]
            assert await texts(store, first) == ["a", "b"]
            assert await texts(store, second) + await texts(store, third) == ["c", "d"]
            await connection.close()

    @pytest.mark.parametrize("sent", [True, False])
    async def test_one_lost_answer_changes_nothing(
        self, store: EventStore, subject: Subject, losing: "Losing", sent: bool
    ) -> None:
        other = subject._replace(id="p2")
        losing.next(sent=sent)
        assert await store.append(subject, [note(subject, "a")], expected=0) == await store.head(subject)
        losing.next(sent=sent)
        sequences = await store.append_together(
            [(subject, [note(subject, "b")], await store.head(subject)), (other, [note(other, "c")], 0)]
        )
        assert sequences == [await store.head(subject), await store.head(other)]
        losing.next(sent=sent)
        await store.append(subject, [note(subject, "d")], expected=None)
        losing.next(sent=sent)
        assert await texts(store, subject, leader=True) == ["a", "b", "d"]
        assert await texts(store, other) == ["c"]
        assert losing.lost == 4

    async def test_a_commit_that_was_forestalled_is_refused_though_its_answer_was_lost(
        self, store: EventStore, subject: Subject, losing: "Losing"
    ) -> None:
        other = subject._replace(id="p2")
        losing.next(sent=False, meanwhile=lambda: store.append(subject, [note(subject, "theirs")], expected=0))
        with pytest.raises(WrongExpectation):
            await store.append(subject, [note(subject, "mine")], expected=0)
        losing.next(sent=False, meanwhile=lambda: store.append(other, [note(other, "theirs")], expected=0))
        with pytest.raises(WrongExpectation):
            batch = [(subject, [note(subject, "mine")], await store.head(subject)), (other, [note(other, "mine")], 0)]
            await store.append_together(batch)
        assert await texts(store, subject) == await texts(store, other) == ["theirs"]

    async def test_what_never_answers_is_unavailable(
        self, store: EventStore, subject: Subject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lost(*_: object) -> Msg:
            raise NotAnswered("lost", maybe_done=True)

        monkeypatch.setattr(Inbox, "request", lost)
        monkeypatch.setattr("libs.shared.jetstream_api._PATIENCE_SECONDS", 0.3)
        with pytest.raises(Unavailable):
            await store.append(subject, [note(subject, "a")], expected=0)
        with pytest.raises(Unavailable):
            await store.head(subject)
        with pytest.raises(Unavailable):
            await store.load_snapshot(subject)
        with pytest.raises(Unavailable):
            await store.save_snapshot(subject, Snapshot(1, b""))

    @pytest.fixture
    async def store(self, nats_url: str) -> AsyncIterator[EventStore]:
        connection = await connected(nats_url)
        yield await store_on(connection)
        await connection.close()

    @pytest.fixture
    def subject(self) -> Subject:
        return Subject("contract", uuid7(), "page", "p1")

    @pytest.fixture
    def losing(self, monkeypatch: pytest.MonkeyPatch) -> "Losing":
        return Losing(monkeypatch)


class Losing:
    """Loses the answer of a request: one that was `sent`, or one that never was while something else happened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = 0
        self._armed = False
        self._request = Inbox.request

        async def request(
            inbox: Inbox, subject: str, data: bytes, timeout_seconds: float, headers: Mapping[str, str] | None = None
        ) -> Msg:
            if not self._armed:
                return await self._request(inbox, subject, data, timeout_seconds, headers)
            self._armed = False
            self.lost += 1
            if self._sent:
                await self._request(inbox, subject, data, timeout_seconds, headers)
            if self._meanwhile is not None:
                await self._meanwhile()
            raise NotAnswered("lost", maybe_done=True)

        monkeypatch.setattr(Inbox, "request", request)

    def next(self, *, sent: bool, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
        assert not self._armed
        self._armed, self._sent, self._meanwhile = True, sent, meanwhile


def test_subjects_are_read_as_they_are_written() -> None:
    subject = Subject("members", "b1", "member", "m1")
    assert str(subject) == "evt.members.b1.member.m1"
    assert Subject.parse(str(subject)) == subject
    for text in ("", "evt.members.b1.member", "evt.members.b1.member.m1.x", "sched.a.b.c.d", "evt.a..c.d"):
        with pytest.raises(ValueError, match="not the subject"):
            Subject.parse(text)
