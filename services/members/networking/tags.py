"""The tags of members: the words that they give for what they care for and what they can.  Pure."""

import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from libs.shared.text import Label

#: What a member gives of one kind, as they write it.
Tags = Annotated[tuple[Label, ...], Meta(max_length=20)]

#: Members are spread over so many slots, evenly and for ever, so that a part of the slots is a sample of a brand.
SLOTS = 4096


class TagKind(StrEnum):
    """What a tag says of a member.  The same word as an interest and as a skill is two tags."""

    INTEREST = "interest"
    SKILL = "skill"


def to_text(tags: Iterable[str]) -> str:
    """Tags as one text, a line each: no tag has a line break."""
    return "\n".join(tags)


def from_text(text: str) -> tuple[str, ...]:
    """The tags of such a text."""
    return tuple(text.split("\n")) if text else ()


def slot(member: str) -> int:
    """Where a member stands among all: 0–4095."""
    return zlib.crc32(member.encode()) % SLOTS
