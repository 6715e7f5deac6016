"""API keys of service accounts: how one is made and read, and whom it proves.

`ak_<key id>_<secret><checksum>`: 32 hexadecimal digits that name the key, 160 random bits in base32, and the CRC-32 of
all before it in 8 hexadecimal digits, so that a mistyped key is refused without a question and a scanner knows a leaked
one.  Only the SHA-256 of the whole leaves this process: what has 160 random bits needs no salt and no slow hash.
"""

import asyncio
import base64
import hashlib
import re
import secrets
import time
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cachetools import TTLCache
from msgspec import Struct

from libs.shared.domain import NO_BRAND, SYSTEM, DomainError, Unavailable
from services.gateway.context import Bus
from services.gateway.security import KeyProof, Principal, Unauthenticated

#: What every key begins with.
PREFIX: Final = "ak_"
#: What is known of a key is asked again after this long: a revoked one counts for no longer.
KNOWN_SECONDS: Final = 2.0

_SECRET_BYTES: Final = 20
_SHAPE: Final = re.compile(r"ak_([0-9a-f]{32})_[a-z2-7]{32}([0-9a-f]{8})")


class NewKey(Struct, frozen=True):
    """A key that has just been made: `text` is shown once and never kept."""

    key_id: str
    text: str
    key_hash: str
    last_four: str


class _Owner(Struct, frozen=True):
    brand: str
    account_id: str
    expires_at: datetime


def new_key(key_id: str) -> NewKey:
    """A new key under an id of 32 hexadecimal digits."""
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().lower()
    text = f"{PREFIX}{key_id}_{secret}"
    text += _checksum(text)
    return NewKey(key_id, text, _hash(text), text[-4:])


def read_key(text: str) -> KeyProof | None:
    """What proves the key; None when it was not made here."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or _checksum(text[:-8]) != shape[2]:
        return None
    return KeyProof(shape[1], _hash(text))


class ApiKeys:
    """Whom keys prove, asked of the members service and remembered for `KNOWN_SECONDS`.

    `clock` is the time of day in unix seconds, `timer` is monotonic.
    """

    def __init__(
        self, bus: Bus, clock: Callable[[], float] = time.time, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._known: TTLCache[KeyProof, Principal | None] = TTLCache(10_000, KNOWN_SECONDS, timer=timer)
        self._asking: dict[KeyProof, asyncio.Task[Principal | None]] = {}

    async def authenticate(self, text: str) -> Principal:
        """The service account behind a key.  Raises `Unauthenticated`, and `Unavailable` when nobody can say."""
        proof = read_key(text)
        if proof is None:
            raise Unauthenticated
        return await self.prove(proof)

    async def prove(self, proof: KeyProof) -> Principal:
        """Whom a key proves now; raises as `authenticate` does."""
        found = self._known[proof] if proof in self._known else await asyncio.shield(self._ask(proof))
        if found is None or found.expires_at <= self._clock():
            raise Unauthenticated
        return found

    def _ask(self, proof: KeyProof) -> asyncio.Task[Principal | None]:
        """One question for all that wait for its answer."""
        task = self._asking.get(proof)
        if task is None:
            task = self._asking[proof] = asyncio.create_task(self._find(proof))
            task.add_done_callback(lambda _: self._asking.pop(proof, None))
        return task

    async def _find(self, proof: KeyProof) -> Principal | None:
        question = {"brand": NO_BRAND, "viewer": SYSTEM, "key_id": proof.key_id, "key_hash": proof.key_hash}
        found: Principal | None = None
        try:
            owner = await self._bus.query("members", "owner_of_api_key", question, _Owner)
        except DomainError as error:
            if error.code != "NOT_FOUND":
                raise Unavailable("whose key this is cannot be found out now") from error
        else:
            found = Principal(
                identity=owner.account_id,
                email=None,
                expires_at=owner.expires_at.timestamp(),
                brand=owner.brand,
                key=proof,
            )
        self._known[proof] = found
        return found


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
