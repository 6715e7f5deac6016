"""How complete a profile is: so many of the things that it should have, in percent.  Pure.

A complete profile has a name, a bio, an avatar and a value in each required field that is in use.  The share of these
that is there, in whole percent rounded down, so that 100 means all of them.
"""

from collections.abc import Iterable


def percent(*, bio: str, avatar: bool, values: Iterable[str], required: frozenset[str]) -> int:
    """The completeness of a profile: `values` are the keys of the fields that have one.  The name is always there."""
    there = 1 + bool(bio.strip()) + avatar + len(required.intersection(values))
    return 100 * there // (3 + len(required))
