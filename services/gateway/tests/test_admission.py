"""Load shedding, without a clock: who is let in, who waits, who is sent away, and how the number adapts."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from libs.shared.testing.issuer import Issuer
from services.gateway.admission import Admission, Bounds, Overloaded
from services.gateway.tests.test_websocket import ACTIVITY, opened, receive, subscribe
from services.gateway.tests.world import world

BOUNDS = Bounds(least=2, most=4, waiting=1, wait_seconds=30, late_seconds=0.01)


async def occupied(admission: Admission, places: int) -> AsyncExitStack:
    """The stack that holds so many places."""
    stack = AsyncExitStack()
    for _ in range(places):
        await stack.enter_async_context(admission.place())
    return stack


async def entered(admission: Admission) -> None:
    async with admission.place():
        pass


async def test_beyond_the_places_and_the_queue_one_is_sent_away_at_once() -> None:
    admission = Admission(BOUNDS)
    running = await occupied(admission, 4)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as caught:
        await entered(admission)
    assert caught.value.code == "OVERLOADED"
    assert not waiting.done()
    await running.aclose()
    await waiting
    async with await occupied(admission, 4):
        pass


async def test_nobody_waits_for_long() -> None:
    admission = Admission(Bounds(least=1, most=1, waiting=1, wait_seconds=0.01))
    async with await occupied(admission, 1):
        with pytest.raises(Overloaded):
            await entered(admission)
    await entered(admission)


async def test_who_came_first_is_let_in_first() -> None:
    admission = Admission(Bounds(least=1, most=1, waiting=3, wait_seconds=30))
    order: list[int] = []

    async def enter(number: int) -> None:
        async with admission.place():
            order.append(number)
            await asyncio.sleep(0)

    running = await occupied(admission, 1)
    tasks = [asyncio.create_task(enter(number)) for number in range(3)]
    await asyncio.sleep(0)
    await running.aclose()
    await asyncio.gather(*tasks, enter(3))
    assert order == [0, 1, 2, 3]


@pytest.mark.parametrize("let_in", [False, True])
async def test_who_goes_away_while_waiting_leaves_no_trace(let_in: bool) -> None:
    admission = Admission(Bounds(least=1, most=1, waiting=1, wait_seconds=30))
    running = await occupied(admission, 1)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    if let_in:
        await running.aclose()  # it is let in and cancelled before it can know
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running.aclose()
    await entered(admission)


async def test_the_number_shrinks_while_the_loop_is_late_and_grows_while_it_is_not() -> None:
    admission = Admission(Bounds(least=8, most=64, late_seconds=0.01))
    assert admission.limit == 64
    for _ in range(50):
        admission.observe(0.05)
    assert admission.limit == 8
    admission.observe(0)
    assert admission.limit == 9
    for _ in range(100):
        admission.observe(0)
    assert admission.limit == 64


async def test_a_number_that_grows_lets_in_who_waits() -> None:
    admission = Admission(BOUNDS)
    for _ in range(10):
        admission.observe(1)
    async with await occupied(admission, 2):
        waiting = asyncio.create_task(entered(admission))
        await asyncio.sleep(0)
        admission.observe(0)
        await waiting


async def test_the_lateness_of_the_loop_is_noticed() -> None:
    admission = Admission(Bounds(least=1, most=100, late_seconds=0.001))
    async with asyncio.timeout(10):
        while admission.limit == 100:
            async with admission.place():
                loop = asyncio.get_running_loop()
                busy_until = loop.time() + 0.05
                while loop.time() < busy_until:
                    pass
                await asyncio.sleep(0)


async def test_nothing_is_parsed_for_whom_there_is_no_place(issuer: Issuer) -> None:
    admission = Admission(Bounds(least=1, most=1, waiting=0))
    async with world(issuer, admission=admission) as gateway, opened(gateway) as socket, await occupied(admission, 1):
        for accept in ("application/json", "text/event-stream"):
            response = await gateway.client.post("/graphql", json={"query": "{"}, headers={"Accept": accept})
            assert response.status_code == 503
        await subscribe(socket, "{")
        assert (await receive(socket))["payload"][0]["extensions"] == {"code": "OVERLOADED"}


async def test_each_transport_says_that_it_is_overloaded(issuer: Issuer) -> None:
    admission = Admission(Bounds(least=1, most=1, waiting=0))
    async with world(issuer, admission=admission) as gateway, opened(gateway) as socket, await occupied(admission, 1):
        for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
            response = await gateway.client.post(
                "/graphql", json={"query": "{ __typename }"}, headers={"Accept": accept}
            )
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert response.json()["errors"][0]["extensions"] == {"code": "OVERLOADED"}
        for query in ("{ __typename }", ACTIVITY):
            await subscribe(socket, query)
            answer = await receive(socket)
            assert (answer["type"], answer["payload"][0]["extensions"]) == ("error", {"code": "OVERLOADED"})
        assert (await gateway.client.get("/readyz")).status_code == 200
