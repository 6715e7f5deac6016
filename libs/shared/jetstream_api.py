"""The wire format of the JetStream API as far as it is used: acks, errors, reads, and how long to try again."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from libs.shared.domain import Unavailable

#: How long one try waits for its answer.
ANSWER_SECONDS = 2.0

#: Another message has come to the subject (10164: one that is being stored just now).
WRONG_EXPECTATION = frozenset({10071, 10164})
NOT_FOUND = 10037
#: What a deletion answers when there is nothing at the sequence (any more).
GONE = frozenset({NOT_FOUND, 10043})
BATCH_INCOMPLETE = 10176
BATCH_STORED_BEFORE = 10201

_TRY_AGAIN = frozenset({409, 429, 503})  # is being stored, too many at once, no leader
_PATIENCE_SECONDS = 20.0  # an election takes up to 9 s


class JetStreamError(Exception):
    """JetStream refused a request for a reason that trying again does not change: a setting or a defect."""


class ApiError(Struct, frozen=True, gc=False):
    """Why the server refused; `err_code` is one of its list (server/errors.json)."""

    code: int
    err_code: int = 0
    description: str = ""

    def raise_if_final(self) -> None:
        """Raise `JetStreamError` unless the same request may succeed later."""
        if self.code not in _TRY_AGAIN and self.err_code != BATCH_INCOMPLETE:
            raise JetStreamError(f"{self.err_code}: {self.description}")


class Ack(Struct, frozen=True, gc=False):
    """The answer to what was published; `seq` is where it stands, of a batch the last message."""

    seq: int = 0
    error: ApiError | None = None


class Found(Struct, frozen=True, gc=False):
    """A message as `STREAM.MSG.GET` gives it; `hdrs` and `data` are in base64."""

    subject: str
    seq: int
    time: datetime
    hdrs: str = ""
    data: str = ""


class GetReply(Struct, frozen=True, gc=False):
    """The answer of `STREAM.MSG.GET`."""

    message: Found | None = None
    error: ApiError | None = None


class Get(Struct, frozen=True, omit_defaults=True, gc=False):
    """A request for messages, to `STREAM.MSG.GET` (the leader answers) or `DIRECT.GET` (any replica does)."""

    seq: int = 0
    next_by_subj: str = ""
    last_by_subj: str = ""
    multi_last: Sequence[str] = ()
    batch: int = 0

    def encode(self) -> bytes:
        """Write it as JSON."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_ack_decoder = msgspec.json.Decoder(Ack)
_get_decoder = msgspec.json.Decoder(GetReply)

decode_ack = _ack_decoder.decode
decode_get = _get_decoder.decode


class Patience:
    """When to stop trying: 20 s after the first failure."""

    def __init__(self) -> None:
        self._until = 0.0

    async def pause(self, reason: str) -> None:
        """Wait 50–100 ms before the next try; raises `Unavailable` when it is time to give up."""
        now = time.monotonic()
        self._until = self._until or now + _PATIENCE_SECONDS
        if now > self._until:
            raise Unavailable(f"the event store does not answer: {reason}")
        await asyncio.sleep(random.uniform(0.05, 0.1))  # noqa: S311 – jitter
