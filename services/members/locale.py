"""The languages that a brand can speak: tags of BCP 47 that CLDR knows.  Pure."""

from typing import Annotated

from babel import Locale as Cldr
from msgspec import Meta

from libs.shared.domain import Invalid

#: A language tag of BCP 47: language, optional script, optional region: `fr`, `en-GB`, `zh-Hant-TW`.
Locale = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z")]


def check_locale(tag: str, path: tuple[str, ...] = ("locale",)) -> None:
    """Raise INVALID at `path` for a tag of which CLDR does not know the language, the script or the region."""
    language, *others = tag.split("-")
    english = Cldr("en")
    known = language in english.languages
    for part in others:
        known = known and part in (english.scripts if len(part) == 4 else english.territories)
    if not known:
        raise Invalid("nobody knows this language", path)
