"""Ids that say nothing: random in the order of time, derived to be the same on a repeat, or keyed."""

import base64
import hashlib
import hmac

import uuid_utils

_KEYED_CHARACTERS = 32  # of 5 bits: 160 bits, as long as SHA-1 and with no practical collision


def uuid7() -> str:
    """Return a new UUIDv7 (RFC 9562) as 32 hexadecimal digits; later ones sort after earlier ones."""
    return uuid_utils.uuid7().hex


def derived_id(*parts: str) -> str:
    """Return 32 hexadecimal digits that are the same for the same parts, and different for any others.

    Every part goes in with its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    return hashlib.sha256(_framed(parts)).hexdigest()[:32]


def identity_id(key: bytes, issuer: str, subject: str) -> str:
    """Return the id of a person: a keyed hash of the OIDC issuer and subject, which it does not reveal."""
    return _keyed(key, "identity", issuer, subject)


def member_id(key: bytes, brand: str, identity: str) -> str:
    """Return the id of an identity's membership in a brand; ids of one person in two brands cannot be linked."""
    return _keyed(key, "member", brand, identity)


def external_token(key: bytes, brand: str, external_id: str) -> str:
    """Return what stands for a member's id in another system, where that must not be readable."""
    return _keyed(key, "external", brand, external_id)


def address_id(key: bytes, brand: str, address: str, *more: str) -> str:
    """Return the id that an e-mail address has in a brand, in whatever case it is written; it reveals no address."""
    return _keyed(key, "address", brand, address.lower(), *more)


def keyed_id(key: bytes, kind: str, *parts: str) -> str:
    """Return the keyed hash of something that must not stand readable in a subject, such as a user name."""
    return _keyed(key, "of", kind, *parts)


def _keyed(key: bytes, *parts: str) -> str:
    if not key:
        raise ValueError("the key is empty")
    digest = hmac.digest(key, _framed(parts), "sha256")
    return base64.b32encode(digest).decode().lower()[:_KEYED_CHARACTERS]


def _framed(parts: tuple[str, ...]) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
