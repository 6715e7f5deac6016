"""Who is there: each answers on a subject of its own, so that others tell the busy from the dead.

For one whose connection is gone the server itself answers, at once: nobody responds.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

#: An event loop that is busier than this, or a process that was stopped, counts as gone.
_ANSWER_SECONDS = 2.0


@asynccontextmanager
async def present(nats: Nats, name: str) -> AsyncIterator[None]:
    """Be there under `name` for as long as the context lasts."""

    async def answer(asked: Msg) -> None:
        with suppress(NatsError, OSError):
            await asked.respond(b"")

    subscription = await nats.subscribe(_subject(name), cb=answer)
    try:
        yield
    finally:
        with suppress(NatsError, OSError):
            await subscription.unsubscribe()


async def is_present(nats: Nats, name: str) -> bool:
    """Whether anybody is there under `name`; nobody is when NATS does not answer."""
    try:
        await nats.request(_subject(name), timeout=_ANSWER_SECONDS)
    except (NatsError, OSError):
        return False
    return True


def _subject(name: str) -> str:
    return f"present.{name}"
