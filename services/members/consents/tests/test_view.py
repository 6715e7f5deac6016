"""What the view of consents shows after given events, on a real database."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.shared.domain import DomainError
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, view_bench
from services.members.consents.consent import ConsentEvent, ConsentGiven, ConsentWithdrawn
from services.members.consents.purposes import (
    BUILT_IN,
    ConsentPurposePublished,
    ConsentPurposeRestored,
    ConsentPurposeRetired,
    ConsentText,
)
from services.members.consents.views.consents import (
    ConsentHistory,
    ConsentPurposes,
    ConsentReport,
    ConsentsOfMember,
    ConsentsView,
    ConsentTextEdition,
    EditionCount,
    PurposeCount,
)

Bench = ViewBench[ConsentsView]
WORDS = [[ConsentText(language="en", text=f"Call me, {number}.")] for number in range(3)]
ASKED: dict[str, Any] = {"brand": "b1", "viewer": "m1"}


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[Bench]:
    async with view_bench(ConsentsView(), mongo_url) as made:
        yield made


async def published(bench: Bench, purpose: str, *editions: int) -> None:
    for edition in editions:
        event = ConsentPurposePublished(purpose=purpose, edition=edition, texts=WORDS[edition])
        await bench.given(event, aggregate="consent_purposes", id="b1")


async def agreed(bench: Bench, member: str, *steps: tuple[ConsentEvent, int]) -> None:
    """Events of a member, each so many days after noon."""
    for event, days in steps:
        await bench.given(event, aggregate="member", id=member, time=NOON + timedelta(days=days))


GIVEN, AGAIN = ConsentGiven(purpose="calls", edition=1), ConsentGiven(purpose="calls", edition=2, replaced=1)
WITHDRAWN = ConsentWithdrawn(purpose="calls", edition=2)
PHOTOS = ConsentGiven(purpose="photos", edition=1)


async def test_purposes_and_their_texts(bench: Bench) -> None:
    await published(bench, "calls", 1, 2)
    await published(bench, "photos", 2)
    await bench.given(ConsentPurposeRetired(purpose="nudges"), aggregate="consent_purposes", id="b1")
    shown = {one.purpose: one for one in await bench.view.consent_purposes(ConsentPurposes(**ASKED))}
    assert {key: (one.edition, one.retired) for key, one in shown.items()} == {
        "calls": (2, False), "digest": (1, False), "networking": (1, False), "nudges": (1, True), "photos": (2, False),
    }  # fmt: skip
    assert (shown["calls"].texts, shown["digest"].texts) == (WORDS[2], BUILT_IN["digest"])
    await bench.given(ConsentPurposeRestored(purpose="nudges"), aggregate="consent_purposes", id="b1")
    assert not any(one.retired for one in await bench.view.consent_purposes(ConsentPurposes(**ASKED)))

    async def text(purpose: str, edition: int, brand: str = "b1") -> list[ConsentText]:
        query = ConsentTextEdition(brand=brand, viewer="m1", purpose=purpose, edition=edition)
        return await bench.view.consent_text_edition(query)

    assert await text("calls", 1) == WORDS[1], "an old edition stays readable"
    assert (await text("photos", 1), await text("photos", 2)) == (BUILT_IN["photos"], WORDS[2])
    for purpose, edition, brand in (("calls", 3, "b1"), ("calls", 1, "b2"), ("other", 1, "b1")):
        with pytest.raises(DomainError) as refusal:
            await text(purpose, edition, brand)
        assert refusal.value.code == "NOT_FOUND"


async def test_to_what_a_member_agreed_at_a_moment(bench: Bench) -> None:
    await agreed(bench, "m1", (GIVEN, 1), (PHOTOS, 2), (AGAIN, 3), (WITHDRAWN, 5))
    await agreed(bench, "m2", (PHOTOS, 1))

    async def held(days: float | None) -> dict[str, tuple[int, datetime]]:
        at = None if days is None else NOON + timedelta(days=days)
        found = await bench.view.consents_of_member(ConsentsOfMember(**ASKED, member_id="m1", as_of=at))
        return {one.purpose: (one.edition, one.given_at) for one in found}

    photos = {"photos": (1, NOON + timedelta(days=2))}
    assert await held(0.5) == {}
    assert await held(1) == {"calls": (1, NOON + timedelta(days=1))}
    assert await held(4) == {"calls": (2, NOON + timedelta(days=3)), **photos}
    assert await held(5) == await held(None) == photos


async def test_the_history_newest_first(bench: Bench) -> None:
    await agreed(bench, "m1", (GIVEN, 1), (AGAIN, 3), (WITHDRAWN, 5))
    await agreed(bench, "m2", (PHOTOS, 1))
    first = await bench.view.consent_history(ConsentHistory(**ASKED, member_id="m1", page=PageRequest(first=2)))
    assert [(one.edition, one.given, one.at) for one in first.items] == [
        (2, False, NOON + timedelta(days=5)), (2, True, NOON + timedelta(days=3)),
    ]  # fmt: skip
    assert first.has_next
    rest = PageRequest(first=2, after=first.cursors[-1])
    second = await bench.view.consent_history(ConsentHistory(**ASKED, member_id="m1", page=rest))
    assert ([(one.edition, one.given) for one in second.items], second.has_next) == ([(1, True)], False)


async def test_the_report_adds_up(bench: Bench) -> None:
    await agreed(bench, "m1", (GIVEN, 1), (AGAIN, 3))
    await agreed(bench, "m2", (GIVEN, 1), (PHOTOS, 1))
    await agreed(bench, "m3", (GIVEN, 1), (AGAIN, 2), (WITHDRAWN, 3))
    await bench.given(GIVEN, brand="b2", id="m9")
    report = await bench.view.consent_report(ConsentReport(**ASKED))
    counts = [EditionCount(edition=1, members=1), EditionCount(edition=2, members=1)]
    assert report == [
        PurposeCount(purpose="calls", members=2, editions=counts),
        PurposeCount(purpose="photos", members=1, editions=[EditionCount(edition=1, members=1)]),
    ]
