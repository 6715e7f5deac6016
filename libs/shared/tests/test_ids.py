import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.shared.ids import derived_id, identity_id, member_id, uuid7

parts = st.lists(st.text(max_size=8), max_size=4)


def test_uuid7_rises_and_says_its_version() -> None:
    ids = [uuid7() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", id_) for id_ in ids)


@given(parts, parts)
def test_derived_ids_are_equal_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)
    assert re.fullmatch(r"[0-9a-f]{32}", derived_id(*one))


def test_derived_ids_never_change() -> None:
    assert derived_id("b1", "m1", "createPost", "c1") == "171a69b60912b31781a4ab9d0eabdd78"
    assert derived_id("ab", "c") != derived_id("a", "bc")


def test_keyed_ids_never_change_and_fit_a_subject() -> None:
    identity = identity_id(b"key", "https://issuer.example", "user-1")
    assert identity == "vxh35fmybsshwl3eev6tv622u3vsm56v"
    assert member_id(b"key", "b1", identity) == "xf7k6mpsnbll7sjlhquf664a24mtwo4j"
    assert re.fullmatch(r"[a-z2-7]{32}", identity)


def test_keyed_ids_depend_on_everything() -> None:
    ids = {
        identity_id(b"key", "i", "s"),
        identity_id(b"other", "i", "s"),
        identity_id(b"key", "is", ""),
        identity_id(b"key", "i", "t"),
        member_id(b"key", "i", "s"),
        member_id(b"key", "j", "s"),
    }
    assert len(ids) == 6


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        identity_id(b"", "i", "s")
