"""What mails say, and how they look: templates with the words of a language and the name and colours of a brand.

Each mail has `templates/<name>.txt`, which also has the block `subject`, and `templates/<name>.html`.  Their words are
English; `words/<language>.po` has those of other languages (GNU gettext), plurals too.
"""

import io
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from msgspec import Struct

from libs.shared.text import unturned
from services.members.home import Theme

#: The languages that mails can be in; the first is the one of whoever speaks none of them.
LANGUAGES: Final = ("en", "fr")

#: The colours of a brand that has not chosen any.
PLAIN: Final = Theme(background="#ffffff", text="#1f2328", accent="#0b5fff", accent_text="#ffffff")

_HERE: Final = Path(__file__).parent
TEMPLATES: Final = _HERE / "templates"
WORDS: Final = _HERE / "words"


class Look(Struct, frozen=True, kw_only=True):
    """How a brand shows itself in its mails; `url` is where it is on the web."""

    name: str
    theme: Theme = PLAIN
    url: str | None = None


class Letter(Struct, frozen=True, kw_only=True):
    """A mail as people read it."""

    subject: str
    text: str
    html: str


def nearest(*tags: str | None) -> str:
    """The language for the first of these tags (BCP 47) that mails can be in."""
    known = (tag.split("-")[0].lower() for tag in tags if tag)
    return next((language for language in known if language in LANGUAGES), LANGUAGES[0])


def write(template: str, language: str, look: Look, opt_out_url: str, values: Mapping[str, Any]) -> Letter:
    """The mail of a template in one of `LANGUAGES`.

    Raises `jinja2.TemplateError` for a template that does not exist or asks for a value that is not given.
    """
    environment = _environment(language)
    given = {**values, "brand": look, "language": language, "opt_out_url": opt_out_url}
    text = environment.get_template(f"{template}.txt")
    subject = "".join(text.blocks["subject"](text.new_context(given)))
    return Letter(
        subject=unturned(" ".join(subject.split())),  # a header is one line, whatever a template or a name has
        text=unturned(text.render(given).strip()) + "\n",
        html=unturned(environment.get_template(f"{template}.html").render(given)),
    )


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(_words(language), newstyle=True)  # type: ignore[attr-defined]
    locale = Locale(language)

    def day(value: date) -> str:
        return format_date(value, "long", locale)

    def moment(value: datetime) -> str:
        return format_datetime(value, "long", locale=locale)

    environment.filters |= {"day": day, "moment": moment}
    return environment


def _words(language: str) -> NullTranslations:
    path = WORDS / f"{language}.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)
