"""The orderly end: what lasts is let go, what runs is finished, nothing new begins."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from libs.shared.settings import Settings
from services.gateway.drain import Drain
from services.gateway.service import Process
from services.gateway.tests.test_sse import events, streamed
from services.gateway.tests.test_websocket import closed, listening, opened, receive, send, subscribe, until
from services.gateway.tests.world import World


async def test_subscriptions_over_websocket_end_with_the_socket_and_are_not_complete(gateway: World) -> None:
    """For what is complete a client asks no other process."""
    async with opened(gateway, "alice") as socket:
        await subscribe(socket)
        await listening(gateway)
        await gateway.gateway.drain.end(10)
        with pytest.raises(ConnectionClosed) as end:
            await receive(socket)
        assert end.value.rcvd is not None and end.value.rcvd.code == 1001
    await listening(gateway, 0)


async def test_an_operation_over_websocket_is_finished_first_and_none_begins(gateway: World) -> None:
    answered = asyncio.Event()
    answering = gateway.bus.query

    async def slow(*args: Any, **rest: Any) -> Any:
        await answered.wait()
        return await answering(*args, **rest)

    gateway.bus.query = slow  # type: ignore[method-assign]
    async with opened(gateway, "alice") as socket:
        await subscribe(socket, '{ brand(slug: "acme") { name } }')
        await send(socket, type="ping")
        assert await receive(socket) == {"type": "pong"}
        ending = asyncio.create_task(gateway.gateway.drain.end(10))
        await until(lambda: gateway.gateway.drain.begun)
        await subscribe(socket, "{ __typename }", key="2")
        refused = await receive(socket)
        assert (refused["id"], refused["payload"][0]["extensions"]) == ("2", {"code": "UNAVAILABLE"})
        answered.set()
        assert (await receive(socket))["payload"]["data"] == {"brand": {"name": "Acme"}}
        assert await receive(socket) == {"type": "complete", "id": "1"}
        assert await closed(socket) == 1001
        await ending


async def test_a_stream_ends_and_is_not_complete(gateway: World) -> None:
    async with asyncio.timeout(10), streamed(gateway) as response:
        await listening(gateway)
        await gateway.gateway.drain.end(10)
        assert [event async for event in events(response)] == []
    await listening(gateway, 0)


async def test_the_process_is_not_ready_from_the_moment_in_which_it_is_to_end() -> None:
    settings = Settings(http_port=0, identity_key=SecretStr("k" * 32), shutdown_seconds=30)
    async with httpx.AsyncClient() as client:
        process = Process(settings, client)
        try:
            with process._gateway.drain.lasting():
                assert process._ready()["gateway"] == ""
                ending = asyncio.create_task(process.stop())
                await until(lambda: process._ready()["gateway"] != "")
                assert not process._server.should_exit  # somebody is still connected
            await ending
            assert process._server.should_exit
        finally:
            process._server.socket.close()


async def test_who_does_not_end_is_not_waited_for() -> None:
    drain = Drain()
    with drain.lasting():
        await drain.end(0.01)
    assert drain.begun
    await drain.end(10)
