"""Large audiences: they hold up nobody else, and each receiver is told once, whoever is killed meanwhile."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from libs.shared.clock import SystemClock
from libs.shared.mongo import connect, service_database
from libs.shared.testing.platform import MASTER_KEYS, Service
from libs.shared.testing.servers import MongoServer, NatsServer
from services.members.notices import foreign
from services.members.notices.follow import Target, TargetKind
from services.members.notices.tests.world import KEY, World, connected

FOLLOWERS = 600
REPLIES = 4


class Crowd:
    """Members services as processes that can be killed, and a thread that many follow."""

    def __init__(self, world: World, services: list[Service]) -> None:
        self.world = world
        self.services = services

    async def start(self) -> None:
        for service in self.services:
            service.start()
        await asyncio.gather(*(asyncio.to_thread(service.wait_ready) for service in self.services))

    async def reply(self, thread: str, id: str) -> None:  # noqa: A002 – the field's word
        await self.world.write("discussions", "thread", thread, foreign.ReplyPublished(reply_id=id), actor="bob")

    async def facts(self, thread: str) -> list[int]:
        """How many replies to a thread the notification of each follower has."""
        found = self.world.database["notices"].find({"kind": "reply", "subject": thread})
        return [document["facts"] async for document in found if document["whose"] != f"{self.world.brand}:ada"]


@pytest.fixture(scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    tmp_path = tmp_path_factory.mktemp("crowd")
    with NatsServer(tmp_path / "nats") as nats, MongoServer(tmp_path / "mongo") as mongo:
        environment = {
            "NATS_URL": nats.url, "MONGO_URL": mongo.url, "ARCHIPEL_IDENTITY_KEY": KEY,
            "ARCHIPEL_MASTER_KEYS": MASTER_KEYS, "ARCHIPEL_LOG_FORMAT": "json",
        }  # fmt: skip
        first = Service("members", environment, tmp_path)
        client = connect(mongo.url)
        async with connected(nats.url) as connection:
            world = World(connection, service_database(client, "members"), SystemClock())
            made = Crowd(world, [first, first.copy()])
            followers = [f"f{number}" for number in range(FOLLOWERS)]
            await world.join(["ada", "bob", *followers])
            for thread in ("crowded", "stormy"):
                await world.follow(followers, Target(TargetKind.THREAD, thread))
            for thread in ("crowded", "stormy", "quiet"):
                post = foreign.PostPublished(space_id="s1")
                await world.write("discussions", "thread", thread, post, actor="ada")
            await made.start()
            await world.settled()
            yield made
            for service in made.services:
                service.end()
        client.close()


async def test_nobody_waits_for_a_crowd(crowd: Crowd) -> None:
    await crowd.reply("crowded", "c1")
    await crowd.reply("quiet", "q1")
    quiet = {"whose": f"{crowd.world.brand}:ada", "kind": "reply", "subject": "quiet"}
    while await crowd.world.database["notices"].find_one(quiet) is None:  # noqa: ASYNC110 – another process writes it
        await asyncio.sleep(0.005)
    assert len(await crowd.facts("crowded")) < FOLLOWERS, "who takes part in the quiet thread waited for all others"
    await crowd.world.settled()
    assert await crowd.facts("crowded") == [1] * FOLLOWERS


async def test_each_is_told_once_whoever_is_killed(crowd: Crowd) -> None:
    chance = random.Random(7)
    for number in range(REPLIES):
        await crowd.reply("stormy", f"s{number}")
    for number in range(4):
        victim = crowd.services[number % 2]
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        await asyncio.to_thread(victim.end, signal.SIGKILL)
        victim.start()
        await asyncio.to_thread(victim.wait_ready)
    killed = time.monotonic()
    await crowd.world.settled()
    # What the dead had open would have kept its receivers waiting for a minute.
    assert time.monotonic() - killed < 40
    assert await crowd.facts("stormy") == [REPLIES] * FOLLOWERS
    unread = Counter(
        [one["whose"] async for one in crowd.world.database["notices"].find({"unread": True, "shown": True})]
    )
    counts = {one["_id"]: one["unread"] async for one in crowd.world.database["notice_counts"].find({})}
    assert counts == unread, "counts are what is there to be read"
