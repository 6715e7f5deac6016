"""The home of a brand: its colours and logo, its own domain, and the language it speaks."""

import re
from typing import Annotated, ClassVar, assert_never

import idna
from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, Role, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from services.members.locale import Locale, check_locale

#: A colour in sRGB: `#1a2b3c`.
Color = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]

#: An address of HTTPS with a host, at most 2,000 characters of printable ASCII.
SecureUrl = Annotated[
    str, Meta(max_length=2_000, pattern=r"^https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?(/[!#-;=?-\[\]-~]*)?\Z")
]

#: Least contrast of text, and of parts that must be seen (WCAG 2.2, success criteria 1.4.3 and 1.4.11, level AA).
TEXT_CONTRAST = 4.5
PART_CONTRAST = 3.0

_DOMAIN_CHARACTERS = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Theme(Struct, frozen=True, kw_only=True):
    """Colours that can be read on each other: `text` on `background`, `accent_text` on `accent`."""

    background: Color
    text: Color
    accent: Color
    accent_text: Color
    logo_url: SecureUrl | None = None


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1–21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def canonical_domain(name: str) -> str:
    """A host name as DNS has it: lower-case A-labels (RFC 5891), two at least, no address.  Raises INVALID."""
    try:
        host = idna.encode(name, uts46=True).decode().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        raise Invalid("not a host name", ("domain",)) from None
    labels = host.split(".")
    if len(labels) < 2 or _NUMBER.fullmatch(labels[-1]) or len(host) > _DOMAIN_CHARACTERS:
        raise Invalid("not the name of a domain", ("domain",))
    return host


# Events


class HomeDesigned(Event, frozen=True, kw_only=True):
    """A leader gave the home its colours and its logo."""

    wire_name: ClassVar[str] = "home_designed"

    theme: Theme


class DomainTaken(Event, frozen=True, kw_only=True):
    """An owner gave the home a domain of its own, in place of the one before.  `domain` in A-labels."""

    wire_name: ClassVar[str] = "domain_taken"

    domain: str


class DomainLeft(Event, frozen=True, kw_only=True):
    """The home has no domain of its own any more."""

    wire_name: ClassVar[str] = "domain_left"

    domain: str


class LocaleChosen(Event, frozen=True, kw_only=True):
    """A leader chose the language of the home, in place of the brand's first one."""

    wire_name: ClassVar[str] = "locale_chosen"

    locale: str


HomeEvent = HomeDesigned | DomainTaken | DomainLeft | LocaleChosen

# State


class Home(Struct, frozen=True, kw_only=True):
    """What a home must remember to decide."""

    theme: Theme | None = None
    domain: str | None = None
    locale: str | None = None


def evolve(state: Home, event: HomeEvent) -> Home:
    """The home after `event`."""
    match event:
        case HomeDesigned():
            return structs.replace(state, theme=event.theme)
        case DomainTaken():
            return structs.replace(state, domain=event.domain)
        case DomainLeft():
            return structs.replace(state, domain=None)
        case LocaleChosen():
            return structs.replace(state, locale=event.locale)
        case _:
            assert_never(event)


# Commands


class DesignHome(Command, frozen=True, kw_only=True):
    """Give the home colours and a logo.  Leaders only.  Envelope, here and below: brand = `brand_id`."""

    wire_name: ClassVar[str] = "design_home"

    brand_id: Id
    theme: Theme


class SetDomain(Command, frozen=True, kw_only=True):
    """Take a domain for the home, or leave it (None).  Owners only.  It comes with a claim (`commands.py`)."""

    wire_name: ClassVar[str] = "set_domain"

    brand_id: Id
    domain: Annotated[str, Meta(min_length=1, max_length=_DOMAIN_CHARACTERS)] | None


class MoveDomain(SetDomain, frozen=True, kw_only=True):
    """The same, with the domain that is left for it: what the claims beside it were chosen for."""

    before: str | None


class ChooseLocale(Command, frozen=True, kw_only=True):
    """Choose the language of the home.  Leaders only."""

    wire_name: ClassVar[str] = "choose_locale"

    brand_id: Id
    locale: Locale


HomeCommand = DesignHome | SetDomain | ChooseLocale

# Decisions


def decide(state: Home, command: HomeCommand) -> list[HomeEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, LOW_CONTRAST, INVALID, CONFLICT."""
    require(command.roles, *((Role.OWNER,) if isinstance(command, SetDomain) else LEADERS))
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    match command:
        case DesignHome():
            _must_be_readable(command.theme)
            return [] if command.theme == state.theme else [HomeDesigned(theme=command.theme)]
        case SetDomain():
            return _set_domain(state, command)
        case ChooseLocale():
            check_locale(command.locale)
            return [] if command.locale == state.locale else [LocaleChosen(locale=command.locale)]
        case _:
            assert_never(command)


def _must_be_readable(theme: Theme) -> None:
    for field, on, least in (
        ("text", theme.background, TEXT_CONTRAST),
        ("accent_text", theme.accent, TEXT_CONTRAST),
        ("accent", theme.background, PART_CONTRAST),
    ):
        found = contrast(getattr(theme, field), on)
        if found < least:
            said = f"{field} has a contrast of {found:.2f} where {least:g} is needed"
            raise DomainError("LOW_CONTRAST", said, ("theme", field))


def _set_domain(state: Home, command: SetDomain) -> list[HomeEvent]:
    if isinstance(command, MoveDomain) and command.before != state.domain:
        raise DomainError("CONFLICT", "the domain was changed at the same time; try again", ("domain",))
    if command.domain is None:
        return [] if state.domain is None else [DomainLeft(domain=state.domain)]
    domain = canonical_domain(command.domain)
    return [] if domain == state.domain else [DomainTaken(domain=domain)]


DECIDER: Decider[Home, HomeCommand, HomeEvent] = Decider(
    aggregate="home",
    initial=Home(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(DesignHome, SetDomain, ChooseLocale),
    events=(HomeDesigned, DomainTaken, DomainLeft, LocaleChosen),
)
