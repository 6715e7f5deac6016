"""The read models on a real database: what they show, exact counts, and that batches make no difference."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.shared.domain import Event, NotFound
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.feedback.board import BoardKind, BoardOpened
from services.feedback.idea import IdeaStatusChanged, IdeaSubmitted, Status
from services.feedback.views.boards import BoardBySlug, BoardPage, BoardsGetMany, BoardsView
from services.feedback.views.ideas import IdeaPage, IdeaPages, IdeasGetMany, IdeasView
from services.feedback.views.votes import ViewerVotes, VoterPage, VoterPages
from services.feedback.vote import VoteCast, VoteWithdrawn


@pytest.fixture
async def boards(mongo_url: str) -> AsyncIterator[ViewBench[BoardsView]]:
    async with view_bench(BoardsView(), mongo_url) as bench:
        yield bench


@pytest.fixture
async def ideas(mongo_url: str) -> AsyncIterator[ViewBench[IdeasView]]:
    async with view_bench(IdeasView(), mongo_url) as bench:
        yield bench


def opened(slug: str) -> BoardOpened:
    return BoardOpened(slug=slug, name=slug.title(), kind=BoardKind.COMMUNITY)


def submitted(title: str = "Dark mode", board: str = "p1") -> IdeaSubmitted:
    return IdeaSubmitted(board_id=board, title=title, body="")


class TestBoards:
    async def test_the_boards_of_a_brand_and_how_many_ideas_each_has(self, boards: ViewBench[BoardsView]) -> None:
        await boards.given(opened("ideas"), aggregate="board", id="p1", actor="leader")
        await boards.given(opened("bugs"), aggregate="board", id="p2")
        await boards.given(opened("ideas"), aggregate="board", id="p3", brand="b2")
        for idea, board in (("i1", "p1"), ("i2", "p2"), ("i3", "p1")):
            await boards.given(submitted(board=board), aggregate="idea", id=idea)
        await boards.given(IdeaStatusChanged(status=Status.PLANNED), aggregate="idea", id="i1")
        found = await boards.view.board_page(BoardPage(brand="b1", viewer="m1"))
        assert [(board.id, board.slug, board.idea_count) for board in found.items] == [
            ("p1", "ideas", 2),
            ("p2", "bugs", 1),
        ]
        assert found.total_count == 2
        assert (found.items[0].opened_at, found.items[0].opened_by) == (NOON + timedelta(seconds=1), "leader")
        assert found.items[0].kind is BoardKind.COMMUNITY

    async def test_by_id_and_by_slug(self, boards: ViewBench[BoardsView]) -> None:
        await boards.given(opened("ideas"), aggregate="board", id="p1")
        await boards.given(opened("bugs"), aggregate="board", id="p2", brand="b2")
        many = await boards.view.boards_get_many(BoardsGetMany(brand="b1", viewer="m1", ids=["p2", "p1", "none"]))
        assert [board and board.id for board in many] == [None, "p1", None]
        assert (await boards.view.board_by_slug(BoardBySlug(brand="b1", viewer="m1", slug="ideas"))).id == "p1"
        for brand, slug in (("b1", "bugs"), ("b2", "ideas")):
            with pytest.raises(NotFound):
                await boards.view.board_by_slug(BoardBySlug(brand=brand, viewer="m1", slug=slug))


class TestIdeas:
    async def test_pages_of_a_board_and_of_the_brand_newest_first(self, ideas: ViewBench[IdeasView]) -> None:
        years = {"i1": 1996, "i2": 2026, "i3": 2011, "i4": 2011}
        for idea, year in years.items():
            board = "p2" if idea == "i3" else "p1"
            time = datetime(year, 3, 1, tzinfo=UTC)
            await ideas.given(submitted(idea, board), aggregate="idea", id=idea, time=time, actor=f"author of {idea}")
        await ideas.given(submitted("x"), aggregate="idea", id="i9", brand="b2")

        async def ids(board: str | None, **page: object) -> tuple[list[str], int]:
            request = PageRequest(**page)  # type: ignore[arg-type]
            found = await ideas.view.idea_page(IdeaPage(brand="b1", viewer="m1", board_id=board, page=request))
            return [idea.id for idea in found.items], found.total_count

        assert await ids(None) == (["i2", "i4", "i3", "i1"], 4)
        assert await ids("p1") == (["i2", "i4", "i1"], 3)
        assert await ids("p2") == (["i3"], 1)
        assert await ids("missing") == ([], 0)
        assert await ids(None, last=1) == (["i1"], 4)
        found = await ideas.view.idea_page(IdeaPage(brand="b1", viewer="m1", page=PageRequest(first=1)))
        assert found.has_next
        assert await ids(None, first=2, after=found.cursors[0]) == (["i4", "i3"], 4)
        assert found.items[0].submitted_by == "author of i2"
        assert found.items[0].submitted_at == datetime(2026, 3, 1, tzinfo=UTC)
        asked = IdeaPages(brand="b1", viewer="m1", ids=["p2", "missing", "p1", "p2"], page=PageRequest(first=2))
        pages = await ideas.view.idea_pages(asked)
        assert [[idea.id for idea in page.items] for page in pages] == [["i3"], [], ["i2", "i4"], ["i3"]]
        assert [(page.total_count, page.has_next) for page in pages] == [(1, False), (0, False), (3, True), (1, False)]

    async def test_a_page_of_the_longest_ideas_ends_early(self, ideas: ViewBench[IdeasView]) -> None:
        for number in range(12):
            await ideas.given(
                IdeaSubmitted(board_id="p1", title="Long", body="🌊" * 20_000), aggregate="idea", id=f"i{number}"
            )
        page = await ideas.view.idea_page(IdeaPage(brand="b1", viewer="m1"))
        assert (len(page.items), page.total_count, page.has_next) == (9, 12, True)

    async def test_the_last_status_with_its_note(self, ideas: ViewBench[IdeasView]) -> None:
        changes = (
            IdeaStatusChanged(status=Status.PLANNED, note="soon"),
            IdeaStatusChanged(status=Status.SHIPPED),
        )
        await ideas.given(submitted(), *changes, aggregate="idea", id="i1")
        await ideas.given(submitted(), aggregate="idea", id="i2", brand="b2")
        many = await ideas.view.ideas_get_many(IdeasGetMany(brand="b1", viewer="m1", ids=["i2", "i1", "none"]))
        assert [idea and idea.id for idea in many] == [None, "i1", None]
        assert many[1] is not None
        assert (many[1].status, many[1].status_note) == (Status.SHIPPED, None)
        assert many[1].status_changed_at == NOON + timedelta(seconds=3)

    async def test_votes(self, ideas: ViewBench[IdeasView]) -> None:
        await ideas.given(submitted(), aggregate="idea", id="i1")
        await ideas.given(submitted(), aggregate="idea", id="i2")
        said = [VoteCast(member_id=member) for member in ("m1", "m2", "m3")]
        await ideas.given(*said, VoteWithdrawn(member_id="m1"), VoteCast(member_id="m2"), aggregate="vote", id="i1")
        await ideas.given(VoteCast(member_id="m1"), VoteWithdrawn(member_id="m9"), aggregate="vote", id="i2")
        counted = await ideas.view.ideas_get_many(IdeasGetMany(brand="b1", viewer="m1", ids=["i1", "i2"]))
        assert [idea and idea.vote_count for idea in counted] == [2, 1]
        voters = await ideas.view.voter_page(VoterPage(brand="b1", viewer="m1", idea_id="i1"))
        assert [voter.member_id for voter in voters.items] == ["m3", "m2"]
        assert (voters.total_count, voters.items[0].voted_at) == (2, NOON + timedelta(seconds=5))
        asked_of_both = VoterPages(brand="b1", viewer="m1", ids=["i2", "none", "i1"], page=PageRequest(first=1))
        pages = await ideas.view.voter_pages(asked_of_both)
        assert [[voter.member_id for voter in page.items] for page in pages] == [["m1"], [], ["m3"]]
        assert [(page.total_count, page.has_next) for page in pages] == [(1, False), (0, False), (2, True)]
        for viewer, mine in (("m1", [False, True, False]), ("m2", [True, False, False])):
            asked = ViewerVotes(brand="b1", viewer=viewer, ids=["i1", "i2", "none"])
            assert await ideas.view.viewer_votes(asked) == mine

    async def test_another_brand_sees_nothing(self, ideas: ViewBench[IdeasView]) -> None:
        await ideas.given(submitted(), aggregate="idea", id="i1")
        await ideas.given(VoteCast(member_id="m1"), aggregate="vote", id="i1")
        voters = await ideas.view.voter_page(VoterPage(brand="b2", viewer="m1", idea_id="i1"))
        assert (voters.items, voters.total_count) == ([], 0)
        assert await ideas.view.viewer_votes(ViewerVotes(brand="b2", viewer="m1", ids=["i1"])) == [False]
        assert (await ideas.view.idea_page(IdeaPage(brand="b2", viewer="m1", board_id="p1"))).items == []
        [page] = await ideas.view.idea_pages(IdeaPages(brand="b2", viewer="m1", ids=["p1"]))
        assert (page.items, page.total_count) == ([], 0)
        [of_votes] = await ideas.view.voter_pages(VoterPages(brand="b2", viewer="m1", ids=["i1"]))
        assert (of_votes.items, of_votes.total_count) == ([], 0)


words = st.lists(
    st.tuples(st.sampled_from(["i1", "i2"]), st.sampled_from(["m1", "m2", "m3"]), st.booleans(), st.booleans()),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words)
async def test_counts_are_exact_after_any_words_in_any_batches(
    mongo_url: str, said: list[tuple[str, str, bool, bool]]
) -> None:
    view = IdeasView()
    expected: dict[str, set[str]] = defaultdict(set)
    contents = []
    for in_batches in (True, False):
        async with view_bench(view, mongo_url) as bench:
            for idea in ("i1", "i2"):
                await bench.given(submitted(), aggregate="idea", id=idea)
            batch: list[Event] = []
            for at, (idea, member, is_cast, ends_batch) in enumerate(said):
                batch.append(VoteCast(member_id=member) if is_cast else VoteWithdrawn(member_id=member))
                (expected[idea].add if is_cast else expected[idea].discard)(member)
                is_last = at + 1 == len(said) or said[at + 1][0] != idea
                if is_last or ends_batch or not in_batches:
                    await bench.given(*batch, aggregate="vote", id=idea)
                    batch = []
            counted = await view.ideas_get_many(IdeasGetMany(brand="b1", viewer="m1", ids=["i1", "i2"]))
            assert [idea and idea.vote_count for idea in counted] == [len(expected["i1"]), len(expected["i2"])]
            contents.append(await canonical(view))
            expected.clear()
    assert contents[0] == contents[1]
