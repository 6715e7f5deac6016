"""Given facts, when a command, then facts or a refusal: the specification of a decider."""

from functools import reduce
from typing import Generic, TypeVar

from libs.shared.domain import Command, Decider, DomainError, Event

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)


class Given(Generic[S, C, E]):
    """A history."""

    def __init__(self, decider: Decider[S, C, E], events: tuple[E, ...]) -> None:
        self._decider = decider
        self._events = events

    @property
    def state(self) -> S:
        """What the history folds to."""
        return reduce(self._decider.evolve, self._events, self._decider.initial)

    def when(self, command: C) -> "Then[E]":
        """Decide on the command after this history."""
        try:
            return Then(self._decider.decide(self.state, command), None)
        except DomainError as refusal:
            return Then([], refusal)


class Then(Generic[E]):
    """What was decided."""

    def __init__(self, events: list[E], refusal: DomainError | None) -> None:
        self._events = events
        self._refusal = refusal

    def then(self, *events: E) -> None:
        """Expect exactly these events in this order; at least one."""
        assert events, "say then_nothing() when nothing is expected"
        assert self._accepted() == list(events)

    def then_nothing(self) -> None:
        """Expect that the command is accepted and changes nothing."""
        assert self._accepted() == []

    def then_raises(self, code: str, path: tuple[str | int, ...] | None = None) -> DomainError:
        """Expect a refusal with this code (and this path, if given) and return it."""
        assert self._refusal is not None, f"expected a refusal {code}, got {self._events}"
        assert self._refusal.code == code, f"expected a refusal {code}, got {self._refusal!r}"
        assert path is None or self._refusal.path == path, f"expected the path {path}, got {self._refusal!r}"
        return self._refusal

    def _accepted(self) -> list[E]:
        assert self._refusal is None, f"refused: {self._refusal!r}"
        return self._events


def given(decider: Decider[S, C, E], *events: E) -> Given[S, C, E]:
    """Start a specification: `given(thread, posted).when(lock).then(locked)`."""
    return Given(decider, events)
