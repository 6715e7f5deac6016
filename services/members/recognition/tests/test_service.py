"""Recognition in the running service: streams of all services in, scores out, whatever ends in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from libs.shared.codec import Codec
from libs.shared.domain import SYSTEM, Event, Forbidden
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.mongo import connect, service_database
from libs.shared.paging import PageRequest
from libs.shared.rebuild import rebuild
from libs.shared.service import App
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.timetable import FakeTimetable
from libs.shared.testing.views import canonical
from services.members.member import EraseMember, GrantRole, LeaveBrand
from services.members.recognition import curtain
from services.members.recognition.composition import ScoresGetMany, ScoreView
from services.members.recognition.facts import Fact, Window
from services.members.recognition.rules import Award, PublishRecognitionRules, Rules
from services.members.recognition.score import AwardBadge, RecordFact, RevokeBadge, ShowOnLeaderboard
from services.members.recognition.sources import (
    AttendeeCheckedIn,
    ReactionAdded,
    ReplyPublished,
    VoteCast,
)
from services.members.recognition.spotlight import EndSpotlight, SpotlightMember
from services.members.recognition.tests.examples import place
from services.members.recognition.tests.written import IdeaSubmitted, PostPublished, events_of
from services.members.recognition.views.badges import BadgesGetMany, BadgeView
from services.members.recognition.views.rules import RecognitionRules, RecognitionRulesResult
from services.members.recognition.views.scores import (
    EntryPageResult,
    EntryView,
    Leaderboard,
    LeaderboardResult,
    ScoreEntries,
    StandingOfMember,
    StandingView,
)
from services.members.recognition.views.spotlights import SpotlightPage, SpotlightPageResult
from services.members.service import compose
from services.members.tests.test_service import Client, Town, envelope, join
from services.members.tests.test_service import settings as service_settings

START = datetime(2026, 3, 4, 12, tzinfo=UTC)
VIEWS = ("scores", "badges", "spotlights", "recognition_rules")
T = TypeVar("T")


class World:
    """A service on servers of its own, with a clock that the test turns; it may be stopped and started."""

    def __init__(self, nats: NatsServer, mongo: MongoServer) -> None:
        self.nats, self.mongo = nats, mongo
        self.clock = FakeClock(START)
        self.timetable = FakeTimetable(self.clock, {curtain.KIND})
        self.app: App
        self.client: Client
        self._last: dict[str, int] = {}

    async def start(self) -> None:
        self.app = App("members", service_settings(self.nats, self.mongo), clock=self.clock, timetable=self.timetable)
        compose(self.app)
        await self.app.start()
        await self.app.ready()
        self.client = Client(self.app)

    async def brand(self, *members: str) -> "Brand":
        """A club with an owner and members; their ids by their names."""
        town = await Town(self.client).open()
        brand = Brand(self, await town.brand("olga"))
        brand.ids["olga"] = (await self.client.send("member", join(brand.id, "olga"))).id
        for name in members:
            brand.ids[name] = (await self.client.send("member", join(brand.id, name))).id
        return brand

    async def append(self, service: str, to: tuple[str, str, str], event: Event, actor: str, at: datetime) -> None:
        """Store an event of (brand, aggregate, id) as the service that it is of does."""
        brand, aggregate, id_ = to
        store = JetStreamEventStore(self.app.nats, Codec(service, events_of(service)))
        pending = Pending(
            event=event, id=uuid7(), brand=brand, aggregate=aggregate, aggregate_id=id_, actor=actor, time=at,
            causation_id="c", correlation_id="c",
        )  # fmt: skip
        subject = Subject(service, brand, aggregate, id_)
        self._last[f"recognition_{service}"] = await store.append(subject, [pending], expected=None)

    async def followed(self) -> bool:
        """Whether the processes have handled all that was appended."""
        found = {one["_id"]: one["sequence"] async for one in self.app.db["followers"].find({})}
        return all(found.get(name, 0) >= sequence for name, sequence in self._last.items())

    async def forget(self) -> None:
        """Take the checkpoints of the processes away."""
        client = connect(self.mongo.url)
        await service_database(client, "members")["followers"].delete_many({})
        client.close()

    async def canonical(self) -> dict[str, bytes]:
        return {name: await canonical(self.app.views[name]) for name in VIEWS}

    async def rebuild(self) -> None:
        """Make every view of recognition anew from the log."""
        app = self.app
        world: Any = {"nats": app.nats, "database": app.db, "positions": app.positions, "vault": app.vault}
        for name in VIEWS:
            before = app.views[name].generation
            await rebuild(app.views[name], lambda _: None, **world)
            async with asyncio.timeout(60):
                while app.views[name].generation == before:  # noqa: ASYNC110 – what it waits for is an attribute
                    await asyncio.sleep(0.02)


async def until(ask: Callable[[], Awaitable[T]], ready: Callable[[T], bool]) -> T:
    """Ask until the answer is there: processes and views follow in their own time."""
    deadline = time.monotonic() + 60
    while not ready(found := await ask()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


class Brand:
    """What happens in a brand, and what is shown of it."""

    def __init__(self, world: World, id_: str) -> None:
        self.world, self.id = world, id_
        self.ids: dict[str, str] = {}

    async def happens(self, service: str, aggregate: str, id_: str, event: Event, by: str, days: float = 0) -> None:
        actor = self.ids.get(by, by)
        await self.world.append(service, (self.id, aggregate, id_), event, actor, START + timedelta(days=days))

    async def post(self, id_: str, by: str, days: float = 0) -> None:
        await self.happens("discussions", "thread", id_, PostPublished(), by, days)

    async def reply(self, thread: str, id_: str, by: str) -> None:
        await self.happens("discussions", "thread", thread, ReplyPublished(reply_id=id_), by)

    async def react(self, thread: str, target: str, by: str) -> None:
        await self.happens("discussions", "reaction", thread, ReactionAdded(target_id=target, emoji="heart"), by)

    async def send(self, aggregate: str, kind: Any, by: str, **fields: Any) -> None:
        at = self.world.clock.now()
        await self.world.client.send(aggregate, kind(**envelope(self.id, self.ids.get(by, by), now=at), **fields))

    async def accepted(self, aggregate: str, kind: Any, by: str, **fields: Any) -> bool:
        """Whether a command is carried out: one that a new role allows may be refused for a moment."""
        try:
            await self.send(aggregate, kind, by, **fields)
        except Forbidden:
            return False
        return True

    async def refused(self, aggregate: str, kind: Any, by: str, **fields: Any) -> str:
        at = self.world.clock.now()
        command = kind(**envelope(self.id, self.ids.get(by, by), now=at), **fields)
        return (await self.world.client.refused(aggregate, command))[0]

    async def ask(self, reply: type[T], query: Any, by: str = "olga", **fields: Any) -> T:
        return await self.world.client.ask(reply, query, self.id, self.ids.get(by, by), **fields)

    async def denied(self, query: Any, by: str, **fields: Any) -> str:
        return await self.world.client.denied(query, self.id, self.ids.get(by, by), **fields)

    async def board(self, window: Window = Window.ALL) -> list[tuple[str, int, int | None]]:
        found = await self.ask(LeaderboardResult, Leaderboard, window=window, day=START.date())
        names = {id_: name for name, id_ in self.ids.items()}
        assert found.total_count == len(found.items)
        return [(names[one.member_id], one.score, one.rank) for one in found.items]

    async def becomes(self, *board: tuple[str, int, int]) -> None:
        """Wait until the leaderboard is this one, and see that it stays so."""
        await until(self.board, lambda found: found == list(board))

    async def entries(self, name: str) -> list[EntryView]:
        page = PageRequest(first=100)
        [found] = await self.ask(list[EntryPageResult], ScoreEntries, ids=[self.ids[name]], page=page)
        return found.items

    async def badges(self, name: str) -> list[BadgeView]:
        [found] = await self.ask(list[list[BadgeView]], BadgesGetMany, ids=[self.ids[name]])
        return found

    async def spotlights(self) -> list[str]:
        page = await self.ask(SpotlightPageResult, SpotlightPage, at=self.world.clock.now())
        return [one.text for one in page.items]


@asynccontextmanager
async def worlds(folder: Path) -> AsyncIterator[World]:
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        world = World(nats, mongo)
        await world.start()
        yield world
        await world.app.stop()


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with worlds(tmp_path_factory.mktemp("recognition")) as made:
        yield made


async def test_facts_of_all_services_make_a_score_whose_entries_add_up(world: World) -> None:
    brand = await world.brand("ada", "bob", "cleo")
    await brand.post("t1", "ada")
    await brand.reply("t1", "r1", "bob")
    await brand.reply("t1", "r2", "ada")  # in her own thread
    await brand.react("t1", "r1", "ada")
    await brand.react("t1", "r1", "bob")  # to his own reply
    await brand.react("t1", "t1", "cleo")
    await brand.happens("feedback", "idea", "i1", IdeaSubmitted(), "ada")
    for voter in ("ada", "bob", "bob", "cleo"):
        await brand.happens("feedback", "vote", "i1", VoteCast(member_id=brand.ids[voter]), voter)
    await brand.happens("events", "event", "v1", AttendeeCheckedIn(member_id=brand.ids["cleo"]), "olga")
    await world.client.send("member", join(brand.id, "dan", referrer=brand.ids["bob"]))
    # A club gives 20 for coming; ada 5 + 1 + 5 + 2, bob 3 + 2 + 20.
    await brand.becomes(("bob", 25, 1), ("cleo", 20, 2), ("ada", 13, 3))
    assert await brand.board(Window.MONTH) == await brand.board()
    for name, score in (("ada", 13), ("bob", 25), ("cleo", 20)):
        entries = await brand.entries(name)
        assert sum(entry.points for entry in entries) == score
        assert {entry.edition for entry in entries} == {0}
    facts = [entry.fact for entry in await brand.entries("bob")]
    assert sorted(facts) == [Fact.MEMBER_REFERRED, Fact.REPLY_PUBLISHED, Fact.REPLY_REACTION_RECEIVED]
    [badge] = await brand.badges("ada")
    assert (badge.badge, badge.name) == ("first-post", "Première publication")
    assert badge.evidence is not None
    [seen] = await brand.ask(
        list[EntryPageResult], ScoreEntries, ids=[brand.ids["ada"]], fact=badge.evidence.fact,
        through=badge.evidence.through,
    )  # fmt: skip
    assert [(one.fact, one.about) for one in seen.items] == [(Fact.POST_PUBLISHED, ("t1",))]
    [shown] = await brand.ask(list[ScoreView | None], ScoresGetMany, ids=[brand.ids["bob"]], day=START.date())
    assert shown is not None and shown.level is not None and shown.next_level is not None
    assert (shown.points, shown.level.name, shown.next_level.points) == (25, "Participant", 150)


async def test_everything_handled_again_and_made_anew_is_the_same(world: World) -> None:
    brand = await world.brand("ada", "bob")
    for number in range(12):
        await brand.post(f"t{number}", "ada", days=number / 10)
        await brand.reply(f"t{number}", f"r{number}", "bob")
        await brand.react(f"t{number}", f"r{number}", "ada")
    # Ada's posts beyond the fifth of a day give nothing: five on the first day, five of seven on the second.
    board = [("bob", 12 * 3 + 12 * 2, 1), ("ada", 50, 2)]
    await brand.becomes(*[(name, score, rank) for name, score, rank in board])
    shining = {"member_id": brand.ids["ada"], "spotlight_id": uuid7(), "until": START + timedelta(days=1)}
    await brand.send("spotlight", SpotlightMember, "olga", **shining, text="Twelve!")
    assert await brand.spotlights() == ["Twelve!"]
    await until(world.followed, bool)
    before = await world.canonical()
    # The processes begin again from the first event, as after a crash that took their checkpoints.
    await world.app.stop()
    await world.forget()
    await world.start()
    await until(world.followed, bool)
    assert await brand.board() == board
    assert await world.canonical() == before, "what came again changed nothing"
    await world.rebuild()
    assert await world.canonical() == before, "and the log alone makes the same"
    assert await brand.board() == board


async def test_who_leaves_is_not_on_the_leaderboard_and_who_opted_out_is_seen_by_leaders_alone(world: World) -> None:
    brand = await world.brand("ada", "bob", "cleo")
    for name in ("ada", "bob", "cleo"):
        await brand.post(f"t-{name}", name)
    await until(brand.board, lambda board: sorted(board) == [("ada", 5, 1), ("bob", 5, 1), ("cleo", 5, 1)])
    await brand.send("member", LeaveBrand, "ada", member_id=brand.ids["ada"])
    await brand.send("score", ShowOnLeaderboard, "bob", member_id=brand.ids["bob"], on=False)
    await brand.becomes(("cleo", 5, 1))

    async def seen_by(viewer: str) -> list[int | None]:
        asked = {"ids": [brand.ids[name] for name in ("ada", "bob", "cleo")], "day": START.date()}
        found = await brand.ask(list[ScoreView | None], ScoresGetMany, viewer, **asked)
        return [None if score is None else score.points for score in found]

    assert await seen_by("cleo") == [None, None, 5]
    assert await seen_by("bob") == [None, 5, 5]
    assert await seen_by("olga") == [5, 5, 5]
    standing = {"member_id": brand.ids["bob"], "window": Window.ALL, "day": START.date()}
    own = await brand.ask(StandingView, StandingOfMember, "bob", **standing)
    assert (own.score, own.rank) == (5, None)
    await world.client.send("member", join(brand.id, "ada"))
    await brand.send("score", ShowOnLeaderboard, "bob", member_id=brand.ids["bob"], on=True)
    await until(brand.board, lambda board: len(board) == 3)


async def test_of_who_is_erased_nothing_is_kept_and_nothing_counts_any_more(world: World) -> None:
    brand = await world.brand("ada", "bob")
    await brand.post("t1", "ada")
    await until(brand.board, bool)
    ada = {"member_id": brand.ids["ada"]}
    await brand.send("score", AwardBadge, "olga", **ada, badge="thank-you", reason="For the maps.")
    light = {**ada, "spotlight_id": uuid7(), "text": "Look!", "until": START + timedelta(days=1)}
    await brand.send("spotlight", SpotlightMember, "olga", **light)
    await brand.send("member", EraseMember, "ada", **ada)
    await brand.becomes()
    assert await brand.refused("score", AwardBadge, "olga", **ada, badge="thank-you", reason="Again.") == "NOT_A_MEMBER"
    await until(lambda: brand.entries("ada"), lambda entries: not entries)
    assert (await brand.badges("ada"), await brand.spotlights()) == ([], [])
    await brand.react("t1", "t1", "bob")
    await until(world.followed, bool)
    record = {**ada, "fact": Fact.POST_PUBLISHED, "about": ("t2",), "place": place(10**6)}
    await brand.send("score", RecordFact, SYSTEM, **record)
    assert await brand.entries("ada") == []


async def test_who_may_do_and_see_what(world: World) -> None:
    brand = await world.brand("ada", "bob")
    other = await world.brand("eve")
    ada = {"member_id": brand.ids["ada"]}
    record = {**ada, "fact": Fact.POST_PUBLISHED, "about": (), "place": place(1)}
    honour = {**ada, "badge": "thank-you", "reason": "For the maps."}
    light = {**ada, "spotlight_id": "s1", "text": "Look.", "until": START + timedelta(days=1)}
    rules = {"brand_id": brand.id, "rules": Rules()}
    stranger = other.ids["eve"]
    for who in ("bob", stranger):
        assert await brand.refused("recognition_rules", PublishRecognitionRules, who, **rules) == "FORBIDDEN"
        assert await brand.refused("score", AwardBadge, who, **honour) == "FORBIDDEN"
        assert await brand.refused("score", RevokeBadge, who, **honour) == "FORBIDDEN"
        assert await brand.refused("score", ShowOnLeaderboard, who, **ada, on=False) == "FORBIDDEN"
        assert await brand.refused("spotlight", SpotlightMember, who, **light) == "FORBIDDEN"
        assert await brand.refused("spotlight", EndSpotlight, who, **ada) == "FORBIDDEN"
        assert await brand.denied(StandingOfMember, who, **ada, window=Window.ALL, day=START.date()) == "FORBIDDEN"
    both = [brand.ids["bob"], brand.ids["ada"]]
    for who, seen in (("bob", [True, False]), ("olga", [True, True])):
        found = await brand.ask(list[EntryPageResult | None], ScoreEntries, who, ids=both)
        assert [one is not None for one in found] == seen, "one's own only, but for who leads"
    for who in ("olga", "ada", stranger):
        assert await brand.refused("score", RecordFact, who, **record) == "FORBIDDEN"
    for query, fields in (
        (Leaderboard, {"window": Window.ALL, "day": START.date()}),
        (ScoreEntries, {"ids": [stranger]}),
        (ScoresGetMany, {"ids": [], "day": START.date()}),
        (BadgesGetMany, {"ids": []}),
        (SpotlightPage, {"at": START}),
        (RecognitionRules, {"day": START.date()}),
    ):
        assert await brand.denied(query, stranger, **fields) == "FORBIDDEN"
    await brand.send("member", GrantRole, SYSTEM, member_id=brand.ids["bob"], role="builder")
    await until(lambda: brand.accepted("score", AwardBadge, "bob", **honour), bool)
    [badge] = await brand.badges("ada")
    assert (badge.name, badge.awarded_by, badge.reason) == ("Merci", brand.ids["bob"], "For the maps.")
    await brand.send("score", RevokeBadge, "olga", **{**honour, "reason": "Sorry."})
    assert await brand.badges("ada") == []


async def test_new_rules_hold_from_the_next_day_by_the_clock_of_the_service(world: World) -> None:
    brand = await world.brand("ada")
    rules = Rules(awards=(Award(fact=Fact.POST_PUBLISHED, points=100),))
    long_ago = PublishRecognitionRules(
        **envelope(brand.id, brand.ids["olga"], now=START - timedelta(days=99)), brand_id=brand.id, rules=rules
    )
    await world.client.send("recognition_rules", long_ago)
    today = world.clock.now().date()
    shown = await brand.ask(RecognitionRulesResult, RecognitionRules, day=today)
    assert shown.coming is not None
    assert (shown.current.edition, shown.coming.edition) == (0, 1)
    assert shown.coming.holds_from == today + timedelta(days=1)
    await brand.post("t1", "ada")
    await brand.post("t2", "ada", days=1)
    await until(brand.board, lambda board: board == [("ada", 105, 1)])
    assert [(entry.edition, entry.points) for entry in await brand.entries("ada")] == [(1, 100), (0, 5)]


async def test_a_spotlight_ends_by_itself_also_when_the_service_restarts_meanwhile(world: World) -> None:
    brand = await world.brand("ada", "bob")
    now = world.clock.now()
    for name, days in (("ada", 3), ("bob", 5)):
        light = {"member_id": brand.ids[name], "spotlight_id": f"s-{name}-{brand.id}"[:60]}
        await brand.send("spotlight", SpotlightMember, "olga", **light, text=name, until=now + timedelta(days=days))
    await until(lambda: _waiting(world), lambda waiting: waiting >= 2)
    await world.app.stop()
    await world.start()
    await world.timetable.advance(timedelta(days=4))
    assert await brand.spotlights() == ["bob"]
    await until(lambda: _shining(world, brand), lambda shining: shining == [brand.ids["bob"]])
    await brand.send("spotlight", EndSpotlight, "bob", member_id=brand.ids["bob"])
    assert await brand.spotlights() == []
    await until(lambda: _waiting(world), lambda waiting: waiting == 0)


async def _waiting(world: World) -> int:
    return len(world.timetable.waiting)


async def _shining(world: World, brand: Brand) -> list[str]:
    """Whose spotlight has not ended, as the log has it."""
    documents = world.app.views["spotlights"].collection("spotlights")
    return [one["member"] async for one in documents.find({"brand": brand.id, "shining": True})]
