"""How many points has a member, by which facts, and where does that put them in the brand?"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct, structs
from pymongo import DeleteMany, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Id, Query, Unavailable
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.recognition import scoring
from services.members.recognition.facts import Fact, Window
from services.members.recognition.ranks import moved
from services.members.recognition.score import FactScored, LeaderboardEntered, LeaderboardLeft
from services.members.recognition.views.board import Board, place_key

#: No member has more facts than this.
_MOST_FACTS: Final = 1_000_000_000
#: So often a page is read again that changed meanwhile.
_ATTEMPTS: Final = 10


class StandingView(Struct, frozen=True, kw_only=True):
    """A place on a leaderboard.  Equal scores share a rank, and the ranks that they take up are left out: 1, 2, 2, 4.

    `rank` is None for who is not on it: without points, or not shown.
    """

    member_id: str
    score: int
    rank: int | None


class LeaderboardResult(Page[StandingView], frozen=True, kw_only=True):
    """A page of a leaderboard; `total_count` are on it."""

    total_count: int


class EntryView(Struct, frozen=True, kw_only=True):
    """A fact of a member's score, and its points by an edition of the rules: 0 beyond the daily cap.

    `about` has the ids of what it is about, the outermost first; `source_id` is the id of the event in the log.
    """

    number: int
    fact: Fact
    about: tuple[str, ...]
    happened_at: datetime
    points: int
    edition: int
    source_id: str


class EntryPageResult(Page[EntryView], frozen=True, kw_only=True):
    """A page of facts; `total_count` are the member's, of any kind."""

    total_count: int


class PointsView(Struct, frozen=True, kw_only=True):
    """A member's points of all time, and whether leaderboards show them."""

    points: int
    shown: bool
    opted_out: bool


class Leaderboard(Query, frozen=True, kw_only=True):
    """Who has most points in the window that a day is in, the highest first; equal scores in no meaningful order."""

    wire_name: ClassVar[str] = "leaderboard"

    window: Window
    day: date
    page: PageRequest = PageRequest()


class StandingOfMember(Query, frozen=True, kw_only=True):
    """Where a member stands in a window, also when leaderboards do not show it."""

    wire_name: ClassVar[str] = "standing_of_member"

    member_id: Id
    window: Window
    day: date


class ScoreEntries(Query, frozen=True, kw_only=True):
    """The same page of the facts of their score, the newest first, of each of many members, in the order of `ids`.

    All facts, those of a kind, or the first ones up to a number.  None for a member of whom the viewer sees none.
    """

    wire_name: ClassVar[str] = "score_entries"

    ids: Annotated[list[Id], Meta(max_length=100)]
    fact: Fact | None = None
    through: Annotated[int, Meta(ge=1, le=_MOST_FACTS)] | None = None
    page: PageRequest = PageRequest()


class ScoresView(View):
    """`entries`: a document a fact.  `members`: one a member: points by window, and why leaderboards do not show them.

    `places`: a document for each member on each leaderboard, `_id` brand:window:member.  `ranks`: the nodes of a tree
    of counts for each leaderboard (`ranks.py`), `_id` brand:window:node; the root counts the `changes` too.
    """

    name = "scores"
    version = 2
    stream = "MEMBERS"
    events = (*scoring.DECIDER.events, ErasureRecorded)
    subjects = ("evt.members.*.score.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "entries": (page_index("who", "number"), page_index("who", "fact", "number")),
        "members": (),
        "places": (page_index("board", "key"),),
        "ranks": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case FactScored() as event:
                yield from _entry(recorded, who, event)
                for window, score in event.windows.items() if event.shown else ():
                    yield from _move(recorded, window, score - event.points, score)
            case LeaderboardLeft() as event:
                absent = {"$addToSet": {"absent": event.reason.value}}
                yield Write("members", UpdateOne({"_id": who}, absent, upsert=True))
                for window, score in event.windows.items():
                    yield from _move(recorded, window, score, 0)
            case LeaderboardEntered() as event:
                yield Write("members", UpdateOne({"_id": who}, {"$pull": {"absent": event.reason.value}}))
                for window, score in event.windows.items():
                    yield from _move(recorded, window, 0, score)
            case ErasureRecorded():
                yield Write("entries", DeleteMany({"who": who}))
                yield Write("members", DeleteOne({"_id": who}))

    async def leaderboard(self, query: Leaderboard) -> LeaderboardResult:
        """A page of a leaderboard, with exact ranks: what was read while the leaderboard changed is read again."""
        board = self._board(query.brand, query.window.key(query.day))
        root = await board.root()
        for _ in range(_ATTEMPTS):
            try:
                found = await board.page(query.page, total := sum(root["counts"].values()))
                ranks = await board.ranks({document["score"] for document in found.items})
            except LookupError:
                root = await board.root()
                continue
            before, root = root, await board.root()
            if before["changes"] == root["changes"]:
                return _leaderboard(found, ranks, total)
        raise Unavailable("the leaderboard changes too quickly; try again")

    async def standing_of_member(self, query: StandingOfMember) -> StandingView:
        """The place of one member."""
        window = query.window.key(query.day)
        member = await self.collection("members").find_one({"_id": f"{query.brand}:{query.member_id}"}) or {}
        score = member.get("windows", {}).get(window, 0)
        if not score or member.get("absent"):
            return StandingView(member_id=query.member_id, score=score, rank=None)
        ranks = await self._board(query.brand, window).ranks({score})
        return StandingView(member_id=query.member_id, score=score, rank=ranks[score])

    async def score_entries(self, query: ScoreEntries) -> list[EntryPageResult]:
        """A page of facts for each member of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        members = self.collection("members").find({"_id": {"$in": keys}}, {"number": 1})
        totals = {document["_id"]: document.get("number", 0) async for document in members}
        return await asyncio.gather(*(self._entries(query, who, totals.get(who, 0)) for who in keys))

    async def _entries(self, query: ScoreEntries, who: str, total: int) -> EntryPageResult:
        found = await page(
            self.collection("entries"),
            prefix={"who": who} | ({} if query.fact is None else {"fact": query.fact.value}),
            key="number",
            request=query.page,
            floor=1,
            ceiling=max(1, min(total, query.through or total)),
            descending=True,
        )
        return EntryPageResult(**structs.asdict(found.map(_entry_view)), total_count=total)

    async def points(self, brand: str, members: Sequence[str]) -> list[PointsView]:
        """The points of members, in their order; 0 for who has none."""
        keys = [f"{brand}:{member}" for member in members]
        found = {one["_id"]: one async for one in self.collection("members").find({"_id": {"$in": keys}})}
        return [_points(found.get(key, {})) for key in keys]

    def _board(self, brand: str, window: str) -> Board:
        return Board(_board(brand, window), self.collection("places"), self.collection("ranks"))


def _board(brand: str, window: str) -> str:
    return f"{brand}:{window}"


def _entry(recorded: Recorded[Any], who: str, event: FactScored) -> Iterable[Write]:
    one = {"_id": f"{who}:{event.number}"}
    entry = {
        "who": who,
        "number": event.number,
        "fact": event.fact.value,
        "about": list(event.about),
        "happened_at_ms": to_ms(recorded.time),
        "points": event.points,
        "edition": event.edition,
        "source_id": event.place.id,
    }
    yield Write("entries", ReplaceOne(one, {**one, **entry}, upsert=True))
    windows = {f"windows.{window}": score for window, score in event.windows.items()}
    yield Write("members", UpdateOne({"_id": who}, {"$set": {"number": event.number, **windows}}, upsert=True))


def _move(recorded: Recorded[Any], window: str, before: int, after: int) -> Iterable[Write]:
    """Let a member's score on a leaderboard be another one."""
    if before == after:
        return
    board, member = _board(recorded.brand, window), recorded.aggregate_id
    place = {"_id": f"{board}:{member}"}
    if after:
        standing = {**place, "board": board, "member": member, "score": after, "key": place_key(member, after)}
        yield Write("places", ReplaceOne(place, standing, upsert=True))
    else:
        yield Write("places", DeleteOne(place))
    for node, counts in {"": {}, **moved(before, after)}.items():
        changes = {f"counts.{pair}": change for pair, change in counts.items()} | ({} if node else {"changes": 1})
        yield Write("ranks", UpdateOne({"_id": f"{board}:{node}"}, {"$inc": changes}, upsert=True))


def _leaderboard(found: Page[Mapping[str, Any]], ranks: Mapping[int, int], total: int) -> LeaderboardResult:
    shown = found.map(
        lambda document: StandingView(
            member_id=document["member"], score=document["score"], rank=ranks[document["score"]]
        )
    )
    return LeaderboardResult(**structs.asdict(shown), total_count=total)


def _entry_view(document: Mapping[str, Any]) -> EntryView:
    return EntryView(
        number=document["number"],
        fact=Fact(document["fact"]),
        about=tuple(document["about"]),
        happened_at=from_ms(document["happened_at_ms"]),
        points=document["points"],
        edition=document["edition"],
        source_id=document["source_id"],
    )


def _points(document: Mapping[str, Any]) -> PointsView:
    absent = document.get("absent", [])
    points = document.get("windows", {}).get(Window.ALL.value, 0)
    return PointsView(points=points, shown=not absent, opted_out="opted_out" in absent)
