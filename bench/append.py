"""Appends through the command handler, beside raw nats-py publishes with the same expectation and size."""

import nats
from nats.aio.client import Client

from bench.harness import Line, compare, in_turn, nats_server, rate
from bench.sample import BRAND, DECIDER, NOW, SERVICE, TEXT, EntryWritten, open_store, write
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.event_store import Pending
from libs.shared.ids import uuid7

_EACH = {1: 1_500, 32: 150}


async def run() -> list[Line]:
    """Two rows: one writer, and 32 writers with an aggregate each."""
    lines = []
    with nats_server() as url:
        connection, raw_connection = await nats.connect(url), await nats.connect(url)
        handler = CommandHandler(DECIDER, await open_store(connection), SERVICE)
        raw = _Raw(raw_connection)
        for writers, each in _EACH.items():

            async def handled(writers: int = writers, each: int = each) -> float:
                return await rate(writers, each, lambda writer, _: handler.handle(write(f"handled-{writers}-{writer}")))

            async def published(writers: int = writers, each: int = each) -> float:
                return await rate(writers, each, lambda writer, _: raw.publish(f"raw-{writers}-{writer}"))

            measured, limit = await in_turn(handled, published)
            what = f"append through the command handler, {writers} writer{'s' if writers > 1 else ''}"
            lines.append(compare(what, measured, limit, limit_what="raw nats-py publish", at_least=0.5))
        await handler.settle()
        await connection.close()
        await raw_connection.close()
    return lines


class _Raw:
    """What nats-py does at best: the same bytes with the same headers, and nothing decided."""

    def __init__(self, connection: Client) -> None:
        self._js = connection.jetstream()
        self._sequences: dict[str, int] = {}
        self._commit = Codec(SERVICE, [EntryWritten]).encode([_pending()])

    async def publish(self, book: str) -> None:
        subject = f"evt.{SERVICE}.{BRAND}.book.{book}"
        headers = {
            "Nats-Msg-Id": uuid7(),
            "Nats-Expected-Last-Subject-Sequence": str(self._sequences.get(subject, 0)),
            "Content-Type": "application/cloudevents-batch+json",
        }
        ack = await self._js.publish(subject, self._commit, headers=headers)
        self._sequences[subject] = ack.seq


def _pending() -> Pending:
    return Pending(
        event=EntryWritten(number=1, text=TEXT),
        id=uuid7(),
        brand=BRAND,
        aggregate="book",
        aggregate_id="raw",
        actor="m1",
        time=NOW,
        causation_id=uuid7(),
        correlation_id=uuid7(),
    )
