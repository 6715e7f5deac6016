import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler, handle_together
from libs.shared.connection import Connection
from libs.shared.domain import Accepted, DomainError
from libs.shared.event_store import EventStore
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.plan import Limits
from libs.shared.streams import ensure_streams, event_stream, snapshot_stream
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.testing.servers import NatsServer
from libs.shared.tests.hall import (
    HALL,
    SeatTaken,
    TakeSeat,
    open_hall,
    take_seat,
)
from libs.shared.tests.recording import NAMES, Names, claim, history


class Call(NamedTuple):
    """Who asks for a seat where, through which of two processes."""

    process: int
    hall: int
    member: int
    repeat: bool


calls = st.lists(
    st.builds(Call, st.integers(0, 1), st.integers(0, 1), st.integers(0, 11), st.booleans()), min_size=1, max_size=40
)


async def check_concurrent(store: EventStore, brand: str, wanted: list[Call], limits: Limits) -> None:
    """Send all at once through two handlers, and compare the answers with the log.

    A hall has four seats, so some are refused; whoever is refused has found it full.
    """
    handlers = [CommandHandler(HALL, store, "halls", limits=limits, attempts=50) for _ in range(2)]
    for hall in range(2):
        await handlers[hall].handle(open_hall(f"h{hall}", 4, brand=brand))
    commands = [
        take_seat(f"h{one.hall}", f"m{one.member}", brand=brand, command_id=f"c{one.hall}-{one.member}")
        if one.repeat
        else take_seat(f"h{one.hall}", f"m{one.member}", brand=brand)
        for one in wanted
    ]
    tries = [handlers[one.process].handle(command) for one, command in zip(wanted, commands, strict=True)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    for hall in range(2):
        stored = [event for event in await history(store, f"h{hall}", brand) if isinstance(event, SeatTaken)]
        assert [event.number for event in stored] == list(range(1, len(stored) + 1))
        seated = {event.member for event in stored}
        assert len(seated) == len(stored) <= 4
        for one, result in zip(wanted, results, strict=True):
            if one.hall != hall:
                continue
            if isinstance(result, Accepted):
                assert f"m{one.member}" in seated
            else:
                assert isinstance(result, DomainError)
                assert result.code == "FULL"
                assert len(stored) == 4
                assert f"m{one.member}" not in seated
    for handler in handlers:
        await handler.settle()


@given(calls, st.sampled_from([Limits(), Limits(events=1), Limits(events=3)]))
async def test_concurrent_commands_in_memory(wanted: list[Call], limits: Limits) -> None:
    await check_concurrent(MemoryEventStore(Codec("halls")), "b1", wanted, limits)


@pytest.fixture(scope="session")
async def jetstream(nats_url: str) -> AsyncIterator[JetStreamEventStore]:
    connection = Connection("test")
    await connection.open(nats_url)
    await ensure_streams(connection, event_stream("halls"), snapshot_stream())
    yield JetStreamEventStore(connection, Codec("halls"))
    await connection.close()


@settings(max_examples=40, deadline=None)
@given(calls, st.sampled_from([Limits(), Limits(events=1), Limits(events=3)]))
async def test_concurrent_commands_on_jetstream(
    jetstream: JetStreamEventStore, wanted: list[Call], limits: Limits
) -> None:
    await check_concurrent(jetstream, uuid7(), wanted, limits)


async def test_a_hot_aggregate_surfaces_no_conflict(jetstream: JetStreamEventStore) -> None:
    brand = uuid7()
    halls = CommandHandler(HALL, jetstream, "halls")
    await halls.handle(open_hall("h1", 100_000, brand=brand))
    results = await asyncio.gather(*(halls.handle(take_seat("h1", f"m{n}", brand=brand)) for n in range(5_000)))
    await halls.settle()
    assert max(result.position["HALLS"] for result in results) == await jetstream.head(halls.subject(brand, "h1"))
    fresh = await CommandHandler(HALL, jetstream, "halls").state(brand, "h1")
    assert sorted(fresh.taken.values()) == list(range(1, 5_001))
    assert fresh == await halls.state(brand, "h1")
    assert await jetstream.load_snapshot(halls.subject(brand, "h1")) is not None


async def test_together_on_jetstream(jetstream: JetStreamEventStore) -> None:
    brand = uuid7()
    halls = [CommandHandler(HALL, jetstream, "halls") for _ in range(2)]
    names: list[Names] = [CommandHandler(NAMES, jetstream, "halls") for _ in range(2)]
    calls = [
        handle_together(
            (halls[n % 2], open_hall(f"h{n}", 1, brand=brand)), (names[n % 2], claim(f"n{n % 5}", f"h{n}", brand=brand))
        )
        for n in range(20)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    winners = [n for n, result in enumerate(results) if isinstance(result, Accepted)]
    assert len(winners) == 5
    assert all(result.code == "NAME_TAKEN" for result in results if isinstance(result, DomainError))
    opened = [n for n in range(20) if await history(jetstream, f"h{n}", brand)]
    assert opened == winners


async def test_every_acknowledged_command_survives_kills_exactly_once(tmp_path: Path) -> None:
    """Two kills (SIGKILL) with thousands of commands in flight, on many aggregates, on a hot one, and in batches."""
    with NatsServer(tmp_path) as server:
        connection = Connection("test")
        await connection.open(server.url)
        await ensure_streams(connection, event_stream("halls"), snapshot_stream())
        store = JetStreamEventStore(connection, Codec("halls"))
        halls = CommandHandler(HALL, store, "halls", limits=Limits(events=20))
        names: Names = CommandHandler(NAMES, store, "halls")
        hall_ids = ["hot", *(f"h{n}" for n in range(50))]
        for hall in hall_ids:
            await halls.handle(open_hall(hall, 100_000))
        seats = [take_seat("hot" if n % 2 else f"h{n % 50}", f"m{n}") for n in range(6_000)]
        acknowledged: dict[str, Accepted] = {}

        milestones = {200: asyncio.Event(), 2_500: asyncio.Event()}

        def note_progress() -> None:
            for reached, milestone in milestones.items():
                if len(acknowledged) >= reached:
                    milestone.set()

        async def send(command: TakeSeat) -> None:
            acknowledged[command.command_id] = await halls.handle(command)
            note_progress()

        async def send_together(n: int) -> None:
            command = open_hall(f"t{n}", 1)
            joint = claim(f"n{n}", f"t{n}", command_id=command.command_id)
            acknowledged[command.command_id] = await handle_together((halls, command), (names, joint))
            note_progress()

        tasks = [asyncio.ensure_future(send(command)) for command in seats]
        tasks += [asyncio.ensure_future(send_together(n)) for n in range(40)]
        for milestone in milestones.values():
            await milestone.wait()
            server.kill()
            await asyncio.to_thread(server.start)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [result for result in results if result is not None] == []

        places: dict[str, list[int]] = {}
        for n in range(40):
            for subject in (halls.subject("b1", f"t{n}"), names.subject("b1", f"n{n}")):
                [recorded] = await store.load(subject)
                places.setdefault(recorded.causation_id, []).append(recorded.sequence)
        assert all(len(sequences) == 2 and max(sequences) - min(sequences) == 1 for sequences in places.values())
        for hall in hall_ids:
            for recorded in await store.load(halls.subject("b1", hall)):
                if isinstance(recorded.event, SeatTaken):
                    places.setdefault(recorded.causation_id, []).append(recorded.sequence)
        assert len(places) == len(acknowledged) == 6_040
        for command_id, accepted in acknowledged.items():
            assert accepted.position["HALLS"] == max(places[command_id])
        assert all(len(places[command.command_id]) == 1 for command in seats)
        await connection.close()
