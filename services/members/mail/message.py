"""A mail as the internet writes it (RFC 5322), with headers into which nothing can be smuggled.

RFC 2369 and RFC 8058 are how mail programs show a button to opt out; RFC 3834 keeps out-of-office replies away.
"""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from msgspec import Struct

from libs.shared.domain import DomainError

_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")  # RFC 5322, dot-atom
#: What each value may be.  The email package is never asked about anything else: it is no judge of hostile input.
_SHAPES: Final = {
    "to": _ADDRESS,
    "sender": _ADDRESS,
    "sender_name": _LINE,
    "subject": _LINE,
    "message_id": _ADDRESS,
    "language": re.compile(r"[A-Za-z0-9-]+"),
    "opt_out_url": re.compile(r"[!-;=?-~]+"),
}


class UnsafeHeader(DomainError):
    """A value for a header has a line break, or is not what its header holds.  Code `UNSAFE_HEADER`."""

    def __init__(self, header: str) -> None:
        super().__init__("UNSAFE_HEADER", f"this is no {header} of a mail", (header,))


class Envelope(Struct, frozen=True, kw_only=True):
    """What the headers of a mail say.  `message_id` without its angle brackets; `opt_out_url` of the one-click door."""

    to: str
    sender: str
    sender_name: str
    subject: str
    message_id: str
    date: datetime
    language: str
    opt_out_url: str


def build(envelope: Envelope, text: str, html: str) -> EmailMessage:
    """The mail with both parts; raises `UnsafeHeader`."""
    for header, shape in _SHAPES.items():
        if not shape.fullmatch(getattr(envelope, header)):
            raise UnsafeHeader(header)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(envelope.sender_name, *envelope.sender.split("@"))
    mail["To"] = Address("", *envelope.to.split("@"))
    mail["Subject"] = envelope.subject
    mail["Date"] = format_datetime(envelope.date)
    mail["Message-ID"] = f"<{envelope.message_id}>"
    mail["List-Unsubscribe"] = f"<{envelope.opt_out_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = envelope.language  # not before: it would go into the first part
    return mail
