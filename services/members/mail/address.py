"""An e-mail address in a brand: whether mails of the brand may go there.  Its id is a keyed hash, never the address."""

from typing import Annotated, ClassVar, assert_never

from email_validator import EmailNotValidError, validate_email
from msgspec import Meta, Struct, structs

from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id, Invalid

#: A signed token of a link in a mail.
Token = Annotated[str, Meta(max_length=1_000, pattern=r"^[A-Za-z0-9._-]+\Z")]


def canonical_address(text: str, path: tuple[str | int, ...] = ("address",)) -> str:
    """The address as it is sent to: the domain in lower-case A-labels, the local part as written.

    The syntax of RFC 5321 without quoted parts, in ASCII before the @; DNS is not asked.  Raises INVALID at `path`.
    """
    try:
        found = validate_email(text.strip(" "), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise Invalid(f"not an e-mail address: {error}", path) from None
    if found.ascii_email is None:
        raise Invalid("not an e-mail address that every server takes", path)
    return found.ascii_email


# Events


class MailOptedOut(Event, frozen=True, kw_only=True):
    """Whoever reads the mails of this address wants none of the brand, until they say otherwise."""

    wire_name: ClassVar[str] = "mail_opted_out"


class MailOptedIn(Event, frozen=True, kw_only=True):
    """They want them again."""

    wire_name: ClassVar[str] = "mail_opted_in"


AddressEvent = MailOptedOut | MailOptedIn

# State


class Address(Struct, frozen=True, kw_only=True):
    """Whether no mails may go there."""

    opted_out: bool = False


def evolve(state: Address, event: AddressEvent) -> Address:
    """The address after `event`."""
    match event:
        case MailOptedOut():
            return structs.replace(state, opted_out=True)
        case MailOptedIn():
            return structs.replace(state, opted_out=False)
        case _:
            assert_never(event)


# Commands


class OptOutOfMail(Command, frozen=True, kw_only=True):
    """Send no more mails of the brand there.  Whoever has a link of such a mail (`token`), or the platform.

    That the token is for this address and brand is checked before the decision.
    """

    wire_name: ClassVar[str] = "opt_out_of_mail"

    address_id: Id
    token: Token | None = None


class OptInToMail(Command, frozen=True, kw_only=True):
    """Send mails of the brand there again.  As `OptOutOfMail`."""

    wire_name: ClassVar[str] = "opt_in_to_mail"

    address_id: Id
    token: Token | None = None


AddressCommand = OptOutOfMail | OptInToMail

# Decisions


def decide(state: Address, command: AddressCommand) -> list[AddressEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN."""
    if command.token is None and command.actor != SYSTEM:
        raise Forbidden("only who reads the mails of an address decides on it")
    match command:
        case OptOutOfMail():
            return [] if state.opted_out else [MailOptedOut()]
        case OptInToMail():
            return [MailOptedIn()] if state.opted_out else []
        case _:
            assert_never(command)


DECIDER: Decider[Address, AddressCommand, AddressEvent] = Decider(
    aggregate="mail_address",
    initial=Address(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.address_id,
    commands=(OptOutOfMail, OptInToMail),
    events=(MailOptedOut, MailOptedIn),
)
