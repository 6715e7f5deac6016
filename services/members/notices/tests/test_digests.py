"""Digests and mails over weeks, by a clock that the test turns, to a real mail server on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from nats.aio.msg import Msg

from libs.shared.connection import Connection
from libs.shared.domain import SYSTEM
from libs.shared.service import App
from libs.shared.tags import tag_key
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.mailbox import Mailbox
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.timetable import FakeTimetable
from services.members import brand as brands
from services.members import member
from services.members.consents.consent import GiveConsent, WithdrawConsent
from services.members.consents.purposes import BuiltInPurpose
from services.members.networking.block_list import BlockMember
from services.members.notices import foreign
from services.members.notices.follow import Target, TargetKind
from services.members.notices.inbox import ReadNotices
from services.members.notices.kinds import Kind, Mail
from services.members.notices.preferences import ChooseDigestZone, ChooseNotifications, ProposeDefaults, SwitchMail
from services.members.notices.tests.world import World, connected, settings
from services.members.profiles.profile import MemberLocaleChosen
from services.members.service import compose

#: A Friday, three weeks before clocks change in Europe and nine days after they did in America.
START = datetime(2026, 3, 20, 12, tzinfo=UTC)
_SECONDS = 60.0


class Others:
    """Stands in for the services whose titles mails show."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []

    async def serve(self, nats: Connection) -> None:
        for name in ("posts_get_many", "post_page", "reactions_get_many", "events_get_many", "tags_get_many"):
            await nats.subscribe(f"qry.*.{name}", cb=getattr(self, name))

    async def posts_get_many(self, message: Msg) -> None:
        titles = {"t1": "Hello <b>"} | {post["id"]: post["title"] for post in self.posts}
        await self._titled(message, titles)

    async def tags_get_many(self, message: Msg) -> None:
        asked = msgspec.json.decode(message.data)["ids"]
        names = {tag_key("boats"): "boats"}  # nobody may see any other
        await message.respond(
            msgspec.json.encode([{"id": one, "name": names[one]} if one in names else None for one in asked])
        )

    async def events_get_many(self, message: Msg) -> None:
        await self._titled(message, {"ev1": "Meet-up"})

    async def post_page(self, message: Msg) -> None:
        asked = msgspec.json.decode(message.data)["page"]
        start = int(asked.get("after", 0))
        end = min(start + asked["first"], len(self.posts))
        cursors = [str(place + 1) for place in range(start, end)]
        found = {"items": self.posts[::-1][start:end], "cursors": cursors, "has_next": end < len(self.posts)}
        await message.respond(msgspec.json.encode(found))

    async def reactions_get_many(self, message: Msg) -> None:
        asked = msgspec.json.decode(message.data)["target_ids"]
        counts = {post["id"]: post["reactions"] for post in self.posts}
        await message.respond(msgspec.json.encode([{"counts": [{"count": counts.get(one, 0)}]} for one in asked]))

    async def _titled(self, message: Msg, titles: dict[str, str]) -> None:
        asked = msgspec.json.decode(message.data)["ids"]
        found = [{"id": one, "title": titles[one]} if one in titles else None for one in asked]
        await message.respond(msgspec.json.encode(found))


class Servers(NamedTuple):
    nats: NatsServer
    mongo: MongoServer


class Days:
    """One service after the other on the same servers and the same clock, and a brand of its own for each test."""

    def __init__(self, servers: Servers, mailbox: Mailbox, nats: Connection, others: Others) -> None:
        self.servers = servers
        self.clock = FakeClock(START)
        self.timetable = FakeTimetable(self.clock)
        self.others = others
        self.mailbox = mailbox
        self._nats = nats
        self._apps: list[tuple[App, FakeTimetable]] = []
        self.made: World | None = None

    async def start(self, *, alone: bool = True) -> None:
        """Start a service; one that is not `alone` has a timetable of its own, as a second process has a consumer."""
        timetable = self.timetable if alone else FakeTimetable(self.clock)
        timetable.waiting.update(self.timetable.waiting)
        urls = self.servers.nats.url, self.servers.mongo.url
        app = App(
            "members",
            settings(*urls, smtp_url=self.mailbox.url, mail_from="community@example.org"),
            clock=self.clock,
            timetable=timetable,
        )
        compose(app)
        await app.start()
        await app.ready()
        self._apps.append((app, timetable))
        if self.made is None:
            self.made = World(self._nats, app.db, self.clock)
        self.made.database = self._apps[0][0].db

    @property
    def world(self) -> World:
        """The streams, the inboxes and the brand."""
        assert self.made is not None
        return self.made

    async def stop(self) -> None:
        while self._apps:
            app, _ = self._apps.pop()
            await app.stop()

    async def begin(self) -> None:
        """A brand with ada, who lives in Paris, bob, and cyn, who has no address."""
        world = self.world
        created = brands.BrandCreated(
            network_id="n1", slug=world.brand, name="Acme", kind=brands.BrandKind.CLUB, locale="fr-FR"
        )
        await world.write("members", "brand", world.brand, created)
        await world.join(["ada", "bob"], email=True)
        await world.join(["cyn"])
        locale = MemberLocaleChosen(time_zone="Europe/Paris", language="en")
        await world.write("members", "member", "ada", locale, actor="ada")
        await world.write("discussions", "thread", "t1", foreign.PostPublished(space_id="s1"), actor="ada")
        # Badges come by themselves; these tests are about what others do.
        quiet: dict[str, Any] = {"kind": Kind.BADGE_AWARDED, "inbox": False, "mail": Mail.OFF}
        await world.send("notification_defaults", ProposeDefaults, SYSTEM, **quiet)
        await self.scheduled()

    async def scheduled(self) -> None:
        """Return when the digests of the brand wait for their time in every zone."""
        await self._until(lambda: self.next_digest is not None and self.next_digest.astimezone(PARIS).hour == 8)

    @property
    def next_digest(self) -> datetime | None:
        """When the brand's digests are due next."""
        waiting = self.timetable.waiting.get(("digests", self.world.brand))
        return waiting[0] if waiting else None

    async def reply(self, actor: str = "bob") -> None:
        """Somebody replies to ada."""
        id_ = f"r{self.clock.now().timestamp():.0f}{actor}"
        await self.world.write("discussions", "thread", "t1", foreign.ReplyPublished(reply_id=id_), actor=actor)
        await self.world.settled()

    async def turn(self, **by: float) -> None:
        """Turn the clock, and let everything happen that is due then."""
        await self.hand_over(timedelta(**by))
        await self.prepared()
        await self.hand_over(timedelta())

    async def until_put_off(self, member_id: str) -> None:
        """Turn the clock to the next digest, which the member's mail server does not take yet."""
        assert self.next_digest is not None
        self.mailbox.replies[f"{member_id}@example.org"].append("451 later")
        await self.turn(seconds=(self.next_digest - self.clock.now()).total_seconds())

    async def prepared(self) -> None:
        """Return when whoever gets a digest has one waiting to be sent."""
        database, deadline = self._apps[0][0].db, time.monotonic() + _SECONDS
        while await database["digest_jobs"].count_documents({}):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    async def hand_over(self, by: timedelta) -> None:
        """Turn the clock without waiting for what follows."""
        first, *others = self._apps
        await first[1].advance(by)
        for _, timetable in others:
            await timetable.advance(timedelta())

    async def mails(self, member_id: str) -> list[EmailMessage]:
        """The mails of a member so far."""
        return self.mailbox.of(f"{member_id}@example.org")

    async def _until(self, ready: Any) -> None:
        deadline = time.monotonic() + _SECONDS
        while not ready():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    folder = tmp_path_factory.mktemp("digests")
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        yield Servers(nats, mongo)


@pytest.fixture
async def days(servers: Servers) -> AsyncIterator[Days]:
    async with connected(servers.nats.url) as nats:
        others = Others()
        await others.serve(nats)
        with Mailbox() as mailbox:
            made = Days(servers, mailbox, nats, others)
            await made.start()
            await made.begin()
            yield made
            await made.stop()


def text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def test_need_56_a_digest_each_morning_for_weeks_also_when_clocks_change_and_services_restart(days: Days) -> None:
    times = []
    for day in range(16):
        await days.reply()
        assert days.next_digest is not None
        times.append(days.next_digest)
        if day % 5 == 2:  # in the middle of a night
            await days.stop()
            await days.start()
        await days.turn(days=1)
    assert {time.astimezone(PARIS).hour for time in times} == {8}
    assert {time.astimezone(UTC).hour for time in times} == {7, 6}, "clocks changed on 29 March"
    digests = [mail for mail in await days.mails("ada") if mail["Subject"] == "Your day in Acme"]
    assert len(digests) == 16, "one for each day"
    assert "- bob replied in “Hello <b>”" in text(digests[0])
    html = digests[0].get_body(("html",))
    assert html is not None
    assert "Hello &lt;b&gt;" in html.get_content()
    assert len({mail["Message-ID"] for mail in digests}) == 16


async def test_nothing_is_sent_when_there_is_nothing_or_all_was_read(days: Days) -> None:
    await days.turn(days=10)
    assert await days.mails("ada") == []
    await days.reply()
    await days.world.send("inbox", ReadNotices, "ada")
    await days.turn(days=1)
    assert await days.mails("ada") == []


async def test_a_digest_names_the_tags_of_new_posts_as_far_as_its_reader_may_see_them(days: Days) -> None:
    for word in ("boats", "hidden by now"):
        await days.world.follow(["ada"], Target(TargetKind.TAG, tag_key(word)))
    for number, tags in enumerate([("boats",), ("boats",), ("hidden by now",)]):
        posted = foreign.PostPublished(space_id="s1", tags=tags)
        await days.world.write("discussions", "thread", f"t{number + 2}", posted, actor="bob")
    await days.world.settled()
    await days.turn(days=4)  # past Monday
    [mine] = await days.mails("ada")
    assert "- 2 new posts with the tag “boats”\n" in text(mine)
    assert "hidden" not in text(mine)


async def test_need_56_the_week_has_the_posts_that_were_talked_about_most(days: Days) -> None:
    async def post(id_: str, actor: str, replies: int, reactions: int) -> None:
        days.others.posts.append(
            {
                "id": id_, "title": f"About {id_}", "author_id": actor, "published_at": days.clock.now(),
                "reply_count": replies, "reactions": reactions,
            }
        )  # fmt: skip

    await post("p1", "bob", 1, 0)
    await post("p2", "cyn", 5, 4)
    await post("p3", "ada", 50, 0)
    await days.turn(days=4)  # past Monday
    [mine] = await days.mails("ada")
    assert mine["Subject"] == "Your week in Acme"
    assert "- “About p2” by cyn (5 replies, 4 reactions)\n- “About p1” by bob (1 reply, 0 reactions)" in text(mine)
    assert "About p3" not in text(mine), "one's own are no news"
    [theirs] = await days.mails("bob")
    assert theirs["Subject"] == "Votre semaine dans Acme", "who chose no language reads the brand's"
    await days.turn(days=7)
    assert len(await days.mails("ada")) == 1, "what was in one digest is in no other"


async def test_the_week_is_looked_at_to_its_first_post_and_to_the_thousandth_at_most(days: Days) -> None:
    def post(replies: int, ago: timedelta = timedelta()) -> None:
        number = len(days.others.posts)
        days.others.posts.append(
            {
                "id": f"p{number}", "title": f"Post {number}", "author_id": "bob",
                "published_at": days.clock.now() - ago, "reply_count": replies, "reactions": 0,
            }
        )  # fmt: skip

    post(90, ago=timedelta(days=30))
    post(80)
    for _ in range(120):
        post(1)
    await days.turn(days=4)  # past Monday
    [first] = await days.mails("ada")
    assert "“Post 1” by bob (80 replies" in text(first)
    assert "“Post 0”" not in text(first), "it is of another week"
    post(70)
    post(60)
    for _ in range(999):
        post(1)
    await days.turn(days=7)
    _, second = await days.mails("ada")
    assert "“Post 123” by bob (60 replies" in text(second)
    assert "“Post 122”" not in text(second), "a thousand posts are newer"


async def test_a_digest_brings_nobody_together_whom_a_block_keeps_apart(days: Days) -> None:
    world = days.world
    await days.reply("bob")
    await days.reply("cyn")
    for number, author in enumerate(("bob", "cyn", "bob")):
        post = {"id": f"p{number}", "title": f"By {author} {number}", "author_id": author, "reply_count": 3}
        more = {"published_at": days.clock.now(), "reactions": 0, "official": number == 2}
        days.others.posts.append(post | more)
    await world.send("block_list", BlockMember, "bob", member_id="bob", blocked_id="ada")
    await days.turn(days=4)  # past Monday
    daily, weekly = await days.mails("ada")
    assert "bob" not in text(daily)
    assert "cyn and 1 other replied" in text(daily)
    assert "By cyn 1" in text(weekly)
    assert "By bob 0" not in text(weekly)
    assert "By bob 2" in text(weekly), "what the brand says reaches everybody"


async def test_need_56_opting_out_holds_for_what_was_already_under_way(days: Days) -> None:
    await days.reply()
    await days.until_put_off("ada")
    await days.world.send("notification_choices", SwitchMail, "ada", on=False)
    await days.turn(hours=12)
    assert (days.mailbox.attempts["ada@example.org"], await days.mails("ada")) == (1, [])
    await days.world.send("notification_choices", SwitchMail, "ada", on=True)
    await days.reply("cyn")
    await days.until_put_off("ada")
    await days.world.send("notification_choices", ChooseNotifications, "ada", kind=Kind.REPLY, mail=Mail.OFF)
    await days.turn(hours=12)
    assert (days.mailbox.attempts["ada@example.org"], await days.mails("ada")) == (2, [])


async def test_need_56_who_agrees_no_more_gets_no_digest_until_they_do_again(days: Days) -> None:
    agree = {"member_id": "ada", "purpose": BuiltInPurpose.DIGEST}
    await days.reply()
    await days.turn(days=1)
    assert len(await days.mails("ada")) == 1, "who never said anything gets them: see the other ways to opt out"
    await days.world.send("member", GiveConsent, "ada", **agree, edition=1)
    await days.reply("cyn")
    await days.turn(days=1)
    assert len(await days.mails("ada")) == 2
    await days.reply("cyn")
    await days.until_put_off("ada")
    await days.world.send("member", WithdrawConsent, "ada", **agree)
    await days.turn(hours=12)
    await days.reply("bob")
    await days.turn(days=1)
    assert (days.mailbox.attempts["ada@example.org"], len(await days.mails("ada"))) == (3, 2)
    await days.world.send("member", GiveConsent, "ada", **agree, edition=1)
    await days.reply("bob")
    await days.turn(days=1)
    assert len(await days.mails("ada")) == 3


async def test_who_left_gets_nothing_and_who_has_no_address_holds_up_nobody(days: Days) -> None:
    await days.reply("cyn")
    await days.reply("bob")
    await days.reply("ada")  # bob and cyn take part by now
    await days.until_put_off("ada")
    await days.world.write("members", "member", "ada", member.MemberLeft(), actor="ada")
    await days.turn(days=1)
    assert (days.mailbox.attempts["ada@example.org"], await days.mails("ada")) == (1, [])
    assert [mail["Subject"] for mail in await days.mails("bob")] == ["Votre journée dans Acme"]


async def test_two_processes_send_one(days: Days) -> None:
    await days.start(alone=False)
    await days.reply()
    await days.turn(days=1)
    await days.turn(days=1)
    assert len(await days.mails("ada")) == 1


async def test_mail_at_once_is_sent_once_until_it_is_read(days: Days) -> None:
    world = days.world
    await world.send("notification_choices", ChooseNotifications, "ada", kind=Kind.REPLY, mail=Mail.NOW)
    days.mailbox.replies["bob@example.org"] = ["550 no such user"]
    await world.follow(["bob"], Target(TargetKind.THREAD, "t1"))
    await world.send("notification_choices", ChooseNotifications, "bob", kind=Kind.REPLY, mail=Mail.NOW)
    await days.reply("cyn")
    await days.turn()
    await days.reply("cyn")
    await days.turn()
    [mail] = await days.mails("ada")
    assert mail["Subject"] == "cyn replied in “Hello <b>”"
    assert await days.mails("bob") == [], "a bounce is nobody else's affair"
    await world.send("inbox", ReadNotices, "ada")
    await days.turn(minutes=1)
    await days.reply("bob")
    await days.turn()
    assert [mail["Subject"] for mail in await days.mails("ada")][1:] == ["bob replied in “Hello <b>”"]


async def test_digests_follow_the_clock_of_the_brand_and_of_who_moves(days: Days) -> None:
    world = days.world
    await world.send("notification_defaults", ChooseDigestZone, SYSTEM, time_zone="America/New_York")
    await world.write("members", "member", "ada", MemberLocaleChosen(time_zone=None, language=None), actor="ada")
    await days._until(
        lambda: days.next_digest is not None and days.next_digest.astimezone(ZoneInfo("America/New_York")).hour == 8
    )
    assert days.next_digest == datetime(2026, 3, 21, 12, tzinfo=UTC), "American clocks had changed by then"
