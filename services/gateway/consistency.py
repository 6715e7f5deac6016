"""The consistency token: what a client carries from its writes to its reads, so that it reads what it wrote."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from libs.shared.domain import Invalid, Position

#: The HTTP header that carries a token with every operation of a request.
HEADER: Final = "Archipel-Consistency-Token"

_STREAM: Final = re.compile(r"[A-Z]{1,32}\Z")
_MAX_LENGTH: Final = 1_000
_MAX_STREAMS: Final = 16


def encode(position: Position) -> str:
    """The token of a position: base64url of its JSON."""
    return base64.urlsafe_b64encode(msgspec.json.encode(dict(position), order="sorted")).decode().rstrip("=")


def decode(token: str) -> dict[str, int]:
    """The position of a token; raises `Invalid` for anything that we did not issue."""
    try:
        if len(token) > _MAX_LENGTH:
            raise ValueError("too long")
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw, type=dict[str, int])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Invalid("this is no consistency token", ("consistencyToken",)) from error
    if (
        len(position) > _MAX_STREAMS
        or not all(map(_STREAM.match, position))
        or not all(0 <= sequence < 2**63 for sequence in position.values())
    ):
        raise Invalid("this is no consistency token", ("consistencyToken",))
    return position


def latest(first: Position, second: Position) -> dict[str, int]:
    """A position that is no earlier than either."""
    merged: Mapping[str, int] = {
        stream: max(first.get(stream, 0), second.get(stream, 0)) for stream in {*first, *second}
    }
    return dict(merged)
