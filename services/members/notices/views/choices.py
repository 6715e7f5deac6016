"""How do members want to be told, and what does their brand propose?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import DeleteOne, IndexModel, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Query
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.notices import preferences
from services.members.notices.kinds import Choices, Kind, Mail, Word
from services.members.notices.preferences import (
    DEFAULT_ZONE,
    DefaultsProposed,
    DigestZoneChosen,
    MailResumed,
    MailStopped,
    NotificationsChosen,
)


class ChoiceView(Struct, frozen=True, kw_only=True):
    """What holds for a kind; `inbox_said` and `mail_said`: whether the one who is asked about said so themselves."""

    kind: Kind
    inbox: bool
    mail: Mail
    inbox_said: bool
    mail_said: bool


class ChoicesReply(Struct, frozen=True, kw_only=True):
    """What holds for every kind, in the order of `Kind`; the `time_zone` is the brand's for digests."""

    kinds: list[ChoiceView]
    mail_off: bool
    time_zone: str


class NotificationChoices(Query, frozen=True, kw_only=True):
    """How the viewer is told of things."""

    wire_name: ClassVar[str] = "notification_choices"


class NotificationDefaults(Query, frozen=True, kw_only=True):
    """How members are told who said nothing."""

    wire_name: ClassVar[str] = "notification_defaults"


class ChoicesView(View):
    """`choices`: a document a member (`_id` brand:member) and a brand (`_id` brand): words by kind.

    A member's also has `mail_off`, a brand's the `zone` of its digests."""

    name = "notification_choices"
    version = 1
    stream = "MEMBERS"
    events = (*preferences.CHOICES.events, *preferences.DEFAULTS.events, ErasureRecorded)
    subjects = (
        "evt.members.*.notification_choices.>",
        "evt.members.*.notification_defaults.>",
        "evt.members.*.erasure.>",
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"choices": ()}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        member = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case NotificationsChosen() as event:
                yield _set(member, f"kinds.{event.kind}", _word(event))
            case DefaultsProposed() as event:
                yield _set({"_id": recorded.brand}, f"kinds.{event.kind}", _word(event))
            case DigestZoneChosen() as event:
                yield _set({"_id": recorded.brand}, "zone", event.time_zone)
            case MailStopped():
                yield _set(member, "mail_off", value=True)
            case MailResumed():
                yield _set(member, "mail_off", value=False)
            case ErasureRecorded():
                yield Write("choices", DeleteOne(member))

    async def of_many(self, brand: str, members: Iterable[str]) -> dict[str, Choices]:
        """What each of some members and their brand said."""
        wanted = list(members)
        keys = [brand, *(f"{brand}:{member}" for member in wanted)]
        found = {
            document["_id"]: document async for document in self.collection("choices").find({"_id": {"$in": keys}})
        }
        proposed = _words(found.get(brand))
        return {
            member: Choices(
                own=_words(found.get(f"{brand}:{member}")),
                brand=proposed,
                mail_off=found.get(f"{brand}:{member}", {}).get("mail_off", False),
            )
            for member in wanted
        }

    async def of(self, brand: str, member: str) -> Choices:
        """What a member and their brand said."""
        return (await self.of_many(brand, [member]))[member]

    async def notification_choices(self, query: NotificationChoices) -> ChoicesReply:
        """What holds for the viewer."""
        choices = await self.of(query.brand, query.viewer)
        return _reply(choices, choices.own, await self._brand(query.brand))

    async def notification_defaults(self, query: NotificationDefaults) -> ChoicesReply:
        """What holds for who said nothing."""
        brand = await self._brand(query.brand)
        proposed = _words(brand)
        return _reply(Choices(brand=proposed), proposed, brand)

    async def _brand(self, brand: str) -> Mapping[str, Any]:
        return await self.collection("choices").find_one({"_id": brand}) or {}


def _set(who: dict[str, str], field: str, value: object) -> Write:
    return Write("choices", UpdateOne(who, {"$set": {field: value}}, upsert=True))


def _word(event: NotificationsChosen | DefaultsProposed) -> dict[str, object]:
    return {"inbox": event.inbox, "mail": event.mail and event.mail.value}


def _words(document: Mapping[str, Any] | None) -> dict[str, Word]:
    kinds = document.get("kinds", {}) if document else {}
    return {
        kind: Word(inbox=said["inbox"], mail=None if said["mail"] is None else Mail(said["mail"]))
        for kind, said in kinds.items()
    }


def _reply(choices: Choices, said: Mapping[str, Word], brand: Mapping[str, Any]) -> ChoicesReply:
    shown = []
    for kind in Kind:
        word, choice = said.get(kind, Word()), choices.of(kind)
        shown.append(
            ChoiceView(
                kind=kind,
                inbox=choice.inbox,
                mail=choice.mail,
                inbox_said=word.inbox is not None,
                mail_said=word.mail is not None,
            )
        )
    return ChoicesReply(kinds=shown, mail_off=choices.mail_off, time_zone=brand.get("zone", DEFAULT_ZONE))
