"""What members follow, who takes part, and how members want to be told, on a real database."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.access.audience import Audience
from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.domain import Event
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from libs.shared.times import to_ms
from services.members.notices import foreign
from services.members.notices.follow import Target, TargetFollowed, TargetKind, TargetMuted, TargetUnfollowed
from services.members.notices.kinds import Kind, Mail
from services.members.notices.places import EVERYBODY, PLACES, Slice, nth_slice, place
from services.members.notices.preferences import DefaultsProposed, MailResumed, MailStopped, NotificationsChosen
from services.members.notices.views.choices import ChoicesView, NotificationChoices, NotificationDefaults
from services.members.notices.views.follows import FollowPage, FollowsView, Said
from services.members.notices.views.people import EventPeopleView, IdeaPeopleView, ThreadPeopleView, Written
from services.members.notices.views.spaces import ExclusiveSpacesView

#: After everything that happens here.
LATER_MS = to_ms(NOON + timedelta(days=1))
SPACE, THREAD = Target(TargetKind.SPACE, "s1"), Target(TargetKind.THREAD, "t1")


@pytest.fixture
async def follows(mongo_url: str) -> AsyncIterator[ViewBench[FollowsView]]:
    async with view_bench(FollowsView(), mongo_url) as bench:
        yield bench


def followed(target: Target) -> TargetFollowed:
    return TargetFollowed(kind=target.kind, target_id=target.id)


class TestFollows:
    async def test_the_last_word_counts(self, follows: ViewBench[FollowsView]) -> None:
        unfollowed = TargetUnfollowed(kind=SPACE.kind, target_id=SPACE.id)
        muted = TargetMuted(kind=SPACE.kind, target_id=SPACE.id)
        await follows.given(followed(SPACE), followed(THREAD), aggregate="follow", id="m1")
        await follows.given(followed(SPACE), unfollowed, aggregate="follow", id="m2")
        await follows.given(followed(SPACE), muted, aggregate="follow", id="m3")
        await follows.given(followed(SPACE), aggregate="follow", id="m4", brand="b2")
        assert await follows.view.words_on("b1", SPACE, EVERYBODY, LATER_MS) == {
            "m1": Said.FOLLOWED,
            "m2": Said.UNFOLLOWED,
            "m3": Said.MUTED,
        }
        assert await follows.view.words_of("b1", "m1", [THREAD, SPACE, Target(TargetKind.IDEA, "t1")]) == [
            Said.FOLLOWED,
            Said.FOLLOWED,
            None,
        ]
        assert await follows.view.how_many("b1", SPACE) == 3
        page = await follows.view.follow_page(FollowPage(brand="b1", viewer="m3", muted=True))
        assert [(one.kind, one.target_id) for one in page.items] == [SPACE]
        page = await follows.view.follow_page(FollowPage(brand="b1", viewer="m1"))
        assert [(one.kind, one.target_id) for one in page.items] == [THREAD, SPACE], "the newest first"

    async def test_who_follows_later_was_not_there(self, follows: ViewBench[FollowsView]) -> None:
        unfollowed = TargetUnfollowed(kind=SPACE.kind, target_id=SPACE.id)
        await follows.given(followed(SPACE), aggregate="follow", id="m1")
        await follows.given(followed(SPACE), unfollowed, aggregate="follow", id="m2")
        before = await follows.view.words_on("b1", SPACE, EVERYBODY, to_ms(NOON) - 1)
        assert before == {"m2": Said.UNFOLLOWED}, "and the last word of all others holds"

    async def test_what_is_said_twice_holds_since_the_first_time(self, follows: ViewBench[FollowsView]) -> None:
        await follows.given(followed(SPACE), aggregate="follow", id="m1")
        [first] = (await follows.view.follow_page(FollowPage(brand="b1", viewer="m1"))).items
        await follows.given(followed(SPACE), aggregate="follow", id="m1")
        assert (await follows.view.follow_page(FollowPage(brand="b1", viewer="m1"))).items == [first]
        await follows.given(TargetMuted(kind=SPACE.kind, target_id=SPACE.id), aggregate="follow", id="m1")
        await follows.given(followed(SPACE), aggregate="follow", id="m1")
        [again] = (await follows.view.follow_page(FollowPage(brand="b1", viewer="m1"))).items
        assert again.since > first.since

    async def test_slices_meet_each_follower_once(self, follows: ViewBench[FollowsView]) -> None:
        members = {f"m{number}" for number in range(60)}
        for member in members:
            await follows.given(followed(SPACE), aggregate="follow", id=member)
        slices = [await follows.view.words_on("b1", SPACE, nth_slice(number, 7), LATER_MS) for number in range(7)]
        assert sum(map(len, slices)) == len(members)
        assert {member for one in slices for member in one} == members

    async def test_who_is_kept_apart(self, follows: ViewBench[FollowsView]) -> None:
        blocked, unblocked = foreign.MemberBlocked(blocked_id="m9"), foreign.MemberUnblocked(blocked_id="m9")
        await follows.given(blocked, id="m1")
        await follows.given(blocked, blocked, unblocked, id="m2")
        await follows.given(blocked, id="m3", brand="b2")
        assert await follows.view.kept_apart("b1", "m9") == {"m1"}
        assert await follows.view.kept_apart("b1", "m1") == {"m9"}
        assert await follows.view.kept_apart("b1", "m2") == set()
        elsewhere = Slice(place("m1") + 1, PLACES)
        assert await follows.view.kept_apart("b1", "m9", elsewhere) == set()

    @pytest.mark.parametrize("who", ["m1", "m9"])
    async def test_a_block_outlives_memberships_until_one_of_both_is_erased(
        self, follows: ViewBench[FollowsView], who: str
    ) -> None:
        await follows.given(foreign.MemberBlocked(blocked_id="m9"), id="m1")
        await follows.given(foreign.MemberLeft(), aggregate="member", id=who)
        assert await follows.view.kept_apart("b1", "m9") == {"m1"}
        await follows.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id=who)
        assert await follows.documents("blocks") == []

    @pytest.mark.parametrize("end", [foreign.MemberLeft(), ErasureRecorded(key_destroyed_at=NOON)])
    async def test_nothing_is_kept_of_who_left_or_was_erased(self, follows: ViewBench[FollowsView], end: Event) -> None:
        await follows.given(followed(SPACE), followed(THREAD), aggregate="follow", id="m1")
        await follows.given(followed(SPACE), aggregate="follow", id="m2")
        await follows.given(end, aggregate="member", id="m1")
        assert [document["member"] for document in await follows.documents("words")] == ["m2"]


async def test_who_takes_part_in_a_thread_and_who_wrote_what(mongo_url: str) -> None:
    async with view_bench(ThreadPeopleView(), mongo_url) as bench:
        await bench.given(foreign.PostPublished(space_id="s1", tags=("boats",)), id="t1", actor="m1")
        for actor, reply in (("m2", "r1"), ("m1", "r2"), ("m2", "r3")):
            await bench.given(foreign.ReplyPublished(reply_id=reply), id="t1", actor=actor)
        view = bench.view
        assert await view.people_of("b1", "t1", EVERYBODY) == {"m1", "m2"}
        assert await view.people_of("b2", "t1", EVERYBODY) == set()
        assert await view.how_many("b1", "t1") == 2
        assert await view.taking_part("b1", ["t1", "t2"], "m2") == [True, False]
        assert await view.written("b1", "t1") == Written(author="m1", thread="t1", space="s1", tags=("boats",))
        assert await view.written("b1", "r3") == Written(author="m2", thread="t1", space="s1", tags=("boats",))
        assert await view.written("b1", "r9") is None
        await bench.given(foreign.PostTagsChanged(tags=("moon",)), id="t1", actor="m3")
        assert await view.written("b1", "r3") == Written(author="m2", thread="t1", space="s1", tags=("moon",))
        assert await view.taking_part("b1", ["t1"], "m3") == [False]


async def test_who_wants_to_come_to_an_event(mongo_url: str) -> None:
    async with view_bench(EventPeopleView(), mongo_url) as bench:
        events = [
            foreign.RsvpConfirmed(member_id="m1"),
            foreign.RsvpWaitlisted(member_id="m2"),
            foreign.RsvpConfirmed(member_id="m3"),
            foreign.RsvpCancelled(member_id="m3"),
            # To the other mode: the same commit gives up and asks.
            foreign.RsvpCancelled(member_id="m1"),
            foreign.RsvpWaitlisted(member_id="m1"),
        ]
        await bench.given(*events, id="ev1")
        assert await bench.view.people_of("b1", "ev1", EVERYBODY) == {"m1", "m2"}


async def test_for_whom_an_event_is(mongo_url: str) -> None:
    few = Audience(roles=(Role.AMBASSADOR,))
    events = (
        foreign.EventScheduled(audience=few),
        foreign.MembersInvited(member_ids=("m1", "m2", "m3")),
        foreign.RsvpConfirmed(member_id="m3"),
        foreign.InvitationsWithdrawn(member_ids=("m2", "m3")),
        foreign.EventAudienceChanged(audience=Audience(), invited=("m4",)),
    )
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(EventPeopleView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, id="ev1")
            await bench.given(foreign.EventScheduled(), foreign.MembersInvited(member_ids=("m2",)), id="ev2")
            await bench.given(*events[:2], foreign.EventAudienceChanged(audience=None, invited=()), id="ev3")
            await bench.given(events[0], id="ev2", brand="b2")
            view = bench.view
            assert await view.audiences("b1", ["ev1", "ev2", "ev3", "ev9"]) == {"ev1": Audience()}
            invited = await view.invited("b1", ["ev1", "ev2"], ["m1", "m2", "m3", "m4", "m9"])
            assert invited == {("ev1", "m1"), ("ev1", "m4"), ("ev2", "m2")}
            assert await view.invited("b2", ["ev2"], ["m2"]) == set()
            assert await view.people_of("b1", "ev1", EVERYBODY) == {"m1", "m3", "m4"}, (
                "they are told what becomes of it"
            )
            assert await view.taking_part("b1", ["ev1", "ev2"], "m1") == [True, False]
            contents.add(await canonical(view))
    assert len(contents) == 1


async def test_who_wants_an_idea(mongo_url: str) -> None:
    async with view_bench(IdeaPeopleView(), mongo_url) as bench:
        await bench.given(foreign.IdeaSubmitted(board_id="o1"), id="i1", actor="m1")
        for member in ("m1", "m2", "m3"):
            await bench.given(foreign.VoteCast(member_id=member), id="i1", actor=member)
        for member in ("m1", "m3"):
            await bench.given(foreign.VoteWithdrawn(member_id=member), id="i1", actor=member)
        assert await bench.view.people_of("b1", "i1", EVERYBODY) == {"m1", "m2"}, "an author stays the author"


class TestChoices:
    async def test_the_members_word_over_the_brands(self, mongo_url: str) -> None:
        async with view_bench(ChoicesView(), mongo_url) as bench:
            proposed = DefaultsProposed(kind=Kind.REPLY, inbox=False, mail=Mail.NOW)
            await bench.given(proposed, aggregate="notification_defaults", id="b1")
            await bench.given(NotificationsChosen(kind=Kind.REPLY, inbox=True), id="m1")
            mine = await bench.view.notification_choices(NotificationChoices(brand="b1", viewer="m1"))
            [reply] = [one for one in mine.kinds if one.kind is Kind.REPLY]
            assert (reply.inbox, reply.inbox_said, reply.mail, reply.mail_said) == (True, True, Mail.NOW, False)
            theirs = await bench.view.notification_defaults(NotificationDefaults(brand="b1", viewer="m1"))
            [reply] = [one for one in theirs.kinds if one.kind is Kind.REPLY]
            assert (reply.inbox, reply.inbox_said) == (False, True)
            elsewhere = await bench.view.of("b2", "m1")
            assert elsewhere.of(Kind.REPLY).inbox

    async def test_opting_out_and_in_and_nothing_of_who_was_erased(self, mongo_url: str) -> None:
        async with view_bench(ChoicesView(), mongo_url) as bench:
            await bench.given(MailStopped(), id="m1")
            assert (await bench.view.of("b1", "m1")).mail_off
            await bench.given(MailResumed(), NotificationsChosen(kind=Kind.REPLY, mail=Mail.NOW), id="m1")
            found = await bench.view.of("b1", "m1")
            assert (found.mail_off, found.of(Kind.REPLY).mail) == (False, Mail.NOW)
            await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1")
            assert await bench.documents("choices") == []


said = st.sampled_from(
    [
        ("m1", followed(SPACE)),
        ("m1", TargetMuted(kind=SPACE.kind, target_id=SPACE.id)),
        ("m2", followed(SPACE)),
        ("m2", TargetUnfollowed(kind=SPACE.kind, target_id=SPACE.id)),
        ("m1", foreign.MemberLeft()),
    ]
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(said, min_size=1, max_size=8), cut=st.integers(0, 8))
async def test_batches_make_no_difference(mongo_url: str, history: list[tuple[str, Event]], cut: int) -> None:
    seen = set()
    for parts in ([history], [history[:cut], history[cut:]]):
        async with view_bench(FollowsView(), mongo_url) as bench:
            for part in parts:
                for member, event in part:
                    await bench.given(event, id=member, time=NOON)
            seen.add(await canonical(bench.view))
    assert len(seen) == 1


async def test_for_whom_spaces_are(mongo_url: str) -> None:
    few, jury = Audience(roles=(Role.AMBASSADOR,)), Audience(segments=("jury",))
    events = (
        foreign.SpaceCreated(audience=few),
        foreign.SpaceAudienceChanged(audience=None),
        foreign.SpaceAudienceChanged(audience=jury),
    )
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(ExclusiveSpacesView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, aggregate="space", id="s1")
            await bench.given(foreign.SpaceCreated(), aggregate="space", id="s2")
            await bench.given(events[0], events[1], aggregate="space", id="s3")
            await bench.given(events[0], aggregate="space", id="s2", brand="b2")
            assert await bench.view.audiences("b1", ["s1", "s2", "s3", "s4"]) == {"s1": jury}
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
