"""Questions that come at the same moment are answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Rounds(Generic[K, V]):
    """Answers questions in rounds: all that are asked in one turn of the event loop, each once, with one call.

    A round begins after its last question came, so its answers are as new as each of them wants.  When it fails, all
    of its questions do.
    """

    def __init__(self, answer: Callable[[Sequence[K]], Awaitable[Sequence[V]]]) -> None:
        self._answer = answer
        self._places: dict[K, int] = {}
        self._next: asyncio.Task[Sequence[V]] | None = None

    async def ask(self, question: K) -> V:
        """Return the answer; raises what answering raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._next.add_done_callback(_seen)
        place, answers = self._places.setdefault(question, len(self._places)), self._next
        # Who is cancelled leaves the round to the others.
        return (await asyncio.shield(answers))[place]

    async def _begin(self) -> Sequence[V]:
        questions, self._places, self._next = list(self._places), {}, None
        return await self._answer(questions)


def _seen(answers: asyncio.Task[Sequence[V]]) -> None:
    """Who asked is told of a failure; when all of them have gone, nobody needs to be."""
    if not answers.cancelled():
        answers.exception()
