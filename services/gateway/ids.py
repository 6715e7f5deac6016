"""Global object ids (Relay): opaque to clients, base64url of type, brand and the ids inside the brand.

An id proves nothing.  The brand in it only says where to ask; the services check who may see the answer.
"""

import base64
import binascii
import re
from typing import Final, NamedTuple

from strawberry import ID

from libs.shared.domain import NotFound

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_MAX_LENGTH: Final = 400
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class GlobalId(NamedTuple):
    """What an id stands for: `parts` is the object's own id, behind the id of what holds it (a reply's thread)."""

    type: str
    brand: str
    parts: tuple[str, ...]

    @property
    def key(self) -> str:
        """The object's own id."""
        return self.parts[-1]


def encode(kind: str, brand: str, *parts: str) -> ID:
    """The id that clients see."""
    text = binascii.b2a_base64(":".join((kind, brand, *parts)).encode(), newline=False)
    return ID(text.translate(_URL_SAFE).decode().rstrip("="))


def decode(text: str) -> GlobalId | None:
    """What the id stands for; None when it is not one of ours."""
    if not 0 < len(text) <= _MAX_LENGTH:
        return None
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        return None
    kind, *tokens = plain.split(":")
    if len(tokens) != (3 if kind == "Reply" else 2) or not all(map(_TOKEN.match, tokens)):
        return None
    return GlobalId(kind, tokens[0], tuple(tokens[1:]))


def expect(text: str, field: str, *kinds: str, brand: str | None = None) -> GlobalId:
    """The id given in an input field; raises `NotFound` when it names nothing of these kinds (in that brand)."""
    found = decode(text)
    if found is None or found.type not in kinds or brand not in (None, found.brand):
        raise NotFound(f"there is no such {' or '.join(kind.lower() for kind in kinds)}", (field,))
    return found


def key_if_given(text: str | None, field: str, *kinds: str, brand: str | None = None) -> str | None:
    """The object's own id for a field that may be null; an empty text is an id of nothing, and so `NotFound`."""
    return None if text is None else expect(text, field, *kinds, brand=brand).key
