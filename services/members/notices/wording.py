"""What mails say of notifications and posts: titles and names as their reader may see them when a mail is written."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import Struct

from libs.shared.app import App
from libs.shared.bus import BusClient
from libs.shared.domain import DomainError
from libs.shared.pull import head
from services.members.notices.fresh import catch_up
from services.members.notices.kinds import Kind
from services.members.notices.views.follows import FollowsView

T = TypeVar("T")

#: How many people a line names.
_NAMES: Final = 2
#: How many of the newest posts are looked at for those that were talked about most, in pages, and how many are shown.
_NEWEST_POSTS: Final = 1_000
_POSTS_AT_ONCE: Final = 50
_TOP_POSTS: Final = 5
#: What one question asks for at most.
_MOST: Final = 100
_MEMBERS: Final = "MEMBERS"


class _Member(Struct, frozen=True):
    """A member by name."""

    id: str
    display_name: str


class _Profile(Struct, frozen=True):
    """What a profile says of where and how somebody can be written to."""

    email: str | None
    language: str | None


class _Titled(Struct, frozen=True):
    """A post, an event or an idea; what else there is of it is not read."""

    id: str
    title: str


class _Named(Struct, frozen=True):
    """A space, a tag or a board."""

    id: str
    name: str


class _Post(Struct, frozen=True):
    """A post of a page."""

    id: str
    title: str
    author_id: str
    published_at: datetime
    reply_count: int
    official: bool = False


class _Count(Struct, frozen=True):
    """How many reacted with an emoji."""

    count: int


class _Reactions(Struct, frozen=True):
    """The reactions to a post."""

    counts: list[_Count]


class _Page(Struct, frozen=True):
    """A page of posts."""

    items: list[_Post]
    cursors: list[str]
    has_next: bool


class Address(Struct, frozen=True, kw_only=True):
    """To whom a mail goes, and in which language (BCP 47), None for the brand's."""

    email: str
    name: str
    language: str | None


class Line(Struct, frozen=True, kw_only=True):
    """A notification in words: what happened (`kind`) how often, by whom (`names`, of `people` in all), to what."""

    kind: str
    count: int
    people: int
    names: list[str]
    title: str


class TopPost(Struct, frozen=True, kw_only=True):
    """A post that was talked about."""

    title: str
    author: str
    replies: int
    reactions: int


#: Which query has the titles of the subjects of a kind.
_SUBJECTS: Final[Mapping[Kind, tuple[str, str, type[Any]]]] = {
    Kind.REPLY: ("discussions", "posts_get_many", _Titled),
    Kind.POST_WITH_TAG: ("discussions", "tags_get_many", _Named),
    Kind.POST_IN_SPACE: ("discussions", "spaces_get_many", _Named),
    Kind.EVENT_INVITATION: ("events", "events_get_many", _Titled),
    Kind.RSVP_PROMOTED: ("events", "events_get_many", _Titled),
    Kind.EVENT_CANCELLED: ("events", "events_get_many", _Titled),
    Kind.IDEA_SUBMITTED: ("feedback", "boards_get_many", _Named),
    Kind.IDEA_STATUS: ("feedback", "ideas_get_many", _Titled),
}


class _View:
    """The services as one member of a brand sees them, but for those whom a block keeps `apart`; SYSTEM sees all."""

    def __init__(self, bus: BusClient, brand: str, viewer: str, apart: Collection[str] = ()) -> None:
        self._bus = bus
        self._envelope = {"brand": brand, "viewer": viewer}
        self.apart = apart

    async def ask(self, service: str, name: str, reply: type[T], **fields: Any) -> T | None:
        """None for what the viewer may not see; raises `DomainError` when it cannot be known now."""
        try:
            return await self._bus.query(service, name, {**self._envelope, **fields}, reply)
        except DomainError as refusal:
            if refusal.code in {"FORBIDDEN", "NOT_FOUND"}:
                return None
            raise

    async def titles(self, service: str, name: str, keys: Sequence[str], reply: type[Any]) -> dict[str, str]:
        """The titles or names of things by their ids."""
        wanted = list(dict.fromkeys(keys))[:_MOST]
        found: list[Any] = await self.ask(service, name, list[reply | None], ids=wanted) or []  # type: ignore[valid-type]
        return {row.id: row.name if isinstance(row, _Named) else row.title for row in found if row is not None}

    async def names(self, members: Sequence[str]) -> dict[str, str]:
        """The names of members by their ids."""
        wanted = [one for one in dict.fromkeys(members) if one not in self.apart][:_MOST]
        if not wanted:
            return {}
        found = await self.ask("members", "members_get_many", list[_Member | None], ids=wanted)
        return {one.id: one.display_name for one in found or () if one is not None}

    async def posts(self, after: datetime) -> AsyncIterator[list[_Post]]:
        """What was posted after a time, the newest first, in pages; what is not among the newest posts is left out."""
        request: dict[str, Any] = {"first": _POSTS_AT_ONCE}
        seen = 0
        while seen < _NEWEST_POSTS:
            page = await self.ask("discussions", "post_page", _Page, page=request)
            if page is None:
                return
            yield [post for post in page.items if post.published_at > after]
            if not page.has_next or page.items[-1].published_at <= after:
                return
            seen += len(page.items)
            request["after"] = page.cursors[-1]

    async def reactions(self, posts: Sequence[_Post]) -> list[int]:
        """How many reactions each of these posts of a page has."""
        ids = [post.id for post in posts]
        found = await self.ask("discussions", "reactions_get_many", list[_Reactions], target_ids=ids) if ids else None
        return [sum(one.count for one in reactions.counts) for reactions in found or ()] or [0] * len(posts)


class Wording:
    """Asks the services as the reader of the mail, so that nobody is told what they may not see."""

    def __init__(self, app: App, follows: FollowsView) -> None:
        self._app = app
        self._bus = app.bus
        self._js = app.nats.jetstream()
        self._follows = follows

    async def address(self, brand: str, reader: str) -> Address | None:
        """Where mails of a member go; None for who is not in the brand, or has no address there."""
        view = _View(self._bus, brand, reader)
        now = {_MEMBERS: await head(self._js, _MEMBERS)}  # who left a moment ago is gone
        found = await view.ask("members", "profiles_get_many", list[_Profile | None], ids=[reader], at_least=now)
        profile = found[0] if found else None
        names = await view.names([reader])
        if profile is None or profile.email is None or reader not in names:
            return None
        return Address(email=profile.email, name=names[reader], language=profile.language)

    async def lines(self, brand: str, reader: str, notices: Sequence[Mapping[str, Any]]) -> list[Line]:
        """Notifications in words, in their order; what the reader may not see any more is left out."""
        view = await self._as_reader(brand, reader)
        titles = dict(await asyncio.gather(*(_titles(view, kind, notices) for kind in Kind)))
        names = await view.names([person for notice in notices for person in notice["people"][-_NAMES:]])
        lines = []
        for notice in notices:
            kind = Kind(notice["kind"])
            title = titles[kind].get(notice["subject"])
            if title is None:
                continue
            shown = [names[person] for person in notice["people"][: -_NAMES - 1 : -1] if person in names]
            people = len(notice["people"])
            lines.append(Line(kind=kind.value, count=notice["facts"], people=people, names=shown, title=title))
        return lines

    async def top_posts(self, brand: str, reader: str, after: datetime, until: datetime) -> list[TopPost]:
        """What others posted in a time and was talked about most: by replies and reactions, at most five."""
        view = await self._as_reader(brand, reader)
        top: list[tuple[_Post, int]] = []
        async for page in view.posts(after):
            posts = [
                post
                for post in page
                if post.published_at <= until
                and post.author_id != reader
                and (post.official or post.author_id not in view.apart)
            ]
            counted = zip(posts, await view.reactions(posts), strict=True)
            top = sorted((*top, *counted), key=lambda one: -(one[0].reply_count + one[1]))[:_TOP_POSTS]
        names = await view.names([post.author_id for post, _ in top])
        return [
            TopPost(title=post.title, author=names.get(post.author_id, ""), replies=post.reply_count, reactions=count)
            for post, count in top
        ]

    async def _as_reader(self, brand: str, reader: str) -> _View:
        await catch_up(self._app, self._follows)
        return _View(self._bus, brand, reader, await self._follows.kept_apart(brand, reader))


async def _titles(view: _View, kind: Kind, notices: Sequence[Mapping[str, Any]]) -> tuple[Kind, dict[str, str]]:
    """The titles of the subjects of a kind, by the subject."""
    of_kind = [notice for notice in notices if notice["kind"] == kind.value]
    subjects = [notice["subject"] for notice in of_kind]
    if not subjects:
        return kind, {}
    match kind:
        case Kind.ROLE_GRANTED | Kind.SPOTLIGHT | Kind.JOURNEY_STEP | Kind.NUDGE:
            return kind, {subject: subject for subject in subjects}
        case Kind.BADGE_AWARDED:
            return kind, {notice["subject"]: notice["refs"]["name"] for notice in of_kind}
        case Kind.POST_BY_PERSON:
            return kind, await view.names(subjects)
        case Kind.REACTION:
            threads = {notice["subject"]: notice["refs"]["thread"] for notice in of_kind}
            titles = await view.titles("discussions", "posts_get_many", list(threads.values()), _Titled)
            return kind, {target: titles[thread] for target, thread in threads.items() if thread in titles}
        case _:
            service, name, reply = _SUBJECTS[kind]
            return kind, await view.titles(service, name, subjects, reply)
