"""32 writers on one aggregate, with group commit and without."""

import nats

from bench.harness import Line, in_turn, nats_server, rate
from bench.sample import DECIDER, SERVICE, open_store, write
from libs.shared.commands import CommandHandler
from libs.shared.domain import DomainError
from libs.shared.plan import Limits

_WRITERS = 32
_EACH = 100
_BUDGET = 3


async def run() -> list[Line]:
    """One row; the limit is the same handler with one command a commit."""
    conflicts = 0
    with nats_server() as url:
        connection = await nats.connect(url)
        store = await open_store(connection)
        grouped = CommandHandler(DECIDER, store, SERVICE)
        single = CommandHandler(DECIDER, store, SERVICE, limits=Limits(events=1))

        async def hammer(handler: CommandHandler, book: str) -> float:  # type: ignore[type-arg]
            async def one(_writer: int, _number: int) -> None:
                nonlocal conflicts
                try:
                    await handler.handle(write(book))
                except DomainError as refusal:
                    if refusal.code != "CONFLICT":
                        raise
                    conflicts += 1

            return await rate(_WRITERS, _EACH, one)

        measured, limit = await in_turn(lambda: hammer(grouped, "grouped"), lambda: hammer(single, "single"))
        entries = (await grouped.state("b1", "grouped", fresh=True)).entries
        await grouped.settle()
        await single.settle()
        await connection.close()
    ratio = measured / limit
    return [
        Line(
            what=f"one hot aggregate, {_WRITERS} writers, group commit",
            measured=measured,
            unit="/s",
            limit=limit,
            limit_what="the same, one command a commit",
            ratio=ratio,
            budget=f"≥ {_BUDGET} ×, 0 conflicts",
            met=ratio >= _BUDGET and conflicts == 0,
            note=f"{conflicts} conflicts; {entries:,} entries in the log",
        )
    ]
