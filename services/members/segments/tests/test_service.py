"""Segments in the whole service on real servers, by a clock that tests turn: entering, leaving, ageing, crashing."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from nats.js.errors import NotFoundError

from libs.access.roles import Role
from libs.shared.codec import Codec
from libs.shared.connection import Connection
from libs.shared.domain import SYSTEM, Accepted, Command, DomainError, Event, Query
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.pull import StreamReader, head
from libs.shared.rebuild import rebuild
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.timetable import FakeTimetable
from libs.shared.testing.views import canonical
from services.members import member_decisions
from services.members.member import MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from services.members.profiles import form
from services.members.profiles.audience import ONESELF
from services.members.profiles.fields import FieldType
from services.members.profiles.form import ProfileFieldDefined, ProfileFieldRestored, ProfileFieldRetired
from services.members.profiles.profile import ProfileFieldsHidden, ProfileFieldsSet
from services.members.profiles.tests.builders import field
from services.members.segments import ageing, membership, segment
from services.members.segments.composition import MAX_SEGMENTS
from services.members.segments.listing import AddToSegment, TakeFromSegment
from services.members.segments.membership import PARTS, SegmentEntered, SegmentLeft, part, part_id
from services.members.segments.preview import SegmentPreview, SegmentPreviewView
from services.members.segments.rules import (
    Act,
    AllOf,
    AnyOf,
    BroughtBy,
    CameBy,
    Did,
    Facts,
    HasRole,
    HasValue,
    JoinedWithin,
    Not,
    Rule,
    matches,
)
from services.members.segments.segment import (
    ChangeSegment,
    CreateSegment,
    DeleteSegment,
    SegmentCreated,
    SegmentSettled,
)
from services.members.segments.views.acts import day_of
from services.members.segments.views.segments import (
    SegmentMembers,
    SegmentMembersResult,
    SegmentPage,
    SegmentPageResult,
    SegmentsGetMany,
    SegmentsOfMembers,
    SegmentsView,
    SegmentView,
)
from services.members.service import compose

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
R = TypeVar("R")
C = TypeVar("C", bound=Command)


class PostPublished(Event, frozen=True, kw_only=True):
    """As discussions writes it, as far as anybody here reads it."""

    wire_name: ClassVar[str] = "post_published"

    space_id: str = "s1"


class ReactionAdded(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "reaction_added"

    target_id: str
    emoji: str


class VoteCast(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


class AttendeeCheckedIn(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "attendee_checked_in"

    member_id: str


CODECS = {
    "members": Codec(
        "members",
        (
            *member_decisions.DECIDER.events,
            *form.DECIDER.events,
            *segment.DECIDER.events,
            *membership.DECIDER.events,
        ),
        segment.UPCASTERS,
    ),
    "discussions": Codec("discussions", (PostPublished, ReactionAdded)),
    "feedback": Codec("feedback", (VoteCast,)),
    "events": Codec("events", (AttendeeCheckedIn,)),
}


#: Where what moves members stands.
STREAMS = {
    "MEMBERS": "evt.members.*.member.*",
    "DISCUSSIONS": "evt.discussions.>",
    "EVENTS": "evt.events.>",
    "FEEDBACK": "evt.feedback.>",
}


class Servers:
    """Real servers, and the service on them, which can be ended and started again."""

    def __init__(self, nats: NatsServer, mongo: MongoServer) -> None:
        self.settings = Settings.model_validate(
            {
                "nats_url": nats.url,
                "mongo_url": mongo.url,
                "master_keys": MASTER_KEYS,
                "identity_key": "a key of at least thirty-two characters",
                "stale_seconds": 20,
            }
        )
        self.clock = FakeClock(START)
        self.timetable = FakeTimetable(self.clock, {ageing.KIND})
        self.connection = Connection("test")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        app = App("members", self.settings, clock=self.clock, timetable=self.timetable)
        compose(app)
        await app.start()
        await app.ready()
        try:
            yield app
        finally:
            await app.stop()


class Town:
    """A brand of each test's own, with `olga` its owner."""

    def __init__(self, servers: Servers, app: App) -> None:
        self.brand = uuid7()
        self.servers = servers
        self.app = app
        self._at: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    async def write(self, service: str, aggregate: str, id_: str, actor: str, *events: Event) -> None:
        store = JetStreamEventStore(self.servers.connection, CODECS[service], vault=self.app.vault)
        now = self.servers.clock.now()
        subject = Subject(service, self.brand, aggregate, id_)
        pending = [
            Pending(
                event=event, id=uuid7(), brand=self.brand, aggregate=aggregate, aggregate_id=id_, actor=actor,
                time=now, causation_id=uuid7(), correlation_id="c",
            )
            for event in events
        ]  # fmt: skip
        last = self._at.get(str(subject), 0)
        self._at[str(subject)] = await store.append(subject, pending, expected=last)
        if service == "members":  # the service knows roles by its own view
            await self.app.positions.wait(self.app.views["access"], {"MEMBERS": self._at[str(subject)]}, 30)

    async def join(self, *members: str, source: str | None = None, referrer: str | None = None) -> None:
        for id_ in members:
            joined = MemberJoined(identity=f"i-{id_}", display_name=id_, source=source, referrer=referrer)
            await self.write("members", "member", id_, id_, joined)

    async def of_member(self, id_: str, *events: Event) -> None:
        await self.write("members", "member", id_, id_, *events)

    async def post(self, member: str, times: int = 1) -> None:
        for _ in range(times):
            await self.write("discussions", "thread", uuid7(), member, PostPublished())

    async def send(self, kind: type[C], actor: str = "olga", **fields: Any) -> Accepted:
        command = kind(command_id=uuid7(), brand=self.brand, actor=actor, now=self.servers.clock.now(), **fields)
        accepted = await self.app.bus.command("members", "segment", kind.wire_name, command, timeout_seconds=30)
        self._seen = {"MEMBERS": max(accepted.position["MEMBERS"], self._seen.get("MEMBERS", 0))}
        return accepted

    async def refused(self, kind: type[Command], actor: str = "olga", **fields: Any) -> tuple[str, tuple[Any, ...]]:
        with pytest.raises(DomainError) as refusal:
            await self.send(kind, actor, **fields)
        return refusal.value.code, refusal.value.path

    async def ask(self, reply: type[R], query: type[Query], viewer: str = "olga", **fields: Any) -> R:
        question = query(brand=self.brand, viewer=viewer, at_least=self._seen, **fields)
        return await self.app.bus.query("members", query.wire_name, question, reply, timeout_seconds=30)

    async def segment(self, rule: Rule | None, name: str = "Some") -> str:
        """A new segment, once everybody was held against its rule."""
        id_ = uuid7()
        await self.send(CreateSegment, segment_id=id_, name=name, rule=rule)
        await self.settled(id_)
        return id_

    async def settled(self, id_: str) -> SegmentView:
        async with asyncio.timeout(30):
            while True:
                [found] = await self.ask(list[SegmentView | None], SegmentsGetMany, ids=[id_])
                if found is not None and found.settled_at is not None:
                    return found
                await asyncio.sleep(0.02)

    async def inside(self, id_: str) -> set[str]:
        [found] = await self.ask(list[SegmentMembersResult], SegmentMembers, ids=[id_], page={"first": 100})
        return {one.member_id for one in found.items}

    async def until(self, id_: str, *members: str) -> None:
        """Wait until exactly these are in a segment."""
        async with asyncio.timeout(30):
            while await self.inside(id_) != set(members):  # noqa: ASYNC110 – what it waits for is in a database
                await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Return when everything that was written has been looked at, and what came of it shows."""
        js = self.app.nats.jetstream()
        async with asyncio.timeout(60):
            for stream, subjects in STREAMS.items():
                try:
                    last = (await js.get_last_msg(stream, subjects)).seq or 0
                except NotFoundError:  # nothing was ever written there
                    continue
                while await self._followed(stream) < last:  # noqa: ASYNC110 – what it waits for is in a database
                    await asyncio.sleep(0.02)
            await self.app.positions.wait(self.app.views["segments"], {"MEMBERS": await head(js, "MEMBERS")}, 30)

    async def _followed(self, stream: str) -> int:
        kept = await self.app.db["followers"].find_one({"_id": f"segments_{stream.lower()}"})
        return int(kept["sequence"]) if kept else 0

    async def facts(self) -> list[SegmentEntered | SegmentLeft]:
        """What the log says of entering and leaving in this brand."""
        codec = Codec("members", membership.DECIDER.events, skip_unknown=True)
        subjects = (f"evt.members.{self.brand}.segment_part.*",)
        found: list[Any] = []
        async with StreamReader(self.app.nats, "MEMBERS", subjects, after=0) as reader:
            while messages := await reader.take(0.3):
                found += [recorded.event for message in messages for recorded in codec.decode(message)]
        return found


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    # Servers of its own: events that other tests put into MEMBERS would not be this service's.
    folder = tmp_path_factory.mktemp("segments")
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        made = Servers(nats, mongo)
        await made.connection.open(nats.url)
        yield made
        await made.connection.close()


@pytest.fixture(scope="module")
async def app(servers: Servers) -> AsyncIterator[App]:
    async with servers.running() as app:
        yield app


@pytest.fixture
async def town(servers: Servers, app: App) -> Town:
    town = Town(servers, app)
    await town.join("olga")
    await town.of_member("olga", RoleGranted(role=Role.OWNER))
    return town


class TestRules:
    async def test_who_is_there_is_held_against_a_new_rule_and_who_changes_after_it(self, town: Town) -> None:
        await town.join("ada", "bob")
        await town.of_member("ada", RoleGranted(role=Role.AMBASSADOR))
        id_ = await town.segment(AnyOf(rules=(HasRole(role=Role.AMBASSADOR), HasRole(role=Role.MODERATOR))))
        assert await town.inside(id_) == {"ada"}
        await town.of_member("bob", RoleGranted(role=Role.MODERATOR))
        await town.until(id_, "ada", "bob")
        await town.of_member("ada", RoleRevoked(role=Role.AMBASSADOR))
        await town.until(id_, "bob")
        await town.of_member("bob", MemberLeft())
        await town.until(id_)
        assert await town.facts() == [
            SegmentEntered(segment_id=id_, edition=1, member_ids=("ada",)),
            SegmentEntered(segment_id=id_, edition=1, member_ids=("bob",)),
            SegmentLeft(segment_id=id_, edition=1, member_ids=("ada",)),
            SegmentLeft(segment_id=id_, edition=1, member_ids=("bob",)),
        ], "each is a fact, once"

    async def test_a_role_for_one_space_lets_nobody_in_and_its_end_nobody_out(self, town: Town) -> None:
        await town.join("ada", "bob")
        await town.of_member("ada", RoleGranted(role=Role.MODERATOR, space_id="s1"))
        id_ = await town.segment(HasRole(role=Role.MODERATOR))
        await town.of_member("ada", RoleGranted(role=Role.MODERATOR, space_id="s2"))
        await town.of_member(
            "bob",
            RoleGranted(role=Role.MODERATOR),
            RoleGranted(role=Role.MODERATOR, space_id="s1"),
            RoleRevoked(role=Role.MODERATOR, space_id="s1"),
        )
        await town.quiet()
        assert await town.inside(id_) == {"bob"}

    async def test_what_members_do_in_every_service(self, town: Town) -> None:
        await town.join("ada", source="fair-2026")
        await town.join("bob", referrer="ada")
        posters = await town.segment(Did(act=Act.POSTED, at_least=2))
        others = await town.segment(
            AllOf(rules=(Did(act=Act.REACTED, at_least=2), Did(act=Act.VOTED), Did(act=Act.CHECKED_IN)))
        )
        assert await town.inside(await town.segment(CameBy(source="fair-2026"))) == {"ada"}
        assert await town.inside(await town.segment(BroughtBy())) == {"bob"}
        await town.post("ada", 2)
        await town.until(posters, "ada")
        for emoji in ("heart", "heart", "rocket"):
            await town.write("discussions", "reaction", "t1", "bob", ReactionAdded(target_id="t1", emoji=emoji))
        for _ in range(2):
            await town.write("discussions", "reaction", "t1", "ada", ReactionAdded(target_id="t1", emoji="heart"))
        for member in ("ada", "bob"):
            await town.write("feedback", "vote", "i1", member, VoteCast(member_id=member))
            await town.write("events", "event", "e1", SYSTEM, AttendeeCheckedIn(member_id=member))
        await town.until(others, "bob")
        await town.quiet()
        assert await town.inside(others) == {"bob"}, "the same reaction twice is one"

    async def test_what_members_say_in_fields_that_leaders_see(self, town: Town) -> None:
        async def asks(*events: Event) -> None:
            await town.write("members", "profile_form", town.brand, "olga", *events)

        async def says(who: str, values: str) -> None:
            await town.of_member(who, ProfileFieldsSet(values=values, edition=1))

        colour = field("colour", FieldType.CHOICE)
        rule = HasValue(field="colour", one_of=("red", "blue"))
        assert await town.refused(CreateSegment, segment_id=uuid7(), name="x", rule=rule) == (
            "FIELD_UNKNOWN", ("rule", "colour"),
        )  # fmt: skip
        await asks(ProfileFieldDefined(field=colour))
        await town.join("ada", "bob", "cy")
        await says("ada", '{"colour":"red"}')
        await town.quiet()
        id_ = await town.segment(rule)
        assert await town.inside(id_) == {"ada"}
        previewed = await town.ask(SegmentPreviewView, SegmentPreview, rule=rule)
        assert previewed.sample_ids == ["ada"]
        await says("bob", '{"colour":"blue"}')
        await says("cy", '{"colour":"green"}')
        await town.until(id_, "ada", "bob")
        await says("ada", '{"colour":"green"}')
        await town.until(id_, "bob")
        await says("ada", '{"colour":"red"}')
        await town.of_member("bob", ProfileFieldsHidden(fields=["colour"]))
        await town.until(id_, "ada")
        others = await town.segment(Not(rule=rule))
        await town.until(others, "bob", "cy", "olga")

        await asks(ProfileFieldRetired(key="colour"))
        await town.until(id_)
        await town.until(others, "ada", "bob", "cy", "olga")
        await asks(ProfileFieldRestored(key="colour"))
        await town.until(id_, "ada")
        await asks(ProfileFieldDefined(field=field("colour", FieldType.CHOICE, audience=ONESELF)))
        await town.until(id_)
        await asks(ProfileFieldDefined(field=colour))
        await says("ada", '{"colour":null}')
        await says("cy", '{"colour":"blue"}')
        await town.until(id_, "cy")
        await town.of_member("cy", MemberLeft())
        await town.until(id_)
        await town.join("cy")
        await town.quiet()
        assert await town.inside(id_) == set(), "with the profile the value has gone"

    async def test_another_rule_takes_the_place_of_the_first(self, town: Town) -> None:
        await town.join("ada", "bob")
        await town.post("ada")
        id_ = await town.segment(Did(act=Act.POSTED))
        assert await town.inside(id_) == {"ada"}
        await town.send(ChangeSegment, segment_id=id_, name="Quiet", rule=Not(rule=Did(act=Act.POSTED)))
        shown = await town.settled(id_)
        assert (shown.name, shown.edition, shown.member_count) == ("Quiet", 2, 2)
        assert await town.inside(id_) == {"bob", "olga"}

    async def test_whom_older_code_let_in_is_held_against_the_rule_once_more(self, town: Town, app: App) -> None:
        await town.join("ada", "bob")
        await town.of_member("ada", RoleGranted(role=Role.MODERATOR, space_id="s1"))
        await town.of_member("bob", RoleGranted(role=Role.MODERATOR))
        id_ = uuid7()
        for who in ("ada", "bob"):
            entered = SegmentEntered(segment_id=id_, edition=1, member_ids=(who,))
            await town.write("members", "segment_part", part_id(id_, part(who)), SYSTEM, entered)
        seen = {"_id": f"{town.brand}:{id_}", "edition": 1, "done": PARTS}
        await app.db["segment_passes"].insert_one(seen)
        created = SegmentCreated(name="Moderators", rule=HasRole(role=Role.MODERATOR))
        await town.write("members", "segment", id_, "olga", created, SegmentSettled(edition=1, reading=1))
        assert (await town.settled(id_)).edition == 1
        assert await town.inside(id_) == {"bob"}

    async def test_a_deleted_one_is_left_by_everybody(self, town: Town) -> None:
        id_ = await town.segment(HasRole(role=Role.OWNER))
        assert await town.inside(id_) == {"olga"}
        await town.send(DeleteSegment, segment_id=id_)
        await town.until(id_)
        assert await town.ask(list[SegmentView | None], SegmentsGetMany, ids=[id_]) == [None]
        assert (await town.ask(SegmentPageResult, SegmentPage)).total_count == 0
        assert await town.refused(ChangeSegment, segment_id=id_, name="x") == ("NOT_FOUND", ("segment_id",))

    async def test_only_leaders_and_only_of_the_brand(self, town: Town, servers: Servers, app: App) -> None:
        await town.join("paul")
        id_ = await town.segment(HasRole(role=Role.OWNER))
        for query, fields in (
            (SegmentPage, {}), (SegmentsGetMany, {"ids": [id_]}), (SegmentMembers, {"ids": [id_]}),
            (SegmentsOfMembers, {"ids": ["olga"]}), (SegmentPreview, {"rule": HasRole(role=Role.OWNER)}),
        ):  # fmt: skip
            with pytest.raises(DomainError) as refusal:
                await town.ask(dict, query, "paul", **fields)
            assert refusal.value.code == "FORBIDDEN"
        assert await town.refused(CreateSegment, "paul", segment_id="x", name="x") == ("FORBIDDEN", ())
        other = Town(servers, app)
        await other.join("olga")
        await other.of_member("olga", RoleGranted(role=Role.OWNER))
        assert await other.ask(list[SegmentView | None], SegmentsGetMany, ids=[id_]) == [None]
        assert await other.inside(id_) == set()
        assert await other.refused(DeleteSegment, segment_id=id_) == ("NOT_FOUND", ("segment_id",))

    async def test_a_brand_has_not_too_many(self, town: Town) -> None:
        made = [uuid7() for _ in range(MAX_SEGMENTS)]
        for id_ in made:
            await town.send(CreateSegment, segment_id=id_, name="List")
        async with asyncio.timeout(30):
            while (await town.ask(SegmentPageResult, SegmentPage)).total_count < MAX_SEGMENTS:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await town.refused(CreateSegment, segment_id="more", name="List") == ("TOO_MANY", ())
        await town.send(CreateSegment, segment_id=made[0], name="List")  # a repeat


class TestLists:
    async def test_members_are_named(self, town: Town) -> None:
        await town.join("ada", "bob", "cy")
        id_ = await town.segment(None, "Jury")
        accepted = await town.send(AddToSegment, segment_id=id_, member_ids=["ada", "bob", "ada"])
        assert accepted.id == id_
        await town.until(id_, "ada", "bob")
        assert (await town.settled(id_)).member_count == 2
        await town.send(AddToSegment, segment_id=id_, member_ids=["bob", "cy"])
        await town.send(TakeFromSegment, segment_id=id_, member_ids=["ada", "nobody"])
        again = await town.send(TakeFromSegment, segment_id=id_, member_ids=["ada"])
        assert again.id == id_
        await town.until(id_, "bob", "cy")
        await town.of_member("cy", MemberLeft())
        await town.until(id_, "bob")
        assert sum(len(fact.member_ids) for fact in await town.facts()) == 5, "nobody moves twice"

    async def test_what_cannot_be(self, town: Town) -> None:
        await town.join("ada")
        list_, by_rule = await town.segment(None), await town.segment(HasRole(role=Role.OWNER))
        assert await town.refused(AddToSegment, segment_id=list_, member_ids=["ada", "nobody"]) == (
            "NOT_FOUND", ("member_ids", 1),
        )  # fmt: skip
        assert await town.refused(AddToSegment, segment_id=by_rule, member_ids=["ada"]) == ("INVALID", ("segment_id",))
        assert await town.refused(AddToSegment, segment_id="x", member_ids=["ada"]) == ("NOT_FOUND", ("segment_id",))
        assert await town.refused(AddToSegment, "ada", segment_id=list_, member_ids=["ada"]) == ("FORBIDDEN", ())
        assert await town.inside(list_) == set()

    async def test_many_leaders_at_once(self, town: Town) -> None:
        everybody = [f"n{number}" for number in range(30)]
        await town.join(*everybody)
        id_ = await town.segment(None)
        some = [everybody[start : start + 12] for start in range(0, 24, 6)]
        await asyncio.gather(*(town.send(AddToSegment, segment_id=id_, member_ids=those) for those in some))
        await town.until(id_, *everybody)
        assert sum(len(fact.member_ids) for fact in await town.facts()) == 30


class TestDays:
    async def test_what_was_done_within_the_last_days(self, town: Town, servers: Servers) -> None:
        await town.join("ada", "bob", "cy")
        id_ = await town.segment(
            AllOf(rules=(Did(act=Act.POSTED, at_least=2, within_days=3), Not(rule=HasRole(role=Role.OWNER))))
        )
        await town.post("ada", 2)
        await town.post("bob")
        await town.until(id_, "ada")
        await servers.timetable.advance(timedelta(days=1))
        await town.post("bob")
        await town.until(id_, "ada", "bob")
        await servers.timetable.advance(timedelta(days=1))
        assert await town.inside(id_) == {"ada", "bob"}
        await servers.timetable.advance(timedelta(days=1))
        await town.until(id_)
        await town.post("bob")
        await town.quiet()
        assert await town.inside(id_) == {"bob"}, "of yesterday and today"
        await servers.timetable.advance(timedelta(days=30))
        await town.until(id_)

    async def test_who_joined_lately(self, town: Town, servers: Servers) -> None:
        await town.join("ada")
        id_ = await town.segment(JoinedWithin(days=7))
        assert await town.inside(id_) == {"ada", "olga"}
        await servers.timetable.advance(timedelta(days=3))
        await town.join("bob")
        await town.until(id_, "ada", "bob", "olga")
        await servers.timetable.advance(timedelta(days=4))
        await town.until(id_, "bob")

    async def test_a_rule_that_looks_back_no_more_has_no_schedule(self, town: Town, servers: Servers) -> None:
        before = len(servers.timetable.waiting)
        id_ = await town.segment(JoinedWithin(days=7))
        assert len(servers.timetable.waiting) == before + 1
        await town.send(ChangeSegment, segment_id=id_, rule=Did(act=Act.POSTED))
        await town.settled(id_)
        assert len(servers.timetable.waiting) == before


async def test_a_preview_counts_and_shows_some(town: Town) -> None:
    await town.join(*(f"n{number}" for number in range(20)))
    await town.post("n7")
    await town.quiet()

    async def preview(rule: Rule) -> SegmentPreviewView:
        return await town.ask(SegmentPreviewView, SegmentPreview, rule=rule)

    found = await preview(Did(act=Act.POSTED))
    assert found == SegmentPreviewView(count=1, exact=True, looked_at=21, sample_ids=["n7"])
    many = await preview(Not(rule=Did(act=Act.POSTED)))
    assert (many.count, len(many.sample_ids)) == (20, 10)
    with pytest.raises(DomainError) as refusal:
        await preview(AllOf(rules=(HasRole(role=Role.OWNER),) * 50))
    assert (refusal.value.code, refusal.value.path) == ("INVALID", ("rule",))


async def test_the_segments_of_members(town: Town) -> None:
    await town.join("ada")
    by_rule = await town.segment(HasRole(role=Role.OWNER), "Owners")
    list_ = await town.segment(None, "Jury")
    await town.send(AddToSegment, segment_id=list_, member_ids=["ada", "olga"])
    await town.until(list_, "ada", "olga")
    found = await town.ask(list[list[SegmentView]], SegmentsOfMembers, ids=["olga", "nobody", "ada"])
    assert [[one.id for one in those] for those in found] == [[list_, by_rule], [], [list_]]


async def test_whatever_happens_at_once_and_however_often_it_ends_the_rules_hold(servers: Servers, app: App) -> None:
    """Two processes of the service, one of which ends in the middle, and everything moves; then a model is asked."""
    dice = random.Random(7)
    town = Town(servers, app)
    people = [f"p{number}" for number in range(40)]
    await town.join("olga", *people)
    await town.of_member("olga", RoleGranted(role=Role.OWNER))
    rules: Sequence[Rule] = (
        Did(act=Act.POSTED, at_least=2),
        Not(rule=AnyOf(rules=(Did(act=Act.POSTED, within_days=5), HasRole(role=Role.MODERATOR)))),
        AllOf(rules=(HasRole(role=Role.MODERATOR), Did(act=Act.VOTED))),
    )
    segments = {uuid7(): rule for rule in rules}
    posts: dict[str, int] = defaultdict(int)
    voted: set[str] = set()
    moderators: set[str] = set()
    gone: set[str] = set()

    async def act(who: str) -> None:
        what = dice.randrange(5)
        if who in gone:
            return
        if what <= 1:
            posts[who] += 1
            await town.post(who)
        elif what == 2:
            voted.add(who)
            await town.write("feedback", "vote", f"i-{who}", who, VoteCast(member_id=who))
        elif what == 3 and who not in moderators:
            moderators.add(who)
            await town.of_member(who, RoleGranted(role=Role.MODERATOR))
        elif what == 4 and dice.random() < 0.3:
            gone.add(who)
            await town.of_member(who, MemberLeft())

    for id_, rule in segments.items():
        await town.send(CreateSegment, segment_id=id_, name="Some", rule=rule)
    async with servers.running():
        for who in dice.choices(people, k=100):
            await act(who)
    changed, other = next(iter(segments)), Did(act=Act.VOTED)
    await town.send(ChangeSegment, segment_id=changed, rule=other)
    segments[changed] = other
    for who in dice.choices(people, k=60):
        await act(who)
    await town.quiet()
    today = day_of(servers.clock.now())
    for id_, rule in segments.items():
        await town.settled(id_)
        expected = set()
        for who in ("olga", *people):
            roles = {"olga": {"member", "owner"}}.get(who, {"member"}) | ({"moderator"} if who in moderators else set())
            counts = {Act.POSTED: posts[who], Act.VOTED: int(who in voted)}
            facts = Facts(
                roles=frozenset(roles), joined_day=today, counts=counts,
                days={act: {today: times} for act, times in counts.items() if times},
            )  # fmt: skip
            if who not in gone and matches(rule, facts, today):
                expected.add(who)
        await town.until(id_, *expected)

    there: set[tuple[str, str]] = set()
    for fact in await town.facts():
        for who in fact.member_ids:
            one = (fact.segment_id, who)
            assert (one not in there) is isinstance(fact, SegmentEntered), "nobody enters twice or leaves twice"
            there ^= {one}
    assert there == {(id_, who) for id_ in segments for who in await town.inside(id_)}

    view = app.views["segments"]
    assert isinstance(view, SegmentsView)
    before, generation = await canonical(view), view.generation
    done = asyncio.Event()
    app.positions.listen(view.name, lambda _: done.set() if view.generation != generation else None)
    await rebuild(view, lambda _: None, nats=app.nats, database=app.db, positions=app.positions, vault=app.vault)
    async with asyncio.timeout(20):
        await done.wait()
    assert await canonical(view) == before, "the log alone says who is in what"
