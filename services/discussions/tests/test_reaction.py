"""The specification of reactions."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.discussions import thread
from services.discussions.reaction import (
    DECIDER,
    AddReaction,
    Emoji,
    ReactionAdded,
    ReactionCommand,
    ReactionRemoved,
    RemoveReaction,
    admit_reaction,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
MEMBERS = frozenset({"member"})
HISTORY = (
    thread.PostPublished(space_id="s1", title="Tides", body="When?"),
    thread.ReplyPublished(reply_id="r1", number=1, body="At noon"),
)


def react(
    kind: type[ReactionCommand] = AddReaction,
    target_id: str = "t1",
    emoji: Emoji = Emoji.HEART,
    roles: frozenset[str] = MEMBERS,
) -> ReactionCommand:
    return kind(
        command_id="c1",
        brand="b1",
        actor="m1",
        now=NOW,
        roles=roles,
        thread_id="t1",
        target_id=target_id,
        emoji=emoji,
    )


def refusal(command: ReactionCommand, *history: thread.ThreadEvent) -> tuple[str, tuple[str | int, ...]] | None:
    try:
        admit_reaction(given(thread.DECIDER, *history).state, command)
    except DomainError as refused:
        return refused.code, refused.path
    return None


def test_a_member_reacts_and_takes_it_back() -> None:
    given(DECIDER).when(react()).then(ReactionAdded(target_id="t1", emoji=Emoji.HEART))
    given(DECIDER).when(react(RemoveReaction)).then(ReactionRemoved(target_id="t1", emoji=Emoji.HEART))


@pytest.mark.parametrize("kind", [AddReaction, RemoveReaction])
def test_a_stranger_does_not(kind: type[ReactionCommand]) -> None:
    given(DECIDER).when(react(kind, roles=frozenset())).then_raises("FORBIDDEN")


def test_one_reacts_to_the_post_and_to_its_replies() -> None:
    assert refusal(react(target_id="t1"), *HISTORY) is None
    assert refusal(react(target_id="r1"), *HISTORY) is None


def test_one_reacts_in_a_locked_thread() -> None:
    assert refusal(react(target_id="r1"), *HISTORY, thread.ThreadLocked()) is None


def test_one_reacts_to_what_is_there() -> None:
    assert refusal(react(target_id="r2"), *HISTORY) == ("NOT_FOUND", ("target_id",))
    assert refusal(react(target_id="t1")) == ("NOT_FOUND", ("target_id",))
    assert refusal(react(RemoveReaction, target_id="r2"), *HISTORY) == ("NOT_FOUND", ("target_id",))


def test_a_stranger_does_not_learn_what_is_there() -> None:
    stranger = react(roles=frozenset())
    assert refusal(stranger) == refusal(stranger, *HISTORY) == ("FORBIDDEN", ())


def test_only_names_of_the_list_are_emoji() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(react()), "emoji": "poop"}, AddReaction)


@for_all(some.sampled_from([AddReaction, RemoveReaction]), some.sampled_from(Emoji), some.sampled_from(["t1", "r1"]))
def test_the_last_word_counts_so_a_command_says_the_same_every_time(
    kind: type[ReactionCommand], emoji: Emoji, target_id: str
) -> None:
    command = react(kind, target_id, emoji)
    first = DECIDER.decide(None, command)
    assert [event.emoji for event in first] == [emoji]
    DECIDER.evolve(None, first[0])
    assert DECIDER.decide(None, command) == first
