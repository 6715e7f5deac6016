"""The process that lets facts count, over a real memory: what it sends, once, in whatever order streams come."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from libs.shared.domain import Accepted, BrandId, DomainError, Event
from libs.shared.ids import uuid7
from libs.shared.mongo import Collection, connect
from libs.shared.recorded import Recorded
from services.members.recognition.recording import Recording
from services.members.recognition.sources import (
    AttendeeCheckedIn,
    IdeaStatusChanged,
    IdeaSubmitted,
    MemberJoined,
    MemberLeft,
    PostPublished,
    ReactionAdded,
    ReplyPublished,
    VoteCast,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Sent(NamedTuple):
    """A command as it was sent, without what every one has."""

    member: str
    what: str
    about: tuple[str, ...]
    sequence: int


def recorded(event: Event, id_: str, actor: str, sequence: int, brand: str) -> Recorded[Event]:
    return Recorded(
        event=event, id=f"e{sequence}", brand=BrandId(brand), aggregate="thing", aggregate_id=id_, actor=actor,
        time=NOON, recorded_at=NOON, causation_id="c", correlation_id="c", stream="S", sequence=sequence,
    )  # fmt: skip


class World:
    """A process with a memory, and the commands that it sends."""

    def __init__(self, memory: Collection, size: int) -> None:
        self.size = size
        self.sent: dict[str, Sent] = {}
        self.repeats = 0
        self.refusals: list[DomainError] = []
        self._recording = Recording(memory, self._send)

    async def follow(self, *events: tuple[Event, str, str], brand: str = "b1", after: int = 0) -> list[Sent]:
        """Hand over events (event, aggregate, actor) of a stream; returns what was sent for the first time."""
        before = len(self.sent)
        batch = [recorded(event, id_, actor, n, brand) for n, (event, id_, actor) in enumerate(events, after + 1)]
        for start in range(0, len(batch), self.size):
            await self._recording.handle(batch[start : start + self.size])
        return list(self.sent.values())[before:]

    async def _send(self, service: str, aggregate: str, name: str, message: dict[str, Any]) -> Accepted:
        if self.refusals:
            raise self.refusals.pop()
        assert (service, aggregate, message["actor"], message["now"]) == ("members", "score", "system", NOON)
        what = message["fact"] if name == "record_fact" else f"{message['reason']} {message['absent']}"
        sent = Sent(message["member_id"], what, tuple(message.get("about", ())), message["place"]["sequence"])
        self.repeats += message["command_id"] in self.sent
        assert self.sent.setdefault(message["command_id"], sent) == sent, "the same id is the same command"
        return Accepted(id="x", position={})


@pytest.fixture(params=[1, 100], ids=["one by one", "together"])
async def world(mongo_url: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    client = connect(mongo_url)
    database = client[f"test_{uuid7()}"]
    yield World(database["memory"], request.param)
    await client.drop_database(database.name)
    client.close()


POST, REPLY = (PostPublished(), "t1", "ada"), (ReplyPublished(reply_id="r1"), "t1", "bob")
HEART = ReactionAdded(target_id="r1", emoji="heart")


async def test_who_made_a_thing_is_credited_with_what_others_do_to_it(world: World) -> None:
    sent = await world.follow(POST, REPLY, (HEART, "t1", "ada"), (HEART, "t1", "cleo"))
    assert sent == [
        Sent("ada", "post_published", ("t1",), 1),
        Sent("bob", "reply_published", ("t1", "r1"), 2),
        Sent("bob", "reply_reaction_received", ("t1", "r1"), 3),
        Sent("bob", "reply_reaction_received", ("t1", "r1"), 4),
    ]


async def test_nobody_is_credited_with_what_they_do_to_their_own_things(world: World) -> None:
    await world.follow(POST, (IdeaSubmitted(), "i1", "ada"))
    own = [
        (ReplyPublished(reply_id="r9"), "t1", "ada"),
        (ReactionAdded(target_id="t1", emoji="heart"), "t1", "ada"),
        (VoteCast(member_id="ada"), "i1", "ada"),
        (IdeaStatusChanged(status="shipped"), "i1", "ada"),
    ]
    assert await world.follow(*own, after=2) == []


async def test_a_fact_counts_once_however_often_it_is_done(world: World) -> None:
    again = ReactionAdded(target_id="t1", emoji="rocket")
    sent = await world.follow(
        POST,
        (again, "t1", "bob"),
        (ReactionAdded(target_id="t1", emoji="heart"), "t1", "bob"),
        (again, "t1", "bob"),
        (AttendeeCheckedIn(member_id="bob"), "v1", "olga"),
        (AttendeeCheckedIn(member_id="bob"), "v1", "olga"),
        (AttendeeCheckedIn(member_id="bob"), "v2", "olga"),
    )
    assert [(one.what, one.sequence) for one in sent] == [
        ("post_published", 1), ("post_reaction_received", 2), ("event_attended", 5), ("event_attended", 7),
    ]  # fmt: skip


async def test_an_idea_ships_once_and_a_member_votes_once(world: World) -> None:
    sent = await world.follow(
        (IdeaSubmitted(), "i1", "ada"),
        (VoteCast(member_id="bob"), "i1", "system"),
        (VoteCast(member_id="bob"), "i1", "bob"),
        (IdeaStatusChanged(status="shipped"), "i1", "olga"),
        (IdeaStatusChanged(status="planned"), "i1", "olga"),
        (IdeaStatusChanged(status="shipped"), "i1", "olga"),
    )
    assert [(one.member, one.what, one.sequence) for one in sent] == [
        ("ada", "idea_submitted", 1), ("ada", "vote_received", 2), ("ada", "idea_shipped", 4),
    ]  # fmt: skip


async def test_nobody_is_credited_with_what_nobody_made(world: World) -> None:
    official = (PostPublished(official=True), "t2", "olga")
    assert await world.follow(official, (ReactionAdded(target_id="t2", emoji="heart"), "t2", "bob")) == []
    assert await world.follow(POST, brand="b2", after=2) == [Sent("ada", "post_published", ("t1",), 3)]
    foreign = await world.follow((ReactionAdded(target_id="t1", emoji="heart"), "t1", "bob"), after=3)
    assert foreign == [], "what was made in another brand is not this one's"


async def test_who_brought_a_member_is_credited_once_and_who_leaves_is_away_until_they_come_back(
    world: World,
) -> None:
    sent = await world.follow(
        (MemberJoined(referrer="ada"), "bob", "bob"),
        (MemberJoined(), "cleo", "cleo"),
        (MemberLeft(), "bob", "bob"),
        (MemberJoined(referrer="cleo"), "bob", "bob"),
    )
    assert [one.what for one in sent if one.member == "bob"] == ["left True", "left False"]
    assert [(one.member, one.what) for one in sent if one.member != "bob"] == [("ada", "member_referred")]


async def test_what_is_handled_again_is_the_same_command(world: World) -> None:
    events = [POST, REPLY, (HEART, "t1", "cleo"), (HEART, "t1", "cleo"), (MemberLeft(), "bob", "bob")]
    first = await world.follow(*events)
    assert await world.follow(*events) == []
    assert world.repeats == len(first) == 4


async def test_it_insists_while_nobody_answers(world: World) -> None:
    world.refusals = [DomainError("UNAVAILABLE", ""), DomainError("CONFLICT", ""), DomainError("TIMEOUT", "")]
    assert len(await world.follow(POST)) == 1


async def test_of_who_was_erased_nothing_counts(world: World) -> None:
    world.refusals = [DomainError("ERASED", "")]
    assert [one.what for one in await world.follow(POST, REPLY)] == ["reply_published"]


async def test_what_ends_in_a_fault_is_not_passed_over(world: World) -> None:
    world.refusals = [DomainError("INTERNAL", "")]
    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await world.follow(POST)
    assert len(await world.follow(POST)) == 1


async def test_an_author_who_ships_it_first_does_not_take_the_fact_from_who_ships_it_later(world: World) -> None:
    shipped = IdeaStatusChanged(status="shipped")
    sent = await world.follow((IdeaSubmitted(), "i1", "ada"), (shipped, "i1", "ada"), (shipped, "i1", "olga"))
    assert [(one.what, one.sequence) for one in sent] == [("idea_submitted", 1), ("idea_shipped", 3)]
