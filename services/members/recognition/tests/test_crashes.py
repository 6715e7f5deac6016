"""Every fact counts once when two processes record the same streams and both are killed again and again."""

import asyncio
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.shared.bus import BusClient
from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import SYSTEM, DomainError, Event
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.paging import PageRequest
from libs.shared.streams import ensure_streams, event_stream
from libs.shared.testing.platform import MASTER_KEYS, Service
from libs.shared.testing.servers import MongoServer, NatsServer
from services.members.recognition.facts import Fact, Window
from services.members.recognition.sources import (
    SOURCES,
    ReactionAdded,
    ReplyPublished,
    VoteCast,
)
from services.members.recognition.tests.written import IdeaSubmitted, PostPublished, events_of
from services.members.recognition.views.scores import (
    EntryPageResult,
    Leaderboard,
    LeaderboardResult,
    ScoreEntries,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MEMBERS = ("ada", "bob", "cleo", "dan")
ROUNDS = 40


class History:
    """What happens in a brand, and what it must come to."""

    def __init__(self, connection: Connection) -> None:
        self.brand = uuid7()
        self.facts: Counter[tuple[str, Fact]] = Counter()
        self._stores = {
            source.service: JetStreamEventStore(connection, Codec(source.service, events_of(source.service)))
            for source in SOURCES
        }
        self._chance = random.Random(5)

    async def go_on(self, number: int) -> None:
        """A post by one member, what others do with it, and some of that again."""
        author, *others = self._chance.sample(MEMBERS, len(MEMBERS))
        post, idea = f"t{number}", f"i{number}"
        days = number % 9
        await self._append("discussions", "thread", post, PostPublished(), author, days)
        await self._append("feedback", "idea", idea, IdeaSubmitted(), author, days)
        self.facts[author, Fact.POST_PUBLISHED] += 1
        self.facts[author, Fact.IDEA_SUBMITTED] += 1
        for other in others:
            reply = f"{post}-{other}"
            await self._append("discussions", "thread", post, ReplyPublished(reply_id=reply), other, days)
            self.facts[other, Fact.REPLY_PUBLISHED] += 1
            for emoji in ("heart", "rocket"):
                reaction = ReactionAdded(target_id=reply, emoji=emoji)
                await self._append("discussions", "reaction", post, reaction, author, days)
            self.facts[other, Fact.REPLY_REACTION_RECEIVED] += 1
            for voter in (other, other, author):
                await self._append("feedback", "vote", idea, VoteCast(member_id=voter), voter, days)
            self.facts[author, Fact.VOTE_RECEIVED] += 1

    def score(self, member: str) -> int:
        """By the rules that a brand begins with; no day here reaches a cap."""
        points = {
            Fact.POST_PUBLISHED: 5, Fact.IDEA_SUBMITTED: 5, Fact.REPLY_PUBLISHED: 3, Fact.VOTE_RECEIVED: 1,
            Fact.REPLY_REACTION_RECEIVED: 2,
        }  # fmt: skip
        return sum(points[fact] * count for (who, fact), count in self.facts.items() if who == member)

    async def _append(self, service: str, aggregate: str, id_: str, event: Event, actor: str, days: int) -> None:
        pending = Pending(
            event=event, id=uuid7(), brand=self.brand, aggregate=aggregate, aggregate_id=id_, actor=actor,
            time=NOON + timedelta(days=days), causation_id="c", correlation_id="c",
        )  # fmt: skip
        await self._stores[service].append(Subject(service, self.brand, aggregate, id_), [pending], expected=None)


@pytest.mark.timeout(300)
async def test_each_fact_counts_once_though_processes_are_killed(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as nats, MongoServer(tmp_path / "mongo") as mongo:
        environment = {
            "NATS_URL": nats.url, "MONGO_URL": mongo.url, "ARCHIPEL_MASTER_KEYS": MASTER_KEYS,
            "ARCHIPEL_IDENTITY_KEY": "the identity key of a test of thirty-two characters",
        }  # fmt: skip
        one = Service("members", environment, tmp_path)
        both = (one, one.copy())
        connection = Connection("test")
        await connection.open(nats.url)
        await ensure_streams(connection, *(event_stream(source.service) for source in SOURCES))
        history = History(connection)
        try:
            for service in both:
                service.start()
            await asyncio.gather(_write(history), _strike(both))
            await _compare(history, BusClient(connection))
        finally:
            for service in both:
                service.end()
            await connection.close()


async def _write(history: History) -> None:
    for number in range(ROUNDS):
        await history.go_on(number)
        await asyncio.sleep(0.1)


async def _strike(services: tuple[Service, Service]) -> None:
    for service in services:
        await asyncio.to_thread(service.wait_ready)
    for service in (*services, services[0]):
        await asyncio.sleep(0.4)  # somewhere in the middle of it
        service.end(signal.SIGKILL)
        service.start()
    for service in services:
        await asyncio.to_thread(service.wait_ready)


async def _compare(history: History, bus: BusClient) -> None:
    expected = sorted(((history.score(member), member) for member in MEMBERS), reverse=True)
    asked = Leaderboard(brand=history.brand, viewer=SYSTEM, window=Window.ALL, day=NOON.date())
    deadline = time.monotonic() + 120
    board: list[tuple[int, str]] = []
    while board != expected:
        assert time.monotonic() < deadline, f"{board} is not {expected}"
        await asyncio.sleep(0.2)
        try:
            found = await bus.query("members", asked.wire_name, asked, LeaderboardResult)
        except DomainError:
            continue  # a process has just begun
        board = [(row.score, row.member_id) for row in found.items]
        assert all(score <= history.score(member) for score, member in board), "nothing counts twice, at any time"
    for member in MEMBERS:
        facts: Counter[tuple[str, Fact]] = Counter()
        sources, after = set(), None
        while True:
            page = PageRequest(first=100, after=after)
            query = ScoreEntries(brand=history.brand, viewer=SYSTEM, ids=[member], page=page)
            [entries] = await bus.query("members", query.wire_name, query, list[EntryPageResult])
            facts.update((member, entry.fact) for entry in entries.items)
            sources |= {entry.source_id for entry in entries.items}
            if not entries.has_next:
                break
            after = entries.cursors[-1]
        assert facts == {key: count for key, count in history.facts.items() if key[0] == member}
        assert len(sources) == facts.total() == entries.total_count
