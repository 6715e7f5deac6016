"""A mail server for tests: it speaks SMTP on loopback, keeps what it takes, and answers as a test tells it to."""
# ruff: noqa: ARG002, N802 – the names and arguments of a handler are aiosmtpd's

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from libs.shared.ports import free_port

_TAKEN = "250 taken"
_POLL_SECONDS = 0.02
_SECONDS = 60.0


class Mailbox:
    """The mails of everybody, by address in any case.  Enter it to start, leave it to stop.

    `replies` are the answers to mails to an address, in turn, in place of taking them: `550 no such user`, or `drop`
    for a connection that breaks after everything was said.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.replies: defaultdict[str, list[str]] = defaultdict(list)
        self.attempts: defaultdict[str, int] = defaultdict(int)
        self.connections = 0
        self._mails: defaultdict[str, list[EmailMessage]] = defaultdict(list)
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """The setting that leads here."""
        return f"smtp+plain://127.0.0.1:{self.port}"

    def of(self, address: str) -> list[EmailMessage]:
        """The mails to an address, in the order of their coming."""
        return list(self._mails[address.lower()])

    @property
    def all(self) -> list[EmailMessage]:
        """The mails to anybody."""
        return [mail for mails in self._mails.values() for mail in mails]

    async def wait(self, address: str, count: int = 1) -> list[EmailMessage]:
        """The mails to an address, once there are so many."""
        await self.until(lambda: len(self._mails[address.lower()]) >= count, f"{count} mails to {address}")
        return self.of(address)

    async def until(self, ready: Callable[[], bool], what: str) -> None:
        """Return when something is so."""
        deadline = time.monotonic() + _SECONDS
        while not ready():
            assert time.monotonic() < deadline, f"not there: {what}"
            await asyncio.sleep(_POLL_SECONDS)

    def start(self) -> None:
        """Take mails from now on."""
        self._controller = Controller(_Handler(self), hostname="127.0.0.1", port=self.port)
        self._controller.start()
        self.connections = 0  # its controller tries one

    def stop(self) -> None:
        """Take no more; what came stays."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Handler:
    """What aiosmtpd asks; the names of its methods are aiosmtpd's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self._mailbox.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        self._mailbox.attempts[address] += 1
        replies = self._mailbox.replies[address]
        if replies and replies[0] != "drop":
            return replies.pop(0)
        envelope.rcpt_tos.append(address)
        return _TAKEN

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        for address in envelope.rcpt_tos:
            self._mailbox._mails[address.lower()].append(mail)
            if self._mailbox.replies[address][:1] == ["drop"]:
                self._mailbox.replies[address].pop(0)
                assert isinstance(server.transport, asyncio.Transport)
                server.transport.abort()
        return _TAKEN
