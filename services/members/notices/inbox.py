"""The inboxes of members: what they were told, what of it is unread, and reading it.

They are neither history nor a view of it: who was told what depends on what was known then, and what was read is
nobody's business later.  So they stand in collections of their own (`notices`, `notice_counts`), written by the
process that tells (`telling.py`) and by members who read.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct, structs
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne

from libs.shared.app import App
from libs.shared.domain import Accepted, Command, Id, Query
from libs.shared.mongo import Session
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.times import from_ms, to_ms
from services.members.notices.audience import Receiver
from services.members.notices.facts import Fact
from services.members.notices.kinds import Kind
from services.members.notices.notice import Told, notice_id, notice_key, tell
from services.members.notices.writers import Writers

#: How many notifications one transaction marks as read.
_READ_AT_ONCE: Final = 500


class NoticeView(Struct, frozen=True, kw_only=True):
    """A notification: `facts` things happened since it was last read, by `people`, the newest first.

    `people_count` is at most 100, and then stands for as many or more.  `refs` are ids of what happened last: thread,
    reply, space, target, event, idea, board, role.
    """

    id: str
    kind: Kind
    subject: str
    unread: bool
    facts: int
    people: list[str]
    people_count: int
    since: datetime
    at: datetime
    refs: dict[str, str]


class NoticePageResult(Page[NoticeView], frozen=True, kw_only=True):
    """A page of notifications, and how many are unread in all."""

    unread_count: int


class NoticePage(Query, frozen=True, kw_only=True):
    """The viewer's inbox, what happened last first."""

    wire_name: ClassVar[str] = "notice_page"

    page: PageRequest = PageRequest()


class NoticesGetMany(Query, frozen=True, kw_only=True):
    """The viewer's notifications by id, in the order of `ids`, None for one that they do not have."""

    wire_name: ClassVar[str] = "notices_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class UnreadNotices(Query, frozen=True, kw_only=True):
    """How many of the viewer's notifications are unread."""

    wire_name: ClassVar[str] = "unread_notices"


class ReadNotices(Command, frozen=True, kw_only=True):
    """Mark one's notifications as read: these, or all, as far as they had come `until` a moment.  Not in the log."""

    wire_name: ClassVar[str] = "read_notices"

    ids: Annotated[list[Id], Meta(max_length=100)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class Inbox:
    """Reads and writes them."""

    def __init__(self, app: App, writers: Writers) -> None:
        self._app = app
        self._writers = writers

    async def prepare(self) -> None:
        """Make the indexes; the collections come with them."""
        await self._notices.create_indexes(
            [
                page_index("whose", "shown", "at_ms"),
                IndexModel([("whose", ASCENDING), ("unread", ASCENDING), ("at_ms", ASCENDING)]),
            ]
        )

    # For the process that tells

    async def tell(self, fact: Fact, receivers: Iterable[Receiver], session: Session) -> list[tuple[Receiver, Told]]:
        """Tell each receiver of a fact, within a transaction; returns whose notification changed, and to what."""
        to = {
            notice_key(fact.brand, one.member, notice_id(fact.brand, one.member, one.reason)): one for one in receivers
        }
        found = self._notices.find({"_id": {"$in": list(to)}}, session=session)
        before = {document["_id"]: document async for document in found}
        told = []
        for key, one in to.items():
            new = tell(one.member, fact, one.reason, inbox=one.choice.inbox, before=before.get(key))
            if new is not None:
                told.append((one, new))
        if told:
            await self._notices.bulk_write(
                [ReplaceOne({"_id": new.document["_id"]}, new.document, upsert=True) for _, new in told],
                session=session,
            )
        await self._count({new.document["whose"]: 1 for _, new in told if new.one_more}, session)
        return told

    # For members

    async def notice_page(self, query: NoticePage) -> NoticePageResult:
        """A page of the inbox."""
        whose = f"{query.brand}:{query.viewer}"
        found = await page(
            self._notices,
            prefix={"whose": whose, "shown": True},
            key="at_ms",
            request=query.page,
            descending=True,
        )
        shown = found.map(notice_view)
        return NoticePageResult(**structs.asdict(shown), unread_count=await self.unread(whose))

    async def notices_get_many(self, query: NoticesGetMany) -> list[NoticeView | None]:
        """Notifications by id."""
        keys = [notice_key(query.brand, query.viewer, id_) for id_ in query.ids]
        found = {
            document["_id"]: notice_view(document)
            async for document in self._notices.find({"_id": {"$in": keys}, "shown": True})
        }
        return [found.get(key) for key in keys]

    async def unread_notices(self, query: UnreadNotices) -> int:
        """How many are unread."""
        return await self.unread(f"{query.brand}:{query.viewer}")

    async def unread(self, whose: str) -> int:
        """How many notifications of a member (brand:member) are unread in the inbox."""
        counted = await self._counts.find_one({"_id": whose})
        unread: int = counted["unread"] if counted else 0
        return unread

    async def read_notices(self, command: ReadNotices) -> Accepted:
        """Mark as read.  What happened after `until` stays unread, also in a notification that is named."""
        whose, which = f"{command.brand}:{command.actor}", _to_read(command)
        while await self._writers.run(lambda session: self._mark(whose, which, session)) == _READ_AT_ONCE:
            pass
        return Accepted(id=command.actor, position={})

    async def would_read(self, command: ReadNotices) -> bool:
        """Whether one of these is unread, of all one that the inbox shows."""
        if command.ids is None:
            return await self.unread(f"{command.brand}:{command.actor}") > 0
        return await self._notices.find_one(_to_read(command), {"_id": 1}) is not None

    # For digests and mails

    async def find(self, brand: str, member: str, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """A member's notification, shown or not."""
        found: Mapping[str, Any] | None = await self._notices.find_one({"_id": notice_key(brand, member, id)})
        return found

    async def unread_between(
        self, whose: str, kinds: Collection[Kind], after: datetime, until: datetime, *, at_most: int
    ) -> list[Mapping[str, Any]]:
        """What of these kinds happened to a member (brand:member) in (`after`, `until`] and is unread, newest first."""
        between = {"$gt": to_ms(after), "$lt": to_ms(until) + 1}
        of_kinds = {"$in": [kind.value for kind in kinds]}
        found = self._notices.find({"whose": whose, "unread": True, "at_ms": between, "kind": of_kinds})
        documents: list[Mapping[str, Any]] = await found.sort("at_ms", -1).to_list(at_most)
        return documents

    async def forget(self, brand: str, member: str) -> None:
        """Drop a member's inbox: they left or were erased."""
        whose = f"{brand}:{member}"

        async def drop(session: Session) -> None:
            await self._notices.delete_many({"whose": whose}, session=session)
            await self._counts.delete_one({"_id": whose}, session=session)

        await self._writers.run(drop)

    async def _mark(self, whose: str, which: Mapping[str, Any], session: Session) -> int:
        """Mark some of these as read, within a transaction; returns how many."""
        found = await self._notices.find(which, {"shown": 1}, session=session).to_list(_READ_AT_ONCE)
        if found:
            ids = [document["_id"] for document in found]
            await self._notices.update_many({"_id": {"$in": ids}}, {"$set": {"unread": False}}, session=session)
            await self._count({whose: -sum(document["shown"] for document in found)}, session)
        return len(found)

    async def _count(self, changes: Mapping[str, int], session: Session) -> None:
        counts = [
            UpdateOne({"_id": whose}, {"$inc": {"unread": change}}, upsert=True)
            for whose, change in changes.items()
            if change
        ]
        if counts:
            await self._counts.bulk_write(counts, session=session)

    @property
    def _notices(self) -> Any:
        return self._app.db["notices"]

    @property
    def _counts(self) -> Any:
        return self._app.db["notice_counts"]


def _to_read(command: ReadNotices) -> dict[str, Any]:
    """Where those stand that a command marks as read."""
    until = command.until or command.now
    which: dict[str, Any] = {
        "whose": f"{command.brand}:{command.actor}",
        "unread": True,
        "at_ms": {"$gt": -1, "$lt": to_ms(until) + 1},
    }
    if command.ids is not None:
        which["_id"] = {"$in": [notice_key(command.brand, command.actor, id_) for id_ in command.ids]}
    return which


def notice_view(document: Mapping[str, Any]) -> NoticeView:
    """A notification as its member sees it."""
    return NoticeView(
        id=document["notice"],
        kind=Kind(document["kind"]),
        subject=document["subject"],
        unread=document["unread"],
        facts=document["facts"],
        people=document["people"][::-1],
        people_count=len(document["people"]),
        since=from_ms(document["since_ms"]),
        at=from_ms(document["at_ms"]),
        refs=document["refs"],
    )
