"""Opaque cursors: the place of an item in a list, as clients hand it back."""

import binascii
from base64 import b64decode, urlsafe_b64encode
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from libs.shared.domain import Invalid

#: The keys that a list can hold: what JSON and JavaScript can say exactly (RFC 8259, section 6).
MIN_KEY, MAX_KEY = -(2**53) + 1, 2**53 - 1

_MAX_CURSOR = 1_000


class Place(NamedTuple):
    """Where an item stands in its list."""

    key: Annotated[int, Meta(ge=MIN_KEY, le=MAX_KEY)]
    id: str


_place_decoder = msgspec.msgpack.Decoder(Place)


def encode_cursor(place: Place) -> str:
    """Write an opaque cursor: base64url (RFC 4648, section 5, no padding) of MessagePack."""
    return urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode()


def decode_cursor(cursor: str, path: tuple[str | int, ...] = ()) -> Place:
    """Read a cursor; raises `Invalid` at `path` for anything that `encode_cursor` does not write."""
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        place = _place_decoder.decode(b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if encode_cursor(place) != cursor:
            raise ValueError("not in its only form")
    except (ValueError, msgspec.MsgspecError, binascii.Error) as error:
        raise Invalid("not a cursor of this list", path) from error
    return place
