"""Encryption of what is about a person: fields with a key a member, and those keys with a master key.  No I/O.

AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits throughout.  What a ciphertext belongs to is its associated
data, so nothing can be moved to another field, event or member and still be opened.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "enc:1:"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_STANDARD = bytes.maketrans(b"-_+/", b"+/__")  # base64url as binascii reads it, and nothing else


class CannotOpen(Exception):
    """A ciphertext is damaged, or belongs to another key, field, event or member."""


class KeyId(NamedTuple):
    """Whose key: one member of one brand."""

    brand: str
    member: str


class DataKey:
    """The key of one member, ready for use; its bytes are nowhere printed."""

    __slots__ = ("_cipher", "_place_of_owner")

    def __init__(self, id: KeyId, secret: bytes) -> None:  # noqa: A002 – the field's word
        self._place_of_owner = _framed("field", *id)
        self._cipher = AESGCM(secret)

    def seal(self, text: str, event_id: str, field: str) -> str:
        """Encrypt a field's value: `enc:1:` and, in base64url, nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), self._place(event_id, field))
        return _PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, sealed: str, event_id: str, field: str) -> str:
        """Decrypt what `seal` wrote for the same event and field; raises `CannotOpen`."""
        if not sealed.startswith(_PREFIX):
            raise CannotOpen(f"{field} is not encrypted")
        try:
            raw = binascii.a2b_base64(sealed[len(_PREFIX) :].encode().translate(_STANDARD), strict_mode=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._place(event_id, field)).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"{field} cannot be decrypted") from error

    def _place(self, event_id: str, field: str) -> bytes:
        # No field's name has a NUL, so the last one divides.
        return self._place_of_owner + f"{event_id}\0{field}".encode()


#: Keys at hand by their owner; None says that the owner was erased.
Keys: TypeAlias = Mapping[KeyId, DataKey | None]


def sealed_size(text: str) -> int:
    """How many bytes `seal` makes of a text."""
    return len(_PREFIX) + 4 * ((_NONCE_BYTES + len(text.encode()) + _TAG_BYTES + 2) // 3)


class Wrapped(NamedTuple):
    """A data key as it is stored: encrypted with the master key called `master`."""

    master: str
    data: bytes


class MasterKeys:
    """The master keys by their ids, the newest first: it wraps, all of them unwrap."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        if not secrets:
            raise ValueError("there is no master key")
        self._ciphers = {name: AESGCM(secret) for name, secret in secrets.items()}
        self.newest = next(iter(secrets))

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Read `<id>:<32 bytes in base64>[,…]`, the newest first; raises `ValueError` that shows no secret."""
        secrets: dict[str, bytes] = {}
        for number, item in enumerate(text.split(","), 1):
            name, _, encoded = item.strip().partition(":")
            try:
                secret = base64.b64decode(_padded(encoded), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                secret = b""
            if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()) or len(secret) != _KEY_BYTES:
                raise ValueError(f"master key {number} is not <id>:<32 bytes in base64>")
            if secrets.setdefault(name, secret) != secret:
                raise ValueError(f"two master keys are called {name!r}")
        return cls(secrets)

    def create(self, owner: KeyId) -> tuple[Wrapped, DataKey]:
        """Make a new random key for a member, wrapped with the newest master key."""
        secret = AESGCM.generate_key(8 * _KEY_BYTES)
        return self._wrap(owner, secret), DataKey(owner, secret)

    def unwrap(self, owner: KeyId, wrapped: Wrapped) -> DataKey:
        """Make a stored key usable; raises `CannotOpen` when its master key is not there or it is another's key."""
        return DataKey(owner, self._secret(owner, wrapped))

    def rewrap(self, owner: KeyId, wrapped: Wrapped) -> Wrapped:
        """Wrap a stored key with the newest master key; raises `CannotOpen` as `unwrap` does."""
        return self._wrap(owner, self._secret(owner, wrapped))

    def _wrap(self, owner: KeyId, secret: bytes) -> Wrapped:
        nonce = os.urandom(_NONCE_BYTES)
        place = _framed("key", self.newest, *owner)
        return Wrapped(self.newest, nonce + self._ciphers[self.newest].encrypt(nonce, secret, place))

    def _secret(self, owner: KeyId, wrapped: Wrapped) -> bytes:
        cipher = self._ciphers.get(wrapped.master)
        if cipher is None:
            raise CannotOpen(f"the master key {wrapped.master!r} is not among ARCHIPEL_MASTER_KEYS")
        nonce, data = wrapped.data[:_NONCE_BYTES], wrapped.data[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, data, _framed("key", wrapped.master, *owner))
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"the key of a member was not wrapped by the master key {wrapped.master!r}") from error


def _padded(encoded: str) -> str:
    plain = encoded.rstrip("=").replace("+", "-").replace("/", "_")
    return plain + "=" * (-len(plain) % 4)


def _framed(*parts: str) -> bytes:
    """The parts with their lengths, so that no two lists of parts come to the same bytes."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in map(str.encode, parts))
