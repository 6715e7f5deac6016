"""The specification of a thread."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.discussions.thread import (
    DECIDER,
    ChangeTags,
    ChangeTagsOf,
    LockThread,
    PostPublished,
    PostTagsChanged,
    PublishPost,
    PublishReply,
    ReplyPublished,
    ThreadCommand,
    ThreadEvent,
    ThreadLocked,
    ThreadUnlocked,
    UnlockThread,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
MEMBERS = frozenset({"member"})
STEWARDS = [frozenset({"member", role}) for role in ("owner", "builder", "moderator")]
POST = PostPublished(space_id="s1", title="Tides", body="When?")
FIRST = ReplyPublished(reply_id="r1", number=1, body="At noon")
SECOND = ReplyPublished(reply_id="r2", number=2, body="Thanks", reply_to="r1")
C = TypeVar("C", bound=ThreadCommand)


def command(kind: type[C], *, roles: frozenset[str] = MEMBERS, **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor="m1", now=NOW, roles=roles, thread_id="t1", **fields)


def post(space_id: str = "s1", roles: frozenset[str] = MEMBERS) -> PublishPost:
    return command(PublishPost, roles=roles, space_id=space_id, title="Tides", body="When?")


def reply(reply_id: str, body: str = "x", reply_to: str | None = None, roles: frozenset[str] = MEMBERS) -> PublishReply:
    return command(PublishReply, roles=roles, reply_id=reply_id, body=body, reply_to=reply_to)


class TestScope:
    """Roles for one space count in its threads and in no others."""

    HERE = frozenset({"member", "moderator@s1"})
    ELSEWHERE = frozenset({"member", "moderator@s2", "owner@s11"})

    @pytest.mark.parametrize(("kind", "before"), [(LockThread, [POST]), (UnlockThread, [POST, ThreadLocked()])])
    def test_a_steward_of_the_space_locks_and_unlocks_there_only(
        self, kind: type[LockThread | UnlockThread], before: list[ThreadEvent]
    ) -> None:
        done = ThreadLocked() if kind is LockThread else ThreadUnlocked()
        given(DECIDER, *before).when(command(kind, roles=self.HERE)).then(done)
        given(DECIDER, *before).when(command(kind, roles=self.ELSEWHERE)).then_raises("FORBIDDEN")

    def test_a_leader_of_the_space_speaks_for_the_brand_there_only(self) -> None:
        here, elsewhere = frozenset({"member", "builder@s1"}), frozenset({"member", "builder@s2"})
        official = structs.replace(post(roles=here), official=True)
        given(DECIDER).when(official).then(structs.replace(POST, official=True))
        given(DECIDER).when(structs.replace(official, roles=elsewhere)).then_raises("FORBIDDEN", ("official",))
        answer = structs.replace(reply("r1", roles=here), official=True)
        given(DECIDER, POST).when(answer).then(ReplyPublished(reply_id="r1", number=1, body="x", official=True))
        given(DECIDER, POST).when(structs.replace(answer, roles=elsewhere)).then_raises("FORBIDDEN", ("official",))


class TestPost:
    def test_a_member_posts(self) -> None:
        given(DECIDER).when(post()).then(POST)

    def test_a_stranger_does_not(self) -> None:
        given(DECIDER).when(post(roles=frozenset())).then_raises("FORBIDDEN")

    def test_posting_twice_changes_nothing(self) -> None:
        given(DECIDER, POST, FIRST).when(post()).then_nothing()

    def test_an_id_is_of_one_post_only(self) -> None:
        given(DECIDER, POST).when(post(space_id="s2")).then_raises("ID_TAKEN", ("thread_id",))


class TestOfficial:
    @pytest.mark.parametrize("role", ["owner", "builder"])
    def test_leaders_speak_for_the_brand(self, role: str) -> None:
        roles = frozenset({"member", role})
        spoken = structs.replace(post(roles=roles), official=True)
        given(DECIDER).when(spoken).then(structs.replace(POST, official=True))
        answered = structs.replace(reply("r1", "At noon", roles=roles), official=True)
        given(DECIDER, POST).when(answered).then(structs.replace(FIRST, official=True))

    @pytest.mark.parametrize("roles", [MEMBERS, frozenset({"member", "moderator", "ambassador"})])
    def test_nobody_else_does(self, roles: frozenset[str]) -> None:
        spoken = structs.replace(post(roles=roles), official=True)
        given(DECIDER).when(spoken).then_raises("FORBIDDEN", ("official",))
        answered = structs.replace(reply("r1", roles=roles), official=True)
        given(DECIDER, POST).when(answered).then_raises("FORBIDDEN", ("official",))


class TestTags:
    TAGGED = structs.replace(POST, tags=("boats", "tides"))

    @staticmethod
    def change(*tags: str, actor: str = "m1", author: str | None = "m1", roles: frozenset[str] = MEMBERS) -> ChangeTags:
        sent = structs.replace(command(ChangeTags, roles=roles, tags=tags), actor=actor)
        return sent if author is None else ChangeTagsOf(**structs.asdict(sent), author=author)

    @staticmethod
    def changed(before: tuple[str, ...], *tags: str) -> PostTagsChanged:
        return PostTagsChanged(space_id="s1", tags=tags, before=before)

    def test_a_post_is_given_tags_each_once_and_normalised(self) -> None:
        given(DECIDER).when(structs.replace(post(), tags=(" Ｔides", "BOATS", "tides"))).then(self.TAGGED)

    def test_what_is_no_tag(self) -> None:
        for unfit in ("\u200b", "ﷺ" * 60):
            given(DECIDER).when(structs.replace(post(), tags=("boats", unfit))).then_raises("INVALID", ("tags", 1))
            given(DECIDER, POST).when(self.change("boats", unfit)).then_raises("INVALID", ("tags", 1))

    def test_its_author_changes_them_also_in_a_locked_thread(self) -> None:
        changed = self.changed(("boats", "tides"), "moon")
        given(DECIDER, self.TAGGED).when(self.change("Moon")).then(changed)
        given(DECIDER, self.TAGGED, ThreadLocked()).when(self.change("Moon")).then(changed)
        given(DECIDER, self.TAGGED, changed).when(self.change()).then(self.changed(("moon",)))

    @pytest.mark.parametrize("roles", [*STEWARDS, TestScope.HERE])
    def test_so_do_stewards_of_the_brand_or_of_the_space(self, roles: frozenset[str]) -> None:
        given(DECIDER, POST).when(self.change("moon", actor="m2", roles=roles)).then(self.changed((), "moon"))

    @pytest.mark.parametrize("roles", [MEMBERS, TestScope.ELSEWHERE, frozenset({"member", "ambassador"})])
    @pytest.mark.parametrize("author", ["m1", "", None])
    def test_nobody_else_does(self, roles: frozenset[str], author: str | None) -> None:
        given(DECIDER, POST).when(self.change("moon", actor="m2", author=author, roles=roles)).then_raises("FORBIDDEN")

    def test_nor_does_an_author_who_is_no_member_any_more(self) -> None:
        given(DECIDER, POST).when(self.change("moon", roles=frozenset())).then_raises("FORBIDDEN")

    def test_the_same_again_changes_nothing(self) -> None:
        given(DECIDER, self.TAGGED).when(self.change("Tides", "boats")).then_nothing()
        given(DECIDER, POST).when(self.change()).then_nothing()

    def test_a_missing_thread_is_not_found(self) -> None:
        for one in (self.change("moon"), self.change("moon", author=None, roles=STEWARDS[0])):
            given(DECIDER).when(one).then_raises("NOT_FOUND", ("thread_id",))


class TestReply:
    def test_a_member_replies(self) -> None:
        given(DECIDER, POST).when(reply("r1", "At noon")).then(FIRST)

    def test_replies_are_numbered_in_their_order(self) -> None:
        given(DECIDER, POST, FIRST).when(reply("r2", "Thanks", reply_to="r1")).then(SECOND)

    def test_a_stranger_does_not(self) -> None:
        given(DECIDER, POST).when(reply("r1", roles=frozenset())).then_raises("FORBIDDEN")

    def test_replying_twice_changes_nothing(self) -> None:
        given(DECIDER, POST, FIRST, SECOND).when(reply("r1", "At noon")).then_nothing()

    def test_a_reply_stands_in_a_thread(self) -> None:
        given(DECIDER).when(reply("r1")).then_raises("NOT_FOUND", ("thread_id",))

    def test_one_replies_to_what_is_there(self) -> None:
        given(DECIDER, POST, FIRST).when(reply("r2", reply_to="r9")).then_raises("NOT_FOUND", ("reply_to",))
        given(DECIDER, POST).when(reply("r1", reply_to="r1")).then_raises("NOT_FOUND", ("reply_to",))

    @pytest.mark.parametrize("roles", [MEMBERS, *STEWARDS])
    def test_a_locked_thread_takes_no_reply(self, roles: frozenset[str]) -> None:
        given(DECIDER, POST, ThreadLocked()).when(reply("r1", roles=roles)).then_raises("THREAD_LOCKED", ("thread_id",))

    def test_a_repeat_is_accepted_even_when_the_thread_is_locked_by_now(self) -> None:
        given(DECIDER, POST, FIRST, ThreadLocked()).when(reply("r1", "At noon")).then_nothing()

    def test_an_unlocked_thread_takes_replies_again(self) -> None:
        given(DECIDER, POST, ThreadLocked(), ThreadUnlocked()).when(reply("r1", "At noon")).then(FIRST)


class TestLock:
    @pytest.mark.parametrize("roles", STEWARDS)
    def test_stewards_lock_and_unlock(self, roles: frozenset[str]) -> None:
        given(DECIDER, POST).when(command(LockThread, roles=roles)).then(ThreadLocked())
        given(DECIDER, POST, ThreadLocked()).when(command(UnlockThread, roles=roles)).then(ThreadUnlocked())

    @pytest.mark.parametrize("roles", [frozenset(), MEMBERS, frozenset({"member", "ambassador"})])
    def test_nobody_else_does(self, roles: frozenset[str]) -> None:
        given(DECIDER, POST).when(command(LockThread, roles=roles)).then_raises("FORBIDDEN")
        given(DECIDER, POST, ThreadLocked()).when(command(UnlockThread, roles=roles)).then_raises("FORBIDDEN")

    def test_again_changes_nothing(self) -> None:
        given(DECIDER, POST, ThreadLocked()).when(command(LockThread, roles=STEWARDS[0])).then_nothing()
        given(DECIDER, POST).when(command(UnlockThread, roles=STEWARDS[0])).then_nothing()

    def test_a_missing_thread_is_not_found(self) -> None:
        given(DECIDER).when(command(LockThread, roles=STEWARDS[0])).then_raises("NOT_FOUND", ("thread_id",))
        given(DECIDER).when(command(UnlockThread, roles=STEWARDS[0])).then_raises("NOT_FOUND", ("thread_id",))


roles = some.sampled_from([frozenset(), MEMBERS, *STEWARDS])
replies = some.sampled_from(["r1", "r2", "r3", "r4"])
commands: some.SearchStrategy[ThreadCommand] = some.one_of(
    some.builds(post, roles=roles),
    some.builds(reply, replies, reply_to=some.none() | replies, roles=roles),
    some.builds(command, some.just(LockThread), roles=roles),
    some.builds(command, some.just(UnlockThread), roles=roles),
    some.builds(
        lambda tags, author, roles: TestTags.change(*tags, author=author, roles=roles),
        some.lists(some.sampled_from(["A", "a", "b"]), max_size=3),
        some.sampled_from(["m1", "m2", None]),
        roles,
    ),
)


@for_all(some.lists(commands, max_size=30))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[ThreadCommand]) -> None:
    state = DECIDER.initial
    numbers: list[int] = []
    for one in sent:
        try:
            events: list[ThreadEvent] = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            if isinstance(event, ReplyPublished):
                assert not state.locked
                assert event.reply_to is None or event.reply_to in state.replies
                numbers.append(event.number)
            if isinstance(event, PostTagsChanged):
                assert event.before == state.tags != event.tags == tuple(sorted(set(event.tags)))
            state = DECIDER.evolve(state, event)
            assert state.exists
            assert numbers == list(range(1, len(state.replies) + 1))
        assert DECIDER.decide(state, one) == []
