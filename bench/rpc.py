"""Commands over the bus to another process and back, beside NATS request/reply of the same bytes."""

import asyncio
import sys

import msgspec
import nats

from bench.answering import RAW_SUBJECT
from bench.harness import Line, compare, in_turn, nats_server, rate
from bench.sample import write
from libs.shared.bus import BusClient
from libs.shared.connection import Connection

_EACH = {1: 1_000, 32: 100}


async def run() -> list[Line]:
    """Two rows: one caller, and 32 at the same time."""
    lines = []
    with nats_server() as url:
        answering = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.answering", url), stdout=asyncio.subprocess.PIPE
        )
        assert answering.stdout is not None
        await answering.stdout.readline()
        connection, raw_connection = Connection("bench"), await nats.connect(url)
        await connection.open(url)
        bus = BusClient(connection)
        command = write("book")
        body = msgspec.json.encode(command)
        try:
            for callers, each in _EACH.items():

                async def sent(callers: int = callers, each: int = each) -> float:
                    return await rate(callers, each, lambda _, __: bus.command("bench", "book", "write_entry", command))

                async def requested(callers: int = callers, each: int = each) -> float:
                    return await rate(callers, each, lambda _, __: raw_connection.request(RAW_SUBJECT, body, 5))

                measured, limit = await in_turn(sent, requested)
                what = f"command over the bus and back, {callers} caller{'s' if callers > 1 else ''}"
                lines.append(compare(what, measured, limit, limit_what="raw NATS request/reply"))
        finally:
            answering.kill()
            await answering.wait()
            await connection.close()
            await raw_connection.close()
    return lines
