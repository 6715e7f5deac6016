"""A store that counts, waits and fails as a test tells it, and halls and names that are kept in it."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from libs.shared.claims import Claim, ClaimCommand, Claimed, ClaimEvent, claims
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.domain import DomainError, Event
from libs.shared.event_store import EventStore, Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.recorded import Recorded
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.tests.hall import (
    NOW,
    Hall,
    HallCommand,
    HallEvent,
)

NAMES = claims("hall_name")
Halls = CommandHandler[Hall, HallCommand, HallEvent]
Names = CommandHandler[Claimed, ClaimCommand, ClaimEvent]


def claim(name: str, holder: str, *, brand: str = "b1", command_id: str | None = None) -> Claim:
    return Claim(command_id=command_id or uuid7(), brand=brand, actor="m1", now=NOW, name=name, holder=holder)


class Recording(MemoryEventStore):
    """Counts what is asked of it; holds appends (`gate`) or their acks (`acks`) back; fails as it is told."""

    def __init__(self, *, limit_bytes: int = 1024 * 1024) -> None:
        super().__init__(Codec("halls"), limit_bytes=limit_bytes)
        self.calls: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self.acks = asyncio.Event()
        self.acks.set()
        self.failures: list[Exception] = []

    async def append(self, subject: Subject, events: Sequence[Pending], *, expected: int | None) -> int:
        self.calls["append"] += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        sequence = await super().append(subject, events, expected=expected)
        await self.acks.wait()
        return sequence

    async def append_together(self, commits: Sequence[tuple[Subject, Sequence[Pending], int]]) -> list[int]:
        self.calls["together"] += 1
        if self.failures:
            raise self.failures.pop(0)
        return await super().append_together(commits)

    async def load(self, subject: Subject, *, after: int = 0, leader: bool = False) -> list[Recorded[Event]]:
        self.calls["load"] += 1
        return await super().load(subject, after=after, leader=leader)

    async def head(self, subject: Subject) -> int:
        self.calls["head"] += 1
        return await super().head(subject)


async def history(store: EventStore, hall: str = "h1", brand: str = "b1") -> list[Event]:
    return [recorded.event for recorded in await store.load(Subject("halls", brand, "hall", hall))]


async def refusal(handler: Halls, command: HallCommand) -> str:
    with pytest.raises(DomainError) as refused:
        await handler.handle(command)
    return refused.value.code
