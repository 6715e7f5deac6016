"""The process that sends mails: each waits in the timetable, is written when it is due, and sent until that is settled.

What waits holds ids only.  Who the mail goes to and what it says is found out when it is sent, from what the platform
knows then: nothing personal is kept twice, and who was erased meanwhile gets no mail.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from jinja2 import TemplateError
from msgspec import Struct

from libs.shared.app import App
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM
from libs.shared.ids import address_id, derived_id
from libs.shared.logs import logger
from libs.shared.schedules import Due
from services.members.mail.address import Address, AddressCommand, AddressEvent
from services.members.mail.delivery import Mail, MailEvent, RecordMail, Withheld
from services.members.mail.letters import Look, nearest, write
from services.members.mail.links import Links, MailLink
from services.members.mail.message import Envelope, UnsafeHeader, build
from services.members.mail.smtp import Away, Deferred, Refused, Transport

#: How the schedules of mails are called.
KIND: Final = "mail"
#: How long a server may put a mail off (RFC 5321, section 4.5.4.1).
PATIENCE: Final = timedelta(days=4)

_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=4)
_AWAY_PAUSE: Final = timedelta(seconds=15)
#: A mail that cannot be sent, for what stands in it.
_UNFIT: Final = (UnsafeHeader, TemplateError, ValueError)

_log = logger(__name__)


class Draft(Struct, frozen=True, kw_only=True):
    """What a mail is to say: to which address, in which language (a tag of BCP 47; None is the brand's), by which
    template with which values.
    """

    to: str
    template: str
    values: Mapping[str, Any]
    language: str | None = None


#: Writes a mail of one kind, of a brand, about the thing with an id; None when there is nothing to say any more.
Write = Callable[[str, str], Awaitable[Draft | None]]


class BrandInMails(Struct, frozen=True, kw_only=True):
    """What mails show of a brand."""

    look: Look
    locale: str


#: Finds that, by the brand's id.
FindBrand = Callable[[str], Awaitable[BrandInMails]]


class _Waiting(Struct, frozen=True, kw_only=True):
    """A mail in the timetable; it was to be sent at first at `since`."""

    brand: str
    kind: str
    about: str
    since: datetime
    attempts: int = 0


class Mailer:
    """Sends mails at least once, whatever crashes; a repeat has the same Message-ID, by which mailboxes know it.

    A mail that a server puts off waits longer and longer, up to `PATIENCE`, and holds up no other.
    """

    def __init__(
        self,
        app: App,
        mails: CommandHandler[Mail, RecordMail, MailEvent],
        addresses: CommandHandler[Address, AddressCommand, AddressEvent],
        find_brand: FindBrand,
        transport: Transport,
    ) -> None:
        self._settings = app.settings
        self._clock = app.clock
        self._timetable = app.timetable
        self._mails = mails
        self._addresses = addresses
        self._find_brand = find_brand
        self._transport = transport
        self._writers: dict[str, Write] = {}
        self._away_until: datetime | None = None
        app.on_due(KIND, self._due)

    def writes(self, kind: str, write: Write) -> None:
        """Say how mails of a kind are written; a name of A–Z a–z 0–9 _ -."""
        if self._writers.setdefault(kind, write) is not write:
            raise ValueError(f"mails of the kind {kind!r} are written twice")

    async def send(self, mail_id: str, brand: str, kind: str, about: str, *, at: datetime | None = None) -> None:
        """Have a mail sent, now or at a time; `about` is the id of what `writes` is asked to write about.

        Returns when the mail cannot be lost any more.  Safe to repeat: a mail with this id is sent once.
        Raises `Unavailable`.
        """
        when = at or self._clock.now()
        waiting = _Waiting(brand=brand, kind=kind, about=about, since=when)
        await self._timetable.create(KIND, mail_id, when, msgspec.json.encode(waiting))

    async def _due(self, due: Due) -> None:
        waiting = msgspec.json.decode(due.data, type=_Waiting)
        if (await self._mails.state(waiting.brand, due.id, fresh=True)).settled:
            return
        now = self._clock.now()
        if self._away_until is not None and now < self._away_until:
            await self._again(due.id, waiting, self._away_until - now)
            return
        try:
            withheld = await self._try(due.id, waiting)
        except Refused as refused:
            await self._record(due.id, waiting, reply_code=refused.code)
        except _UNFIT as error:
            _log.error("mail cannot be written", kind=waiting.kind, mail=due.id, error=type(error).__name__)
            await self._record(due.id, waiting, withheld=Withheld.UNFIT)
        except (Deferred, Away) as problem:
            await self._put_off(due.id, waiting, problem)
        else:
            await self._record(due.id, waiting, withheld=withheld)

    async def _try(self, mail_id: str, waiting: _Waiting) -> Withheld | None:
        """Send the mail; says why when it is not to be sent.  Raises as `Transport.deliver`, and what is `_UNFIT`."""
        draft = await self._writers[waiting.kind](waiting.brand, waiting.about)
        if draft is None:
            return Withheld.NOTHING_TO_SAY
        address = address_id(self._settings.identity_secret, waiting.brand, draft.to)
        if (await self._addresses.state(waiting.brand, address, fresh=True)).opted_out:
            return Withheld.OPTED_OUT
        brand = await self._find_brand(waiting.brand)
        language = nearest(draft.language, brand.locale)
        link = MailLink(brand=waiting.brand, address_id=address, language=language)
        opt_out_url = f"{self._url}/mail/{Links(self._settings.identity_secret).sign(link)}"
        letter = write(draft.template, language, brand.look, opt_out_url, draft.values)
        sender = self._settings.mail_from
        envelope = Envelope(
            to=draft.to,
            sender=sender,
            sender_name=brand.look.name,
            subject=letter.subject,
            message_id=f"{mail_id}@{sender.rpartition('@')[2]}",
            date=self._clock.now(),
            language=language,
            opt_out_url=opt_out_url,
        )
        await self._transport.deliver(build(envelope, letter.text, letter.html), sender, draft.to)
        self._away_until = None
        return None

    @property
    def _url(self) -> str:
        return self._settings.public_url.rstrip("/")

    async def _put_off(self, mail_id: str, waiting: _Waiting, problem: Deferred | Away) -> None:
        now = self._clock.now()
        if isinstance(problem, Away):
            self._away_until = now + _AWAY_PAUSE
        pause = min(_FIRST_PAUSE * 3 ** min(waiting.attempts, 9), _LONGEST_PAUSE)
        _log.warning(
            "mail put off", kind=waiting.kind, mail=mail_id, attempts=waiting.attempts + 1, reason=str(problem)
        )
        if now + pause > waiting.since + PATIENCE:
            await self._record(mail_id, waiting, given_up=True)
            return
        await self._again(mail_id, msgspec.structs.replace(waiting, attempts=waiting.attempts + 1), pause)

    async def _again(self, mail_id: str, waiting: _Waiting, pause: timedelta) -> None:
        when = self._clock.now() + pause * random.uniform(1, 1.2)  # noqa: S311 – jitter
        await self._timetable.reschedule(KIND, mail_id, when, msgspec.json.encode(waiting))

    async def _record(
        self,
        mail_id: str,
        waiting: _Waiting,
        *,
        reply_code: int | None = None,
        withheld: Withheld | None = None,
        given_up: bool = False,
    ) -> None:
        await self._mails.handle(
            RecordMail(
                command_id=derived_id("record_mail", mail_id),
                brand=waiting.brand,
                actor=SYSTEM,
                now=self._clock.now(),
                mail_id=mail_id,
                kind=waiting.kind,
                about=waiting.about,
                reply_code=reply_code,
                withheld=withheld,
                given_up=given_up,
            )
        )
