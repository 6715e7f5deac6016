"""What each event means, and that the small structs here read what its owner writes."""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from libs.shared.codec import Codec
from libs.shared.domain import SYSTEM, BrandId, Event
from libs.shared.event_store import StoredMessage
from libs.shared.recorded import Recorded
from services.members.recognition.facts import Fact
from services.members.recognition.score import Absence
from services.members.recognition.sources import (
    SHIPPED,
    SOURCES,
    UNKIND,
    AttendeeCheckedIn,
    Away,
    Back,
    Credit,
    IdeaStatusChanged,
    IdeaSubmitted,
    Made,
    MemberJoined,
    MemberLeft,
    PostPublished,
    ReactionAdded,
    ReplyPublished,
    Source,
    VoteCast,
    read,
)

ROOT = Path(__file__).resolve().parents[4]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recorded(event: Event, id_: str = "x1", actor: str = "m1") -> Recorded[Any]:
    return Recorded(
        event=event, id="e1", brand=BrandId("b1"), aggregate="thing", aggregate_id=id_, actor=actor, time=NOON,
        recorded_at=NOON, causation_id="c", correlation_id="c", stream="S", sequence=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "meanings"),
    [
        (PostPublished(), [Made("post:x1", "m1"), Credit(Fact.POST_PUBLISHED, ("x1",), member="m1")]),
        (PostPublished(official=True), []),
        (
            ReplyPublished(reply_id="r1"),
            [
                Made("reply:r1", "m1"),
                Credit(Fact.REPLY_PUBLISHED, ("x1", "r1"), by="m1", member="m1", thing="post:x1"),
            ],
        ),
        (ReplyPublished(reply_id="r1", official=True), []),
        (
            ReactionAdded(target_id="x1", emoji="heart"),
            [Credit(Fact.POST_REACTION_RECEIVED, ("x1",), by="m1", thing="post:x1", once="reaction:x1:m1")],
        ),
        (
            ReactionAdded(target_id="r1", emoji="rocket"),
            [Credit(Fact.REPLY_REACTION_RECEIVED, ("x1", "r1"), by="m1", thing="reply:r1", once="reaction:r1:m1")],
        ),
        (ReactionAdded(target_id="x1", emoji="thumbs_down"), []),
        (IdeaSubmitted(), [Made("idea:x1", "m1"), Credit(Fact.IDEA_SUBMITTED, ("x1",), member="m1")]),
        (
            VoteCast(member_id="m2"),
            [Credit(Fact.VOTE_RECEIVED, ("x1",), by="m2", thing="idea:x1", once="vote:x1:m2")],
        ),
        (
            IdeaStatusChanged(status="shipped"),
            [Credit(Fact.IDEA_SHIPPED, ("x1",), by="m1", thing="idea:x1", once="shipped:x1")],
        ),
        (IdeaStatusChanged(status="planned"), []),
        (
            AttendeeCheckedIn(member_id="m2"),
            [Credit(Fact.EVENT_ATTENDED, ("x1",), member="m2", once="attended:x1:m2")],
        ),
        (MemberJoined(), [Back("x1", Absence.LEFT)]),
        (
            MemberJoined(referrer="m9"),
            [
                Back("x1", Absence.LEFT),
                Credit(Fact.MEMBER_REFERRED, ("x1",), by="x1", member="m9", once="referred:x1"),
            ],
        ),
        (MemberLeft(), [Away("x1", Absence.LEFT)]),
    ],
)
def test_what_an_event_means(event: Event, meanings: list[Any]) -> None:
    assert list(read(recorded(event))) == meanings


@pytest.mark.parametrize("actor", [SYSTEM, "sa_bot"])
@pytest.mark.parametrize(
    "event",
    [
        PostPublished(),
        ReplyPublished(reply_id="r1"),
        ReactionAdded(target_id="x1", emoji="heart"),
        IdeaSubmitted(),
    ],
)
def test_the_platform_and_programs_are_credited_with_nothing(event: Event, actor: str) -> None:
    assert list(read(recorded(event, actor=actor))) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.service)
def test_it_reads_what_the_owner_writes(source: Source) -> None:
    codec = Codec(source.service, source.events, skip_unknown=True)
    folder = ROOT / f"services/{source.service}/tests/golden"
    for event in source.events:
        files = sorted(folder.glob(f"{event.wire_name}.v*.json"))
        assert files, f"{event.wire_name} is no event of {source.service}"
        for file in files:
            [one] = codec.decode(message(source.service, file))
            assert type(one.event) is event
            list(read(one))


def test_the_word_for_a_shipped_idea_and_an_unkind_reaction_are_the_owners() -> None:
    idea, reaction = (importlib.import_module(f"services.{name}") for name in ("feedback.idea", "discussions.reaction"))
    assert SHIPPED == idea.Status.SHIPPED
    assert {reaction.Emoji(word) for word in UNKIND} == {reaction.Emoji.THUMBS_DOWN}


def message(service: str, file: Path) -> StoredMessage:
    [attributes] = json.loads(file.read_bytes())
    aggregate, id_ = attributes["subject"].split("/")
    subject = f"evt.{service}.{attributes['brand']}.{aggregate}.{id_}"
    return StoredMessage(subject, service.upper(), 1, NOON, file.read_bytes())
