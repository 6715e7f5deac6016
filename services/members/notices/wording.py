"""What mails say of notifications and posts: titles and names, loaded when a mail is written, as its reader may see them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import Struct

from libs.shared.app import App
from libs.shared.domain import DomainError
from services.members.notices.kinds import Kind
from services.members.views.member_list import MemberListView, MembersGetMany

T = TypeVar("T")

#: How many people a line names.
_NAMES: Final = 2
#: How many of the newest posts are looked at for those that were talked about most, and how many are shown.
_POSTS_AT_ONCE: Final = 50
_TOP_POSTS: Final = 5


class _Titled(Struct, frozen=True):
    """A post, an event or an idea; what else there is of it is not read."""

    id: str
    title: str


class _Named(Struct, frozen=True):
    """A space or a board."""

    id: str
    name: str


class _Reply(Struct, frozen=True):
    """A reply: where it stands."""

    id: str
    thread_id: str


class _Post(Struct, frozen=True):
    """A post of a page."""

    id: str
    title: str
    author_id: str
    published_at: datetime
    reply_count: int


class _Count(Struct, frozen=True):
    """How many reacted with an emoji."""

    count: int


class _Reactions(Struct, frozen=True):
    """The reactions to a post."""

    counts: list[_Count]


class _Page(Struct, frozen=True):
    """A page of posts."""

    items: list[_Post]


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
    Kind.POST_IN_SPACE: ("discussions", "spaces_get_many", _Named),
    Kind.RSVP_PROMOTED: ("events", "events_get_many", _Titled),
    Kind.EVENT_CANCELLED: ("events", "events_get_many", _Titled),
    Kind.IDEA_SUBMITTED: ("feedback", "boards_get_many", _Named),
    Kind.IDEA_STATUS: ("feedback", "ideas_get_many", _Titled),
}


class Wording:
    """Asks the services as the reader of the mail, so that nobody is told what they may not see."""

    def __init__(self, app: App, members: MemberListView) -> None:
        self._bus = app.bus
        self._members = members

    async def lines(self, brand: str, reader: str, notices: Sequence[Mapping[str, Any]]) -> list[Line]:
        """Notifications in words, in their order; what the reader may not see any more is left out."""
        titles = dict(await asyncio.gather(*(self._titles(brand, reader, kind, notices) for kind in Kind)))
        people = [person for notice in notices for person in notice["people"][-_NAMES:]]
        names = await self._names(brand, reader, people)
        lines = []
        for notice in notices:
            kind = Kind(notice["kind"])
            title = titles[kind].get(notice["subject"])
            shown = [names[person] for person in notice["people"][: -_NAMES - 1 : -1] if person in names]
            if title is not None:
                lines.append(
                    Line(
                        kind=kind.value,
                        count=notice["facts"],
                        people=len(notice["people"]),
                        names=shown,
                        title=title,
                    )
                )
        return lines

    async def top_posts(self, brand: str, reader: str, after: datetime, until: datetime) -> list[TopPost]:
        """What others posted in a time and was talked about most: by replies and reactions, at most five."""
        page = await self._ask("discussions", "post_page", brand, reader, _Page, page={"first": _POSTS_AT_ONCE})
        posts = [
            post
            for post in (page.items if page else ())
            if after < post.published_at <= until and post.author_id != reader
        ]
        if not posts:
            return []
        ids = [post.id for post in posts]
        asked = self._ask("discussions", "reactions_get_many", brand, reader, list[_Reactions], target_ids=ids)
        names, reactions = await asyncio.gather(
            self._names(brand, reader, [post.author_id for post in posts]), asked
        )
        counts = [sum(one.count for one in found.counts) for found in reactions or ()] or [0] * len(posts)
        shown = [
            TopPost(title=post.title, author=names.get(post.author_id, ""), replies=post.reply_count, reactions=count)
            for post, count in zip(posts, counts, strict=True)
        ]
        return sorted(shown, key=lambda post: -(post.replies + post.reactions))[:_TOP_POSTS]

    async def _titles(
        self, brand: str, reader: str, kind: Kind, notices: Sequence[Mapping[str, Any]]
    ) -> tuple[Kind, dict[str, str]]:
        of_kind = [notice for notice in notices if notice["kind"] == kind.value]
        subjects = [notice["subject"] for notice in of_kind]
        if not subjects:
            return kind, {}
        if kind is Kind.ROLE_GRANTED:
            return kind, {role: role for role in subjects}
        if kind is Kind.POST_BY_PERSON:
            return kind, await self._names(brand, reader, subjects)
        if kind is Kind.REACTION:
            threads = {notice["subject"]: notice["refs"]["thread"] for notice in of_kind}
            titles = await self._many("discussions", "posts_get_many", brand, reader, list(threads.values()), _Titled)
            return kind, {target: titles[thread] for target, thread in threads.items() if thread in titles}
        service, name, reply = _SUBJECTS[kind]
        return kind, await self._many(service, name, brand, reader, subjects, reply)

    async def _many(
        self, service: str, name: str, brand: str, reader: str, keys: Sequence[str], reply: type[Any]
    ) -> dict[str, str]:
        found = await self._ask(service, name, brand, reader, list[reply | None], ids=list(dict.fromkeys(keys)))  # type: ignore[valid-type]
        rows: list[Any] = [row for row in found or () if row is not None]
        return {row.id: row.title if isinstance(row, _Titled) else row.name for row in rows}

    async def _names(self, brand: str, reader: str, members: Sequence[str]) -> dict[str, str]:
        wanted = list(dict.fromkeys(members))[:100]
        found = await self._members.members_get_many(MembersGetMany(brand=brand, viewer=reader, ids=wanted))
        return {one.id: one.display_name for one in found if one is not None}

    async def _ask(self, service: str, name: str, brand: str, reader: str, reply: type[T], **fields: Any) -> T | None:
        """None for what the reader may not see; raises when it cannot be known now."""
        try:
            return await self._bus.query(service, name, {"brand": brand, "viewer": reader, **fields}, reply)
        except DomainError as refusal:
            if refusal.code in {"FORBIDDEN", "NOT_FOUND"}:
                return None
            raise
