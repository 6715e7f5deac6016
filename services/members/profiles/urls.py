"""Addresses that members give of pictures and pages of theirs: public ones, and nothing else.  Pure."""

import re
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from msgspec import Meta

from libs.shared.domain import Invalid
from services.members.home import canonical_domain

#: An address as it comes, before `public_url` has looked at it: printable, at most 2,000 characters.
Url = Annotated[
    str, Meta(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+\Z")
]

#: What stands behind `https://` in a browser's eyes and in RFC 3986 alike.
_PLAIN = re.compile(r"https://[^\\\"<>^`{|}]+\Z", re.IGNORECASE)

#: Names that lead to a machine or a network of the reader's own (RFC 6761, RFC 6762, RFC 8375, RFC 9476).
_PRIVATE = frozenset(
    {"localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "alt", "onion"}
)


def public_url(url: str) -> str:
    """The address in its one spelling.  Raises INVALID unless it is HTTPS of a public host name, without a user.

    An address of numbers, in whatever notation, is no host name.
    """
    try:
        if not _PLAIN.match(url):
            raise ValueError("not HTTPS, or with characters that addresses do not have")
        parts = urlsplit(url)
        if "@" in parts.netloc or not parts.hostname:
            raise ValueError("a user, or no host")
        host, port = canonical_domain(parts.hostname), parts.port
    except (ValueError, Invalid) as error:
        raise Invalid(f"not the address of a public page with HTTPS: {error}") from None
    if _PRIVATE & {host.rpartition(".")[2]} or host.endswith(".home.arpa"):
        raise Invalid("not the address of a public page: the host is one of a private network")
    place = host if port in (None, 443) else f"{host}:{port}"
    return urlunsplit(("https", place, parts.path or "/", parts.query, parts.fragment))
