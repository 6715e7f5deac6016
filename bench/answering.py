"""`python -m bench.answering NATS_URL`: the process on the other side of the RPC benchmark."""

import asyncio
import sys

import nats
import uvloop
from nats.aio.msg import Msg

from bench.sample import WriteEntry
from libs.shared.domain import Accepted
from libs.shared.rpc import Responder

BUS_SUBJECT = "cmd.bench.book.write_entry"
RAW_SUBJECT = "bench.raw"


async def serve(url: str) -> None:
    """Answers both subjects with the same bytes, for ever."""
    connection = await nats.connect(url)
    accepted = Accepted(id="book", position={"BENCH": 1})

    async def raw(message: Msg) -> None:
        await message.respond(b'{"id":"book","position":{"BENCH":1},"repeated":false}')

    async def handle(_: WriteEntry) -> Accepted:
        return accepted

    responder = Responder("bench", url)
    responder.serve(BUS_SUBJECT, WriteEntry, handle)
    await responder.start()
    await connection.subscribe(RAW_SUBJECT, cb=raw)
    await connection.flush()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
