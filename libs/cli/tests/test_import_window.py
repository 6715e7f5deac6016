"""The window: what shares a key runs in turn, and neither work in progress nor work waiting grows beyond its bound."""

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.cli.import_window import OrderedWindow


@given(
    st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(0, 4), max_size=2), st.integers(0, 3)), max_size=60),
    st.integers(1, 8),
    st.integers(1, 20),
)
def test_order_and_bounds(pieces: list[tuple[int, list[int], int]], running: int, waiting: int) -> None:
    started: list[int] = []
    finished: list[int] = []
    most = 0

    async def piece(number: int, pauses: int) -> None:
        nonlocal most
        started.append(number)
        most = max(most, len(started) - len(finished))
        for _ in range(pauses):
            await asyncio.sleep(0)
        finished.append(number)

    async def run() -> None:
        async with OrderedWindow(running=running, waiting=waiting, waiting_bytes=1 << 20) as window:
            for number, (key, after, pauses) in enumerate(pieces):
                await window.submit(partial(piece, number, pauses), key=str(key), after=map(str, after), size=1)
                assert number + 1 - len(finished) <= waiting + 1

    asyncio.run(run())
    assert sorted(finished) == list(range(len(pieces)))
    assert most <= running
    when = {number: at for at, number in enumerate(finished)}
    for number, (key, after, _) in enumerate(pieces):
        for earlier in range(number):
            if pieces[earlier][0] in {key, *after}:
                assert when[earlier] < when[number]


async def test_large_pieces_wait_for_room_and_one_larger_than_all_room_still_runs() -> None:
    gate = asyncio.Event()
    held = 0

    async def wait() -> None:
        await gate.wait()

    async with OrderedWindow(running=10, waiting=100, waiting_bytes=10) as window:

        async def fill() -> None:
            nonlocal held
            for number in range(5):
                await window.submit(wait, key=str(number), after=(), size=6 if number else 1_000)
                held += 1

        filling = asyncio.create_task(fill())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert held == 1
        gate.set()
        await filling
    assert held == 5


async def test_a_failure_ends_the_window() -> None:
    async def fail() -> None:
        raise LookupError

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        async with OrderedWindow(running=1, waiting=2, waiting_bytes=10) as window:
            await window.submit(fail, key="a", after=(), size=1)
            await window.submit(forever, key="b", after=(), size=1)
            await window.submit(forever, key="c", after=(), size=1)
            await window.submit(forever, key="d", after=(), size=1)
    assert caught.group_contains(LookupError)
