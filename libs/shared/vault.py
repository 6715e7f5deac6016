"""The members' data keys, apart from what they encrypt: made on first use, kept wrapped, destroyed for good.

Each has a subject of its own in the stream KEYS, `key.<brand>.<member>`; the last message there is the wrapped key, or
the note that it was destroyed.
"""

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.shared.connection import Connection
from libs.shared.domain import Unavailable
from libs.shared.event_store import StoredMessage, WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream_api import ANSWER_SECONDS, Get, Patience
from libs.shared.privacy import CannotOpen, DataKey, KeyId, Keys, MasterKeys, Wrapped
from libs.shared.stream_client import Message, StreamClient
from libs.shared.streams import KEYS

#: Keys that a process holds at most, and for how long: an announcement that it missed hurts no longer than that.
CACHED_KEYS = 50_000
CACHED_SECONDS = 60.0

_DESTROYED = "keys.destroyed"
_PAGE_KEYS = 500


class KeyUnavailable(Unavailable):
    """A key that must exist cannot be read now.  It is never taken for an erased one: only a note of that is."""


class _Stored(Struct, frozen=True, tag_field="state", tag="wrapped"):
    """A data key under the master key of this id."""

    master: str
    key: bytes


class _Gone(Struct, frozen=True, tag_field="state", tag="destroyed"):
    """The note that stays in place of a key, so that nobody makes another one."""

    at: datetime


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Stored | _Gone)


class Vault:
    """The data keys as one process sees them; the stream exists already (`ensure_streams`)."""

    def __init__(self, connection: Client, masters: MasterKeys) -> None:
        self._connection = connection
        self._masters = masters
        self._inbox = Inbox(connection)
        self._stream = StreamClient(self._inbox, KEYS)
        self._cache = _Cache()
        self._forgotten = 0
        if isinstance(connection, Connection):
            connection.on_loss(self._forget_all)

    async def start(self) -> None:
        """Hear of keys that are destroyed from now on."""
        await self._connection.subscribe(_DESTROYED, cb=self._hear)

    def at_hand(self, owners: Collection[KeyId]) -> Keys | None:
        """Return the owners' keys if all of them are in memory."""
        found = self._cache.find(owners)
        return found if len(found) == len(owners) else None

    async def to_write(self, owners: Collection[KeyId], *, likely_new: bool = False) -> Keys:
        """Return the owners' keys, None for who was erased; a key that is missing is made, once for all processes.

        `likely_new` spares looking for keys that are probably not there.
        """
        if not owners:
            return {}
        return await self._find(owners, self._create, look=not likely_new)

    async def to_read(self, owners: Collection[KeyId]) -> Keys:
        """Return the owners' keys, None for who was erased; raises `KeyUnavailable` for one that is missing."""
        if not owners:
            return {}
        return await self._find(owners, self._require)

    async def destroy(self, owner: KeyId, at: datetime) -> datetime:
        """Destroy a key for good, overwritten on disk; returns when that was first done.  Safe to repeat.

        Whoever still holds it forgets it in the next moment, or within a minute.
        """
        subject = _subject(owner)
        while True:
            last = await self._stream.ask_leader(Get(last_by_subj=subject))
            record = None if last is None else _decoder.decode(base64.b64decode(last.data))
            if last is not None and isinstance(record, _Gone):
                break
            try:
                await self._put(subject, _Gone(at), expected=0 if last is None else last.seq)
            except WrongExpectation:
                continue  # made or wrapped anew meanwhile
        await self._erase_before(subject, last.seq)
        self._forget(owner)
        await self._inbox.publish(_DESTROYED, _encoder.encode(owner))
        return record.at

    async def rewrap(self, message: StoredMessage) -> bool:
        """Wrap the key in a message of the stream with the newest master key; False when that is not needed.

        Raises `CannotOpen` when the master key that it was wrapped with is not there.
        """
        record = _decoder.decode(message.data)
        if isinstance(record, _Gone) or record.master == self._masters.newest:
            return False
        owner = _owner(message.subject)
        wrapped = self._masters.rewrap(owner, Wrapped(record.master, record.key))
        # Another one may have its place already: by an earlier run that was interrupted here, say.
        with contextlib.suppress(WrongExpectation):
            await self._put(message.subject, _Stored(wrapped.master, wrapped.data), expected=message.sequence)
        await self._stream.delete(message.sequence)
        return True

    async def _find(
        self, owners: Collection[KeyId], otherwise: Callable[[KeyId], Awaitable[DataKey | None]], *, look: bool = True
    ) -> Keys:
        found = self._cache.find(owners)
        if len(found) == len(owners):
            return found
        unknown = [owner for owner in owners if owner not in found]
        before = self._forgotten
        fresh: dict[KeyId, DataKey | None] = {}
        for start in range(0, len(unknown) if look else 0, _PAGE_KEYS):
            fresh |= await self._read(unknown[start : start + _PAGE_KEYS])
        missing = [owner for owner in unknown if owner not in fresh]
        fresh |= zip(missing, await asyncio.gather(*map(otherwise, missing)), strict=True)
        if before == self._forgotten:  # else one of them may have been destroyed meanwhile
            self._cache.keep(fresh)
        return found | fresh

    async def _read(self, owners: Sequence[KeyId]) -> dict[KeyId, DataKey | None]:
        """Read keys in one request (NATS ADR-31, `multi_last`); what a replica does not have yet is left out."""
        request = Get(multi_last=[_subject(owner) for owner in owners]).encode()
        patience = Patience()
        while True:
            try:
                messages, end = await self._inbox.collect(f"$JS.API.DIRECT.GET.{KEYS}", request, ANSWER_SECONDS)
            except NotAnswered as problem:
                reason = str(problem)
            else:
                headers = end.headers or {}
                if headers["Status"] in {"204", "404"}:
                    return dict(self._opened((one.headers or {})["Nats-Subject"], one.data) for one in messages)
                reason = headers.get("Description", headers["Status"])
            await patience.pause(reason)

    async def _create(self, owner: KeyId) -> DataKey | None:
        wrapped, key = self._masters.create(owner)
        try:
            await self._put(_subject(owner), _Stored(wrapped.master, wrapped.data), expected=0)
        except WrongExpectation:
            return await self._require(owner)
        return key

    async def _require(self, owner: KeyId) -> DataKey | None:
        """Return a key that must be there, as the stream's leader has it."""
        found = await self._stream.ask_leader(Get(last_by_subj=_subject(owner)))
        if found is None:
            raise KeyUnavailable(f"the stream {KEYS} lacks the key of a member: is it older than the log?")
        return self._opened(found.subject, base64.b64decode(found.data))[1]

    def _opened(self, subject: str, data: bytes) -> tuple[KeyId, DataKey | None]:
        owner = _owner(subject)
        try:
            record = _decoder.decode(data)
            if isinstance(record, _Gone):
                return owner, None
            return owner, self._masters.unwrap(owner, Wrapped(record.master, record.key))
        except (CannotOpen, msgspec.MsgspecError) as error:
            raise KeyUnavailable(f"the key of a member cannot be read: {error}") from error

    async def _put(self, subject: str, record: _Stored | _Gone, *, expected: int) -> None:
        await self._stream.store([Message(subject, uuid7(), _encoder.encode(record), expected)])

    async def _erase_before(self, subject: str, sequence: int) -> None:
        while True:
            found = await self._stream.ask_leader(Get(seq=1, next_by_subj=subject))
            if found is None or found.seq >= sequence:
                return
            await self._stream.delete(found.seq)

    async def _hear(self, message: Msg) -> None:
        self._forget(msgspec.json.decode(message.data, type=KeyId))

    def _forget(self, owner: KeyId) -> None:
        self._forgotten += 1
        self._cache.drop(owner)

    def _forget_all(self) -> None:
        # Without a connection nobody says what is destroyed.
        self._forgotten += 1
        self._cache.clear()


class _Cache:
    """The keys read in the last minute, at most 50,000; the oldest go first.

    cachetools' TTLCache does the same and took a sixth of the time of an append.
    """

    def __init__(self) -> None:
        self._keys: dict[KeyId, tuple[float, DataKey | None]] = {}

    def find(self, owners: Iterable[KeyId]) -> dict[KeyId, DataKey | None]:
        """Those that are here."""
        oldest = time.monotonic() - CACHED_SECONDS
        found = {}
        for owner in owners:
            kept = self._keys.get(owner)
            if kept is not None and kept[0] > oldest:
                found[owner] = kept[1]
        return found

    def keep(self, keys: Keys) -> None:
        """Remember what was just read."""
        now = time.monotonic()
        for owner, key in keys.items():
            self._keys.pop(owner, None)  # so that it stands behind all others
            self._keys[owner] = (now, key)
        while len(self._keys) > CACHED_KEYS:
            del self._keys[next(iter(self._keys))]

    def drop(self, owner: KeyId) -> None:
        """Forget one."""
        self._keys.pop(owner, None)

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()


def _subject(owner: KeyId) -> str:
    return f"key.{owner.brand}.{owner.member}"


def _owner(subject: str) -> KeyId:
    _, brand, member = subject.split(".")
    return KeyId(brand, member)
