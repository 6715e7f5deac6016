"""The mailbox of a platform on one machine: takes every mail on loopback, delivers none, keeps them to be looked at.

`python -m libs.cli.mailbox <port> <folder>`; `archipel mail` reads the folder (`mail_reader.py`).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from libs.cli.mail_reader import Kept, kept

#: Older mails are thrown away.
KEPT_MAILS: Final = 1_000
_MAIL_BYTES: Final = 10_000_000


class Folder:
    """Keeps what comes, under the next number; a mail is there as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mails = kept(path)
        self._next = self._mails[-1].number + 1 if self._mails else 1

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 – aiosmtpd's
        """Keep a mail, for whomever it is."""
        one = Kept(self._next, self._path / f"{self._next:06}.eml")
        self._next += 1
        fresh = one.path.with_suffix(".new")
        try:
            fresh.write_bytes(envelope.original_content or b"")
            fresh.replace(one.path)
        except OSError as error:
            return f"452 cannot keep it: {error.strerror}"
        self._mails.append(one)
        while len(self._mails) > KEPT_MAILS:
            self._mails.pop(0).path.unlink(missing_ok=True)
        return f"250 kept as {one.number}"


async def serve(port: int, folder: Path) -> None:
    """Take mails on loopback until cancelled or killed: there is nothing that an end could interrupt."""
    loop = asyncio.get_running_loop()
    keeper = Folder(folder)

    def session() -> SMTP:
        return SMTP(keeper, hostname="mailbox", data_size_limit=_MAIL_BYTES, loop=loop)

    async with await loop.create_server(session, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    os.umask(0o077)  # mails are somebody's
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
