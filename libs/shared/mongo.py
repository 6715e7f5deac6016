"""The only place that constructs motor: clients, databases, transactions, and which errors pass by themselves.

motor is no longer developed upstream; callers keep to what pymongo's own asyncio client has too, so that a change of
driver is a change of this file.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

from bson.binary import UUID_SUBTYPE, Binary
from bson.codec_options import TypeDecoder, TypeRegistry
from bson.errors import BSONError
from bson.int64 import Int64
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WriteError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Document: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Document]
Database: TypeAlias = AsyncIOMotorDatabase[Document]
Collection: TypeAlias = AsyncIOMotorCollection[Document]
Session: TypeAlias = AsyncIOMotorClientSession

_WRITE_CONFLICT = 112


class _PlainIntegers(TypeDecoder):
    """Makes 64-bit integers plain `int`s: the driver's own subclass of it is refused by encoders such as msgspec."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


_types = TypeRegistry([_PlainIntegers()])


def connect(url: str, *, app_name: str = "archipel", max_pool_size: int = 50) -> Client:
    """Open a client on a replica set (or the embedded server) by its connection string; it connects when first used.

    The string decides `retryWrites` and `replicaSet`.  A server that does not answer is an error after 5 s, one that
    stops within an answer after 30 s.
    """
    return AsyncIOMotorClient(
        url,
        appname=app_name,
        tz_aware=True,
        type_registry=_types,
        maxPoolSize=max_pool_size,
        connectTimeoutMS=5_000,
        serverSelectionTimeoutMS=5_000,
        socketTimeoutMS=30_000,
    )


def service_database(client: Client, service: str) -> Database:
    """Return the database of one service; services share none."""
    return client[f"archipel_{service}"]


@asynccontextmanager
async def transaction(database: Database, session: Session | None = None) -> AsyncIterator[Session]:
    """Run the body in one snapshot transaction, committed by a majority; an exception aborts it.

    It runs in `session`, which must be free, or in one of its own.
    """
    if session is None:
        async with await database.client.start_session() as own, transaction(database, own):
            yield own
        return
    async with session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")):
        yield session


def session_id(session: Session) -> str:
    """The id of a session, 32 hexadecimal digits, by which another process can name it."""
    document = cast("dict[str, bytes]", session.session_id)  # motor's types say that it is a method
    return document["id"].hex()


async def abort_transactions_of(database: Database, sessions: Sequence[str]) -> None:
    """Abort what the sessions of these ids have open, also when their process is dead.

    The sessions themselves can go on: a process that lives sees a transient error.
    """
    if sessions:
        ids = [{"id": Binary(bytes.fromhex(session), UUID_SUBTYPE)} for session in sessions]
        await database.command({"killSessions": ids})


def is_write_conflict(error: BaseException) -> bool:
    """Say whether another transaction has written the same document first."""
    return isinstance(error, OperationFailure) and error.code == _WRITE_CONFLICT


def is_away(error: BaseException) -> bool:
    """Say whether the database did not answer: it is gone, restarting, electing, or has no connection to give."""
    return isinstance(error, ConnectionFailure | WaitQueueTimeoutError)


def described(error: BaseException) -> str:
    """What went wrong, for logs: the driver's own words of a write that is refused quote the document."""
    kind = type(error).__name__
    if isinstance(error, BulkWriteError):
        codes = {failure.get("code") for failure in (error.details or {}).get("writeErrors", ())}
        return f"{kind}: codes {sorted(codes, key=str)}"
    if isinstance(error, WriteError):
        return f"{kind}: code {error.code}"
    return f"{kind}: {error}"


def is_transient(error: BaseException) -> bool:
    """Say whether the same operations may succeed later: servers gone, elections, write conflicts, time-outs.

    Not transient is what the server or the driver refuses because of the operations themselves, such as a duplicate
    key or a document over 16 MB: the same batch would be refused for ever.
    """
    if isinstance(error, BulkWriteError):
        if error.has_error_label("TransientTransactionError"):
            return True
        failures = (error.details or {}).get("writeErrors", [])
        return all(failure.get("code") == _WRITE_CONFLICT for failure in failures)
    return isinstance(error, PyMongoError) and not isinstance(error, DocumentTooLarge | BSONError)
