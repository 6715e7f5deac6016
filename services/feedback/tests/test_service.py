"""The service as others meet it: commands and queries over the bus, on real servers."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from libs.access.roles import Role
from libs.access.testing import World, running
from libs.shared.domain import SYSTEM, Accepted, DomainError, Query
from libs.shared.testing.views import canonical
from services.feedback.idea import Status
from services.feedback.service import compose
from services.feedback.tests.builders import (
    LEADER,
    NOW,
    cast,
    change_status,
    open_board,
    submit_idea,
    withdraw,
)
from services.feedback.views.boards import BoardBySlug, BoardPage, BoardPageResult, BoardsGetMany, BoardView
from services.feedback.views.ideas import IdeaPage, IdeaPageResult, IdeaPages, IdeasGetMany, IdeaView
from services.feedback.views.votes import ViewerVotes, VoterPage, VoterPageResult, VoterPages


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running("feedback", compose, tmp_path_factory.mktemp("feedback")) as world:
        for brand in ("b1", "b2"):
            await world.join(["leader"], Role.BUILDER, brand=brand)
            await world.join(["mod"], Role.MODERATOR, brand=brand)
        await world.join(["m1", "m2", "m3"])
        await world.join(["n1"], brand="b2")
        await world.send("board", open_board(board_id="p1", slug="ideas"))
        yield world


async def refused(coroutine: object) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await coroutine  # type: ignore[misc]
    return refusal.value


async def idea_now(world: World, idea_id: str, at: Accepted) -> IdeaView:
    query = IdeasGetMany(brand="b1", viewer="m1", ids=[idea_id], at_least=at.position)
    [idea] = await world.ask(query, list[IdeaView | None])
    assert idea is not None
    return idea


async def test_from_the_proposal_to_the_product(world: World) -> None:
    await world.send("idea", submit_idea(idea_id="i1"))
    for member in ("m1", "m2", "m3"):
        await world.send("vote", cast(member, idea_id="i1"))
    await world.send("vote", withdraw("m2", idea_id="i1"))
    at = await world.send("idea", change_status(Status.SHIPPED, "In version 7.", idea_id="i1"))
    assert at.id == "i1"
    idea = await idea_now(world, "i1", at)
    assert (idea.status, idea.status_note, idea.vote_count) == (Status.SHIPPED, "In version 7.", 2)
    assert (idea.submitted_by, idea.submitted_at, idea.board_id) == ("m1", NOW, "p1")
    assert (await refused(world.send("vote", cast("m2", idea_id="i1")))).code == "IDEA_CLOSED"
    assert (await refused(world.send("vote", withdraw("m1", idea_id="i1")))).code == "IDEA_CLOSED"
    voters = await world.ask(VoterPage(brand="b1", viewer="m1", idea_id="i1", at_least=at.position), VoterPageResult)
    assert ({voter.member_id for voter in voters.items}, voters.total_count) == ({"m1", "m3"}, 2)


async def test_a_slug_names_one_board_of_a_brand(world: World) -> None:
    first = await world.send("board", open_board(board_id="p2", slug="bugs"))
    assert (await world.send("board", open_board(board_id="p2", slug="bugs"))).position.keys() == {"FEEDBACK"}
    refusal = await refused(world.send("board", open_board(board_id="p3", slug="bugs")))
    assert (refusal.code, refusal.path) == ("NAME_TAKEN", ("slug",))
    assert (await refused(world.send("board", open_board(board_id="p2", slug="other")))).code == "ID_TAKEN"
    await world.send("board", open_board(board_id="p3", slug="bugs", brand="b2"))
    by_slug = BoardBySlug(brand="b1", viewer="m1", slug="bugs", at_least=first.position)
    assert (await world.ask(by_slug, BoardView)).id == "p2"


async def test_twenty_boards_race_for_one_slug(world: World) -> None:
    race = [world.send("board", open_board(board_id=f"race{n}", slug="race")) for n in range(20)]
    outcomes = await asyncio.gather(*race, return_exceptions=True)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    refusals = [outcome.code for outcome in outcomes if isinstance(outcome, DomainError)]
    assert len(accepted) == 1
    assert len(refusals) == 19
    assert set(refusals) <= {"NAME_TAKEN", "CONFLICT"}
    by_slug = BoardBySlug(brand="b1", viewer="m1", slug="race", at_least=accepted[0].position)
    assert (await world.ask(by_slug, BoardView)).id == accepted[0].id


async def test_boards_and_ideas_must_exist(world: World) -> None:
    missing = await refused(world.send("idea", submit_idea(idea_id="i0", board_id="nowhere")))
    assert (missing.code, missing.path) == ("NOT_FOUND", ("board_id",))
    for command in (cast("m1", idea_id="i0"), withdraw("m1", idea_id="i0")):
        assert (await refused(world.send("vote", command))).code == "NOT_FOUND"
    assert (await refused(world.send("idea", change_status(Status.PLANNED, idea_id="i0")))).code == "NOT_FOUND"


async def test_roles_are_the_services_own_knowledge(world: World) -> None:
    for command in (open_board(board_id="x", slug="xx", actor="m1", roles=LEADER), open_board(actor="nobody")):
        assert (await refused(world.send("board", command))).code == "FORBIDDEN"
    await world.send("idea", submit_idea(idea_id="mine"))
    forged = change_status(Status.SHIPPED, idea_id="mine", actor="m1", roles=LEADER)
    assert (await refused(world.send("idea", forged))).code == "FORBIDDEN"
    assert (await refused(world.send("vote", cast("m1", idea_id="mine", member_id="m2")))).code == "FORBIDDEN"


async def test_an_import_may_be_run_again(world: World) -> None:
    async def run() -> Accepted:
        await world.send("idea", submit_idea(idea_id="old", actor="m2", now=NOW.replace(year=1996)))
        for member in ("m1", "m3"):
            vote = cast(SYSTEM, idea_id="old", member_id=member, now=NOW.replace(year=1996))
            await world.send("vote", vote)
        return await world.send("idea", change_status(Status.DECLINED, idea_id="old", actor=SYSTEM))

    first = await idea_now(world, "old", await run())
    assert (first.vote_count, first.status, first.submitted_at.year) == (2, Status.DECLINED, 1996)
    assert await idea_now(world, "old", await run()) == first


async def test_votes_are_counted_once_however_they_come(world: World) -> None:
    """60 members say yes and no many times at once; their last words are then said again, all at the same time."""
    crowd = [f"v{n:02}" for n in range(60)]
    await world.join(crowd)
    await world.send("idea", submit_idea(idea_id="popular"))
    noise = random.Random(7)
    words = [noise.choice((cast, withdraw))(member, idea_id="popular") for member in crowd for _ in range(5)]
    noise.shuffle(words)
    await asyncio.gather(*(world.send("vote", word) for word in words))
    last = [(cast if n % 3 else withdraw)(member, idea_id="popular") for n, member in enumerate(crowd)]
    repeated = [word for word in last for _ in range(3)]
    accepted = await asyncio.gather(*(world.send("vote", word) for word in repeated))
    at = max(accepted, key=lambda one: one.position["FEEDBACK"])
    await world.shown(at)

    assert (await idea_now(world, "popular", at)).vote_count == 40
    voters = await world.ask(VoterPage(brand="b1", viewer="m1", idea_id="popular"), VoterPageResult)
    assert voters.total_count == 40
    for n, member in enumerate(crowd[:6]):
        mine = await world.ask(ViewerVotes(brand="b1", viewer=member, ids=["popular"]), list[bool])
        assert mine == [bool(n % 3)]

    view = world.view("ideas")
    before = await canonical(view)
    await world.rebuild(view)
    assert await canonical(view) == before


@pytest.mark.parametrize(
    "query",
    [
        BoardsGetMany(brand="b1", viewer="n1", ids=["p1"]),
        BoardPage(brand="b1", viewer="n1"),
        BoardBySlug(brand="b1", viewer="n1", slug="ideas"),
        IdeaPage(brand="b1", viewer="n1"),
        IdeaPages(brand="b1", viewer="n1", ids=["p1"]),
        IdeasGetMany(brand="b1", viewer="n1", ids=["private"]),
        VoterPages(brand="b1", viewer="n1", ids=["private"]),
        VoterPage(brand="b1", viewer="n1", idea_id="private"),
        ViewerVotes(brand="b1", viewer="n1", ids=["private"]),
    ],
    ids=lambda query: query.wire_name,
)
async def test_another_brand_sees_nothing(world: World, query: Query) -> None:
    await world.send("idea", submit_idea(idea_id="private", brand="b1"))
    at = await world.send("vote", cast("m1", idea_id="private"))
    assert (await refused(world.ask(query, object))).code == "FORBIDDEN"
    own = await world.ask(structs.replace(query, viewer="m1", at_least=at.position), object)
    assert "private" in str(own) or "ideas" in str(own) or "m1" in str(own) or own == [True]
    at_home = structs.replace(query, brand="b2", at_least=at.position)
    match query:
        case BoardBySlug():
            assert (await refused(world.ask(at_home, BoardView))).code == "NOT_FOUND"
        case BoardsGetMany() | IdeasGetMany():
            assert await world.ask(at_home, object) == [None]
        case ViewerVotes():
            assert await world.ask(at_home, object) == [False]
        case BoardPage():
            assert "p1" not in [board.id for board in (await world.ask(at_home, BoardPageResult)).items]
        case IdeaPage():
            assert (await world.ask(at_home, IdeaPageResult)).items == []
        case IdeaPages():
            assert [page.items for page in await world.ask(at_home, list[IdeaPageResult])] == [[]]
        case VoterPages():
            assert [page.items for page in await world.ask(at_home, list[VoterPageResult])] == [[]]
        case _:
            assert (await world.ask(at_home, VoterPageResult)).items == []


async def test_another_brand_changes_nothing(world: World) -> None:
    at = await world.send("idea", submit_idea(idea_id="ours"))
    assert (await refused(world.send("vote", cast("n1", idea_id="ours")))).code == "FORBIDDEN"
    assert (await refused(world.send("vote", cast("n1", idea_id="ours", brand="b2")))).code == "NOT_FOUND"
    assert (await refused(world.send("idea", submit_idea(idea_id="x", actor="n1", brand="b2")))).code == "NOT_FOUND"
    foreign = change_status(Status.SHIPPED, idea_id="ours", brand="b2")
    assert (await refused(world.send("idea", foreign))).code == "NOT_FOUND"
    assert (await idea_now(world, "ours", at)).vote_count == 0
