"""Tokens of invitations: the same again for each mail, and of no use anywhere else."""

from hypothesis import given
from hypothesis import strategies as st

from services.members.invitations.tokens import InvitationToken

KEY = b"k" * 32
TOKEN = InvitationToken.make(KEY, "b1", "i1", "s1")


def test_a_token_is_the_same_again_and_another_one_for_anything_else() -> None:
    assert InvitationToken.make(KEY, "b1", "i1", "s1") == TOKEN
    others = {
        InvitationToken.make(*given).secret
        for given in (
            (KEY, "b2", "i1", "s1"),
            (KEY, "b1", "i2", "s1"),
            (KEY, "b1", "i1", "s2"),
            (b"o", "b1", "i1", "s1"),
        )
    }
    assert len(others) == 4 and TOKEN.secret not in others
    assert len(TOKEN.secret) == 43, "256 bits"


def test_it_is_read_as_it_was_written() -> None:
    assert InvitationToken.read(TOKEN.text) == TOKEN
    assert len(TOKEN.hash) == 64 and TOKEN.secret not in TOKEN.hash


@given(st.text())
def test_what_is_no_token_is_none(text: str) -> None:
    found = InvitationToken.read(text)
    assert found is None or found.text == text
