import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from libs.shared.connection import Connection
from libs.shared.domain import Unavailable
from libs.shared.ids import uuid7
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream_api import JetStreamError
from libs.shared.schedules import Due, Schedules
from libs.shared.streams import SCHEDULES, ensure_streams, schedule_stream
from libs.shared.testing.servers import NatsServer

SOON = timedelta(seconds=0.3)
LATER = timedelta(hours=1)


def at(delay: timedelta) -> datetime:
    return datetime.now(UTC) + delay


class Receiver:
    """Takes what is due; fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.received: list[Due] = []
        self._failures = failures
        self._changed = asyncio.Condition()

    async def __call__(self, due: Due) -> None:
        async with self._changed:
            self.received.append(due)
            self._changed.notify_all()
        if len(self.received) <= self._failures:
            raise RuntimeError("not now")

    async def until(self, count: int) -> list[Due]:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.received) >= count)
        return self.received


@asynccontextmanager
async def delivering(schedules: Schedules, handle: Callable[[Due], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(schedules.deliver(handle, concurrency=3))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[Connection]:
    connection = Connection("test")
    await connection.open(nats_url)
    await ensure_streams(connection, schedule_stream())
    yield connection
    await connection.close()


@pytest.fixture
def service() -> str:
    return f"s{uuid7()}"


@pytest.fixture
def schedules(connection: Connection, service: str) -> Schedules:
    return Schedules(connection, service)


async def left(connection: Connection, service: str) -> dict[str, int]:
    """What the stream still holds of a service, by subject."""
    held: dict[str, int] = {}
    for prefix in ("sched", "due"):
        info = await connection.jetstream().stream_info(SCHEDULES, subjects_filter=f"{prefix}.{service}.>")
        held.update(info.state.subjects or {})
    return held


async def test_what_is_due_is_handed_over_once_and_gone(
    connection: Connection, schedules: Schedules, service: str
) -> None:
    receiver = Receiver()
    started = datetime.now(UTC)
    async with delivering(schedules, receiver):
        await schedules.create("reminder", "r2", at(SOON * 2), b"second")
        await schedules.create("reminder", "r1", at(SOON), b"first")
        await schedules.create("poll", "r0", at(-LATER), b"overdue")
        received = await receiver.until(3)
        assert datetime.now(UTC) - started >= SOON * 2
        await schedules.create("reminder", "r9", at(-LATER))
        await receiver.until(4)
    # A worker that was stopped between its ack and the removal leaves one behind; those before are gone.
    assert sum((await left(connection, service)).values()) <= 1
    assert received == [
        Due("poll", "r0", b"overdue", 1),
        Due("reminder", "r1", b"first", 1),
        Due("reminder", "r2", b"second", 1),
        Due("reminder", "r9", b"", 1),
    ]


async def test_it_is_created_once(connection: Connection, schedules: Schedules, service: str) -> None:
    await schedules.create("reminder", "r1", at(SOON), b"first")
    await schedules.create("reminder", "r1", at(LATER), b"second")
    assert await left(connection, service) == {f"sched.{service}.reminder.r1": 1}
    receiver = Receiver()
    async with delivering(schedules, receiver):
        assert await receiver.until(1) == [Due("reminder", "r1", b"first", 1)]


async def test_it_is_rescheduled_in_place(connection: Connection, schedules: Schedules, service: str) -> None:
    await schedules.create("reminder", "r1", at(LATER), b"first")
    await schedules.reschedule("reminder", "r1", at(SOON), b"second")
    await schedules.reschedule("reminder", "r2", at(SOON), b"new")
    receiver = Receiver()
    async with delivering(schedules, receiver):
        received = await receiver.until(2)
    assert {due.data for due in received} == {b"second", b"new"}


async def test_a_cancelled_one_never_comes(connection: Connection, schedules: Schedules, service: str) -> None:
    receiver = Receiver()
    async with delivering(schedules, receiver):
        await schedules.create("reminder", "r1", at(SOON))
        await schedules.create("reminder", "r10", at(SOON * 2))
        await schedules.cancel("reminder", "r1")
        await schedules.cancel("reminder", "never-was")
        assert await receiver.until(1) == [Due("reminder", "r10", b"", 1)]


async def test_what_failed_comes_again_after_a_while(schedules: Schedules) -> None:
    receiver = Receiver(failures=1)
    async with delivering(schedules, receiver):
        await schedules.create("reminder", "r1", at(-LATER))
        await receiver.until(1)
        first = datetime.now(UTC)
        received = await receiver.until(2)
    assert [due.attempt for due in received] == [1, 2]
    assert datetime.now(UTC) - first >= timedelta(seconds=1.9)


async def test_two_processes_share_the_work(connection: Connection, schedules: Schedules, service: str) -> None:
    receiver = Receiver()
    async with delivering(schedules, receiver), delivering(Schedules(connection, service), receiver):
        for n in range(50):
            await schedules.create("reminder", f"r{n}", at(-LATER))
        received = await receiver.until(50)
    assert sorted(due.id for due in received) == sorted(f"r{n}" for n in range(50))


async def test_services_do_not_see_each_other(connection: Connection, schedules: Schedules) -> None:
    other = Schedules(connection, f"s{uuid7()}")
    mine, theirs = Receiver(), Receiver()
    async with delivering(schedules, mine), delivering(other, theirs):
        await schedules.create("reminder", "r1", at(-LATER), b"mine")
        await other.create("reminder", "r1", at(-LATER), b"theirs")
        assert [due.data for due in await mine.until(1) + await theirs.until(1)] == [b"mine", b"theirs"]


async def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        connection = Connection("test")
        await connection.open(server.url)
        await ensure_streams(connection, schedule_stream())
        schedules = Schedules(connection, "events")
        receiver = Receiver()
        async with delivering(schedules, receiver):
            for n in range(20):
                await schedules.create("reminder", f"r{n}", at(SOON * 2))
            server.kill()
            during = asyncio.ensure_future(schedules.create("reminder", "r20", at(SOON)))
            await asyncio.sleep(SOON.total_seconds() * 3)
            await asyncio.to_thread(server.start)
            await during
            received = await receiver.until(21)
        assert {due.id for due in received} == {f"r{n}" for n in range(21)}
        await connection.close()


async def test_what_cannot_be_scheduled_is_refused(schedules: Schedules) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await schedules.create("reminder", "r1", datetime(2026, 1, 1))
    for kind, id_ in (("a kind", "r1"), ("reminder", "a.b"), ("reminder", "*"), ("", "r1")):
        with pytest.raises(ValueError, match="not the name"):
            await schedules.create(kind, id_, at(LATER))


async def test_a_server_that_does_not_answer_is_unavailable(
    schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise NotAnswered("lost", maybe_done=True)

    monkeypatch.setattr(Inbox, "request", lost)
    monkeypatch.setattr("libs.shared.jetstream_api._PATIENCE_SECONDS", 0.2)
    with pytest.raises(Unavailable):
        await schedules.create("reminder", "r1", at(LATER))


async def test_a_schedule_that_the_server_refuses_is_an_error(
    connection: Connection, service: str, schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Inbox.request

    async def without_target(
        inbox: Inbox, subject: str, data: bytes, timeout_seconds: float, headers: dict[str, str]
    ) -> Msg:
        return await request(inbox, subject, data, timeout_seconds, {**headers, "Nats-Schedule-Target": "elsewhere"})

    monkeypatch.setattr(Inbox, "request", without_target)
    with pytest.raises(JetStreamError, match="10190"):
        await schedules.create("reminder", "r1", at(LATER))
    assert await left(connection, service) == {}
