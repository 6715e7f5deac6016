"""Hands mails to an SMTP server (RFC 5321), over connections that are kept for the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from libs.shared.settings import SettingsError, variable

#: What one mail may take, all in all; a schedule is handed over again after a minute.
_MAIL_SECONDS: Final = 45.0
_ANSWER_SECONDS: Final = 20.0
_CLOSING: Final = 421
_PORTS: Final = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


class Refused(Exception):
    """The server will never take this mail; `code` is from 500 to 599."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


class Deferred(Exception):
    """The server does not take this mail now; later it may."""


class Away(Exception):
    """There is no server that takes any mail now."""


class Transport(Protocol):
    """What hands mails over."""

    async def deliver(self, mail: EmailMessage, sender: str, to: str) -> None:
        """Return when the server has taken the mail; raises `Refused`, `Deferred`, `Away`, or ValueError for a mail
        that cannot be sent.
        """


class Nowhere:
    """The transport of a platform that has no server for mails."""

    async def deliver(self, mail: EmailMessage, sender: str, to: str) -> None:  # noqa: ARG002
        """Raises `Away`."""
        raise Away(f"{variable('smtp_url')} is not set")


class _Server(NamedTuple):
    host: str
    port: int
    user: str | None
    password: str | None
    scheme: str


def transport(url: str) -> Transport:
    """The transport to the server that a setting names; raises `SettingsError`, which shows no password."""
    if not url:
        return Nowhere()
    try:
        parts = urlsplit(url)
        server = _Server(
            host=parts.hostname or "",
            port=parts.port or _PORTS.get(parts.scheme, 0),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            scheme=parts.scheme,
        )
    except ValueError:
        raise SettingsError(f"{variable('smtp_url')} is not a URL") from None
    if not server.host or server.scheme not in _PORTS:
        raise SettingsError(f"{variable('smtp_url')} begins with one of {', '.join(f'{name}://' for name in _PORTS)}")
    return SmtpTransport(server)


class SmtpTransport:
    """A few connections to one server, opened when needed; one on which anything odd happened is not used again."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._idle: list[SMTP] = []

    async def deliver(self, mail: EmailMessage, sender: str, to: str) -> None:
        """See `Transport.deliver`."""
        content = mail.as_bytes()
        try:
            async with asyncio.timeout(_MAIL_SECONDS):
                reused = await self._attempt(content, sender, to, fresh=False)
                if not reused:  # the server had ended an idle connection, as servers do
                    await self._attempt(content, sender, to, fresh=True)
        except (TimeoutError, OSError, SMTPException) as error:
            raise Away(type(error).__name__) from error

    async def _attempt(self, content: bytes, sender: str, to: str, *, fresh: bool) -> bool:
        """Hand the mail over; False when a kept connection was found dead before anything was said on it."""
        async with self._connection(fresh=fresh) as (connection, kept):
            if kept:
                try:
                    await connection.noop()
                except (OSError, SMTPException):
                    connection.close()
                    return False
            try:
                await connection.sendmail(sender, [to], content)
            except SMTPRecipientsRefused as error:
                raise _verdict(error.recipients[0]) from error
            except SMTPDataError as error:
                raise _verdict(error) from error
            return True

    @asynccontextmanager
    async def _connection(self, *, fresh: bool) -> AsyncIterator[tuple[SMTP, bool]]:
        """A connection, and whether it is one that was kept; it is kept again unless it failed."""
        connection = None if fresh else self._take()
        kept = connection is not None
        if connection is None:
            connection = await self._connect()
        try:
            yield connection, kept
        except (Refused, Deferred):
            self._keep(connection)
            raise
        except BaseException:
            connection.close()
            raise
        else:
            self._keep(connection)

    def _take(self) -> SMTP | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_connected:
                return connection
        return None

    def _keep(self, connection: SMTP) -> None:
        if connection.is_connected:
            self._idle.append(connection)

    async def _connect(self) -> SMTP:
        server = self._server
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.scheme == "smtps",
            start_tls=server.scheme == "smtp",
            timeout=_ANSWER_SECONDS,
        )
        await connection.connect()
        return connection


def _verdict(error: SMTPResponseException | SMTPRecipientRefused) -> Refused | Deferred | Away:
    """What the answer about one mail means (RFC 5321, section 4.2.1)."""
    if error.code == _CLOSING:
        return Away("the server closes")
    return Refused(error.code) if error.code >= 500 else Deferred(f"answered {error.code}")
