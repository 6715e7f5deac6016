"""The kinds of text that commands take, with their limits.  A text outside them is refused at the edge."""

import re
from typing import Annotated, Final

from msgspec import Meta

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_NO_CONTROLS = rf"[^{_CONTROLS}]"
#: What turns the direction of all that follows it (Unicode Standard Annex 9, sections 2.1–2.4).
_TURNING = r"\u202a-\u202e\u2066-\u2069"
#: What leaves no mark on its own: blanks, joiners, selectors, fillers.
_UNSEEN = (
    r"\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
)

#: A title or a name: one line, not blank, at most 200 characters, no control characters.
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^(?=.*\S){_NO_CONTROLS}+\Z")]

#: A name of somebody: a line in which something can be seen, and that turns no text around it.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^(?=.*[^{_UNSEEN}])[^{_CONTROLS}{_TURNING}]+\Z")]

#: A line of at most 60 characters, such as a tag.
Label = Annotated[str, Meta(min_length=1, max_length=60, pattern=rf"^(?=.*\S){_NO_CONTROLS}+\Z")]

#: How a label begins, which may be with nothing.
LabelPrefix = Annotated[str, Meta(max_length=60, pattern=rf"^{_NO_CONTROLS}*\Z")]

#: A body in Markdown: at most 20,000 characters; of the control characters only tab, line feed, carriage return.
Body = Annotated[str, Meta(max_length=20_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]

#: A name for addresses: lower case, 2–63 characters, letters, digits and single hyphens (a DNS label, RFC 1123).
Slug = Annotated[str, Meta(max_length=63, min_length=2, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z")]

_NOT_IN_NAMES: Final = re.compile(rf"[{_CONTROLS}{_TURNING}]")
_SEEN: Final = re.compile(rf"[^{_UNSEEN}]")
_TURNS: Final = re.compile(rf"[{_TURNING}]")


def as_name(text: str) -> str | None:
    """What of a text from elsewhere can be a `Name`; None when nothing of it can be seen."""
    name = _NOT_IN_NAMES.sub("", text).strip()[:200]
    return None if unseen(name) else name


def unseen(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return not _SEEN.search(text)


def unturned(text: str) -> str:
    """A text that turns nothing beside it: for where texts of several people stand in one."""
    return _TURNS.sub("", text)
