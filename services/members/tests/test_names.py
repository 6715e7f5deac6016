"""Who is found by how a name begins, on a real database."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from pymongo import ReplaceOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import BrandId, DomainError
from libs.shared.mongo import Collection
from libs.shared.recorded import Recorded
from libs.shared.testing.views import NOON, ViewBench, view_bench
from services.members.member import MemberJoined, MemberLeft, ProfileChanged
from services.members.views import names
from services.members.views.member_list import MemberListView, MemberSearch
from services.members.views.names import fold

Bench = ViewBench[MemberListView]


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[Bench]:
    async with view_bench(MemberListView(), mongo_url) as made:
        yield made


def joined(name: str) -> MemberJoined:
    return MemberJoined(identity="i1", display_name=name)


async def found(bench: Bench, prefix: str, brand: str = "b1", first: int = 100) -> list[str]:
    """The names that are found, page by page."""
    shown: list[str] = []
    after = None
    while True:
        query = MemberSearch(brand=brand, viewer="m1", prefix=prefix, first=first, after=after)
        page = await bench.view.member_search(query)
        assert len(page.items) == len(page.cursors) <= first
        assert page.has_previous is (after is not None)
        shown += [member.display_name for member in page.items]
        if not page.has_next:
            return shown
        assert len(page.items) == first
        after = page.cursors[-1]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Élodie O’Brien-Łuszcz", "elodie o brien luszcz"),
        ("STRAẞE Straße", "strasse strasse"),
        ("Ærøskøbing", "aeroskobing"),
        ("ＦＵＬＬ ﬁ", "full fi"),
        ("Ирина Толстая", "ирина толстая"),
        ("山田 太郎", "山田 太郎"),
        ("I\u0307zmir", "izmir"),
        ("🦊 Fox!", "fox"),
        ("🦊", ""),
    ],
)
def test_folding(name: str, folded: str) -> None:
    assert fold(name) == folded
    assert fold(folded) == folded


async def test_every_word_of_a_name_whatever_its_case_and_accents(bench: Bench) -> None:
    called = ["Élodie Martin", "Martin Éloy", "Eva", "Marta O’Brien-Łuszcz", "Ирина Толстая", "🦊"]
    for number, name in enumerate(called):
        await bench.given(joined(name), id=f"m{number}")
    await bench.given(joined("Martin Elsewhere"), brand="b2", id="m9")
    assert await found(bench, "mart") == ["Marta O’Brien-Łuszcz", "Élodie Martin", "Martin Éloy"], "by the word"
    assert await found(bench, "ELO") == ["Élodie Martin", "Martin Éloy"]
    assert await found(bench, "élodie mar") == ["Élodie Martin"], "more words go on with the name"
    assert await found(bench, "martin e") == ["Martin Éloy"]
    assert await found(bench, "lusz") == ["Marta O’Brien-Łuszcz"]
    assert await found(bench, "тол") == ["Ирина Толстая"]
    for nobody in ("lodie", "martinez", "zz", "🦊", "!"):
        assert await found(bench, nobody) == []


async def test_a_name_that_is_given_up_finds_nobody(bench: Bench) -> None:
    for id_ in ("m1", "m2", "m3"):
        await bench.given(joined("Marie Anne de Bourgogne"), id=id_)
    await bench.given(ProfileChanged(display_name="Mimi", bio=""), id="m1")
    await bench.given(MemberLeft(), id="m2")
    assert await found(bench, "bourg") == ["Marie Anne de Bourgogne"]
    assert await found(bench, "mi") == ["Mimi"]
    await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m3")
    assert await found(bench, "marie") == []
    await bench.given(joined("Marie"), id="m2")
    assert await found(bench, "marie") == ["Marie"], "who comes back is found again"
    assert len(await bench.documents("names")) <= 6


async def test_whoever_came_since_a_guide_was_remembered_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_SHARES", (1, 2, 4, 8, 16))
    await bench.given(joined("Marie"), id="m0")
    assert await found(bench, "mar") == ["Marie"]
    await _join(bench, {f"n{number:03}": "Marie" for number in range(100)})
    assert len(await found(bench, "mar", first=10)) == 101


async def test_a_cursor_of_another_list_is_refused(bench: Bench) -> None:
    await bench.given(joined("Marie"), id="m1")
    await bench.given(joined("Mario"), id="m2")
    page = await bench.view.member_search(MemberSearch(brand="b1", viewer="m1", prefix="mari", first=1))
    for prefix, after in (("paul", page.cursors[0]), ("mari", "x"), ("mari", "é"), ("mari", page.cursors[0] * 99)):
        with pytest.raises(DomainError) as refusal:
            await bench.view.member_search(MemberSearch(brand="b1", viewer="m1", prefix=prefix, after=after))
        assert (refusal.value.code, refusal.value.path) == ("INVALID", ("after",))


@pytest.mark.parametrize("remembered", [1, 20, 1_000])
async def test_pages_of_a_crowd_hold_each_member_once_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr(names, "_SHARES", (1, 2, 4, 8, 16))
    monkeypatch.setattr(names, "_REMEMBERED", remembered)  # so that a small crowd has samples too
    draw = random.Random(7)
    first, last = ["Ana", "Anaïs", "Anna", "Bo"], ["Martin", "Mar", "Marx", "Zed"]
    crowd = {f"m{number:04}": f"{draw.choice(first)} {draw.choice(last)}" for number in range(200)}
    await _join(bench, crowd)
    for prefix, size in (("ana", 7), ("a", 100), ("mar", 20), ("bo zed", 3)):
        expected = sorted(
            (f"{' '.join(fold(name).split()[start:])}\0{member}", name)
            for member, name in crowd.items()
            for start in range(2)
            if " ".join(fold(name).split()[start:]).startswith(prefix)
        )
        assert await found(bench, prefix, first=size) == [name for _, name in expected]


class Shelf:
    """Stands in for a collection of names, and counts the documents that each range holds."""

    def __init__(self, brand: str, called: dict[str, str]) -> None:
        self.read = self.asked = 0
        self._keys: dict[str, list[str]] = {}
        for member, name in called.items():
            for write in names.named(brand, member, name):
                assert isinstance(write.operation, ReplaceOne)
                document = cast(dict[str, str], write.operation._doc)
                self._keys.setdefault(document["list"], []).append(document["key"])
        for keys in self._keys.values():
            keys.sort()

    def find(self, where: dict[str, Any], _fields: object) -> "Shelf":
        keys = self._keys.get(where["list"], [])
        self._found = keys[bisect_right(keys, where["key"]["$gt"]) : bisect_left(keys, where["key"]["$lt"])]
        self.read += len(self._found)
        self.asked += 1
        return self

    def sort(self, *_order: object) -> "Shelf":
        return self

    async def __aiter__(self) -> AsyncIterator[dict[str, str]]:
        for key in self._found:
            yield {"key": key}


async def test_what_a_page_reads_does_not_grow_with_the_brand() -> None:
    draw = random.Random(3)
    syllables = ["mar", "an", "be", "lo", "ri", "ko", "du", "sch"]

    def name() -> str:
        return " ".join("".join(draw.choices(syllables, [8, 6, 5, 4, 3, 2, 1, 1], k=3)) for _ in range(2))

    async def cost(size: int) -> tuple[float, float]:
        """The documents and the ranges that a page of 20 reads on average."""
        shelf = Shelf("b1", {f"m{number}": name() for number in range(size)})
        guide = await names.Guides().read(cast(Collection, shelf), "b1", size)
        assert len(guide.keys) < 10_000
        shelf.read = shelf.asked = 0
        pages = 0
        for prefix in ("m", "ma", "mar", "b", "lo", "an", "r", "k"):
            after = None
            for _ in range(3):
                found = await names.find(cast(Collection, shelf), guide, prefix, 20, after)
                assert len(found.members) == 20
                after, pages = found.cursors[-1], pages + 1
        return shelf.read / pages, shelf.asked / pages

    (few, ranges), (many, more_ranges) = await cost(1_000), await cost(50_000)
    assert few < 60 and ranges < 4
    assert many < 60 and more_ranges < 4, "a page holds 20, and what follows it tells that there is more"


async def _join(bench: Bench, crowd: dict[str, str]) -> None:
    events = [
        Recorded(
            event=joined(name), id=member, brand=BrandId("b1"), aggregate="member", aggregate_id=member,
            actor=member, time=NOON, recorded_at=NOON, causation_id="c", correlation_id="c",
            stream="MEMBERS", sequence=sequence,
        )
        for sequence, (member, name) in enumerate(crowd.items(), 1)
    ]  # fmt: skip
    for start in range(0, len(events), 100):
        await bench.given_recorded(*events[start : start + 100])
