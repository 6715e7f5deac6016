"""What became of a mail: sent, refused for good, given up, or not sent at all.  It says nothing of whom and what."""

from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id


class Withheld(StrEnum):
    """Why a mail was not sent at all."""

    OPTED_OUT = "opted_out"
    NOTHING_TO_SAY = "nothing_to_say"
    UNFIT = "unfit"


# Events


class MailSent(Event, frozen=True, kw_only=True):
    """The server took the mail.  `kind` says what mail it is, `about` is the id of what it is about."""

    wire_name: ClassVar[str] = "mail_sent"

    kind: str
    about: str


class MailRefused(Event, frozen=True, kw_only=True):
    """The server refused the mail for good, with a reply code from 500 to 599 (RFC 5321, section 4.2.1)."""

    wire_name: ClassVar[str] = "mail_refused"

    kind: str
    about: str
    reply_code: int


class MailGivenUp(Event, frozen=True, kw_only=True):
    """The server did not take the mail for days, and it is not tried again."""

    wire_name: ClassVar[str] = "mail_given_up"

    kind: str
    about: str


class MailWithheld(Event, frozen=True, kw_only=True):
    """The mail was not sent, and will not be."""

    wire_name: ClassVar[str] = "mail_withheld"

    kind: str
    about: str
    reason: Withheld


MailEvent = MailSent | MailRefused | MailGivenUp | MailWithheld

# State


class Mail(Struct, frozen=True, kw_only=True):
    """Whether it has been decided what became of it."""

    settled: bool = False


def evolve(state: Mail, _: MailEvent) -> Mail:
    """The mail after an event: each of them settles it."""
    return structs.replace(state, settled=True)


# Commands


class RecordMail(Command, frozen=True, kw_only=True):
    """Record what became of a mail, once and for all.  The platform only.

    Refused with `reply_code`, withheld for a reason; given up, or with none of these sent.
    """

    wire_name: ClassVar[str] = "record_mail"

    mail_id: Id
    kind: Id
    about: Id
    reply_code: Annotated[int, Meta(ge=500, le=599)] | None = None
    withheld: Withheld | None = None
    given_up: bool = False


# Decisions


def decide(state: Mail, command: RecordMail) -> list[MailEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN."""
    match command:
        case RecordMail():
            return _record(state, command)
        case _:
            assert_never(command)


def _record(state: Mail, command: RecordMail) -> list[MailEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform says what became of a mail")
    if state.settled:
        return []
    if command.reply_code is not None:
        return [MailRefused(kind=command.kind, about=command.about, reply_code=command.reply_code)]
    if command.withheld is not None:
        return [MailWithheld(kind=command.kind, about=command.about, reason=command.withheld)]
    if command.given_up:
        return [MailGivenUp(kind=command.kind, about=command.about)]
    return [MailSent(kind=command.kind, about=command.about)]


DECIDER: Decider[Mail, RecordMail, MailEvent] = Decider(
    aggregate="mail",
    initial=Mail(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.mail_id,
    commands=(RecordMail,),
    events=(MailSent, MailRefused, MailGivenUp, MailWithheld),
)
