"""Everything a service holds about one member, page by page, as its views have it: for the member only."""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec import Struct

from libs.shared.app import App
from libs.shared.domain import SYSTEM, Forbidden, Id, Invalid, Query
from libs.shared.mongo import Collection
from libs.shared.projection import View
from libs.shared.times import from_ms

_PAGE_ITEMS = 500
_PAGE_BYTES = 600_000


class MemberExport(Query, frozen=True, kw_only=True):
    """A page of what is held about a member, after the cursor `after`.  For the member, also after leaving."""

    wire_name: ClassVar[str] = "member_export"

    member_id: Id
    after: str | None = None


class ExportItem(Struct, frozen=True, kw_only=True):
    """One thing: `kind` says what, `data` holds all its fields; instants are in ISO 8601."""

    kind: str
    id: str
    data: dict[str, Any]


class ExportPage(Struct, frozen=True, kw_only=True):
    """At most 500 things and about 600 kB.  `next` is the cursor of the page that follows, None on the last one."""

    items: list[ExportItem]
    next: str | None


class Source(NamedTuple):
    """A collection of a view that holds things of members: `where` (brand, member) finds theirs."""

    kind: str
    view: View
    collection: str
    where: Callable[[str, str], Mapping[str, Any]]


class Kept(NamedTuple):
    """A collection of the service that is no view's, as what members have read."""

    kind: str
    documents: Callable[[], Collection]
    where: Callable[[str, str], Mapping[str, Any]]


class _Cursor(NamedTuple):
    """The page begins in this source, after this document."""

    source: int
    after: str


def within(brand: str) -> dict[str, str]:
    """The range of keys that begin with the brand: `<brand>:…`."""
    return {"$gte": f"{brand}:", "$lt": f"{brand};"}


def compose_export(app: App, sources: Sequence[Source | Kept]) -> None:
    """Answer `member_export` from these sources: every collection in which something of a member stands."""

    async def oneself(query: MemberExport) -> None:
        if query.viewer not in (query.member_id, SYSTEM):
            raise Forbidden("members get what is held about themselves only")

    async def export(query: MemberExport) -> ExportPage:
        views = {source.view.name: source.view for source in sources if isinstance(source, Source)}
        for view in views.values():
            await app.positions.wait(view, query.at_least, app.settings.stale_seconds)
        return await _page(sources, query)

    app.query(MemberExport, ExportPage, export, view=None, allow=oneself)


async def _page(sources: Sequence[Source | Kept], query: MemberExport) -> ExportPage:
    cursor = _Cursor(0, "") if query.after is None else _decode(query.after, len(sources))
    items: list[ExportItem] = []
    size = 0
    for number in range(cursor.source, len(sources)):
        source = sources[number]
        after = cursor.after if number == cursor.source else ""
        where = {"$and": [source.where(query.brand, query.member_id), {"_id": {"$gt": after}}]}
        collection = source.documents() if isinstance(source, Kept) else source.view.collection(source.collection)
        found = collection.find(where).sort("_id", 1).limit(_PAGE_ITEMS + 1)
        async for document in found:
            item = ExportItem(kind=source.kind, id=document["_id"], data=_readable(document))
            size += len(msgspec.json.encode(item))
            if items and (len(items) == _PAGE_ITEMS or size > _PAGE_BYTES):
                return ExportPage(items=items, next=_encode(_Cursor(number, after)))
            items.append(item)
            after = item.id
    return ExportPage(items=items, next=None)


def _readable(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without its key, with its instants in words."""
    data: dict[str, Any] = {}
    for name, value in document.items():
        if name == "_id":
            continue
        if name.endswith("_ms"):
            data[name.removesuffix("_ms")] = None if value is None else from_ms(value).isoformat()
        else:
            data[name] = value
    return data


def _encode(cursor: _Cursor) -> str:
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _decode(text: str, sources: int) -> _Cursor:
    try:
        cursor = msgspec.json.decode(b64decode(text, altchars=b"-_", validate=True), type=_Cursor)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise Invalid("not a cursor of this list", ("after",)) from error
    if not 0 <= cursor.source < sources:
        raise Invalid("not a cursor of this list", ("after",))
    return cursor
