"""Pages against a model, a sorted Python list, on the real server."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.shared import paging
from libs.shared.cursors import MAX_KEY, MIN_KEY, Place, decode_cursor, encode_cursor
from libs.shared.domain import Invalid
from libs.shared.ids import uuid7
from libs.shared.mongo import Collection, Database, Document, connect
from libs.shared.paging import Page, PageRequest, Without, page, page_index

HOUR_MS = 3_600_000
NOW_MS = 1_780_000_000_000


@pytest.fixture(autouse=True)
def nothing_learnt() -> Iterator[None]:
    paging._shapes.clear()
    yield
    paging._shapes.clear()


@pytest.fixture(scope="module")
async def database(mongo_url: str) -> AsyncIterator[Database]:
    client = connect(mongo_url)
    made = client[f"test_{uuid7()}"]
    yield made
    await client.drop_database(made.name)
    client.close()


@pytest.fixture
async def posts(database: Database) -> Collection:
    collection = database[f"posts_{uuid7()}"]
    await collection.create_indexes([page_index("brand", "at")])
    return collection


async def fill(collection: Collection, keys: list[int], brand: str = "b1") -> None:
    if keys:
        await collection.insert_many(
            [{"_id": f"{brand}:{number:04}", "brand": brand, "at": key} for number, key in enumerate(keys)]
        )


def ids(found: Page[Document]) -> list[str]:
    return [document["_id"].partition(":")[2].lstrip("0") or "0" for document in found.items]


async def walk(fetch: Callable[[PageRequest], Any], size: int, *, backwards: bool = False) -> list[str]:
    """All ids page by page, in the order of the list."""
    met: list[str] = []
    cursor: str | None = None
    while True:
        request = PageRequest(last=size, before=cursor) if backwards else PageRequest(first=size, after=cursor)
        found: Page[Document] = await fetch(request)
        met = [*ids(found), *met] if backwards else [*met, *ids(found)]
        assert len(found.items) == len(found.cursors) <= size
        if not (found.has_previous if backwards else found.has_next):
            return met
        cursor = found.cursors[0 if backwards else -1]


class Model(NamedTuple):
    """What a page is by definition."""

    documents: list[Document]
    floor: int | None
    ceiling: int | None
    descending: bool

    def page(self, request: PageRequest) -> tuple[list[str], bool, bool]:
        places = sorted(
            (
                (document["at"], document["_id"])
                for document in self.documents
                if (self.floor is None or document["at"] >= self.floor)
                and (self.ceiling is None or document["at"] <= self.ceiling)
            ),
            reverse=self.descending,
        )
        if request.last is not None:
            before = None if request.before is None else tuple(decode_cursor(request.before))
            rest = [place for place in places if before is None or self._precedes(place, before)]
            return [place[1] for place in rest[-request.last :]], before is not None, len(rest) > request.last
        after = None if request.after is None else tuple(decode_cursor(request.after))
        rest = [place for place in places if after is None or self._precedes(after, place)]
        size = request.first or paging.DEFAULT_SIZE
        return [place[1] for place in rest[:size]], len(rest) > size, after is not None

    def _precedes(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
        return one > other if self.descending else one < other


# Keys close together, with ties, far apart, on both sides of 1970 and of the present.
keys = st.one_of(
    st.integers(-3, 12),
    st.integers(NOW_MS - HOUR_MS, NOW_MS),
    st.integers(0, NOW_MS),
    st.sampled_from([MIN_KEY, -HOUR_MS, NOW_MS * 3, MAX_KEY]),
)
bounds = st.one_of(st.none(), keys)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(keys, max_size=25), bounds, bounds, st.booleans(), st.integers(1, 9), st.booleans(), st.none() | keys)
async def test_a_page_is_what_the_sorted_list_says(
    posts: Collection,
    held: list[int],
    floor: int | None,
    ceiling: int | None,
    descending: bool,
    size: int,
    backwards: bool,
    at: int | None,
) -> None:
    brand = uuid7()
    await fill(posts, held, brand)
    await fill(posts, [1, 2, NOW_MS], f"{brand}x")
    documents = await posts.find({"brand": brand}).to_list(None)
    model = Model(documents, floor, ceiling, descending)
    cursor = None if at is None else encode_cursor(Place(at, f"{brand}:{len(held) // 2:04}"))
    for _ in range(3):
        request = PageRequest(last=size, before=cursor) if backwards else PageRequest(first=size, after=cursor)
        found = await page(
            posts,
            prefix={"brand": brand},
            key="at",
            request=request,
            floor=floor,
            ceiling=ceiling,
            descending=descending,
        )
        assert ([item["_id"] for item in found.items], found.has_previous if backwards else found.has_next) == (
            model.page(request)[0],
            model.page(request)[2 if backwards else 1],
        )
        assert (found.has_next if backwards else found.has_previous) is (cursor is not None)
        assert [tuple(decode_cursor(one)) for one in found.cursors] == [(one["at"], one["_id"]) for one in found.items]
        if not found.items:
            break
        cursor = found.cursors[0 if backwards else -1]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
async def test_all_pages_together_are_the_list(posts: Collection, descending: bool, backwards: bool) -> None:
    chance = random.Random(5)
    held = [NOW_MS - chance.choice([0, 1, 2, HOUR_MS, 900 * HOUR_MS]) - chance.randrange(3) for _ in range(60)]
    await fill(posts, held)

    async def fetch(request: PageRequest) -> Page[Document]:
        return await page(posts, prefix={"brand": "b1"}, key="at", request=request, descending=descending)

    order = sorted(range(60), key=lambda number: (held[number], number), reverse=descending)
    assert await walk(fetch, 7, backwards=backwards) == [str(number) for number in order]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("tail", [[], ["_id"]])
async def test_any_index_of_the_list_gives_the_same(database: Database, direction: int, tail: list[str]) -> None:
    posts = database[f"posts_{uuid7()}"]
    await posts.create_index([("brand", 1), *((field, direction) for field in ("at", *tail))])
    await fill(posts, list(range(40)))
    for descending in (False, True):
        order = [str(number) for number in sorted(range(5, 31), reverse=descending)]
        for size in (3, 8):

            async def fetch(request: PageRequest, descending: bool = descending) -> Page[Document]:
                return await page(
                    posts,
                    prefix={"brand": "b1"},
                    key="at",
                    request=request,
                    floor=5,
                    ceiling=30,
                    descending=descending,
                )

            assert await walk(fetch, size) == order
            assert await walk(fetch, size, backwards=True) == order


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
async def test_what_is_left_out_is_in_no_page(posts: Collection, descending: bool, backwards: bool) -> None:
    rooms = random.Random(7).choices("abc", k=90)
    await posts.insert_many(
        {"_id": f"b1:{number:04}", "brand": "b1", "at": NOW_MS + number // 9 * HOUR_MS, "room": room}
        for number, room in enumerate(rooms)
    )

    def fetch(keep: Without | None) -> Callable[[PageRequest], Any]:
        prefix = {"brand": "b1"}
        return lambda asked: page(posts, prefix=prefix, key="at", request=asked, descending=descending, keep=keep)

    for hidden in ((), ("a",), ("a", "c"), ("a", "b", "c")):
        expected = [str(number) for number, room in enumerate(rooms) if room not in hidden]
        for size in (1, 4, 20):
            found = await walk(fetch(Without("room", hidden) if hidden else None), size, backwards=backwards)
            assert found == (expected[::-1] if descending else expected)


async def test_inserts_meanwhile_move_nothing(posts: Collection) -> None:
    await fill(posts, [number * 10 for number in range(200)])
    done = asyncio.Event()

    async def insert() -> None:
        chance, number = random.Random(2), 0
        while not done.is_set():
            number += 1
            await posts.insert_one({"_id": f"b1:new{number}", "brand": "b1", "at": chance.randrange(2_000)})

    inserting = asyncio.create_task(insert())

    async def fetch(request: PageRequest) -> Page[Document]:
        return await page(posts, prefix={"brand": "b1"}, key="at", request=request, floor=0, ceiling=2_000)

    met = await walk(fetch, 9)
    done.set()
    await inserting
    assert [one for one in met if not one.startswith("new")] == [str(number) for number in range(200)]
    assert len(set(met)) == len(met)


async def test_a_deleted_item_is_still_a_place(posts: Collection) -> None:
    await fill(posts, [1, 2, 2, 2, 3])
    first = await page(posts, prefix={"brand": "b1"}, key="at", request=PageRequest(first=3))
    await posts.delete_many({"_id": {"$in": ["b1:0002", "b1:0001"]}})
    rest = await page(posts, prefix={"brand": "b1"}, key="at", request=PageRequest(after=first.cursors[-1]))
    assert ids(rest) == ["3", "4"]


async def test_what_was_learnt_never_hides_anything(posts: Collection) -> None:
    async def newest() -> list[str]:
        found = await page(
            posts, prefix={"brand": "b1"}, key="at", request=PageRequest(), ceiling=NOW_MS, descending=True
        )
        return ids(found)

    assert await newest() == []
    await fill(posts, [5, NOW_MS - 90 * 24 * HOUR_MS])
    assert await newest() == ["1", "0"]
    await posts.insert_one({"_id": "b1:0007", "brand": "b1", "at": NOW_MS})
    await posts.insert_one({"_id": "b1:0008", "brand": "b1", "at": -12})
    assert await newest() == ["7", "1", "0", "8"]


class Counting:
    """A collection that counts the queries it is asked."""

    def __init__(self, collection: Collection) -> None:
        self._collection, self.queries = collection, 0
        self.full_name = collection.full_name

    def find(self, *arguments: Any) -> Any:
        self.queries += 1
        return self._collection.find(*arguments)


async def test_a_second_look_at_a_list_is_one_query(posts: Collection) -> None:
    await fill(posts, [NOW_MS - number * 17 * HOUR_MS for number in range(90)])
    counting: Any = Counting(posts)

    async def look(request: PageRequest) -> tuple[int, Page[Document]]:
        before = counting.queries
        found = await page(counting, prefix={"brand": "b1"}, key="at", request=request, ceiling=NOW_MS, descending=True)
        return counting.queries - before, found

    first, _ = await look(PageRequest(first=20))
    again, found = await look(PageRequest(first=20))
    following, _ = await look(PageRequest(first=20, after=found.cursors[-1]))
    assert (first < 20, again, following) == (True, 1, 1)


def test_a_cursor_survives_the_way_to_the_client_and_back() -> None:
    for place in (Place(0, "b1:x"), Place(MIN_KEY, ""), Place(MAX_KEY, "é" * 64)):
        cursor = encode_cursor(place)
        assert decode_cursor(cursor) == place
        assert cursor.replace("-", "").replace("_", "").isalnum()


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "????",
        "é",
        encode_cursor(Place(1, "a")) + "=",
        encode_cursor(Place(1, "a")) + "\n",
        encode_cursor(Place(1, "a")) + "AA",
        packed([1]),
        packed([1, 2]),
        packed([1, "a", 3]),
        packed(["a", 1]),
        packed([2**60, "a"]),
        packed([-(2**60), "a"]),
        packed([1.0, "a"]),
        packed([1, {"$gt": ""}]),
        packed({"key": 1, "id": "a"}),
        packed([None, "a"]),
        base64.urlsafe_b64encode(b"\x92\x01\xa1\xff").rstrip(b"=").decode(),
        base64.urlsafe_b64encode(b"\x92\xcd\x00\x01\xa1a").rstrip(b"=").decode(),
        packed([1, "a" * 5_000]),
    ],
)
@pytest.mark.parametrize("field", ["after", "before"])
async def test_a_forged_cursor_is_refused_with_its_field(posts: Collection, forged: str, field: str) -> None:
    request = msgspec.convert({field: forged}, PageRequest)
    with pytest.raises(Invalid, match="not a cursor") as refused:
        await page(posts, prefix={"brand": "b1"}, key="at", request=request)
    assert (refused.value.code, refused.value.path) == ("INVALID", (field,))


@given(st.text(max_size=40))
def test_no_text_is_anything_but_a_cursor_or_refused(text: str) -> None:
    try:
        place = decode_cursor(text, ("after",))
    except Invalid as refused:
        assert refused.path == ("after",)
    else:
        assert encode_cursor(place) == text


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (PageRequest(first=0), "first"),
        (PageRequest(first=-1), "first"),
        (PageRequest(first=101), "first"),
        (PageRequest(last=0), "last"),
        (PageRequest(last=101), "last"),
        (PageRequest(first=1, last=1), "last"),
        (PageRequest(first=1, before=encode_cursor(Place(1, "a"))), "before"),
        (PageRequest(last=1, after=encode_cursor(Place(1, "a"))), "last"),
    ],
)
async def test_a_request_out_of_bounds_is_refused(posts: Collection, request_: PageRequest, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await page(posts, prefix={"brand": "b1"}, key="at", request=request_)
    assert refused.value.path == (path,)


async def test_a_page_maps_its_items(posts: Collection) -> None:
    await fill(posts, [1, 2])
    found = await page(posts, prefix={"brand": "b1"}, key="at", request=PageRequest(first=1))
    assert found.map(lambda document: str(document["_id"])) == Page(
        items=["b1:0000"], cursors=found.cursors, has_next=True, has_previous=False
    )


@given(
    keys=st.sets(st.tuples(st.integers(-5, 5), st.sampled_from("abc"))).map(sorted),
    first=st.one_of(st.none(), st.integers(1, 7)),
    last=st.integers(1, 7),
    at=st.tuples(st.integers(-6, 6), st.sampled_from("abc")),
)
def test_a_list_at_hand_is_paged_as_one_in_the_database(
    keys: list[tuple[int, str]], first: int | None, last: int, at: tuple[int, str]
) -> None:
    cursor = encode_cursor(Place(*at))
    after = paging.page_of(keys, lambda key: Place(*key), PageRequest(first=first, after=cursor))
    behind = [key for key in keys if key > at]
    assert (after.items, after.has_next) == (behind[: first or 20], len(behind) > (first or 20))
    before = paging.page_of(keys, lambda key: Place(*key), PageRequest(last=last, before=cursor))
    ahead = [key for key in keys if key < at]
    assert (before.items, before.has_previous) == (ahead[-last:], len(ahead) > last)
    assert [decode_cursor(one) for one in after.cursors] == after.items
    whole = paging.page_of(keys, lambda key: Place(*key), PageRequest())
    assert (whole.items, whole.has_previous) == (keys[:20], False)
