"""Whether commands would be carried out now: asked of the rules that decide on them, and nothing is stored."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from libs.shared.authority import Authority, find_roles
from libs.shared.domain import Command, DomainError
from libs.shared.event_store import Subject
from libs.shared.positions import STALE_VIEW

T = TypeVar("T")

#: Decides on a command that has its roles: whether it would change something.  Raises `DomainError` as it would.
Rehearse = Callable[[Any], Awaitable[bool]]

_UNKNOWN = frozenset({"UNAVAILABLE", STALE_VIEW})


class Aggregates(Protocol):
    """What keeps the aggregates that a decision rests on: a `CommandHandler`."""

    def subject_of(self, command: Any) -> Subject:
        """Which aggregate a command is for."""

    async def refresh(self, subject: Subject) -> None:
        """Bring what is remembered of it up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How a command is rehearsed; `aggregates` when the decision rests on the state of one."""

    open_to_all: bool
    rehearse: Rehearse
    aggregates: Aggregates | None = None


class Rehearsals:
    """The commands of a service that can be rehearsed, by their types."""

    def __init__(self) -> None:
        self._known: dict[type[Command], Rehearsal] = {}

    def add(self, command: type[Command], rehearsal: Rehearsal) -> None:
        """Let a command be rehearsed."""
        self._known[command] = rehearsal

    async def would(self, authority: Authority | None, commands: Sequence[Command]) -> list[bool]:
        """Whether each command would be accepted, and change something, if it were sent now.

        Roles and the brand's gate are asked once a kind of command and actor, each aggregate is read once.  Raises
        KeyError for a command that cannot be rehearsed, UNAVAILABLE or STALE_VIEW when it cannot be known.
        """
        admitted = await self._admit(authority, commands)
        able = [(one, admitted[_sender(one)]) for one in commands]
        await self._refresh(one for one, roles in able if roles is not None)
        return await asyncio.gather(*(self._outcome(one, roles) for one, roles in able))

    async def _admit(
        self, authority: Authority | None, commands: Sequence[Command]
    ) -> dict[object, frozenset[str] | None]:
        """The roles of each sender of each kind of command; None for who is refused whatever the command says."""

        async def roles(command: Command) -> frozenset[str] | None:
            open_to_all = self._known[type(command)].open_to_all
            return await _unless_refused(find_roles(authority, command, open_to_all=open_to_all))

        senders = {_sender(one): one for one in commands}
        return dict(zip(senders, await asyncio.gather(*map(roles, senders.values())), strict=True))

    async def _refresh(self, commands: Iterable[Command]) -> None:
        """Read each aggregate that a decision rests on once."""
        wanted: dict[Subject, Aggregates] = {}
        for one in commands:
            aggregates = self._known[type(one)].aggregates
            if aggregates is not None:
                wanted[aggregates.subject_of(one)] = aggregates
        await asyncio.gather(*(aggregates.refresh(subject) for subject, aggregates in wanted.items()))

    async def _outcome(self, command: Command, roles: frozenset[str] | None) -> bool:
        if roles is None:
            return False
        decided = self._known[type(command)].rehearse(replace(command, roles=roles))
        return bool(await _unless_refused(decided))


def _sender(command: Command) -> tuple[type[Command], str, str]:
    return type(command), command.brand, command.actor


async def _unless_refused(outcome: Awaitable[T]) -> T | None:
    """The outcome; None when it is a refusal."""
    try:
        return await outcome
    except DomainError as refusal:
        if refusal.code in _UNKNOWN:
            raise
        return None
