"""What the members of a brand cost to read: the views' own queries in a brand of 100,000 beside one of 1,000."""

import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import ReplaceOne

from bench.harness import Line, mongo_server
from libs.access.roles import Role
from libs.shared import mongo
from libs.shared.domain import BrandId
from libs.shared.generations import Generations
from libs.shared.paging import PageRequest
from libs.shared.projection import View, Write
from libs.shared.recorded import Recorded
from services.members.member import MemberJoined
from services.members.profiles.audience import Viewer
from services.members.profiles.views.profiles import ProfilesGetMany, ProfilesView
from services.members.views.member_list import MemberListView, MemberPage, MemberSearch, MembersGetMany
from services.members.views.names import fold

_SMALL, _LARGE = 1_000, 100_000
_BUDGET: Final = 1.2
_BRAND = "b1"
_PAGE = 20
_ROUNDS, _CALLS = 7, 60
_INSERTS = 5_000

#: One member of each brand is called so, and nobody else has such a word.
_RARE = "Wyx Quorn"
#: The most frequent first: names follow Zipf's law, more or less.
_FIRST = (
    "Marie", "Anna", "Martin", "Jean", "Mohamed", "Julie", "Paul", "Sofia", "Léa", "Thomas", "Ines", "Karim", "Marta",
    "Elena", "Olivier", "Nora", "Hugo", "Chloé", "David", "Fatou", "Sven", "Yuki", "Ivan", "Rosa", "Björn", "Zoé",
)  # fmt: skip
_SYLLABLES = ("mar", "be", "lo", "du", "sch", "an", "ri", "ko", "ve", "ta", "no", "ber", "ge", "li", "son", "do", "mi")


@dataclass
class Brand:
    """A filled brand: its two views, and the ids and names of its members."""

    members: MemberListView
    profiles: ProfilesView
    ids: list[str]
    names: list[str]


Question = Callable[[Brand, random.Random], Awaitable[object]]


async def run() -> list[Line]:
    """A row a question."""
    with mongo_server() as url:
        client = mongo.connect(url)
        small = await _filled(client["bench_small"], _SMALL)
        large = await _filled(client["bench_large"], _LARGE)
        lines = [await _compared(what, ask, small, large) for what, ask in await _questions(small, large)]
        client.close()
    return lines


async def _questions(*brands: Brand) -> list[tuple[str, Question]]:
    middle = {id(brand): (await _page(brand, after=None)).cursors[-1] for brand in brands}
    return [
        ("member_page, the first", lambda brand, _: _page(brand, after=None)),
        ("member_page, after a cursor", lambda brand, _: _page(brand, after=middle[id(brand)])),
        ("member_search by one letter that many have", _search_common(brands[0].names, 1)),
        ("member_search by three letters that many have", _search_common(brands[0].names, 3)),
        ("member_search, the second page", await _second_pages(brands)),
        ("member_search by a word that one has", lambda brand, _: _search(brand, "quorn")),
        ("member_search by what nobody has", lambda brand, _: _search(brand, "xyzzy")),
        ("members_get_many of 20", _get_members),
        ("profiles_get_many of 20", _get_profiles),
    ]


async def _page(brand: Brand, after: str | None) -> Any:
    page = PageRequest(first=_PAGE, after=after)
    found = await brand.members.member_page(MemberPage(brand=_BRAND, viewer="m", page=page))
    assert len(found.items) == _PAGE
    return found


async def _search(brand: Brand, prefix: str, after: str | None = None) -> Any:
    query = MemberSearch(brand=_BRAND, viewer="m", prefix=prefix, first=_PAGE, after=after)
    found = await brand.members.member_search(query)
    assert len(found.items) == {"quorn": 1, "xyzzy": 0}.get(prefix, _PAGE)
    return found


def _search_common(names: Sequence[str], letters: int) -> Question:
    """Search by beginnings that so many have that a page is full; where a page stands among the samples is chance."""
    words = [word for name in names for word in fold(name).split()]
    common = [prefix for prefix, often in Counter(word[:letters] for word in words).items() if often > _PAGE]
    return lambda brand, draw: _search(brand, draw.choice(common))


async def _second_pages(brands: Sequence[Brand]) -> Question:
    """The second page of such beginnings; each is full in both brands."""
    words = [word for name in brands[0].names for word in fold(name).split()]
    often = [start for start, number in Counter(word[:2] for word in words).items() if number > 2 * _PAGE]
    after = {(id(brand), start): (await _search(brand, start)).cursors[-1] for brand in brands for start in often}

    async def ask(brand: Brand, draw: random.Random) -> object:
        start = draw.choice(often)
        return await _search(brand, start, after[id(brand), start])

    return ask


async def _get_members(brand: Brand, draw: random.Random) -> object:
    found = await brand.members.members_get_many(
        MembersGetMany(brand=_BRAND, viewer="m", ids=draw.sample(brand.ids, _PAGE))
    )
    assert all(found)
    return found


async def _get_profiles(brand: Brand, draw: random.Random) -> object:
    query = ProfilesGetMany(brand=_BRAND, viewer="m", ids=draw.sample(brand.ids, _PAGE))
    found = await brand.profiles.profiles_get_many(query, Viewer("m", frozenset({Role.MEMBER})))
    assert all(found)
    return found


async def _compared(what: str, ask: Question, small: Brand, large: Brand) -> Line:
    """The median time of a call in each brand, both asked in turn."""
    times: dict[int, list[float]] = {id(small): [], id(large): []}
    for number in range(_ROUNDS):
        for brand in (small, large):
            draw = random.Random(number)
            for _ in range(_CALLS):
                began = time.perf_counter()
                await ask(brand, draw)
                times[id(brand)].append(time.perf_counter() - began)
    limit, measured = (1_000 * statistics.median(times[id(brand)]) for brand in (small, large))
    ratio = measured / limit
    return Line(
        what=f"{what}, {_LARGE:,} members",
        measured=measured,
        unit="ms",
        limit=limit,
        limit_what=f"{_SMALL:,} members",
        ratio=ratio,
        budget=f"≤ {_BUDGET:g} ×",
        met=ratio <= _BUDGET,
    )


async def _filled(database: mongo.Database, size: int) -> Brand:
    """The views as the projector would leave them, written as fast as the server takes it."""
    ids = [f"m{number:06}" for number in range(size)]
    joined = list(_joined(ids))
    brand = Brand(MemberListView(), ProfilesView(), ids, [one.event.display_name for one in joined])
    for view in (brand.members, brand.profiles):
        generations = Generations(database)
        opened = await generations.open(view)
        view.bind(opened.generation.key, generations.collections(view, opened.generation))
        for collection, documents in _documents(view, joined).items():
            for start in range(0, len(documents), _INSERTS):
                await view.collection(collection).insert_many(documents[start : start + _INSERTS], ordered=False)
    await brand.members.collection("totals").insert_one({"_id": _BRAND, "count": size})
    return brand


def _documents(view: View, joined: Sequence[Recorded[MemberJoined]]) -> dict[str, list[Any]]:
    """What the view makes of them, by collection; counters are left out."""
    found: dict[str, list[Any]] = {}
    for change in itertools.chain.from_iterable(map(view.project, joined)):
        if isinstance(change, Write) and isinstance(change.operation, ReplaceOne):
            found.setdefault(change.collection, []).append(change.operation._doc)
    return found


def _joined(ids: Sequence[str]) -> Iterator[Recorded[MemberJoined]]:
    """They joined within a year, in the order of their ids."""
    draw = random.Random(31)
    first = draw.choices(_FIRST, [1 / (rank + 2) for rank in range(len(_FIRST))], k=len(ids))
    began = datetime(2025, 1, 1, tzinfo=UTC)
    for number, id_ in enumerate(ids):
        last = "".join(draw.choices(_SYLLABLES, [1 / (rank + 3) for rank in range(len(_SYLLABLES))], k=3)).title()
        name = _RARE if number == 0 else f"{first[number]} {last}"
        at = began + timedelta(days=365) * (number / len(ids))
        yield Recorded(
            event=MemberJoined(identity=f"i{number}", display_name=name, email=f"{id_}@example.org"),
            id=id_, brand=BrandId(_BRAND), aggregate="member", aggregate_id=id_, actor=id_, time=at, recorded_at=at,
            causation_id="c", correlation_id="c", stream="MEMBERS", sequence=number + 1,
        )  # fmt: skip
