"""What can be the name of somebody."""

import msgspec
import pytest

from libs.shared.text import Name, as_name, unturned

SHOWN = ["Ada", "Ada Lovelace", "عائشة", "אדה", "愛", "Zoë\u0308", "नी\u200dल", "👩\u200d🚀", "\u200eAda"]
UNSEEN = ["", " ", "\u00a0", "\u200b", "\u2060\u200d", "\u3164", "\u2800", "\u115f \u1160", "\ufe0f", "\u00ad"]
TURNING = ["\u202eadA", "Ada\u202c", "\u2066Ada\u2069"]


@pytest.mark.parametrize("text", SHOWN)
def test_names_of_the_world_are_names(text: str) -> None:
    assert msgspec.convert(text, Name) == as_name(text) == unturned(text) == text


@pytest.mark.parametrize("text", [*UNSEEN, *TURNING, "Ada\nB", "Ada\u2028B", "x" * 201])
def test_what_nobody_sees_or_turns_what_stands_beside_it_is_none(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Name)


@pytest.mark.parametrize("text", UNSEEN)
def test_of_what_nobody_sees_no_name_is_made(text: str) -> None:
    assert as_name(text) is None


@pytest.mark.parametrize("text", [*SHOWN, *TURNING, "Ada\nB", " Ada ", "x" * 300])
def test_what_is_made_of_a_text_from_elsewhere_is_a_name(text: str) -> None:
    name = as_name(text)
    assert name == msgspec.convert(name, Name)


def test_a_turning_mark_ends_with_the_text_that_it_stands_in() -> None:
    assert unturned("gpj.\u202eexe\u202c \u2067x\u2069") == "gpj.exe x"
