"""The headers of a mail, and that nothing can be smuggled into them."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from services.members.mail.message import Envelope, UnsafeHeader, build

PLAIN = Envelope(
    to="ada@example.org",
    sender="community@example.org",
    sender_name="Léa & Co",
    subject="Bienvenue à vous",
    message_id="m1@example.org",
    date=datetime(2026, 3, 1, 12, tzinfo=UTC),
    language="fr",
    opt_out_url="https://x.example/mail/token",
)
FIELDS = ("to", "sender", "sender_name", "subject", "message_id", "language", "opt_out_url")
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Content-Language", "List-Unsubscribe", "List-Unsubscribe-Post",
    "Auto-Submitted", "MIME-Version", "Content-Type",
}  # fmt: skip


def test_the_headers_of_a_mail() -> None:
    mail = message_from_bytes(build(PLAIN, "Salut\n", "<p>Salut</p>").as_bytes(), policy=policy.default)
    assert set(mail.keys()) == HEADERS
    assert mail["From"] == "Léa & Co <community@example.org>"
    assert mail["Subject"] == "Bienvenue à vous"
    assert mail["Message-ID"] == "<m1@example.org>"
    assert mail["List-Unsubscribe"] == "<https://x.example/mail/token>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click", "RFC 8058"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_is_seven_bits_in_lines_of_a_thousand() -> None:
    raw = build(PLAIN, "é" * 5_000, "<p>" + "é" * 5_000 + "</p>").as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(st.sampled_from(FIELDS), st.text(), st.text())
@example("subject", "Hello", "\r\nBcc: all@example.org")
@example("sender_name", "Ada", "\nBcc: all@example.org")
@example("to", "ada@example.org", "\r\nBcc: all@example.org")
@example("opt_out_url", "https://x", ">\r\n\r\nbody")
@example("subject", "\u2028", "Bcc: a@example.org")
@example("to", "a@b.c, eve@example.org", "")
def test_no_value_becomes_a_header_or_another_receiver(field: str, before: str, after: str) -> None:
    try:
        raw = build(structs.replace(PLAIN, **{field: before + after}), "text", "<p>text</p>").as_bytes()
    except UnsafeHeader:
        return
    mail = message_from_bytes(raw, policy=policy.default)
    assert set(mail.keys()) == HEADERS
    assert len(mail["To"].addresses) == len(mail["From"].addresses) == 1
    assert len(list(mail.iter_parts())) == 2


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("bad", ["\r\n", "\n", "\r", "\x00", "\x85", "\u2028"])
def test_a_line_break_is_refused_with_a_code(field: str, bad: str) -> None:
    with pytest.raises(UnsafeHeader) as caught:
        build(structs.replace(PLAIN, **{field: f"a{bad}b"}), "text", "html")
    assert (caught.value.code, caught.value.path) == ("UNSAFE_HEADER", (field,))
