"""Which tags do the posts of a brand have, and on how many does each stand?

A collection of the view of threads, so that a tag is counted as soon as its post is shown.  What stands in spaces that
the viewer is not let into is not counted for them, and a tag that stands nowhere else is not there.
"""

from bisect import insort
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct
from pymongo import ASCENDING, IndexModel

from libs.shared.domain import Id, NotFound
from libs.shared.mongo import Collection, Document
from libs.shared.paging import MAX_SIZE, page_index
from libs.shared.projection import Increment, View
from libs.shared.recorded import Recorded
from libs.shared.tags import normalised, tag_key
from libs.shared.text import Label, LabelPrefix
from services.discussions.thread import PostPublished, PostTagsChanged
from services.discussions.views.exclusive import AskedInSpaces

#: The collection that `counted` writes: a document for each tag of a brand, `_id` brand:word, with its `rank`, which is
#: minus the number of posts that have it (so that equals stand in alphabetical order), and `in`: how many of them stand
#: in which space.
TAGS: Final = "tags"

#: Tags are found by how they begin through fields with their first 1, 2 and 3 characters.
_HEADS: Final = (1, 2, 3)
INDEXES: Final[Sequence[IndexModel]] = (
    IndexModel([("brand", ASCENDING), ("key", ASCENDING)]),
    page_index("brand", "rank"),
    *(page_index("brand", f"head{length}", "rank") for length in _HEADS),
)
_LAST: Final = "\U0010ffff"  # behind every character of a word


class TagName(Struct, frozen=True, kw_only=True):
    """A tag as a post has it."""

    id: str
    name: str


class TagView(TagName, frozen=True, kw_only=True):
    """A tag, and how many posts have it that the viewer may read: at least one."""

    post_count: int


class TagByName(AskedInSpaces, frozen=True, kw_only=True):
    """The tag that these words are; NOT_FOUND while no post has it."""

    wire_name: ClassVar[str] = "tag_by_name"

    name: Label


class TagsGetMany(AskedInSpaces, frozen=True, kw_only=True):
    """Tags by id, in the order of `ids`, None for one that no post of this brand has."""

    wire_name: ClassVar[str] = "tags_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class TopTags(AskedInSpaces, frozen=True, kw_only=True):
    """The brand's tags that begin so, those on most posts first, equals in alphabetical order."""

    wire_name: ClassVar[str] = "top_tags"

    prefix: LabelPrefix = ""
    first: Annotated[int, Meta(ge=1, le=MAX_SIZE)] = 20


def named(words: Iterable[str]) -> list[TagName]:
    """The tags that these words are."""
    return [TagName(id=tag_key(word), name=word) for word in words]


def counted(recorded: Recorded[Any]) -> Iterable[Increment]:
    """The writes that an event of a thread makes."""
    match recorded.event:
        case PostPublished(space_id=space, tags=tags):
            yield from (_count(recorded.brand, space, word, 1) for word in tags)
        case PostTagsChanged(space_id=space, tags=tags, before=before):
            yield from (_count(recorded.brand, space, word, 1) for word in tags if word not in before)
            yield from (_count(recorded.brand, space, word, -1) for word in before if word not in tags)


def _count(brand: str, space: str, word: str, change: int) -> Increment:
    key = tag_key(word)
    heads = {f"head{length}": word[:length] for length in _HEADS}
    amounts = {"rank": -change, f"in.{space}": change}
    return Increment(TAGS, f"{brand}:{word}", amounts, {"brand": brand, "key": key, "word": word, **heads})


class Tags:
    """Answers from the view that has the collection."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def tag_by_name(self, query: TagByName) -> TagView:
        """The tag of these words.  Raises NOT_FOUND."""
        [found] = await self.of(query, [tag_key(normalised(query.name))])
        if found is None:
            raise NotFound("there is no such tag", ("name",))
        return found

    async def tags_get_many(self, query: TagsGetMany) -> list[TagView | None]:
        """The brand's tags of `ids`, in that order."""
        return await self.of(query, query.ids)

    async def top_tags(self, query: TopTags) -> list[TagView]:
        """The tags on most posts, as far as the viewer may read them."""
        best: list[tuple[int, str, TagView]] = []

        def full(rank: int, id_: str = "") -> bool:
            # What is hidden makes a tag stand lower than it is found, never higher.
            return len(best) == query.first and best[-1][:2] <= (rank, id_)

        async with aclosing(self._by_posts(query, full)) as tags:
            async for document in tags:
                if full(document["rank"], document["_id"]):
                    break
                tag = _tag(document, query.hidden)
                if tag.post_count:
                    insort(best, (-tag.post_count, document["_id"], tag))
                    del best[query.first :]
        return [tag for _, _, tag in best]

    async def _by_posts(self, query: TopTags, full: Callable[[int], bool]) -> AsyncGenerator[Document, None]:
        """The tags that begin so, those on most posts first, hidden ones too.

        Read by ranges of which each ends at a quarter of where it begins: few tags are common, and those that are not
        are read when the common ones do not suffice: unless it is `full` for all of the rank where a range begins.
        """
        where: dict[str, Any] = {"brand": query.brand}
        if begins := normalised(query.prefix):
            length = min(len(begins), _HEADS[-1])
            where |= {f"head{length}": begins[:length], "word": {"$gte": begins, "$lt": begins + _LAST}}
        total = await self._view.collection("totals").find_one({"_id": query.brand})
        above = total["count"] + 1 if total else 0  # no tag stands on more posts than there are
        while above > 1 and not full(1 - above):
            down_to = max(1, above // 4)
            found = self._collection.find({**where, "rank": {"$gt": -above, "$lt": 1 - down_to}})
            async for document in found.sort([("rank", ASCENDING), ("_id", ASCENDING)]):
                yield document
            above = down_to

    async def of(self, query: AskedInSpaces, keys: Sequence[str]) -> list[TagView | None]:
        """Tags by their keys, in that order, None for one that stands on no post that the viewer may read."""
        found = {
            document["key"]: _tag(document, query.hidden)
            async for document in self._collection.find({"brand": query.brand, "key": {"$in": list(keys)}})
        }
        tags = [found.get(key) for key in keys]
        return [tag if tag and tag.post_count else None for tag in tags]

    @property
    def _collection(self) -> Collection:
        return self._view.collection(TAGS)


def _tag(document: Mapping[str, Any], hidden: tuple[str, ...]) -> TagView:
    unseen = sum(document["in"].get(space, 0) for space in hidden)
    return TagView(id=document["key"], name=document["word"], post_count=-document["rank"] - unseen)
