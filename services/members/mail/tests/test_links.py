"""Tokens of links: what they say, and that nobody else makes them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.members.mail.links import InvalidLink, Links, MailLink

KEY = b"k" * 32
LINK = MailLink(brand="b1", address_id="a1", language="fr")


def test_a_token_says_what_was_signed_and_no_address() -> None:
    token = Links(KEY).sign(LINK)
    assert Links(KEY).read(token) == LINK
    assert Links(KEY).sign(LINK) == token, "mails that repeat are the same"


def test_a_token_of_another_key_or_without_one_is_refused() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    body = Links(KEY).sign(LINK).split(".")[1]
    for token in (Links(b"o" * 32).sign(LINK), f"{header}.{body}.", "", "x", "a.b.c"):
        with pytest.raises(InvalidLink):
            Links(KEY).read(token)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    token = Links(KEY).sign(LINK)
    at = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that say nothing
    other = data.draw(st.sampled_from("ABCabc012-_.").filter(lambda c: c != token[at]))
    with pytest.raises(InvalidLink):
        Links(KEY).read(token[:at] + other + token[at + 1 :])
