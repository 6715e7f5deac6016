"""The specification of a brand's journey."""

from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.shared.testing.bdd import given
from services.members.journeys.journey import DECIDER, Completer, JourneyPublished, PublishJourney, StepKind, Wording
from services.members.journeys.tests.builders import COFFEE, HELLO, LEADER, NOW, RULES, STEPS, day, envelope, step

FIRST = JourneyPublished(edition=1, steps=STEPS, newcomers_from=NOW)


def publish(*steps: Any, **changes: Any) -> PublishJourney:
    fields = {"brand_id": "b1", "steps": steps or STEPS, "roles": LEADER, **changes}
    return PublishJourney(**envelope(**fields))


def test_editions_count_and_keep_their_newcomers() -> None:
    given(DECIDER).when(publish()).then(FIRST)
    second = JourneyPublished(edition=2, steps=(HELLO,), newcomers_from=NOW)
    given(DECIDER, FIRST).when(publish(HELLO, now=day(5))).then(second)


def test_the_same_steps_again_are_no_edition() -> None:
    given(DECIDER, FIRST).when(publish()).then_nothing()
    given(DECIDER).when(publish(steps=())).then_nothing()


def test_the_first_only_gives_way_to_what_is_there() -> None:
    given(DECIDER).when(publish(only_the_first=True)).then(FIRST)
    given(DECIDER, FIRST).when(publish(HELLO, only_the_first=True)).then_nothing()


def test_a_journey_that_ended_begins_anew_for_who_joins_from_then_on() -> None:
    end = JourneyPublished(edition=2, steps=(), newcomers_from=NOW)
    given(DECIDER, FIRST).when(publish(steps=(), now=day(1))).then(end)
    anew = JourneyPublished(edition=3, steps=(HELLO,), newcomers_from=day(9))
    given(DECIDER, FIRST, end).when(publish(HELLO, now=day(9))).then(anew)


def test_leaders_publish() -> None:
    given(DECIDER).when(publish(roles={"member", "moderator"})).then_raises("FORBIDDEN")
    given(DECIDER).when(publish(brand="b2")).then_raises("NOT_FOUND", ("brand_id",))


@pytest.mark.parametrize(
    ("steps", "code", "path"),
    [
        ((HELLO, HELLO), "DUPLICATE_STEP", ("steps", 1, "id")),
        ((RULES, structs.replace(RULES, id="rules-again")), "DUPLICATE_STEP", ("steps", 1, "kind")),
        ((structs.replace(RULES, space_id="s1"),), "INVALID", ("steps", 0, "space_id")),
        ((structs.replace(COFFEE, completed_by=None),), "INVALID", ("steps", 0, "completed_by")),
        ((structs.replace(HELLO, completed_by=Completer.LEADER),), "INVALID", ("steps", 0, "completed_by")),
        ((structs.replace(HELLO, wordings=HELLO.wordings[:1] * 2),), "INVALID", ("steps", 0, "wordings")),
        ((structs.replace(HELLO, wordings=(Wording(locale="xx", title="?"),)),), "INVALID", ("locale",)),
    ],
)
def test_what_is_no_journey(steps: tuple[Any, ...], code: str, path: tuple[str | int, ...]) -> None:
    given(DECIDER).when(publish(*steps)).then_raises(code, path)


def test_a_kind_that_can_be_done_twice_may_occur_twice() -> None:
    twice = (HELLO, structs.replace(HELLO, id="hello-again", space_id=None))
    given(DECIDER).when(publish(*twice)).then(structs.replace(FIRST, steps=twice))


@pytest.mark.parametrize(
    "changes",
    [
        {"after_hours": -1}, {"after_hours": 2 * 366 * 24 + 1}, {"id": "No Slug"}, {"wordings": ()},
        {"wordings": (Wording(locale="en", title="\n"),)}, {"kind": "poll"},
    ],
)  # fmt: skip
def test_what_is_no_step(changes: dict[str, Any]) -> None:
    command = publish(structs.replace(HELLO, **changes))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(command), PublishJourney)


def test_a_journey_has_thirty_steps_at_most() -> None:
    steps = [step(f"step-{number}", StepKind.REPLY, number) for number in range(31)]
    msgspec.convert(msgspec.to_builtins(publish(*steps[:30])), PublishJourney)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(publish(*steps)), PublishJourney)


@for_all(some.lists(some.lists(some.sampled_from(STEPS), unique=True).map(lambda steps: publish(steps=tuple(steps)))))
def test_a_command_repeated_changes_nothing(sent: list[PublishJourney]) -> None:
    state = DECIDER.initial
    for one in sent:
        for event in DECIDER.decide(state, one):
            state = DECIDER.evolve(state, event)
        assert DECIDER.decide(state, one) == []
