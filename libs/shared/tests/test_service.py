"""A whole service on real servers: command → query, two instances, readiness, and an end in order."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import psutil
import pytest

from libs.shared.bus import BusClient
from libs.shared.connection import Connection, NotReachable
from libs.shared.domain import SYSTEM, Accepted, DomainError, Forbidden, NotFound, Unavailable
from libs.shared.ids import uuid7
from libs.shared.ports import free_port
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.tests import counting
from libs.shared.tests.counting import BRAND, STRANGER, CounterReply, Join, ask, increase

T = TypeVar("T")

ROOT = Path(__file__).parents[3]


@pytest.fixture
def name() -> str:
    """A service of its own for each test: its own stream, subjects and database."""
    return f"c{uuid7()[-12:]}"


@pytest.fixture
def settings(nats_url: str, mongo_url: str) -> Settings:
    return Settings(nats_url=nats_url, mongo_url=mongo_url, startup_seconds=10)


@asynccontextmanager
async def serving(name: str, settings: Settings) -> AsyncIterator[App]:
    app = App(name, settings)
    counting.compose(app)
    await app.start()
    try:
        async with asyncio.timeout(10):
            await app.ready()
        yield app
    finally:
        await app.stop()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[BusClient]:
    connection = Connection("test")
    await connection.open(url)
    try:
        yield BusClient(connection)
    finally:
        await connection.close()


async def query(bus: BusClient, name: str, counter: str, accepted: Accepted | None = None) -> CounterReply:
    return await bus.query(name, "counter_by_id", ask(counter, accepted), CounterReply)


async def test_what_a_command_did_shows_in_a_query_at_its_position(name: str, settings: Settings) -> None:
    async with serving(name, settings) as app, client(settings.nats_url) as bus:
        first = await bus.command(name, "counter", "increase", increase("k", 2))
        second = await bus.command(name, "counter", "increase", increase("k", 3))
        assert first.position == {name.upper(): 1}
        assert second == Accepted(id="k", position={name.upper(): 2})
        assert await query(bus, name, "k", second) == CounterReply(id="k", total=5, roles=["member"])
        assert app.readiness() == {"service": "", "nats": "", "view counters": ""}
        assert app.alive() == {"nats": ""}


async def test_a_repeated_command_returns_its_first_outcome(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        command = increase("k", 2)
        first = await bus.command(name, "counter", "increase", command)
        again = await bus.command(name, "counter", "increase", command)
        assert again == msgspec.structs.replace(first, repeated=True)


async def test_roles_come_from_the_service_and_never_from_the_command(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        forged = msgspec.structs.replace(increase("k"), roles=frozenset({"owner"}))
        accepted = await bus.command(name, "counter", "increase", forged)
        assert (await query(bus, name, "k", accepted)).roles == ["member"]
        with pytest.raises(Forbidden):
            await bus.command(name, "counter", "increase", msgspec.structs.replace(forged, actor=STRANGER))
        accepted = await bus.command(name, "counter", "increase", increase("k", actor=SYSTEM))
        assert await query(bus, name, "k", accepted) == CounterReply(id="k", total=2, roles=["member", "owner"])


async def test_a_command_that_is_open_to_all_needs_no_membership(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        join = {**msgspec.to_builtins(increase("k", actor=STRANGER))}
        accepted = await bus.command(name, "counter", "join", join)
        assert (await query(bus, name, "k", accepted)).members == [STRANGER]


async def test_refusals_keep_their_code_message_and_path(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        with pytest.raises(DomainError) as full:
            await bus.command(name, "counter", "increase", increase("k", counting.LIMIT + 1))
        assert (full.value.code, full.value.path) == ("COUNTER_FULL", ("by",))
        with pytest.raises(NotFound) as guarded:
            await bus.command(name, "counter", "increase", increase("k", 13))
        assert (guarded.value.message, guarded.value.path) == ("there is no 13 here", ("by",))
        with pytest.raises(Forbidden):
            await bus.query(name, "counter_by_id", ask("k", viewer="banned"), CounterReply)
        with pytest.raises(NotFound):
            await query(bus, name, "k")


async def test_a_view_that_does_not_get_there_in_time_is_stale(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        began = time.monotonic()
        with pytest.raises(DomainError) as stale:
            await query(bus, name, "k", Accepted(id="k", position={name.upper(): 99}))
        assert stale.value.code == "STALE_VIEW"
        assert 1.9 < time.monotonic() - began < 4


async def test_two_instances_share_the_work_and_one_may_go(name: str, settings: Settings) -> None:
    async with serving(name, settings) as one, client(settings.nats_url) as bus:
        async with serving(name, settings) as two:
            accepted = await asyncio.gather(
                *(bus.command(name, "counter", "increase", increase("k")) for _ in range(60))
            )
            last = max(accepted, key=lambda each: each.position[name.upper()])
            totals = await asyncio.gather(*(query(bus, name, "k", last) for _ in range(20)))
            assert {reply.total for reply in totals} == {60}
            assert not any(one.readiness().values())
            assert not any(two.readiness().values())
            # Requests go on while an instance stops: none is lost, none is refused.
            sending = asyncio.create_task(_send_for(bus, name, 2.0))
            await asyncio.sleep(0.2)
        assert await sending > 50
        total = await _send_for(bus, name, 0.1)
        assert total > 0


async def _send_for(bus: BusClient, name: str, seconds: float) -> int:
    sent, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        await bus.command(name, "counter", "increase", increase(f"k{sent % 7}"))
        sent += 1
    return sent


async def test_nothing_registered_twice_and_nothing_unguarded(settings: Settings) -> None:
    app = App("counting", settings)
    counting.compose(app)
    with pytest.raises(ValueError, match="answered twice"):
        app.command("counter", Join, _accept)
    with pytest.raises(ValueError, match="two views"):
        app.view(counting.CountersView("COUNTING"))
    unguarded = App("counting", settings)
    unguarded.aggregate(counting.COUNTER, open_to_all={Join})
    with pytest.raises(ValueError, match=r"no App\.authorise"):
        await unguarded.start()


async def _accept(command: Join) -> Accepted:
    return Accepted(id=command.counter_id, position={})


async def test_background_work_begins_again_after_a_failure(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.shared.app._BACKGROUND_RETRY_SECONDS", 0.01)
    runs: list[int] = []
    done = asyncio.Event()

    async def loop() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("not yet")
        done.set()

    started: list[str] = []

    async def hook() -> None:
        started.append("hook")

    app = App(name, settings)
    app.background("work", loop)
    app.on_start(hook)
    await app.start()
    try:
        async with asyncio.timeout(5):
            await done.wait()
        assert started == ["hook"]
        assert app.readiness() == {"service": "", "nats": ""}
    finally:
        await app.stop()


async def test_servers_that_do_not_answer(settings: Settings, nats_url: str) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    app = App("counting", settings.model_copy(update={"nats_url": nowhere, "startup_seconds": 0.5}))
    counting.compose(app)
    with pytest.raises(NotReachable, match="NATS does not answer"):
        await app.start()
    await app.stop()


async def test_it_goes_on_after_both_servers_were_restarted(name: str, tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as nats, MongoServer(tmp_path / "mongo") as mongo:
        settings = Settings(nats_url=nats.url, mongo_url=mongo.url)
        async with serving(name, settings) as app, client(nats.url) as bus:
            await bus.command(name, "counter", "increase", increase("k", 5))
            await asyncio.to_thread(_restart, nats, mongo)
            accepted = await _patiently(lambda: bus.command(name, "counter", "increase", increase("k", 5)))
            reply = await _patiently(lambda: query(bus, name, "k", accepted))
            assert reply.total == 10
            async with asyncio.timeout(10):
                await app.ready()
            assert not any(app.readiness().values())


def _restart(*servers: NatsServer | MongoServer) -> None:
    for server in servers:
        server.kill()
    for server in servers:
        server.start()


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(20):
        while True:
            try:
                return await attempt()
            except DomainError as error:
                if error.code not in {"UNAVAILABLE", "TIMEOUT", "STALE_VIEW", "INTERNAL"}:
                    raise
                await asyncio.sleep(0.1)


class Process:
    """A service as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.AsyncClient()

    async def get(self, path: str) -> tuple[int, Mapping[str, str]]:
        response = await self._http.get(self.url + path)
        return response.status_code, response.json()

    async def until_ready(self) -> None:
        async with asyncio.timeout(20):
            while True:
                try:
                    if (await self.get("/readyz"))[0] == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)


@asynccontextmanager
async def process(name: str, settings: Settings, **more: str) -> AsyncIterator[Process]:
    port = free_port()
    environment = {
        **os.environ,
        "NATS_URL": settings.nats_url,
        "MONGO_URL": settings.mongo_url,
        "ARCHIPEL_HTTP_PORT": str(port),
        "ARCHIPEL_LOG_FORMAT": "json",
        **more,
    }
    program = (
        f"from libs.shared.service import run; from libs.shared.tests.counting import compose; run({name!r}, compose)"
    )
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(started, port)
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def test_a_process_is_ready_small_and_ends_in_order(name: str, settings: Settings) -> None:
    async with process(name, settings) as service, client(settings.nats_url) as bus:
        await service.until_ready()
        assert await service.get("/readyz") == (
            200,
            {"status": "ok"},
        )
        assert await service.get("/healthz") == (200, {"status": "ok"})
        assert (await service.get("/other"))[0] == 404
        accepted = await bus.command(name, "counter", "increase", increase("k", 4))
        assert (await query(bus, name, "k", accepted)).total == 4
        assert psutil.Process(service.process.pid).memory_info().rss < 110 * 1024 * 1024

        sending = asyncio.create_task(_until_refused(bus, name))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        output, errors = await service.process.communicate()
        assert time.monotonic() - began < 5
        assert service.process.returncode == 0
        assert errors == b""
        sent, refusal = await sending
        assert sent > 0
        # Those that were delivered were answered; the first that found nobody says so, at once.
        assert isinstance(refusal, Unavailable)
        lines = [msgspec.json.decode(line) for line in output.splitlines()]
        assert [line["message"] for line in lines if line["logger"].startswith("libs.shared")][-2:] == [
            "stopping",
            "stopped",
        ]


async def _until_refused(bus: BusClient, name: str) -> tuple[int, DomainError]:
    sent = 0
    while True:
        try:
            await bus.command(name, "counter", "increase", increase(f"k{sent % 7}"), timeout_seconds=3)
        except DomainError as error:
            return sent, error
        sent += 1


async def test_a_process_says_in_one_line_why_it_cannot_run(name: str, settings: Settings) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    async with (
        process(name, settings, NATS_URL=nowhere, ARCHIPEL_STARTUP_SECONDS="1") as without_nats,
        process(name, settings, MONGO_URL="mongodb://127.0.0.1:1/", ARCHIPEL_STARTUP_SECONDS="1") as without_mongo,
        process(name, settings, ARCHIPEL_HTTP_PORT=settings.nats_url.rpartition(":")[2]) as without_port,
        process(name, settings, ARCHIPEL_HTTP_PORT="many") as unset,
    ):
        for service, reason in (
            (without_nats, b"NATS does not answer within 1 s"),
            (without_mongo, b"MongoDB does not answer"),
            (without_port, b"cannot listen on 127.0.0.1"),
            (unset, b"ARCHIPEL_HTTP_PORT: Input should be a valid integer"),
        ):
            _, errors = await asyncio.wait_for(service.process.communicate(), 30)
            assert service.process.returncode == 1
            assert errors.count(b"\n") == 1
            assert reason in errors


async def test_sigterm_while_nats_is_awaited_ends_the_process(name: str, settings: Settings) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    async with process(name, settings, NATS_URL=nowhere) as service:
        async with asyncio.timeout(10):
            while True:
                try:
                    status, problems = await service.get("/readyz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        assert status == 503
        assert problems["nats"] == "not connected"
        assert (await service.get("/healthz"))[0] == 200
        service.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(service.process.communicate(), 5)
        assert service.process.returncode == 0


async def test_the_brand_is_part_of_every_place(name: str, settings: Settings) -> None:
    async with serving(name, settings), client(settings.nats_url) as bus:
        accepted = await bus.command(name, "counter", "increase", increase("k"))
        foreign = msgspec.structs.replace(ask("k", accepted), brand=f"{BRAND}x")
        with pytest.raises(NotFound):
            await bus.query(name, "counter_by_id", foreign, CounterReply)
