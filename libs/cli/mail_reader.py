"""What `archipel mail` shows: the mails that the mailbox of a platform on one machine keeps."""

import contextlib
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from libs.cli.problems import CannotRun

_SHOWN_HEADERS: Final = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe")


class Kept(NamedTuple):
    """A mail of the folder; numbers go up from 1 and are not used twice."""

    number: int
    path: Path

    def read(self) -> EmailMessage:
        """The mail; raises `CannotRun` when it was thrown away meanwhile."""
        try:
            return message_from_bytes(self.path.read_bytes(), policy=policy.default)
        except OSError as error:
            raise CannotRun(f"cannot read {self.path}: {error.strerror or error}") from error


def kept(folder: Path) -> list[Kept]:
    """The mails of a folder, the oldest first."""
    paths = [path for path in folder.glob("*.eml") if path.stem.isdecimal()]
    return sorted(Kept(int(path.stem), path) for path in paths)


def listing(mails: Sequence[Kept], most: int) -> RenderableType:
    """The newest mails, one a line."""
    if not mails:
        return Text("no mails yet")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right", style="cyan")
    for title in ("when", "to", "subject"):
        table.add_column(title, overflow="ellipsis", no_wrap=True)
    for one in mails[-most:]:
        mail = one.read()
        table.add_row(str(one.number), _when(mail), _plain(mail["To"]), _plain(mail["Subject"]))
    return table


def showing(one: Kept) -> RenderableType:
    """One mail: its headers, and what it says in plain text."""
    mail = one.read()
    headers = Table.grid(padding=(0, 2))
    for name in _SHOWN_HEADERS:
        if mail[name]:
            headers.add_row(Text(name, style="bold"), _plain(mail[name]))
    body = mail.get_body(("plain", "html"))
    text = _plain(body.get_content() if body is not None else "")
    return Group(headers, Panel(text, title=f"mail {one.number}", title_align="left"), Text(f"as HTML: {one.path}"))


def find(mails: Sequence[Kept], number: int) -> Kept:
    """The mail with a number; raises `CannotRun`."""
    for one in mails:
        if one.number == number:
            return one
    raise CannotRun(f"there is no mail {number}: `archipel mail` lists those there are")


def show(folder: Path, number: int | None, most: int, console: Console) -> None:
    """What `archipel mail` prints."""
    mails = kept(folder)
    console.print(listing(mails, most) if number is None else showing(find(mails, number)))


def _plain(value: Any) -> Text:
    """A text from outside as a terminal may show it: nothing in it steers the terminal."""
    return Text("".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in str(value or "")))


def _when(mail: EmailMessage) -> str:
    with contextlib.suppress(TypeError, ValueError):
        return f"{parsedate_to_datetime(str(mail['Date'])).astimezone():%Y-%m-%d %H:%M:%S}"
    return ""
