"""Requests over a real NATS: what comes back, in what time, and what does not."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from nats.aio.msg import Msg

from libs.shared import telemetry
from libs.shared.bus import BODY_LIMIT_BYTES, DEADLINE, ERROR, BusClient, ErrorReply, invalid
from libs.shared.connection import Connection, NotReachable
from libs.shared.domain import Accepted, Command, DomainError, Forbidden, Id, Invalid, NotFound, Query, Unavailable
from libs.shared.ids import uuid7
from libs.shared.ports import free_port
from libs.shared.rpc import Responder
from libs.shared.testing.servers import NatsServer

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"

Handle = Callable[[Any], Awaitable[object]]


class Nested(Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    tags: list[str] = []


class Write(Command, frozen=True, kw_only=True):
    wire_name = "write"

    text: str = ""
    parts: list[Nested] = []


class Read(Query, frozen=True, kw_only=True):
    wire_name = "read"

    id: Id


class Text(Struct, frozen=True):
    text: str


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = Connection("test")
    await connection.open(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def answering(url: str, handle: Handle, **options: Any) -> AsyncIterator[str]:
    """Give the name of a service that answers `write` and `read` with `handle`."""
    service = f"s{uuid7()[-12:]}"
    responder = Responder(service, url, **options)
    responder.serve(f"cmd.{service}.page.write", Write, handle)
    responder.serve(f"qry.{service}.read", Read, handle)
    await responder.start()
    try:
        yield service
    finally:
        await responder.stop(grace_seconds=0.1)


def write(text: str = "") -> Write:
    return Write(command_id=uuid7(), brand="b1", actor="m1", now=datetime.now(UTC), text=text)


def read(id_: str = "x") -> Read:
    return Read(brand="b1", viewer="m1", id=id_)


async def accept(command: Write) -> Accepted:
    return Accepted(id=command.text or "p1", position={"S": 7})


async def raw(connection: Connection, service: str, body: bytes, **headers: str) -> Msg:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await connection.request(f"cmd.{service}.page.write", body, timeout=5, headers=named or None)


async def refused(connection: Connection, service: str, body: bytes, **headers: str) -> ErrorReply:
    reply = await raw(connection, service, body, **headers)
    error = msgspec.json.decode(reply.data, type=ErrorReply)
    assert reply.headers is not None
    assert reply.headers[ERROR] == error.code
    return error


async def test_structs_and_mappings_go_and_typed_replies_come(nats_url: str) -> None:
    async def handle(message: Write | Read) -> object:
        return await accept(message) if isinstance(message, Write) else Text(f"{message.id}!")

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        bus = BusClient(connection)
        assert await bus.command(service, "page", "write", write("p2")) == Accepted(id="p2", position={"S": 7})
        assert await bus.query(service, "read", {"brand": "b1", "viewer": "m", "id": "x"}, Text) == Text("x!")
        reply = await raw(connection, service, msgspec.json.encode(write()))
        assert reply.headers is not None
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", ()),
        (b"{", ()),
        (b"\xff\xfe", ()),
        (b"[1]", ()),
        (b'"text"', ()),
        (b'{"brand": "b1"}', ("command_id",)),
        (b'{"surprise": 1}', ("surprise",)),
        (b'{"command_id": "no spaces"}', ("command_id",)),
        (b'{"parts": [{"size": 1}, {"size": "2"}]}', ("parts", 1, "size")),
        (b'{"parts": [{"size": 1, "tags": ["a", 2]}]}', ("parts", 0, "tags", 1)),
        (b'{"parts": [{}]}', ("parts", 0, "size")),
        (b'{"parts": ' + b"[" * 20_000, ("parts", 0)),
    ],
)
async def test_what_cannot_be_read_is_invalid_and_the_path_leads_there(
    nats_url: str, body: bytes, path: tuple[str | int, ...]
) -> None:
    async with answering(nats_url, accept) as service, connected(nats_url) as connection:
        error = await refused(connection, service, body)
        assert (error.code, error.path) == ("INVALID", path)
        assert (
            await raw(connection, service, msgspec.json.encode(write()))
        ).data == b'{"id":"p1","position":{"S":7},"repeated":false}'


def test_a_path_leaves_out_keys_that_have_no_name() -> None:
    for body, path in ((b'{"a": {"k": "x"}}', ("a",)), (b'{"a": {"k": 1}, "b": {"x": 1}}', ("b",))):
        with pytest.raises(msgspec.ValidationError) as error:
            msgspec.json.decode(body, type=msgspec.defstruct("M", [("a", dict[str, int]), ("b", dict[int, int], {})]))
        assert invalid(error.value).path == path


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no such page", ("id",)),
        Forbidden(),
        Invalid("too long", ("parts", 1, "size")),
        Unavailable(),
        DomainError("THREAD_LOCKED", "it is locked – été", ()),
    ],
)
async def test_refusals_arrive_as_they_were_raised(nats_url: str, error: DomainError) -> None:
    async def handle(_message: object) -> object:
        raise error

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        with pytest.raises(DomainError) as raised:
            await BusClient(connection).command(service, "page", "write", write())
        assert type(raised.value) is type(error)
        assert repr(raised.value) == repr(error)


async def test_a_failure_is_logged_with_its_trace_and_not_told(nats_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handle(_message: object) -> object:
        raise KeyError("the secret place")

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        with caplog.at_level(logging.ERROR):
            error = await refused(connection, service, msgspec.json.encode(write()), traceparent=TRACEPARENT)
        assert error == ErrorReply("INTERNAL", "the service failed; its logs say why")
        assert "KeyError: 'the secret place'" in caplog.text
        assert "a" * 32 in caplog.text


async def test_an_expired_request_is_dropped_before_it_is_handled(nats_url: str) -> None:
    handled: list[object] = []

    async def handle(message: Write) -> object:
        handled.append(message)
        return await accept(message)

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        body = msgspec.json.encode(write())
        late = str(int(time.time() * 1000) - 1)
        assert (await refused(connection, service, body, **{DEADLINE: late})).code == "TIMEOUT"
        for nonsense in ("soon", "-1", "1e9", "٣", "9" * 400):
            assert (await refused(connection, service, body, **{DEADLINE: nonsense})).code == "INVALID"
        assert handled == []
        await raw(connection, service, body, **{DEADLINE: str(int(time.time() * 1000) + 5000)})
        assert len(handled) == 1


async def test_what_remains_of_the_time_bounds_the_handler(nats_url: str) -> None:
    ended = asyncio.Event()

    async def handle(_message: object) -> object:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return None

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        soon = str(int(time.time() * 1000) + 200)
        assert (await refused(connection, service, msgspec.json.encode(write()), **{DEADLINE: soon})).code == "TIMEOUT"
        assert ended.is_set()
        ended.clear()
        began = time.monotonic()
        with pytest.raises(DomainError) as error:
            await BusClient(connection).query(service, "read", read(), Text, timeout_seconds=0.3)
        assert error.value.code == "TIMEOUT"
        assert 0.25 < time.monotonic() - began < 2
        async with asyncio.timeout(2):
            await ended.wait()


async def test_a_timeout_within_the_handler_is_no_deadline(nats_url: str) -> None:
    async def handle(_message: object) -> object:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(1)
        return None

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        assert (await refused(connection, service, msgspec.json.encode(write()))).code == "INTERNAL"


async def test_nobody_there_is_said_at_once(nats_url: str) -> None:
    async with connected(nats_url) as connection:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await BusClient(connection).query("nobody", "read", read(), Text)
        assert time.monotonic() - began < 1


async def test_bodies_have_a_limit_both_ways(nats_url: str) -> None:
    async def handle(message: Write | Read) -> object:
        return await accept(message) if isinstance(message, Write) else Text("x" * BODY_LIMIT_BYTES)

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        bus = BusClient(connection)
        fits = "x" * (BODY_LIMIT_BYTES - 1000)
        assert (await bus.command(service, "page", "write", write(fits))).id == fits
        with pytest.raises(DomainError) as request:
            await bus.command(service, "page", "write", write("x" * BODY_LIMIT_BYTES))
        assert request.value.code == "TOO_LARGE"
        assert (await refused(connection, service, b" " * (BODY_LIMIT_BYTES + 1))).code == "TOO_LARGE"
        with pytest.raises(DomainError) as reply:
            await bus.query(service, "read", read(), Text)
        assert reply.value.code == "TOO_LARGE"


async def test_a_reply_of_another_shape_is_an_internal_error(nats_url: str) -> None:
    async def handle(_message: object) -> object:
        return {"txt": 1}

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        with pytest.raises(DomainError) as error:
            await BusClient(connection).query(service, "read", read(), Text)
        assert error.value.code == "INTERNAL"


async def test_many_requests_are_handled_at_once_up_to_the_limit(nats_url: str) -> None:
    running, most = 0, 0

    async def handle(message: Write) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return await accept(message)

    async with answering(nats_url, handle, concurrent=8) as service, connected(nats_url) as connection:
        bus = BusClient(connection)
        sent = [bus.command(service, "page", "write", write(str(number))) for number in range(1, 41)]
        replies = await asyncio.gather(*sent)
        assert [reply.id for reply in replies] == [str(number) for number in range(1, 41)]
        assert most == 8


async def test_the_trace_goes_along_and_each_request_has_its_own(nats_url: str) -> None:
    async def handle(message: Read) -> object:
        await asyncio.sleep(0.01)
        return Text(telemetry.trace_id() or "")

    async with answering(nats_url, handle) as service, connected(nats_url) as connection:
        bus = BusClient(connection)

        async def ask(trace: str) -> str:
            with telemetry.span("test", parent=f"00-{trace}-{'1' * 16}-01"):
                return (await bus.query(service, "read", read(), Text)).text

        traces = [f"{number:032x}" for number in range(1, 30)]
        assert await asyncio.gather(*map(ask, traces)) == traces
        assert len((await bus.query(service, "read", read(), Text)).text) == 32


async def test_stopping_finishes_what_was_delivered_and_cuts_off_what_takes_too_long(nats_url: str) -> None:
    for handler_seconds, grace_seconds, code in ((0.3, 2.0, "OK"), (30.0, 0.2, "TIMEOUT")):
        begun = asyncio.Event()

        async def handle(message: Write, seconds: float = handler_seconds, begun: asyncio.Event = begun) -> object:
            begun.set()
            await asyncio.sleep(seconds)
            return await accept(message)

        service = f"s{uuid7()[-12:]}"
        responder = Responder(service, nats_url)
        responder.serve(f"cmd.{service}.page.write", Write, handle)
        await responder.start()
        async with connected(nats_url) as connection:
            bus = BusClient(connection)
            request = asyncio.create_task(_code(bus, service))
            await begun.wait()
            began = time.monotonic()
            await responder.stop(grace_seconds=grace_seconds)
            assert time.monotonic() - began < grace_seconds + 0.5
            assert await request == code
            with pytest.raises(Unavailable):
                await bus.command(service, "page", "write", write())
            assert not responder.connected


async def _code(bus: BusClient, service: str) -> str:
    try:
        await bus.command(service, "page", "write", write(), timeout_seconds=1.5)
    except DomainError as error:
        return error.code
    return "OK"


async def test_a_lost_connection_is_said_at_once_and_comes_back_by_itself(tmp_path: Path) -> None:
    async def handle(message: Write | Read) -> object:
        if isinstance(message, Read):
            await asyncio.sleep(60)
        return Accepted(id="p1", position={"S": 7})

    with NatsServer(tmp_path) as server:
        async with answering(server.url, handle) as service, connected(server.url) as connection:
            bus = BusClient(connection)
            await bus.command(service, "page", "write", write())
            for _ in range(2):
                waiting = asyncio.create_task(bus.query(service, "read", read(), Text, timeout_seconds=30))
                await asyncio.sleep(0.1)
                await asyncio.to_thread(server.kill)
                began = time.monotonic()
                with pytest.raises(Unavailable, match="lost"):
                    await waiting
                assert time.monotonic() - began < 1
                with pytest.raises(Unavailable, match="no connection"):
                    await bus.command(service, "page", "write", write(), timeout_seconds=0.3)
                # A request that is made while the server comes back waits for it.
                patient = asyncio.create_task(_until_accepted(bus, service))
                await asyncio.to_thread(server.start)
                async with asyncio.timeout(5):
                    assert await patient == Accepted(id="p1", position={"S": 7})


async def _until_accepted(bus: BusClient, service: str) -> Accepted:
    while True:
        try:
            return await bus.command(service, "page", "write", write())
        except Unavailable:
            await asyncio.sleep(0.05)


async def test_a_server_that_is_not_there() -> None:
    connection = Connection("test")
    with pytest.raises(NotReachable, match=r"NATS does not answer within 0\.3 s"):
        await connection.open(f"nats://127.0.0.1:{free_port()}", timeout_seconds=0.3)
    responder = Responder("nobody", f"nats://127.0.0.1:{free_port()}")
    with pytest.raises(NotReachable):
        await responder.start(timeout_seconds=0.3)
    await connection.close()
    await responder.stop(grace_seconds=0.1)


async def test_a_connection_that_was_never_made_can_be_closed() -> None:
    await Connection("test").close()
