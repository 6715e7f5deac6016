"""Contacts in a CSV file: which column is what, and what of each row can be invited.  Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from libs.access.roles import Role
from libs.cli.problems import CannotRun
from libs.shared.domain import Invalid
from libs.shared.text import Name
from services.members.locale import Locale, check_locale
from services.members.mail.address import canonical_address

#: How columns are called, in what people export: lower case, without accents, spaces and signs.
_NAMES: Final = {
    "address": {"email", "emailaddress", "mail", "mailaddress", "address", "courriel", "adressemail", "adresseemail",
                "adresseelectronique", "emailadresse", "email1value", "primaryemail", "workemail", "businessemail"},
    "name": {"name", "fullname", "displayname", "nomcomplet", "nometprenom", "prenometnom"},
    "first": {"firstname", "givenname", "first", "prenom", "vorname"},
    "last": {"lastname", "surname", "familyname", "last", "nom", "nomdefamille", "nachname"},
    "role": {"role"},
    "language": {"language", "lang", "locale", "langue", "sprache"},
}  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_LANGUAGE: Final = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*\Z")


class Contact(Struct, frozen=True, kw_only=True):
    """Somebody to invite; what is None was not said."""

    address: str
    name: str | None = None
    role: Role | None = None
    language: str | None = None


class BadRow(Exception):
    """A row that cannot be used; the message says why, without what stands in it."""


class Columns(Struct, frozen=True, kw_only=True):
    """Where in a row what stands; `headed` says that the first row was names and no contact."""

    address: int
    name: int | None = None
    first: int | None = None
    last: int | None = None
    role: int | None = None
    language: int | None = None
    headed: bool = True

    @classmethod
    def of(cls, row: Sequence[str]) -> "Columns":
        """What the first row of a file says; raises `CannotRun` when no column is one of addresses."""
        named: dict[str, Any] = {}
        for number, cell in enumerate(row):
            plain = _plain(cell)
            for field, names in _NAMES.items():
                if plain in names:
                    named.setdefault(field, number)
        if "address" in named:
            return cls(**named)
        addresses = [number for number, cell in enumerate(row) if _is_address(cell)]
        if len(addresses) == 1:
            return cls(address=addresses[0], headed=False)
        shown = ", ".join(repr(cell[:30]) for cell in row[:10])
        raise CannotRun(f"no column is called email or address: the first line has {shown}")

    def contact(self, row: Sequence[str]) -> Contact:
        """The contact in a row; raises `BadRow`."""

        def cell(number: int | None) -> str:
            return row[number].strip() if number is not None and number < len(row) else ""

        given = cell(self.address)
        if not given:
            raise BadRow("no address")
        try:
            address = canonical_address(given)
        except Invalid as refusal:
            raise BadRow(refusal.message) from None
        name = cell(self.name) or " ".join(filter(None, (cell(self.first), cell(self.last))))
        return Contact(
            address=address, name=_name(name), role=_role(cell(self.role)), language=_language(cell(self.language))
        )


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def neutral_row(cells: Iterable[object]) -> list[str]:
    """A row of such cells."""
    return [neutral(str(cell)) for cell in cells]


def fields_of(contact: Contact) -> dict[str, Any]:
    """What was said of a contact."""
    return {name: value for name, value in structs.asdict(contact).items() if value is not None}


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.removeprefix("\ufeff")).casefold()
    return "".join(one for one in letters if one.isalnum())


def _is_address(cell: str) -> bool:
    try:
        canonical_address(cell.strip())
    except Invalid:
        return False
    return True


def _name(text: str) -> str | None:
    if not text:
        return None
    if "\ufffd" in text:
        raise BadRow("the name has a character that its encoding does not have")
    try:
        return msgspec.convert(" ".join(text.split()), Name)
    except msgspec.ValidationError:
        raise BadRow("the name is no line of at most 200 characters that can be seen") from None


def _role(text: str) -> Role | None:
    if not text:
        return None
    try:
        return Role(text.casefold())
    except ValueError:
        raise BadRow(f"the role is none of {', '.join(Role)}") from None


def _language(text: str) -> str | None:
    if not text:
        return None
    if not _LANGUAGE.match(text):
        raise BadRow("the language is no tag of BCP 47")
    language, *others = text.replace("_", "-").split("-")
    parts = [part.title() if len(part) == 4 else part.upper() for part in others]
    tag = "-".join([language.lower(), *parts])
    try:
        check_locale(msgspec.convert(tag, Locale))
    except (msgspec.ValidationError, Invalid):
        raise BadRow("the language is no tag of BCP 47") from None
    return tag
