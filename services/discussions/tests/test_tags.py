"""What the view of threads says of tags: counts that follow every change, and the most used first."""

import random
from collections import Counter
from collections.abc import Iterable

from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import BrandId
from libs.shared.paging import PageRequest
from libs.shared.recorded import Recorded
from libs.shared.tags import tag_key
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.discussions.thread import (
    DECIDER,
    ChangeTagsOf,
    PostPublished,
    PostTagsChanged,
    PublishPost,
    Thread,
    ThreadEvent,
)
from services.discussions.views.tags import Tags, TagsGetMany, TopTags, counted
from services.discussions.views.threads import PostsGetMany, TagPosts, ThreadsView

Bench = ViewBench[ThreadsView]


def post(*tags: str, space: str = "s1") -> PostPublished:
    return PostPublished(space_id=space, title="Tides", body="When?", tags=tags)


def change(before: tuple[str, ...], *tags: str, space: str = "s1") -> PostTagsChanged:
    return PostTagsChanged(space_id=space, tags=tags, before=before)


async def top(
    bench: Bench, prefix: str = "", first: int = 20, hidden: tuple[str, ...] = (), brand: str = "b1"
) -> list[tuple[str, int]]:
    query = TopTags(brand=brand, viewer="m1", prefix=prefix, first=first, hidden=hidden)
    return [(tag.name, tag.post_count) for tag in await Tags(bench.view).top_tags(query)]


async def posts(bench: Bench, tag: str, hidden: tuple[str, ...] = (), brand: str = "b1") -> tuple[list[str], int]:
    query = TagPosts(brand=brand, viewer="m1", ids=[tag_key(tag)], hidden=hidden)
    [found] = await bench.view.tag_posts(query)
    return [one.id for one in found.items], found.total_count


async def test_counts_and_lists_follow_each_change(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        await bench.given(post("boats", "tides"), id="t1")
        await bench.given(post("boats"), id="t2")
        await bench.given(post("boats"), brand="b2", id="t1")
        assert await top(bench) == [("boats", 2), ("tides", 1)]
        assert await posts(bench, "boats") == (["t2", "t1"], 2)
        await bench.given(change(("boats", "tides"), "moon", "tides"), id="t1")
        assert await top(bench) == [("boats", 1), ("moon", 1), ("tides", 1)]
        assert await posts(bench, "boats") == (["t2"], 1)
        assert await posts(bench, "moon") == (["t1"], 1)
        await bench.given(change(("boats",)), id="t2")
        assert await top(bench) == [("moon", 1), ("tides", 1)]
        assert await posts(bench, "boats") == ([], 0)
        many = TagsGetMany(brand="b1", viewer="m1", ids=[tag_key("boats"), tag_key("moon")])
        assert [tag and tag.name for tag in await Tags(bench.view).tags_get_many(many)] == [None, "moon"]
        assert await top(bench, brand="b2") == [("boats", 1)]
        assert await top(bench, brand="b3") == []


async def test_the_posts_of_a_tag_page_by_page(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        for number in range(9):
            await bench.given(post("boats" if number % 3 else "other", space=f"s{number % 2}"), id=f"t{number}")
        seen: list[str] = []
        request = PageRequest(first=2)
        while True:
            query = TagPosts(brand="b1", viewer="m1", ids=[tag_key("boats")], page=request)
            [found] = await bench.view.tag_posts(query)
            assert found.total_count == 6
            seen += [one.id for one in found.items]
            if not found.has_next:
                break
            request = PageRequest(first=2, after=found.cursors[-1])
        assert seen == ["t8", "t7", "t5", "t4", "t2", "t1"]
        assert await posts(bench, "boats", hidden=("s1",)) == (["t8", "t4", "t2"], 3)


async def test_tags_by_how_they_begin(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        await bench.given(post("sail", "sailing", "sale", "été"), id="t1")
        await bench.given(post("sailing", "s", "c#"), id="t2")
        assert await top(bench, "S") == [("sailing", 2), ("s", 1), ("sail", 1), ("sale", 1)]
        assert await top(bench, "sa", first=2) == [("sailing", 2), ("sail", 1)]
        assert await top(bench, "SAIL") == [("sailing", 2), ("sail", 1)]
        assert await top(bench, "sailings") == []
        assert await top(bench, "E\u0301T") == [("été", 1)]
        assert await top(bench, "c#") == [("c#", 1)]
        assert await top(bench, " ") == await top(bench)


async def test_the_most_used_are_found_among_many_whatever_is_hidden(mongo_url: str) -> None:
    chance = random.Random(5)
    words = [f"w{number:03}" for number in range(150)]
    given: list[tuple[str, tuple[str, ...]]] = []
    for _ in range(300):
        some_words = {words[min(int(chance.expovariate(0.05)), 149)] for _ in range(3)}
        given.append((f"s{chance.randrange(4)}", tuple(sorted(some_words))))
    async with view_bench(ThreadsView(), mongo_url) as bench:
        events = [post(*tags, space=space) for space, tags in given]
        for number, event in enumerate(events):
            await bench.given(event, id=f"t{number}")
        for hidden in ((), ("s1",), ("s0", "s1", "s2", "s3")):
            counts = Counter(word for space, tags in given if space not in hidden for word in tags)
            for first in (1, 7, 40, 100):
                exact = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:first]
                assert await top(bench, first=first, hidden=hidden) == exact


async def test_an_erasure_takes_the_texts_and_leaves_the_words_of_the_brand(mongo_url: str) -> None:
    async with view_bench(ThreadsView(), mongo_url) as bench:
        await bench.given(post("boats"), id="t1", actor="m1")
        await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1", actor="system")
        [shown] = await bench.view.posts_get_many(PostsGetMany(brand="b1", viewer="m2", ids=["t1"]))
        assert shown is not None
        assert (shown.title, [tag.name for tag in shown.tags]) == ("[erased]", ["boats"])
        assert await posts(bench, "boats") == (["t1"], 1)


async def test_batches_make_no_difference(mongo_url: str) -> None:
    events = [post("a", "b"), change(("a", "b"), "b", "c"), change(("b", "c")), change((), "a")]
    async with view_bench(ThreadsView(), mongo_url) as one, view_bench(ThreadsView(), mongo_url) as other:
        await one.given(*events)
        for event in events:
            await other.given(event)
        assert await canonical(one.view) == await canonical(other.view)


_tags = some.lists(some.sampled_from(["A", "a", "b", "C", "d"]), max_size=4)


@for_all(some.lists(_tags, min_size=1, max_size=12))
def test_counts_are_those_of_the_last_word(said: list[list[str]]) -> None:
    state, counts = Thread(), Counter[str]()
    for event in _history(said):
        for write in counted(_recorded(event)):
            counts[write.fields["word"]] -= write.amounts["rank"]
            assert write.amounts["in.s1"] == -write.amounts["rank"]
        state = DECIDER.evolve(state, event)
        assert {word for word, count in counts.items() if count} == set(state.tags)
        assert set(counts.values()) <= {0, 1}


def _history(said: list[list[str]]) -> Iterable[ThreadEvent]:
    """The events of a post whose author gives it these tags, one list after the other."""
    envelope = {"command_id": "c1", "brand": "b1", "actor": "m1", "now": NOON, "roles": frozenset({"member"})}
    state, thread = Thread(), {**envelope, "thread_id": "t1"}
    for tags in said:
        command = (
            ChangeTagsOf(**thread, tags=tuple(tags), author="m1")  # type: ignore[arg-type]
            if state.exists
            else PublishPost(**thread, space_id="s1", title="T", body="B", tags=tuple(tags))  # type: ignore[arg-type]
        )
        for event in DECIDER.decide(state, command):
            yield event
            state = DECIDER.evolve(state, event)


def _recorded(event: ThreadEvent) -> Recorded[ThreadEvent]:
    return Recorded(
        event=event, id="e1", brand=BrandId("b1"), aggregate="thread", aggregate_id="t1", actor="m1", time=NOON,
        recorded_at=NOON, causation_id="c", correlation_id="c", stream="DISCUSSIONS", sequence=1,
    )  # fmt: skip
