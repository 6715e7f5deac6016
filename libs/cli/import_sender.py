"""How an import talks to the platform: commands until they are decided, and the few questions it has to ask."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from cachetools import LRUCache
from msgspec import Struct

from libs.cli.import_lines import LineRefused
from libs.cli.import_plan import ROUTES, Plan
from libs.cli.import_report import Outcome
from libs.shared.domain import SYSTEM, Accepted, BrandId, Command, DomainError
from libs.shared.positions import STALE_VIEW

T = TypeVar("T")

#: Refusals that say nothing about the command: the same one is sent again under the same command id.
_PASSING = frozenset({"UNAVAILABLE", "TIMEOUT", "CONFLICT", STALE_VIEW})
_VIEWS_ARE_SLOWER = 15
#: What stands there has the derived id, so an earlier import made it, with other content.
_SAME_ID = frozenset({"ID_TAKEN", "ALREADY_EXISTS"})
_SAME_SLUG = frozenset({"NAME_TAKEN", "SLUG_TAKEN"})


class Bus(Protocol):
    """What an import needs of `libs.shared.bus.BusClient`."""

    async def command(
        self, service: str, aggregate: str, name: str, payload: Struct, *, timeout_seconds: float = 10
    ) -> Accepted:
        """Raises DomainError."""
        ...

    async def query(
        self, service: str, name: str, payload: Mapping[str, Any], reply: type[T], *, timeout_seconds: float = 5
    ) -> T:
        """Raises DomainError."""
        ...


class PlatformGone(Exception):
    """The platform gave no answer for longer than the import is willing to wait."""


class Sender:
    """Sends commands and queries, again and again while the platform cannot answer, for `patience_seconds` each
    (views get 15 times as long).

    `position` is how far each stream has come with what was sent.
    """

    def __init__(self, bus: Bus, *, patience_seconds: float = 60) -> None:
        self._bus = bus
        self._patience = patience_seconds
        self.position: dict[str, int] = {}
        self._heads: LRUCache[tuple[str, ...], int] = LRUCache(10_000)

    async def send(self, command: Command) -> Outcome:
        """Created or already there; raises `DomainError` when refused, `PlatformGone` when there is no answer."""
        service, aggregate = ROUTES[type(command)]
        try:
            accepted = await self._insist(
                lambda: self._bus.command(service, aggregate, command.wire_name, command),
            )
        except DomainError as refusal:
            if refusal.code in _SAME_ID:
                return Outcome.ALREADY_THERE
            raise
        for stream, sequence in accepted.position.items():
            self.position[stream] = max(sequence, self.position.get(stream, 0))
        went_on = self._went_on((service, aggregate, command.brand, accepted.id), accepted)
        return Outcome.CREATED if went_on and not accepted.repeated else Outcome.ALREADY_THERE

    def _went_on(self, aggregate: tuple[str, ...], accepted: Accepted) -> bool:
        """Whether the aggregate is further than it was known to be.

        It remembers its last 1,000 commands; an older one is accepted again without being told to be a repeat, at a
        position where the aggregate stands anyway.
        """
        position = max(accepted.position.values(), default=0)
        known = self._heads.get(aggregate, 0)
        self._heads[aggregate] = max(position, known)
        return position > known

    async def ask(self, service: str, name: str, reply: type[T], *, brand: str, **fields: object) -> T:
        """The answer of a view that has seen everything this sender sent to its service."""
        stream = service.upper()
        seen = {stream: self.position[stream]} if stream in self.position else {}
        payload = {"brand": brand, "viewer": SYSTEM, "at_least": seen, **fields}
        return await self._insist(lambda: self._bus.query(service, name, payload, reply))

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        clock = asyncio.get_running_loop().time
        began = clock()
        pause = 0.05
        while True:
            try:
                return await attempt()
            except DomainError as refusal:
                if refusal.code not in _PASSING:
                    raise
                # A view may be far behind a large import and is still on its way.
                patience = self._patience * (_VIEWS_ARE_SLOWER if refusal.code == STALE_VIEW else 1)
                if clock() - began > patience:
                    raise PlatformGone(refusal.message) from refusal
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 – jitter
            pause = min(pause * 2, 2)


class _Found(Struct):
    id: str


class _FoundMember(Struct):
    id: str
    left_at: str | None = None


class KnownMembers:
    """Which members exist.  Those of this run are remembered, others are looked up once (at most 100,000 in memory)."""

    def __init__(self, sender: Sender, plan: Plan) -> None:
        self._sender = sender
        self._plan = plan
        self._known: LRUCache[str, None] = LRUCache(100_000)

    def joined(self, ref: str) -> None:
        """The member of this ref joined."""
        self._known[ref] = None

    async def unknown(self, refs: Iterable[str]) -> list[str]:
        """Those of the refs that are not members of the brand, in their order."""
        asked = [ref for ref in refs if ref not in self._known]
        missing = []
        for start in range(0, len(asked), 100):
            some = asked[start : start + 100]
            found = await self._sender.ask(
                "members",
                "members_get_many",
                list[_FoundMember | None],
                brand=self._plan.brand,
                ids=[self._plan.member(ref) for ref in some],
            )
            for ref, member in zip(some, found, strict=True):
                if member is None or member.left_at is not None:
                    missing.append(ref)
                else:
                    self.joined(ref)
        return missing

    async def require(self, role: str, ref: str) -> None:
        """Raises `LineRefused` when the ref is not a member; `role` is the field that names them."""
        if await self.unknown([ref]):
            raise LineRefused(f"unknown {role} {ref!r}")


class Places:
    """Spaces and boards by name, opened when first met."""

    def __init__(self, sender: Sender, opened: Callable[[str, Outcome], None]) -> None:
        self._sender = sender
        self._opened = opened
        self._ids: LRUCache[tuple[str, str], str] = LRUCache(10_000)
        self._lock = asyncio.Lock()

    async def find(self, thing: str, slug: str, id_: str, command: Command) -> str:
        """The id of the `space` or `board` with that slug; `command` opens it under `id_` when it is missing."""
        async with self._lock:
            found = self._ids.get((thing, slug))
            if found is None:
                found = self._ids[thing, slug] = await self._open(thing, slug, id_, command)
            return found

    async def _open(self, thing: str, slug: str, id_: str, command: Command) -> str:
        try:
            self._opened(thing, await self._sender.send(command))
        except DomainError as refusal:
            if refusal.code not in _SAME_SLUG:
                raise
            self._opened(thing, Outcome.ALREADY_THERE)
            return await self._somebody_elses(thing, slug, command.brand)
        return id_

    async def _somebody_elses(self, thing: str, slug: str, brand: str) -> str:
        service = "discussions" if thing == "space" else "feedback"
        return (await self._sender.ask(service, f"{thing}_by_slug", _Found, brand=brand, slug=slug)).id


class _Voter(Struct):
    member_id: str


class _Voters(Struct):
    items: list[_Voter]
    cursors: list[str]
    has_next: bool


async def voters(sender: Sender, brand: BrandId, idea: str) -> set[str]:
    """The ids of all members whose vote an idea has."""
    found: set[str] = set()
    page: dict[str, object] = {"first": 100}
    while True:
        reply = await sender.ask("feedback", "voter_page", _Voters, brand=brand, idea_id=idea, page=page)
        found.update(voter.member_id for voter in reply.items)
        if not reply.has_next:
            return found
        page = {"first": 100, "after": reply.cursors[-1]}
