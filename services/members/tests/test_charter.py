"""The specification of a charter, and what its view answers for any moment."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.testing.bdd import given
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.charter import DECIDER, CharterPart, ManifestoPublished, PublishCharter, RulesPublished
from services.members.member import MemberJoined, MemberLeft, RulesAccepted
from services.members.views.charters import (
    CharterEditions,
    CharterOfBrand,
    ChartersView,
    RulesAcceptance,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
RULES, MANIFESTO = RulesPublished(edition=1, text="Be kind."), ManifestoPublished(edition=1, text="We help.")
ANYBODY: dict[str, Any] = {"brand": "_", "viewer": "anybody", "brand_id": "b1"}


def publish(part: CharterPart = CharterPart.RULES, text: str = "Be kind.", **changes: Any) -> PublishCharter:
    envelope = {"command_id": "c1", "brand": "b1", "actor": "m1", "now": NOW, "roles": {"member", "builder"}}
    return PublishCharter(**{**envelope, "brand_id": "b1", "part": part, "text": text, **changes})


def test_editions_count_for_each_text() -> None:
    given(DECIDER).when(publish()).then(RULES)
    given(DECIDER, RULES).when(publish(text="Be kinder.")).then(RulesPublished(edition=2, text="Be kinder."))
    given(DECIDER, RULES).when(publish(CharterPart.MANIFESTO, "We help.")).then(MANIFESTO)


def test_the_same_words_again_ask_nobody_again() -> None:
    given(DECIDER, RULES).when(publish()).then_nothing()
    given(DECIDER, MANIFESTO).when(publish(CharterPart.MANIFESTO, "We help.")).then_nothing()
    newer = RulesPublished(edition=2, text="Be kinder.")
    given(DECIDER, RULES, newer).when(publish()).then(RulesPublished(edition=3, text="Be kind."))


def test_the_first_only_gives_way_to_what_is_there() -> None:
    given(DECIDER).when(publish(only_the_first=True)).then(RULES)
    given(DECIDER, RULES).when(publish(text="Other", only_the_first=True)).then_nothing()
    given(DECIDER, MANIFESTO).when(publish(only_the_first=True)).then(RULES)


def test_leaders_publish() -> None:
    given(DECIDER).when(publish(roles={"member", "moderator"})).then_raises("FORBIDDEN")
    given(DECIDER).when(publish(brand="b2")).then_raises("NOT_FOUND", ("brand_id",))


@pytest.mark.parametrize("text", ["", " \n\t", "a\x00", "x" * 20_001])
def test_what_is_no_text(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(publish(text=text)), PublishCharter)


@for_all(some.lists(some.builds(publish, some.sampled_from(CharterPart), some.sampled_from(["a", "b"]))))
def test_a_command_repeated_changes_nothing(sent: list[PublishCharter]) -> None:
    state = DECIDER.initial
    for one in sent:
        for event in DECIDER.decide(state, one):
            state = DECIDER.evolve(state, event)
        assert DECIDER.decide(state, one) == []


@pytest.fixture
async def charters(mongo_url: str) -> AsyncIterator[ViewBench[ChartersView]]:
    async with view_bench(ChartersView(), mongo_url) as bench:
        yield bench


def day(number: int) -> datetime:
    return NOON + timedelta(days=number)


async def test_what_holds_and_what_held(charters: ViewBench[ChartersView]) -> None:
    newer = RulesPublished(edition=2, text="Be kinder.")
    for number, event in enumerate((RULES, MANIFESTO, newer)):
        await charters.given(event, aggregate="charter", id="b1", time=day(number))
    await charters.given(RulesPublished(edition=1, text="Theirs"), aggregate="charter", id="b2", brand="b2")
    view = charters.view

    async def held(as_of: datetime | None) -> tuple[str | None, ...]:
        shown = await view.charter_of_brand(CharterOfBrand(**ANYBODY, as_of=as_of))
        return tuple(text.text if text else None for text in (shown.manifesto, shown.rules))

    assert await held(None) == ("We help.", "Be kinder.")
    assert [await held(day(n)) for n in (-1, 0, 1, 2)] == [
        (None, None), (None, "Be kind."), ("We help.", "Be kind."), ("We help.", "Be kinder."),
    ]  # fmt: skip
    found = await view.charter_editions(CharterEditions(**ANYBODY, part=CharterPart.RULES))
    assert [(item.edition, item.text, item.published_by) for item in found.items] == [
        (2, "Be kinder.", "m1"), (1, "Be kind.", "m1"),
    ]  # fmt: skip


async def test_who_accepted_what_when(charters: ViewBench[ChartersView]) -> None:
    await charters.given(RULES, aggregate="charter", id="b1", time=day(0))
    joined = MemberJoined(identity="i", display_name="Marie")
    await charters.given(joined, RulesAccepted(edition=1), aggregate="member", id="m1", time=day(1))
    await charters.given(RulesPublished(edition=2, text="New"), aggregate="charter", id="b1", time=day(2))
    await charters.given(RulesAccepted(edition=2), MemberLeft(), aggregate="member", id="m1", time=day(3))

    async def accepted(as_of: datetime | None, member: str = "m1", brand: str = "b1") -> tuple[int | None, bool]:
        query = RulesAcceptance(brand=brand, viewer=member, member_id=member, as_of=as_of)
        shown = await charters.view.rules_acceptance(query)
        return shown.accepted.edition if shown.accepted else None, shown.must_accept

    assert [await accepted(day(n)) for n in range(-1, 4)] == [
        (None, False), (None, True), (1, False), (1, True), (2, False),
    ]  # fmt: skip
    assert await accepted(None) == (2, False), "who left has accepted it nevertheless"
    assert await accepted(None, "m2") == (None, True)
    assert await accepted(None, brand="b2") == (None, False)


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (RULES, RulesPublished(edition=2, text="New"), MANIFESTO)
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(ChartersView(), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, aggregate="charter", id="b1", time=NOON)
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
