"""Who is told what, on real servers: the service as it runs, and the streams of all services as they write them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.clock import SystemClock
from libs.shared.domain import SYSTEM, DomainError
from libs.shared.service import App
from libs.shared.tags import tag_key
from libs.shared.testing.servers import MongoServer, NatsServer
from services.members import member
from services.members.networking.block_list import BlockMember
from services.members.notices import foreign
from services.members.notices.follow import Follow, FollowCommand, Mute, Target, TargetKind, Unfollow
from services.members.notices.inbox import NoticesGetMany, NoticeView, ReadNotices
from services.members.notices.kinds import Kind
from services.members.notices.preferences import ChooseNotifications, ProposeDefaults
from services.members.notices.tests.world import World, connected, settings
from services.members.segments.membership import SegmentEntered, SegmentLeft
from services.members.service import compose

SPACE, THREAD = Target(TargetKind.SPACE, "s1"), Target(TargetKind.THREAD, "t1")
BOATS, TIDES = (Target(TargetKind.TAG, tag_key(word)) for word in ("boats", "tides"))


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[NatsServer, MongoServer]]:
    # Servers of its own: what other tests put into the streams is told here, too.
    folder = tmp_path_factory.mktemp("notices")
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        yield nats, mongo


@pytest.fixture(scope="module")
async def app(servers: tuple[NatsServer, MongoServer]) -> AsyncIterator[App]:
    nats, mongo = servers
    async with connected(nats.url):
        made = App("members", settings(nats.url, mongo.url))
        compose(made)
        await made.start()
        await made.ready()
        yield made
        await made.stop()


@pytest.fixture
async def world(app: App, servers: tuple[NatsServer, MongoServer]) -> AsyncIterator[World]:
    async with connected(servers[0].url) as nats:
        made = World(nats, app.db, SystemClock())
        await made.stand_in()
        # Badges come by themselves; most tests here are about what others do.
        quiet: dict[str, Any] = {"kind": Kind.BADGE_AWARDED, "inbox": False}
        await made.send("notification_defaults", ProposeDefaults, SYSTEM, **quiet)
        await made.join(["ada", "bob", "cyn", "dan"])
        await made.write("discussions", "thread", "t1", foreign.PostPublished(space_id="s1"), actor="ada")
        await made.settled()  # who follows in the next moment could still be told of it
        yield made


async def reply(world: World, actor: str, id: str = "r1", thread: str = "t1") -> None:  # noqa: A002
    await world.write("discussions", "thread", thread, foreign.ReplyPublished(reply_id=id), actor=actor)


async def react(world: World, actor: str, target: str, thread: str = "t1") -> None:
    await world.write("discussions", "reaction", thread, foreign.ReactionAdded(target_id=target), actor=actor)


def kinds(notices: list[NoticeView]) -> list[tuple[str, str, int]]:
    return [(one.kind.value, one.subject, one.facts) for one in notices]


class TestReplies:
    async def test_authors_and_who_replied_hear_of_replies_and_nobody_of_their_own(self, world: World) -> None:
        await reply(world, "bob", "r1")
        assert kinds(await world.inbox("ada")) == [("reply", "t1", 1)]
        assert kinds(await world.inbox("bob")) == []
        await reply(world, "cyn", "r2")
        [told] = await world.inbox("ada")
        assert (told.facts, told.people, told.people_count) == (2, ["cyn", "bob"], 2)
        assert told.refs == {"thread": "t1", "reply": "r2", "space": "s1"}
        assert kinds(await world.inbox("bob")) == [("reply", "t1", 1)]
        assert kinds(await world.inbox("dan")) == [], "who has nothing to do with it hears nothing"

    async def test_who_follows_hears_who_unfollowed_or_muted_does_not(self, world: World) -> None:
        await world.send("follow", Follow, "dan", kind=THREAD.kind, target_id=THREAD.id)
        await world.send("follow", Unfollow, "ada", kind=THREAD.kind, target_id=THREAD.id)
        await world.send("follow", Follow, "cyn", kind=THREAD.kind, target_id=THREAD.id)
        await world.send("follow", Mute, "cyn", kind=TargetKind.MEMBER, target_id="bob")
        await reply(world, "bob")
        assert kinds(await world.inbox("dan")) == [("reply", "t1", 1)]
        assert await world.inbox("ada") == [], "also an author can leave a thread"
        assert await world.inbox("cyn") == [], "mute wins over follow"

    async def test_a_muted_space_is_silent_in_its_threads(self, world: World) -> None:
        await world.write("discussions", "space", "s1", foreign.PostPublished(space_id="x"))
        await world.send("follow", Mute, "ada", kind=SPACE.kind, target_id=SPACE.id)
        await reply(world, "bob")
        assert await world.inbox("ada") == []


class TestPosts:
    async def test_one_post_is_told_once_for_the_person_before_the_space(self, world: World) -> None:
        await world.follow(["bob", "cyn"], SPACE)
        await world.follow(["bob", "dan"], Target(TargetKind.MEMBER, "ada"))
        await world.write("discussions", "thread", "t2", foreign.PostPublished(space_id="s1"), actor="ada")
        assert kinds(await world.inbox("bob")) == [("post_by_person", "ada", 1)]
        assert kinds(await world.inbox("cyn")) == [("post_in_space", "s1", 1)]
        assert kinds(await world.inbox("dan")) == [("post_by_person", "ada", 1)]
        await world.write("discussions", "thread", "t3", foreign.PostPublished(space_id="s1"), actor="dan")
        assert kinds(await world.inbox("cyn")) == [("post_in_space", "s1", 2)]


class TestTags:
    async def post(self, world: World, thread: str, *tags: str, actor: str = "ada", space: str = "s1") -> None:
        published = foreign.PostPublished(space_id=space, tags=tags)
        await world.write("discussions", "thread", thread, published, actor=actor)

    async def test_who_follows_a_tag_hears_of_new_posts_with_it_once(self, world: World) -> None:
        await world.follow(["bob"], BOATS)
        await world.follow(["bob"], TIDES)
        await world.follow(["bob", "cyn"], SPACE)
        await world.follow(["dan"], BOATS)
        await world.follow(["dan"], Target(TargetKind.MEMBER, "ada"))
        await self.post(world, "t2", "boats", "tides")
        assert kinds(await world.inbox("bob")) == [("post_with_tag", BOATS.id, 1)], "for one tag, and not for the space"
        assert kinds(await world.inbox("cyn")) == [("post_in_space", "s1", 1)]
        assert kinds(await world.inbox("dan")) == [("post_by_person", "ada", 1)]
        assert await world.inbox("ada") == []
        await self.post(world, "t3", "boats", actor="cyn", space="s2")
        await self.post(world, "t4", "other", actor="cyn", space="s2")
        assert kinds(await world.inbox("bob")) == [("post_with_tag", BOATS.id, 2)]
        [told, _] = await world.inbox("dan")
        assert (told.kind, told.people, told.refs) == (Kind.POST_WITH_TAG, ["cyn"], {"thread": "t3", "space": "s2"})

    async def test_unfollowing_and_muting_hold_and_muting_holds_in_the_whole_thread(self, world: World) -> None:
        world.tags = {who: {BOATS.id} for who in ("ada", "bob", "cyn")}
        await world.follow(["bob", "cyn"], SPACE)
        for kind, who in ((Follow, "bob"), (Unfollow, "bob"), (Mute, "cyn"), (Mute, "ada")):
            await world.send("follow", kind, who, kind=BOATS.kind, target_id=BOATS.id)
        await self.post(world, "t2", "boats", actor="dan")
        await self.post(world, "t3", "boats")
        assert kinds(await world.inbox("bob")) == [("post_in_space", "s1", 2)]
        assert await world.inbox("cyn") == []
        await reply(world, "bob", "r2", "t3")
        await react(world, "bob", "t3", "t3")
        assert await world.inbox("ada") == [], "not even the author hears of a thread with a tag that they muted"
        await world.write("discussions", "thread", "t3", foreign.PostTagsChanged(tags=()), actor="ada")
        await reply(world, "bob", "r3", "t3")
        assert kinds(await world.inbox("ada")) == [("reply", "t3", 1)]

    async def test_a_tag_that_a_post_gets_later_is_told_to_nobody(self, world: World) -> None:
        await world.follow(["bob"], BOATS)
        await world.write("discussions", "thread", "t1", foreign.PostTagsChanged(tags=("boats",)), actor="ada")
        assert await world.inbox("bob") == []

    async def test_who_is_not_let_into_the_space_hears_nothing(self, world: World) -> None:
        few = foreign.SpaceCreated(audience=Audience(roles=(Role.AMBASSADOR,)))
        await world.write("discussions", "space", "few", few)
        await world.write("members", "member", "cyn", member.RoleGranted(role=Role.AMBASSADOR), actor="cyn")
        await world.follow(["bob", "cyn"], BOATS)
        await self.post(world, "t2", "boats", space="few")
        assert await world.inbox("bob") == []
        assert kinds(await world.inbox("cyn")) == [("post_with_tag", BOATS.id, 1)]

    async def test_a_tag_brings_nobody_together_whom_a_block_keeps_apart(self, world: World) -> None:
        await world.follow(["bob", "cyn"], BOATS)
        await world.send("block_list", BlockMember, "bob", member_id="bob", blocked_id="ada")
        await world.send("block_list", BlockMember, "ada", member_id="ada", blocked_id="cyn")
        await self.post(world, "t2", "boats")
        assert (await world.inbox("bob"), await world.inbox("cyn")) == ([], [])
        official = foreign.PostPublished(space_id="s1", tags=("boats",), official=True)
        await world.write("discussions", "thread", "t3", official, actor="ada")
        assert kinds(await world.inbox("bob")) == kinds(await world.inbox("cyn")) == [("post_with_tag", BOATS.id, 1)]

    async def test_a_tag_is_followed_by_who_may_read_a_post_that_has_it(self, world: World) -> None:
        world.tags = {"ada": {BOATS.id}}
        await world.send("follow", Follow, "ada", kind=BOATS.kind, target_id=BOATS.id)
        for kind in (Follow, Mute, Unfollow):
            with pytest.raises(DomainError) as refusal:
                await world.send("follow", kind, "bob", kind=BOATS.kind, target_id=BOATS.id)
            assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", ("target_id",))


class TestReactions:
    async def test_three_people_reacted(self, world: World) -> None:
        await reply(world, "bob")
        for who in ("ada", "cyn", "dan", "cyn", "bob"):
            await react(world, who, "r1")
        [told] = [one for one in await world.inbox("bob") if one.kind is Kind.REACTION]
        assert (told.subject, told.people, told.people_count) == ("r1", ["dan", "cyn", "ada"], 3)
        assert kinds(await world.inbox("ada")) == [("reply", "t1", 1)]


class TestEventsAndIdeas:
    async def test_who_waited_gets_a_seat_and_who_wanted_to_come_hears_of_the_cancellation(self, world: World) -> None:
        await world.write(
            "events", "event", "ev1",
            foreign.RsvpConfirmed(member_id="bob"), foreign.RsvpWaitlisted(member_id="cyn"),
            foreign.RsvpWaitlisted(member_id="dan"), actor="bob",
        )  # fmt: skip
        await world.write(
            "events", "event", "ev1",
            foreign.RsvpCancelled(member_id="bob"), foreign.RsvpPromoted(member_id="cyn"), actor="bob",
        )  # fmt: skip
        await world.send("follow", Mute, "dan", kind=TargetKind.EVENT, target_id="ev1")
        await world.write("events", "event", "ev1", foreign.EventCancelled(), actor="ada")
        assert kinds(await world.inbox("cyn")) == [("event_cancelled", "ev1", 1), ("rsvp_promoted", "ev1", 1)]
        assert kinds(await world.inbox("dan")) == [("event_cancelled", "ev1", 1)], "plans that fall through are told"
        assert await world.inbox("bob") == []

    async def test_who_is_invited_is_told_once_and_nobody_else(self, world: World) -> None:
        few = Audience(roles=(Role.AMBASSADOR,))
        await world.write("events", "event", "ev1", foreign.EventScheduled(audience=few), actor="ada")
        await world.write(
            "events", "event", "ev1", foreign.MembersInvited(member_ids=("ada", "bob", "cyn", "gone")), actor="ada"
        )
        assert kinds(await world.inbox("bob")) == [("event_invitation", "ev1", 1)]
        assert kinds(await world.inbox("cyn")) == [("event_invitation", "ev1", 1)]
        assert await world.inbox("ada") == [], "nobody is told what they did themselves"
        assert await world.inbox("dan") == []

    async def test_of_an_exclusive_event_hears_who_is_let_in(self, world: World) -> None:
        """Bob is invited no longer, Cyn is an ambassador no longer, Dan is invited; all had to do with it."""
        event = Target(TargetKind.EVENT, "ev1")
        ambassadors = Audience(roles=(Role.AMBASSADOR,))
        await world.write("events", "event", "ev1", foreign.EventScheduled(audience=ambassadors), actor="ada")
        await world.write("members", "member", "cyn", member.RoleGranted(role=Role.AMBASSADOR))
        await world.write("events", "event", "ev1", foreign.MembersInvited(member_ids=("bob", "dan")), actor="ada")
        await world.write(
            "events", "event", "ev1", *(foreign.RsvpWaitlisted(member_id=one) for one in ("bob", "cyn")), actor="bob"
        )
        for who in ("bob", "cyn", "dan"):
            await world.send("follow", Follow, who, kind=event.kind, target_id=event.id)
        await world.settled()
        await world.write("events", "event", "ev1", foreign.InvitationsWithdrawn(member_ids=("bob",)), actor="ada")
        await world.write("members", "member", "cyn", member.RoleRevoked(role=Role.AMBASSADOR))
        for commands in (Follow, Mute):
            for who in ("bob", "cyn"):
                with pytest.raises(DomainError, match="there is no such event"):
                    await world.send("follow", commands, who, kind=event.kind, target_id=event.id)
        await world.write(
            "events", "event", "ev1", *(foreign.RsvpPromoted(member_id=one) for one in ("bob", "cyn")), actor="ada"
        )
        await world.write("events", "event", "ev1", foreign.EventCancelled(), actor="ada")
        told = {who: {one.kind for one in await world.inbox(who)} for who in ("bob", "cyn", "dan")}
        assert Kind.EVENT_CANCELLED in told["dan"]
        assert not {Kind.EVENT_CANCELLED, Kind.RSVP_PROMOTED} & (told["bob"] | told["cyn"])
        await world.write("events", "event", "ev1", foreign.EventAudienceChanged(audience=None, invited=()))
        await world.send("follow", Follow, "bob", kind=event.kind, target_id=event.id)

    async def test_each_who_wants_an_idea_hears_once_how_far_it_is(self, world: World) -> None:
        await world.follow(["dan"], Target(TargetKind.BOARD, "o1"))
        await world.write("feedback", "idea", "i1", foreign.IdeaSubmitted(board_id="o1"), actor="ada")
        for member_id in ("ada", "bob", "cyn"):
            await world.write("feedback", "vote", "i1", foreign.VoteCast(member_id=member_id), actor=member_id)
        await world.write("feedback", "vote", "i1", foreign.VoteWithdrawn(member_id="cyn"), actor="cyn")
        await world.write("feedback", "idea", "i1", foreign.IdeaStatusChanged(), actor="dan")
        for member_id in ("ada", "bob"):
            assert kinds(await world.inbox(member_id)) == [("idea_status", "i1", 1)]
        assert await world.inbox("cyn") == []
        assert kinds(await world.inbox("dan")) == [("idea_submitted", "o1", 1)]

    async def test_a_role_is_told_unless_it_came_with_joining(self, world: World) -> None:
        role = member.RoleGranted(role=Role.MODERATOR)
        await world.write("members", "member", "bob", role, actor="ada")
        await world.write("members", "member", "cyn", role, actor="cyn")
        assert kinds(await world.inbox("bob")) == [("role_granted", "moderator", 1)]
        assert await world.inbox("cyn") == []


class TestWhoIsNotTold:
    async def test_who_left_hears_nothing_and_nothing_is_kept_of_what_they_heard(self, world: World) -> None:
        await reply(world, "bob")
        assert len(await world.inbox("ada")) == 1
        await world.write("members", "member", "ada", member.MemberLeft(), actor="ada")
        await reply(world, "cyn", "r2")
        await world.settled()
        assert await world.database["notices"].count_documents({"whose": f"{world.brand}:ada"}) == 0
        await world.join(["ada"])
        assert await world.inbox("ada") == []
        assert await world.unread("ada") == 0

    async def test_whom_a_block_keeps_apart_hear_nothing_of_each_other(self, world: World) -> None:
        await world.send("block_list", BlockMember, "ada", member_id="ada", blocked_id="bob")
        await reply(world, "bob", "r1")
        await react(world, "bob", "t1")
        assert await world.inbox("ada") == []
        await reply(world, "ada", "r2")
        assert await world.inbox("bob") == []
        await reply(world, "cyn", "r3")
        assert kinds(await world.inbox("ada")) == kinds(await world.inbox("bob")) == [("reply", "t1", 1)]

    async def test_a_block_holds_for_who_left_and_came_back(self, world: World) -> None:
        await world.send("block_list", BlockMember, "ada", member_id="ada", blocked_id="bob")
        await world.write("members", "member", "ada", member.MemberLeft(), actor="ada")
        await world.join(["ada"])
        await reply(world, "bob", "r1")
        assert await world.inbox("ada") == []

    async def test_a_block_is_between_members_and_not_against_the_brand(self, world: World) -> None:
        await world.send("block_list", BlockMember, "ada", member_id="ada", blocked_id="bob")
        official = foreign.ReplyPublished(reply_id="r1", official=True)
        await world.write("discussions", "thread", "t1", official, actor="bob")
        await world.write("events", "event", "e1", foreign.RsvpConfirmed(member_id="ada"), actor="ada")
        await world.write("events", "event", "e1", foreign.EventCancelled(), actor="bob")
        told = kinds(await world.inbox("ada"))
        assert sorted(told) == [("event_cancelled", "e1", 1), ("reply", "t1", 1)]

    async def test_what_happened_long_ago_is_not_told(self, world: World) -> None:
        long_ago = world.clock.now() - timedelta(days=30)
        await world.write(
            "discussions", "thread", "t1", foreign.ReplyPublished(reply_id="r1"), actor="bob", time=long_ago
        )
        assert await world.inbox("ada") == []

    async def test_programs_are_not_told(self, world: World) -> None:
        await reply(world, "sa_bot")
        await reply(world, "bob", "r2")
        assert await world.database["notices"].count_documents({"whose": f"{world.brand}:sa_bot"}) == 0
        assert [one.facts for one in await world.inbox("ada")] == [2]

    async def test_who_does_not_want_a_kind_in_the_inbox(self, world: World) -> None:
        await world.join(["owner"])
        await world.write("members", "member", "owner", member.RoleGranted(role=Role.OWNER), actor="owner")
        await world.known()
        await world.send("notification_defaults", ProposeDefaults, "owner", kind=Kind.REPLY, inbox=False)
        await world.send("notification_choices", ChooseNotifications, "bob", kind=Kind.REPLY, inbox=True)
        await reply(world, "bob", "r1")
        await reply(world, "cyn", "r2")
        assert await world.inbox("ada") == []
        assert await world.unread("ada") == 0
        assert kinds(await world.inbox("bob")) == [("reply", "t1", 1)], "one's own word goes before the brand's"


class TestReading:
    async def test_what_is_read_does_not_count_and_comes_up_again_with_what_is_new(self, world: World) -> None:
        await reply(world, "bob", "r1")
        await react(world, "bob", "t1")
        notices = await world.inbox("ada")
        assert await world.unread("ada") == 2
        [told] = [one for one in notices if one.kind is Kind.REPLY]
        await world.send("inbox", ReadNotices, "ada", ids=[told.id])
        await world.send("inbox", ReadNotices, "ada", ids=[told.id])
        assert await world.unread("ada") == 1
        await world.send("inbox", ReadNotices, "ada")
        assert await world.unread("ada") == 0
        await reply(world, "cyn", "r2")
        first, second = await world.inbox("ada")
        assert (first.kind, first.unread, first.facts, first.people) == (Kind.REPLY, True, 1, ["cyn"])
        assert (second.kind, second.unread) == (Kind.REACTION, False)
        assert await world.unread("ada") == 1

    async def test_what_came_after_what_was_seen_stays_unread(self, world: World) -> None:
        await reply(world, "bob", "r1")
        [seen] = await world.inbox("ada")
        await reply(world, "cyn", "r2")
        await world.settled()
        await world.send("inbox", ReadNotices, "ada", until=seen.at)
        await world.send("inbox", ReadNotices, "ada", ids=[seen.id], until=seen.at)
        [now] = await world.inbox("ada")
        assert (now.unread, now.facts) == (True, 2)

    async def test_nobody_sees_or_reads_anothers(self, world: World) -> None:
        await reply(world, "bob")
        [told] = await world.inbox("ada")
        await world.send("inbox", ReadNotices, "bob", ids=[told.id])
        assert await world.unread("ada") == 1
        assert await world.ask(list[NoticeView | None], NoticesGetMany, "bob", ids=[told.id]) == [None]
        assert await world.ask(list[NoticeView | None], NoticesGetMany, "ada", ids=[told.id]) == [told]
        with pytest.raises(DomainError) as refusal:
            await world.ask(list[NoticeView | None], NoticesGetMany, "stranger", ids=[told.id])
        assert refusal.value.code == "FORBIDDEN"

    async def test_all_of_them_at_once(self, world: World) -> None:
        for number in range(30):
            await world.write("discussions", "thread", f"p{number}", foreign.PostPublished(space_id="s1"), actor="ada")
            await reply(world, "bob", f"q{number}", f"p{number}")
        await world.settled()
        assert await world.unread("ada") == 30
        await world.send("inbox", ReadNotices, "ada")
        assert await world.unread("ada") == 0


class TestExclusiveSpaces:
    """Space s1, with thread t1 of ada, is for ambassadors and for the segment jury."""

    @pytest.fixture(autouse=True)
    async def jury(self, world: World) -> None:
        few = Audience(roles=(Role.AMBASSADOR,), segments=("jury",))
        await world.write("discussions", "space", "s1", foreign.SpaceCreated(audience=few))
        await world.write("members", "member", "ada", member.RoleGranted(role=Role.AMBASSADOR))
        await self.enters(world, "bob")

    async def enters(self, world: World, *members: str) -> None:
        entered = SegmentEntered(segment_id="jury", edition=1, member_ids=members)
        await world.write("members", "segment_part", "jury-00", entered)

    async def test_who_is_not_let_in_hears_nothing_even_of_those_they_follow(self, world: World) -> None:
        await world.follow(["bob", "cyn"], SPACE)
        await world.follow(["bob", "cyn"], Target(TargetKind.MEMBER, "dan"))
        await world.follow(["bob", "cyn", "dan"], THREAD)
        await world.write("discussions", "thread", "t2", foreign.PostPublished(space_id="s1"), actor="ada")
        await reply(world, "ada")
        await react(world, "ada", "r1")
        assert sorted(kinds(await world.inbox("bob"))) == [("post_in_space", "s1", 1), ("reply", "t1", 1)]
        for outsider in ("cyn", "dan"):
            assert [one for one in await world.inbox(outsider) if one.kind is not Kind.ROLE_GRANTED] == []

    async def test_who_is_no_longer_let_in_hears_no_more(self, world: World) -> None:
        await reply(world, "bob", "r1")
        assert ("reply", "t1", 1) in kinds(await world.inbox("ada"))
        left = SegmentLeft(segment_id="jury", edition=1, member_ids=("bob",))
        await world.write("members", "segment_part", "jury-00", left)
        await world.write("members", "member", "ada", member.RoleRevoked(role=Role.AMBASSADOR))
        await reply(world, "dan", "r2")
        await react(world, "dan", "r1")
        assert ("reply", "t1", 1) in kinds(await world.inbox("ada")), "what was told before, and not once more"
        assert kinds(await world.inbox("bob")) == []
        await world.write("discussions", "space", "s1", foreign.SpaceAudienceChanged(audience=None))
        await reply(world, "dan", "r3")
        assert kinds(await world.inbox("bob")) == [("reply", "t1", 1)]

    async def test_a_role_for_the_space_lets_in(self, world: World) -> None:
        await world.write("members", "member", "cyn", member.RoleGranted(role=Role.AMBASSADOR, space_id="s1"))
        await world.write("members", "member", "dan", member.RoleGranted(role=Role.AMBASSADOR, space_id="s2"))
        await world.follow(["cyn", "dan"], THREAD)
        await reply(world, "bob")
        assert ("reply", "t1", 1) in kinds(await world.inbox("cyn"))
        assert ("reply", "t1", 1) not in kinds(await world.inbox("dan"))

    @pytest.mark.parametrize("target", [SPACE, THREAD])
    @pytest.mark.parametrize("kind", [Follow, Unfollow, Mute])
    async def test_what_is_hidden_cannot_be_followed(
        self, world: World, target: Target, kind: type[FollowCommand]
    ) -> None:
        refused = []
        for id_ in (target.id, "nothing"):
            with pytest.raises(DomainError) as refusal:
                await world.send("follow", kind, "cyn", kind=target.kind, target_id=id_)
            refused.append((refusal.value.code, refusal.value.message, refusal.value.path))
        assert refused[0] == refused[1]
        for insider in ("ada", "bob"):
            await world.send("follow", kind, insider, kind=target.kind, target_id=target.id)


class TestFollowing:
    async def test_what_does_not_exist_cannot_be_followed(self, world: World) -> None:
        for kind in TargetKind:
            with pytest.raises(DomainError) as refusal:
                await world.send("follow", Follow, "ada", kind=kind, target_id="nothing")
            assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", ("target_id",))
        await world.send("follow", Follow, "ada", kind=THREAD.kind, target_id=THREAD.id)

    async def test_a_thread_of_which_nobody_knows_where_it_stands_is_not_there(self, world: World) -> None:
        await reply(world, "bob", "r9", "headless")
        with pytest.raises(DomainError, match="there is no such thread"):
            await world.send("follow", Follow, "ada", kind=TargetKind.THREAD, target_id="headless")
        await reply(world, "cyn", "r10", "headless")
        assert await world.inbox("bob") == []

    async def test_a_stranger_learns_nothing(self, world: World) -> None:
        for target in (THREAD.id, "nothing"):
            with pytest.raises(DomainError) as refusal:
                await world.send("follow", Follow, "stranger", kind=THREAD.kind, target_id=target)
            assert refusal.value.code == "FORBIDDEN"


async def test_brands_are_told_apart(world: World) -> None:
    await world.join(["ada"], brand="elsewhere")
    await reply(world, "bob")
    assert len(await world.inbox("ada")) == 1
    assert await world.inbox("ada", brand="elsewhere") == []
