"""Whom has a brand invited, and what became of it?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, structs
from pymongo import DeleteMany, DeleteOne, IndexModel, ReplaceOne, UpdateMany, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.domain import Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.invitations import decisions
from services.members.invitations.invitation import (
    InvitationAccepted,
    InvitationExpired,
    InvitationForgotten,
    InvitationResent,
    InvitationRevoked,
    InvitationWorded,
    MemberInvited,
    Status,
)
from services.members.mail import delivery
from services.members.mail.delivery import MailGivenUp, MailRefused, MailSent, MailWithheld, Withheld

#: The kind of the mails that carry invitations.
MAILS = "invitation"


class Progress(StrEnum):
    """What became of an invitation: that of its mail, until it is over."""

    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    OPTED_OUT = "opted_out"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationView(Struct, frozen=True, kw_only=True):
    """An invitation.  `address`, `name` and `message` are None once they are forgotten; `accepted_by` is a member."""

    id: str
    status: Progress
    role: Role
    language: str | None
    address: str | None
    name: str | None
    message: str | None
    mails: int
    invited_by: str
    invited_at: datetime
    expires_at: datetime
    accepted_by: str | None


class InvitationPageResult(Page[InvitationView], frozen=True, kw_only=True):
    """A page of invitations."""

    total_count: int


class InvitationPage(Query, frozen=True, kw_only=True):
    """The invitations of the brand, the newest first.  Owners and builders."""

    wire_name: ClassVar[str] = "invitation_page"

    page: PageRequest = PageRequest()


class InvitationsGetMany(Query, frozen=True, kw_only=True):
    """Invitations by id, in the order of `ids`, None for one that this brand never sent.  Owners and builders."""

    wire_name: ClassVar[str] = "invitations_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class InvitationsView(View):
    """`invitations`: a document an invitation, `_id` brand:invitation.  `messages`: the words added, under the same.

    `totals`: `count` of a brand's.
    """

    name = "invitations"
    version = 1
    stream = "MEMBERS"
    events = (*decisions.DECIDER.events, *delivery.DECIDER.events, ErasureRecorded)
    subjects = ("evt.members.*.invitation.>", "evt.members.*.mail.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "invitations": (page_index("brand", "invited_at_ms"),),
        "messages": (IndexModel("by"),),
        "totals": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        which = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberInvited() as event:
                yield Write("invitations", ReplaceOne(which, {**which, **_invited(recorded, event)}, upsert=True))
                yield Write("messages", DeleteOne(which))
                if event.edition == 1:
                    yield Write("totals", UpdateOne({"_id": recorded.brand}, {"$inc": {"count": 1}}, upsert=True))
            case InvitationWorded() as event:
                words = {**which, "by": f"{recorded.brand}:{recorded.actor}", "message": event.message}
                yield Write("messages", ReplaceOne(which, words, upsert=True))
            case InvitationResent() as event:
                again = {"status": Status.PENDING.value, "delivery": Progress.SENDING.value, "mails": event.mail}
                yield _set(which, **again, expires_at_ms=to_ms(event.expires_at))
            case InvitationRevoked():
                yield _set(which, status=Status.REVOKED.value)
            case InvitationExpired():
                yield _set(which, status=Status.EXPIRED.value)
            case InvitationAccepted() as event:
                yield _set(which, status=Status.ACCEPTED.value, accepted_by=event.member_id)
            case MailSent() | MailRefused() | MailGivenUp() | MailWithheld() as event:
                if event.kind == MAILS:
                    mailed = {"_id": f"{recorded.brand}:{event.about}"}
                    yield _set(mailed, delivery=_delivery(event).value)
            case InvitationForgotten():
                yield from _forget(which)
            case ErasureRecorded():
                # Of an invitation, or of a member who added words to some.
                yield from _forget(which)
                yield Write("messages", DeleteMany({"by": which["_id"]}))

    async def invitation_page(self, query: InvitationPage) -> InvitationPageResult:
        """A page of a brand's invitations."""
        found = await page(
            self.collection("invitations"),
            prefix={"brand": query.brand},
            key="invited_at_ms",
            request=query.page,
            descending=True,
        )
        messages = await self._messages([document["_id"] for document in found.items])
        totals = await self.collection("totals").find_one({"_id": query.brand})
        shown = found.map(lambda document: _invitation(document, messages))
        return InvitationPageResult(**structs.asdict(shown), total_count=totals["count"] if totals else 0)

    async def invitations_get_many(self, query: InvitationsGetMany) -> list[InvitationView | None]:
        """The invitations of `ids`, in that order."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = await self.collection("invitations").find({"_id": {"$in": keys}}).to_list(None)
        messages = await self._messages(keys)
        shown = {document["_id"]: _invitation(document, messages) for document in found}
        return [shown.get(key) for key in keys]

    async def _messages(self, keys: list[str]) -> dict[str, str]:
        found = self.collection("messages").find({"_id": {"$in": keys}})
        return {document["_id"]: document["message"] async for document in found}


def _set(which: dict[str, str], **fields: object) -> Write:
    return Write("invitations", UpdateOne(which, {"$set": fields}))


def _forget(which: dict[str, str]) -> Iterable[Change]:
    yield Write("invitations", UpdateMany(which, {"$set": {"address": None, "name": None}}))
    yield Write("messages", DeleteMany(which))


def _delivery(event: MailSent | MailRefused | MailGivenUp | MailWithheld) -> Progress:
    if isinstance(event, MailSent):
        return Progress.SENT
    opted_out = isinstance(event, MailWithheld) and event.reason is Withheld.OPTED_OUT
    return Progress.OPTED_OUT if opted_out else Progress.BOUNCED


def _invited(recorded: Recorded[Any], event: MemberInvited) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "invitation": recorded.aggregate_id,
        "status": Status.PENDING.value,
        "delivery": Progress.SENDING.value,
        "address": event.address,
        "name": event.name,
        "role": event.role.value,
        "language": event.language,
        "mails": 1,
        "invited_by": recorded.actor,
        "invited_at_ms": to_ms(event.invited_at),
        "expires_at_ms": to_ms(event.expires_at),
        "accepted_by": None,
    }


def _invitation(document: Mapping[str, Any], messages: Mapping[str, str]) -> InvitationView:
    status = document["status"]
    return InvitationView(
        id=document["invitation"],
        status=Progress(document["delivery"] if status == Status.PENDING else status),
        role=Role(document["role"]),
        language=document["language"],
        address=document["address"],
        name=document["name"],
        message=messages.get(document["_id"]),
        mails=document["mails"],
        invited_by=document["invited_by"],
        invited_at=from_ms(document["invited_at_ms"]),
        expires_at=from_ms(document["expires_at_ms"]),
        accepted_by=document["accepted_by"],
    )
