"""What the services promise to people: each need has an acceptance test that is named for it."""

import re
from typing import Final

import pytest

from tests.test_repository import tracked_files

#: The needs of people, by their numbers.
NEEDS: Final = {
    5: "events by invitation",
    6: "a journey of several weeks",
    7: "rules that are accepted",
    8: "a manifesto that is read before joining",
    13: "scores that add up",
    14: "roles with a place and an end",
    15: "who contributes most",
    16: "members in the light",
    24: "the voice of the brand",
    27: "brands of every kind",
    28: "one person, many communities",
    29: "brands see nothing of each other",
    30: "templates of every type",
    31: "a name of one's own",
    32: "a complete profile",
    33: "contacts come in once",
    34: "invitations by e-mail",
    35: "who brought whom",
    36: "segments and guests",
    37: "members who meet",
    40: "who harasses is kept out",
    41: "identities that are not stolen",
    42: "control of one's own data",
    43: "members choose what they share",
    47: "an invitation to contribute",
    50: "is there one for this already?",
    51: "tools by value",
    53: "stages of launch",
    56: "first informed, time saved",
    58: "millions of members",
    59: "least effort to join",
    63: "not an empty shell",
    64: "exclusive content",
    67: "a branded home",
    69: "members known to other systems",
}


def named() -> set[int]:
    """The numbers that tests are named for."""
    tests = [path for path in tracked_files() if re.fullmatch(r"test_\w+\.py", path.name)]
    names = [
        name for path in tests for name in re.findall(r"^\s*(?:async )?def (test_need_\w+)", path.read_text(), re.M)
    ]
    return {int(number) for name in names for number in re.findall(r"(?:need|and)_(\d\d)(?=_)", name)}


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: f"{need:02}")
def test_a_need_has_a_test_that_is_named_for_it(need: int) -> None:
    assert need in named(), NEEDS[need]


def test_no_need_that_a_test_is_named_for_is_left_out() -> None:
    assert named() <= NEEDS.keys()
