"""The signed tokens of the links by which people opt out: JWS (RFC 7515) with HS256, good for ever."""

import hmac
from typing import Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from libs.shared.domain import DomainError

_ALGORITHM: Final = "HS256"


class InvalidLink(DomainError):
    """A token is damaged, made up, or for something else.  Code `INVALID_LINK`."""

    def __init__(self) -> None:
        super().__init__("INVALID_LINK", "this link was changed on its way, or is for something else", ("token",))


class MailLink(Struct, frozen=True, kw_only=True):
    """What a token says: an address of a brand, and the language of the mail that the link stands in."""

    brand: str
    address_id: str
    language: str


class Links:
    """Signs and reads tokens with a key of their own, derived from the identity key.

    They hold as long as that key does: a link in an old mail must work.
    """

    def __init__(self, identity_key: bytes) -> None:
        self._key = OctKey.import_key(hmac.digest(identity_key, b"links in mails", "sha256"))

    def sign(self, link: MailLink) -> str:
        """The token of a link, safe in an address."""
        return jws.serialize_compact({"alg": _ALGORITHM}, msgspec.json.encode(link), self._key)

    def read(self, token: str) -> MailLink:
        """What a token says; raises `InvalidLink`."""
        try:
            content = jws.deserialize_compact(token, self._key, algorithms=[_ALGORITHM]).payload
            return msgspec.json.decode(content, type=MailLink)
        except (JoseError, ValueError, msgspec.MsgspecError):
            raise InvalidLink from None
