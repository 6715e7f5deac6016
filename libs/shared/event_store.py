"""The port of the event log: subjects, what is appended, what may go wrong.  Pure; the adapters are elsewhere."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from libs.shared.domain import DomainError, Event
from libs.shared.recorded import Recorded

if TYPE_CHECKING:
    from libs.shared.codec import Codec


class Subject(NamedTuple):
    """One aggregate's place in the log; its text is `evt.<service>.<brand>.<aggregate>.<id>`."""

    service: str
    brand: str
    aggregate: str
    id: str

    def __str__(self) -> str:
        return f"evt.{self.service}.{self.brand}.{self.aggregate}.{self.id}"

    @property
    def stream(self) -> str:
        """The stream that holds it: one a service, named like it in capitals."""
        return stream_name(self.service)

    @property
    def snapshot(self) -> str:
        """The subject of its snapshot."""
        return f"snap.{self.service}.{self.brand}.{self.aggregate}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """Read `evt.<service>.<brand>.<aggregate>.<id>`; raises `ValueError` for any other text."""
        prefix, *tokens = text.split(".")
        if prefix != "evt" or len(tokens) != 4 or not all(tokens):
            raise ValueError(f"not the subject of an aggregate: {text!r}")
        return cls(*tokens)


_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_token(text: str) -> bool:
    """Say whether this may stand between the dots of a subject: `Id` of the domain, checked where none was parsed."""
    return _TOKEN.fullmatch(text) is not None


def stream_name(service: str) -> str:
    """Return the name of a service's stream."""
    return service.upper()


class Pending(Struct, frozen=True, kw_only=True, gc=False):
    """An event that is to be appended, with all that the log records about it.

    `id` is a UUIDv7 (or derived from the command where nothing else tells repeats apart), `time` has a time zone,
    `causation_id` is the command's id, `traceparent` follows W3C Trace Context.
    """

    event: Event
    id: str
    brand: str
    aggregate: str
    aggregate_id: str
    actor: str
    time: datetime
    causation_id: str
    correlation_id: str
    traceparent: str | None = None


class StoredMessage(NamedTuple):
    """One message as the stream holds it: a commit.  `sequence` counts from 1 in the whole stream."""

    subject: str
    stream: str
    sequence: int
    recorded_at: datetime
    data: bytes


class Snapshot(NamedTuple):
    """An aggregate's state up to and with the message at `sequence`.  It can always be thrown away."""

    sequence: int
    data: bytes


class WrongExpectation(Exception):
    """Nothing was stored: the subject's last sequence is not the expected one."""


class CorruptEvent(Exception):
    """A stored message cannot be read: it is not a commit, or newer than this process knows."""

    def __init__(self, stream: str, sequence: int, reason: str) -> None:
        super().__init__(f"{stream} {sequence}: {reason}")
        self.stream = stream
        self.sequence = sequence
        self.reason = reason


class CommitTooLarge(DomainError):
    """The events of one commit do not fit in a message; code `COMMIT_TOO_LARGE`.  Nothing was stored."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__("COMMIT_TOO_LARGE", f"{size_bytes} bytes in one commit, at most {limit_bytes} fit")
        self.limit_bytes = limit_bytes


class EventStore(Protocol):
    """The log of one service.  What does not answer in time raises `Unavailable`; the outcome is then unknown.

    A commit's id is the id of its first event: what is appended again under the same id is stored once, for as
    long as the store remembers ids (two minutes at least).
    """

    @property
    def codec(self) -> "Codec":
        """What translates this service's events; aggregates register their events here."""
        ...

    async def append(self, subject: Subject, events: Sequence[Pending], *, expected: int | None) -> int:
        """Store the events as one commit and return its sequence.

        `expected` is the sequence of the subject's last message, 0 for none, `None` to append in any case.
        Raises `WrongExpectation` and `CommitTooLarge`; either means that nothing was stored.
        """
        ...

    async def append_together(self, commits: Sequence[tuple[Subject, Sequence[Pending], int]]) -> list[int]:
        """Store one commit each on several subjects (subject, events, expected sequence): all or nothing.

        Returns their sequences in the same order; raises as `append` does.  A subject may appear once.
        """
        ...

    async def load(self, subject: Subject, *, after: int = 0, leader: bool = False) -> list[Recorded[Event]]:
        """Return the subject's events with a sequence above `after`, in order.

        Without `leader` the newest ones may be missing when the stream has replicas.  Raises `CorruptEvent`.
        """
        ...

    async def head(self, subject: Subject) -> int:
        """Return the sequence of the subject's last message, through the stream's leader; 0 if there is none."""
        ...

    async def save_snapshot(self, subject: Subject, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the subject's earlier one.  One that does not fit is not kept."""
        ...

    async def load_snapshot(self, subject: Subject) -> Snapshot | None:
        """Return the subject's snapshot, if there is one; an older one may come back for a short while."""
        ...
