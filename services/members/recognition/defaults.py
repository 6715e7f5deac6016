"""The rules of recognition that a brand begins with, by its type, kind and language.

The words stand in `default_rules.toml`, in English and French.  Pure, but for reading that file once.  A changed file
changes no score: what a fact gave stands in the log.
"""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from services.members.brand import BrandKind, BrandType
from services.members.recognition.rules import Award, BadgeRule, Condition, Level, Rules
from services.members.templates import Text

_FILE: Final = Path(__file__).parent / "default_rules.toml"


class _Badge(Struct, frozen=True, forbid_unknown_fields=True):
    badge: str
    name: Text
    description: Text
    condition: Condition | None = None


class _Level(Struct, frozen=True, forbid_unknown_fields=True):
    name: Text
    points: int


class _Defaults(Struct, frozen=True, forbid_unknown_fields=True):
    awards: list[Award]
    badges: list[_Badge]
    levels: list[_Level]
    types: dict[BrandType, list[Award]]
    kinds: dict[BrandKind, list[Award]]


@cache
def _defaults() -> _Defaults:
    return msgspec.toml.decode(_FILE.read_bytes(), type=_Defaults)


@cache
def default_rules(type_: BrandType | None, kind: BrandKind, locale: str) -> Rules:
    """The rules for a brand; its kind goes before its type, and both before what is usual."""
    defaults = _defaults()
    theirs = [*defaults.awards, *(defaults.types.get(type_, []) if type_ else []), *defaults.kinds.get(kind, [])]
    return Rules(
        awards=tuple({award.fact: award for award in theirs}.values()),
        badges=tuple(
            BadgeRule(
                badge=one.badge,
                name=one.name.spoken(locale),
                description=one.description.spoken(locale),
                condition=one.condition,
            )
            for one in defaults.badges
        ),
        levels=tuple(Level(name=level.name.spoken(locale), points=level.points) for level in defaults.levels),
    )
