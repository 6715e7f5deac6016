"""The aggregate that the benchmarks of the kernel write: a guest book whose entries have 150 characters."""

from datetime import UTC, datetime
from typing import ClassVar

from msgspec import Struct, structs
from nats.aio.client import Client

from libs.shared.codec import Codec
from libs.shared.domain import Command, Decider, Event, Id
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.streams import ensure_streams, event_stream, snapshot_stream

SERVICE = "bench"
BRAND = "b1"
TEXT = "x" * 150
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class EntryWritten(Event, frozen=True, kw_only=True):
    """Somebody wrote."""

    wire_name: ClassVar[str] = "entry_written"

    number: int
    text: str


class WriteEntry(Command, frozen=True, kw_only=True):
    """Write something."""

    wire_name: ClassVar[str] = "write_entry"

    book_id: Id
    text: str


class Book(Struct, frozen=True):
    """How many entries there are."""

    entries: int = 0


def decide(state: Book, command: WriteEntry) -> list[EntryWritten]:
    """Every entry is welcome."""
    return [EntryWritten(number=state.entries + 1, text=command.text)]


def evolve(state: Book, _event: EntryWritten) -> Book:
    """One more entry."""
    return structs.replace(state, entries=state.entries + 1)


DECIDER: Decider[Book, WriteEntry, EntryWritten] = Decider(
    aggregate="book",
    initial=Book(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.book_id,
    commands=(WriteEntry,),
    events=(EntryWritten,),
)


def write(book: str) -> WriteEntry:
    """A command that nobody sent before."""
    return WriteEntry(command_id=uuid7(), brand=BRAND, actor="m1", now=NOW, book_id=book, text=TEXT)


async def open_store(connection: Client) -> JetStreamEventStore:
    """The event store, with its stream in place."""
    await ensure_streams(connection, event_stream(SERVICE), snapshot_stream())
    return JetStreamEventStore(connection, Codec(SERVICE))
