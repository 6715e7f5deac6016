"""Spaces for an audience, in the whole service on real servers: to everybody else they are not there at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.access.audience import Audience
from libs.access.audiences import SegmentEntered, SegmentLeft
from libs.access.permissions import ViewerCan
from libs.access.roles import Role
from libs.access.testing import World, running
from libs.access.view import MemberLeft, RoleGranted, RoleRevoked
from libs.shared.domain import Command, DomainError, Event, Query
from libs.shared.event_store import Subject
from libs.shared.paging import PageRequest
from libs.shared.tags import tag_key
from libs.shared.testing.views import canonical
from services.discussions.reaction import AddReaction, Emoji, RemoveReaction
from services.discussions.service import compose
from services.discussions.space import ChangeSpaceAudience, CreateSpace, SpaceKind
from services.discussions.tests.test_service import COMMANDS, QUERIES, Town
from services.discussions.thread import ChangeTags, LockThread, PublishPost, PublishReply, UnlockThread
from services.discussions.views.reactions import ReactionsGetMany, TargetReactions
from services.discussions.views.spaces import SpaceBySlug, SpacePage, SpacePageResult, SpacesGetMany
from services.discussions.views.tags import TagByName, TagsGetMany, TagView, TopTags
from services.discussions.views.threads import (
    PostPage,
    PostPageResult,
    PostPages,
    PostsGetMany,
    RepliesGetMany,
    ReplyPage,
    ReplyPages,
    TagPosts,
)

AMBASSADORS = Audience(roles=(Role.AMBASSADOR,))
EXPERTS = Audience(segments=("experts", "jury"))


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running("discussions", compose, tmp_path_factory.mktemp("exclusive")) as world:
        yield world


class Club(Town):
    """A brand with an open space `open` and an exclusive one `few`, a post, a reply and a reaction in each."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.world = world
        self._places: dict[str, int] = {}

    async def furnish(self, audience: Audience) -> "Club":
        await self.open()
        for slug, whose in (("open", None), ("few", audience)):
            await self.send(
                CreateSpace, "olga", space_id=slug, slug=slug, name=slug, kind=SpaceKind.DISCUSSION, audience=whose
            )
            thread = {"thread_id": f"t-{slug}"}
            tags = (f"tag {slug}", "both")
            await self.send(PublishPost, "olga", **thread, space_id=slug, title="Tides", body="When?", tags=tags)
            await self.send(PublishReply, "olga", **thread, reply_id=f"r-{slug}", body="Noon")
            await self.send(AddReaction, "olga", **thread, target_id=f"r-{slug}", emoji=Emoji.HEART)
        return self

    async def of_member(self, member: str, *events: Event) -> None:
        await self._write(Subject("members", self.brand, "member", member), *events, first=await self._last(member))

    async def of_segment(self, event: SegmentEntered | SegmentLeft) -> None:
        await self._write(Subject("members", self.brand, "segment_part", f"{event.segment_id}-00"), event, first=0)

    async def _last(self, member: str) -> int:
        js = self.world.app.nats.jetstream()
        return (await js.get_last_msg("MEMBERS", f"evt.members.{self.brand}.member.{member}")).seq or 0

    async def _write(self, subject: Subject, *events: Event, first: int) -> None:
        self._places[str(subject)] = await self.world.write(
            subject, *events, after=self._places.get(str(subject), first)
        )

    async def told(self, viewer: str) -> list[bool]:
        """For every query, whether its answer about the exclusive space is not that about one that never was."""
        found = []
        for query, fields in ASKED.items():
            here, nowhere = [await self._answer(query, viewer, fields, slug) for slug in ("few", "never")]
            found.append(here != nowhere)
        spaces = await self.ask(SpacePageResult, SpacePage, viewer)
        posts = await self.ask(PostPageResult, PostPage, viewer)
        return [*found, "few" in {one.slug for one in spaces.items}, "t-few" in {one.id for one in posts.items}]

    async def can(self, viewer: str) -> list[tuple[str, ...]]:
        """What somebody may do with the exclusive space, its post and its reply."""
        things = {"space": "few", "post": "t-few", "reply": "t-few:r-few"}
        asked = [
            self.ask(list[tuple[str, ...]], ViewerCan, viewer, kind=kind, ids=[id_]) for kind, id_ in things.items()
        ]
        return [answer for [answer] in await asyncio.gather(*asked)]

    async def _answer(self, query: type[Query], viewer: str, fields: dict[str, Any], slug: str) -> str:
        try:
            answer = await self.ask(object, query, viewer, **_of(slug, fields))
        except DomainError as refusal:
            return repr(refusal)
        return str(answer).replace(slug, "")

    async def sees(self, viewer: str) -> bool:
        """Whether somebody sees the exclusive space: all of it or nothing."""
        told = await self.told(viewer)
        assert len(set(told)) == 1, told
        spaces = await self.ask(SpacePageResult, SpacePage, viewer)
        posts = await self.ask(PostPageResult, PostPage, viewer)
        assert spaces.total_count == len(spaces.items)
        assert posts.total_count == len(posts.items)
        return told[0]

    async def until(self, viewer: str, *, sees: bool) -> None:
        """Wait until somebody sees it, or nothing of it any more."""
        async with asyncio.timeout(20):
            while set(await self.told(viewer)) != {sees}:  # noqa: ASYNC110 – what it waits for is in a database
                await asyncio.sleep(0.02)


#: Every query about a space and what stands in it; `*` is the space.
ASKED: dict[type[Query], dict[str, Any]] = {
    SpaceBySlug: {"slug": "*"},
    SpacesGetMany: {"ids": ["*"]},
    PostPage: {"space_id": "*"},
    PostPages: {"ids": ["*"]},
    PostsGetMany: {"ids": ["t-*"]},
    ReplyPage: {"thread_id": "t-*"},
    ReplyPages: {"thread_ids": ["t-*"]},
    RepliesGetMany: {"ids": ["r-*"]},
    ReactionsGetMany: {"target_ids": ["t-*", "r-*"]},
    TagByName: {"name": "tag *"},
    TagsGetMany: {"ids": [lambda slug: tag_key(f"tag {slug}")]},
    TopTags: {"prefix": "tag *"},
    TagPosts: {"ids": [lambda slug: tag_key(f"tag {slug}")]},
}
#: Every command about it.
SENT: dict[type[Command], dict[str, Any]] = {
    PublishPost: {"thread_id": "t9", "space_id": "*", "title": "Tides", "body": "When?"},
    PublishReply: {"thread_id": "t-*", "reply_id": "r9", "body": "Noon"},
    ChangeTags: {"thread_id": "t-*", "tags": ("mine",)},
    LockThread: {"thread_id": "t-*"},
    UnlockThread: {"thread_id": "t-*"},
    AddReaction: {"thread_id": "t-*", "target_id": "r-*", "emoji": Emoji.CLAP},
    RemoveReaction: {"thread_id": "t-*", "target_id": "t-*", "emoji": Emoji.CLAP},
}
WRITES = (PublishPost, PublishReply, AddReaction, RemoveReaction)


def _of(slug: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields for one space."""

    def made(value: Any) -> Any:
        if isinstance(value, list):
            return [made(one) for one in value]
        if callable(value) and not isinstance(value, type):
            return value(slug)
        return value.replace("*", slug) if type(value) is str else value

    return {name: made(value) for name, value in fields.items()}


def test_every_query_and_command_is_asked() -> None:
    assert {*ASKED, SpacePage} == set(QUERIES)
    assert {*SENT, CreateSpace, ChangeSpaceAudience} == set(COMMANDS)


@pytest.fixture
async def club(world: World) -> Club:
    return await Club(world).furnish(AMBASSADORS)


async def test_for_everybody_else_it_is_not_there(club: Club) -> None:
    await club.joined("mod", Role.MODERATOR)
    assert await club.sees("olga"), "owners and builders are always let in"
    for viewer in ("paul", "mod"):
        assert not await club.sees(viewer)
        for command, fields in SENT.items():
            refusal = await club.refused(command, viewer, **_of("few", fields))
            assert refusal == await club.refused(command, viewer, **_of("never", fields)), command
        assert set(await club.can(viewer)) == {()}
    assert await club.refused(ChangeSpaceAudience, "mod", space_id="few", audience=None) == ("FORBIDDEN", ())
    assert all(await club.can("olga"))


async def test_a_role_for_a_space_lets_in_there_and_nowhere_else(club: Club) -> None:
    await club.joined("sam")
    await club.joined("tim")
    await club.of_member("sam", RoleGranted(role="ambassador", space_id="few"))
    await club.of_member("tim", RoleGranted(role="ambassador", space_id="open"))
    await club.until("sam", sees=True)
    assert all(await club.can("sam"))
    assert not await club.sees("tim")
    await club.of_member("sam", RoleRevoked(role="ambassador", space_id="few"))
    await club.until("sam", sees=False)


async def test_a_role_that_has_ended_lets_in_no_more(club: Club) -> None:
    ended = datetime.now(UTC) - timedelta(seconds=1)
    await club.of_member("rita", RoleGranted(role="ambassador", expires_at=ended))
    await club.of_member("paul", RoleGranted(role="ambassador", expires_at=ended + timedelta(days=1)))
    await club.until("paul", sees=True)
    assert not await club.sees("rita")


async def test_a_role_lets_in_and_losing_it_ends_that_everywhere(club: Club) -> None:
    assert not await club.sees("rita")
    await club.of_member("rita", RoleGranted(role="ambassador"))
    await club.until("rita", sees=True)
    for command in WRITES:
        await club.send(command, "rita", **_of("few", SENT[command]))
    await club.of_member("rita", RoleRevoked(role="ambassador"))
    await club.until("rita", sees=False)
    for command in WRITES:
        assert (await club.refused(command, "rita", **_of("few", SENT[command])))[0] == "NOT_FOUND"


async def test_a_segment_lets_in_and_leaving_it_ends_that_everywhere(world: World) -> None:
    club = await Club(world).furnish(EXPERTS)
    await club.joined("mona")
    await club.of_segment(SegmentEntered(segment_id="others", member_ids=["mona"]))
    await club.of_segment(SegmentEntered(segment_id="jury", member_ids=["paul", "rita"]))
    await club.until("paul", sees=True)
    assert await club.sees("rita")
    assert not await club.sees("mona")
    reply = _of("few", SENT[PublishReply])
    await club.send(PublishReply, "rita", **reply)
    await club.of_segment(SegmentLeft(segment_id="jury", member_ids=["rita"]))
    await club.until("rita", sees=False)
    assert (await club.refused(PublishReply, "rita", **reply))[0] == "NOT_FOUND"
    assert await club.sees("paul")
    elsewhere = await Club(world).furnish(EXPERTS)
    assert not await elsewhere.sees("paul"), "a segment is one of its brand"


async def test_who_leaves_the_brand_sees_nothing_at_all(club: Club) -> None:
    await club.of_member("rita", RoleGranted(role="ambassador"))
    await club.until("rita", sees=True)
    await club.of_member("rita", MemberLeft())
    async with asyncio.timeout(20):
        while True:
            try:
                await club.ask(object, SpacePage, "rita")
            except DomainError as refusal:
                assert refusal.code == "FORBIDDEN"
                return
            await asyncio.sleep(0.02)


async def test_a_space_becomes_exclusive_and_open_again_with_all_that_stands_in_it(club: Club) -> None:
    for audience, wanted in ((None, True), (EXPERTS, False), (AMBASSADORS, False), (None, True)):
        await club.send(ChangeSpaceAudience, "olga", space_id="few", audience=audience)
        assert await club.sees("paul") is wanted, "it shows as soon as the command's position does"


async def test_pages_are_whole_where_much_is_hidden(club: Club) -> None:
    for number in range(12):
        await club.post(f"n{number:02}", "olga", "few" if number % 3 else "open")
    seen: list[str] = []
    after = None
    while True:
        page = await club.ask(PostPageResult, PostPage, "paul", page=PageRequest(first=2, after=after))
        assert page.total_count == 5
        seen += [one.id for one in page.items]
        if not page.has_next:
            break
        assert len(page.items) == 2
        after = page.cursors[-1]
    assert sorted(seen) == ["n00", "n03", "n06", "n09", "t-open"]
    assert (await club.ask(PostPageResult, PostPage, "olga")).total_count == 14


async def test_reactions_to_what_is_hidden_are_not_counted(club: Club) -> None:
    targets = ["r-few", "r-open", "t-few"]
    seen = await club.ask(list[TargetReactions], ReactionsGetMany, "paul", target_ids=targets)
    assert [len(one.counts) for one in seen] == [0, 1, 0]
    assert [one.target_id for one in seen] == targets


async def test_tags_are_counted_and_listed_as_far_as_somebody_is_let_in(club: Club) -> None:
    for number in range(6):
        await club.post(f"n{number}", "olga", "few", tags=("common", "both"))
    await club.post("n6", "olga", "open", tags=("rare",))

    async def shown(viewer: str, **fields: Any) -> list[tuple[str, int]]:
        return [(tag.name, tag.post_count) for tag in await club.ask(list[TagView], TopTags, viewer, **fields)]

    assert await shown("olga") == [("both", 8), ("common", 6), ("rare", 1), ("tag few", 1), ("tag open", 1)]
    assert await shown("paul") == [("both", 1), ("rare", 1), ("tag open", 1)], "their order tells nothing either"
    assert await shown("paul", first=2) == [("both", 1), ("rare", 1)]
    assert await shown("paul", first=1, prefix="r") == [("rare", 1)]
    [both] = await club.ask(list[PostPageResult], TagPosts, "paul", ids=[tag_key("both")])
    assert ([one.id for one in both.items], both.total_count) == (["t-open"], 1)
    [both] = await club.ask(list[PostPageResult], TagPosts, "olga", ids=[tag_key("both")])
    assert both.total_count == 8
    await club.send(ChangeTags, "olga", thread_id="t-open", tags=())
    assert await shown("paul") == [("rare", 1)]


async def test_what_a_client_says_of_hidden_spaces_does_not_count(club: Club) -> None:
    page = await club.ask(PostPageResult, PostPage, "paul", hidden=("open",))
    assert [one.id for one in page.items] == ["t-open"]
    seen = await club.ask(list[TargetReactions], ReactionsGetMany, "paul", target_ids=["r-open"], hidden=("r-open",))
    assert seen[0].counts


@pytest.mark.parametrize("name", ["threads", "spaces", "memberships"])
async def test_a_view_made_anew_is_the_same(club: Club, name: str) -> None:
    await club.of_segment(SegmentEntered(segment_id="jury", member_ids=["paul"]))
    await club.send(ChangeSpaceAudience, "olga", space_id="open", audience=EXPERTS)
    await club.world.shown(await club.send(ChangeSpaceAudience, "olga", space_id="few", audience=None))
    view = club.world.view(name)
    await club.world.app.positions.wait(view, {"MEMBERS": max(club._places.values())}, 20)
    before = await canonical(view)
    await club.world.rebuild(view)
    assert await canonical(view) == before
