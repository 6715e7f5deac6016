"""Work that follows from events, on a real stream and a real checkpoint: in order, and again from where it ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import nats
import pytest
from nats.aio.client import Client as Nats

from libs.shared.codec import Codec
from libs.shared.domain import Event
from libs.shared.event_store import Pending
from libs.shared.follower import BatchFollower, Follower
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, connect
from libs.shared.recorded import Recorded
from libs.shared.testing.tasks import end
from libs.shared.testing.views import NOON


class Asked(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "asked"

    number: int


class Said(Event, frozen=True, kw_only=True):
    """A type that the follower does not read."""

    wire_name: ClassVar[str] = "said"


class World(NamedTuple):
    nats: Nats
    database: Database
    service: str

    async def write(self, *events: Event) -> None:
        codec = Codec(self.service, (Asked, Said))
        commit = [
            Pending(
                event=event, id=uuid7(), brand="b1", aggregate="thing", aggregate_id="t1", actor="m1", time=NOON,
                causation_id="c", correlation_id="c",
            )
            for event in events
        ]  # fmt: skip
        await self.nats.jetstream().publish(f"evt.{self.service}.b1.thing.t1", codec.encode(commit))

    def follower(self, handle: Callable[[Recorded[Any]], Awaitable[bool]]) -> Follower:
        return Follower("work", self.service.upper(), (f"evt.{self.service}.*.thing.*",), (Asked,), handle)

    def follow(self, handle: Callable[[Recorded[Any]], Awaitable[bool]]) -> "asyncio.Task[None]":
        return asyncio.create_task(self.follower(handle).run(self.nats, self.database))


@pytest.fixture
async def world(nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    bus, client = await nats.connect(nats_url), connect(mongo_url)
    service = f"f{uuid7()[-12:]}"
    await bus.jetstream().add_stream(name=service.upper(), subjects=[f"evt.{service}.>"])
    database = client[f"test_{uuid7()}"]
    yield World(bus, database, service)
    await bus.jetstream().delete_stream(service.upper())
    await client.drop_database(database.name)
    client.close()
    await bus.close()


async def until(seen: list[int], wanted: list[int]) -> None:
    async with asyncio.timeout(30):
        while seen != wanted:  # noqa: ASYNC110 – what it waits for is a list
            await asyncio.sleep(0.01)


async def test_events_are_handled_in_order_and_not_again_after_a_restart(world: World) -> None:
    seen: list[int] = []

    async def handle(recorded: Recorded[Asked]) -> bool:
        seen.append(recorded.event.number)
        return True

    for event in (Asked(number=1), Said(), Asked(number=2)):
        await world.write(event)
    running = world.follow(handle)
    await until(seen, [1, 2])
    await world.write(Asked(number=3))
    await until(seen, [1, 2, 3])
    async with asyncio.timeout(30):
        while (await world.database["followers"].find_one({"_id": "work"}) or {}).get("sequence") != 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await end(running)
    await world.write(Asked(number=4))
    running = world.follow(handle)
    await until(seen, [1, 2, 3, 4])
    await end(running)


async def test_what_ends_in_the_middle_comes_again(world: World) -> None:
    seen: list[int] = []
    away = True

    async def handle(recorded: Recorded[Asked]) -> bool:
        seen.append(recorded.event.number)
        if away and recorded.event.number == 2:
            raise RuntimeError("the power is gone")
        return True

    for number in (1, 2, 3):
        await world.write(Asked(number=number))
    running = world.follow(handle)
    await asyncio.wait({running}, timeout=30)
    assert isinstance(running.exception(), RuntimeError)
    assert seen == [1, 2]
    away = False
    running = world.follow(handle)
    await until(seen, [1, 2, 2, 3])
    await end(running)


async def test_a_commit_is_passed_as_a_whole(world: World) -> None:
    seen: list[int] = []
    away = True

    async def handle(recorded: Recorded[Asked]) -> bool:
        seen.append(recorded.event.number)
        if away and recorded.event.number == 2:
            raise RuntimeError("the power is gone")
        return True

    follower = world.follower(handle)
    assert await follower.checkpoint(world.database) == 0
    await world.write(Asked(number=1), Asked(number=2))
    running = world.follow(handle)
    await asyncio.wait({running}, timeout=30)
    assert await follower.checkpoint(world.database) == 0, "the second event of the commit is still to come"
    away = False
    running = world.follow(handle)
    await until(seen, [1, 2, 1, 2])
    async with asyncio.timeout(30):
        while await follower.checkpoint(world.database) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await end(running)


async def test_a_checkpoint_never_goes_back(world: World) -> None:
    await world.database["followers"].insert_one({"_id": "work", "sequence": 1})
    seen: list[int] = []

    async def handle(recorded: Recorded[Asked]) -> bool:
        seen.append(recorded.event.number)
        await world.database["followers"].update_one({"_id": "work"}, {"$set": {"sequence": 9}})  # another process
        return True

    for number in (1, 2):
        await world.write(Asked(number=number))
    running = world.follow(handle)
    await until(seen, [2])
    await asyncio.sleep(0)
    await end(running)
    kept = await world.database["followers"].find_one({"_id": "work"})
    assert kept is not None and kept["sequence"] == 9


async def test_what_came_together_is_handed_on_together_and_again_when_it_failed(world: World) -> None:
    batches: list[list[int]] = []
    fails = True

    async def handle(events: Sequence[Recorded[Asked]]) -> None:
        batches.append([recorded.event.number for recorded in events])
        if fails:
            raise RuntimeError("not now")

    for event in (Asked(number=1), Said(), Asked(number=2)):
        await world.write(event)
    follower = BatchFollower("work", world.service.upper(), (f"evt.{world.service}.*.thing.*",), (Asked,), handle)
    with pytest.raises(RuntimeError, match="not now"):
        await follower.run(world.nats, world.database)
    fails = False
    running = asyncio.create_task(follower.run(world.nats, world.database))
    async with asyncio.timeout(30):
        while sum(map(len, batches[1:])) < 2:  # noqa: ASYNC110 – what it waits for is a list
            await asyncio.sleep(0.01)
    await world.write(Asked(number=3))
    async with asyncio.timeout(30):
        while batches[-1] != [3]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await end(running)
    assert [number for batch in batches[1:] for number in batch] == [1, 2, 3]
