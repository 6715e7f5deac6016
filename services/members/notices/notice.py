"""A notification: what one member is told of one subject.  Facts about it gather until it is read.  Pure."""

from typing import Any, Final, NamedTuple

from libs.shared.ids import derived_id
from services.members.notices.facts import Fact, Reason
from services.members.notices.kinds import Kind

#: How many people of one notification are told apart; of more it says that there were at least so many.
MAX_PEOPLE: Final = 100

Document = dict[str, Any]


class Told(NamedTuple):
    """A notification after a fact: its document, and whether it is one more that is unread in the inbox."""

    document: Document
    one_more: bool


def notice_id(brand: str, member: str, reason: Reason) -> str:
    """The id of a member's notification of a kind about a subject: the same as long as there is one."""
    return derived_id("notice", brand, member, reason.kind, reason.subject)


def notice_key(brand: str, member: str, id: str) -> str:  # noqa: A002 – the field's word
    """The `_id` of a notification."""
    return f"{brand}:{member}:{id}"


def tell(member: str, fact: Fact, reason: Reason, *, inbox: bool, before: Document | None) -> Told | None:
    """The member's notification once `fact` is told; `before` is what they have of the same kind and subject.

    None when it says nothing new: somebody reacts again who did before.  One that was read begins anew, and one that
    was kept out of the inbox comes into it with the first fact that may.
    """
    known: list[str] = before["known"] if before else []
    if reason.kind is Kind.REACTION and fact.actor in known:
        return None
    goes_on = before if before is not None and before["unread"] else None
    shown = inbox or bool(goes_on and goes_on["shown"])
    id_ = notice_id(fact.brand, member, reason)
    document = {
        "_id": notice_key(fact.brand, member, id_),
        "whose": f"{fact.brand}:{member}",
        "notice": id_,
        "kind": reason.kind.value,
        "subject": reason.subject,
        "unread": True,
        "shown": shown,
        "facts": (goes_on["facts"] if goes_on else 0) + 1,
        "people": _newest_last(goes_on["people"] if goes_on else [], fact.actor),
        "known": _newest_last(known, fact.actor) if reason.kind is Kind.REACTION else [],
        "since_ms": min(goes_on["since_ms"], fact.at_ms) if goes_on else fact.at_ms,
        "at_ms": max(goes_on["at_ms"], fact.at_ms) if goes_on else fact.at_ms,
        "refs": fact.refs if goes_on is None or fact.at_ms >= goes_on["at_ms"] else goes_on["refs"],
    }
    return Told(document, one_more=shown and not (goes_on and goes_on["shown"]))


def _newest_last(people: list[str], person: str) -> list[str]:
    return [*(other for other in people if other != person), person][-MAX_PEOPLE:]
