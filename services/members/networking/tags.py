"""Tags: the words that members give for what they care for and what they can, and when two of them are the same.  Pure.

The same words in another case, width, composition or spacing are one tag (Unicode NFKC, case folding).
"""

import hashlib
import unicodedata
import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from libs.shared.domain import Invalid
from libs.shared.text import Label

#: What a member gives of one kind, as they write it.
Tags = Annotated[tuple[Label, ...], Meta(max_length=20)]

#: A tag has at most so many characters once it is normalised: some signs are longer then.
MAX_TAG = 60

#: Members are spread over so many slots, evenly and for ever, so that a part of the slots is a sample of a brand.
SLOTS = 4096


class TagKind(StrEnum):
    """What a tag says of a member.  The same word as an interest and as a skill is two tags."""

    INTEREST = "interest"
    SKILL = "skill"


def normalised(tag: str) -> str:
    """The tag that these words are."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold()).split())


def normalised_all(tags: Iterable[str], field: str) -> tuple[str, ...]:
    """The tags that these are, each once, in alphabetical order.  Raises INVALID at `field` for one that is nothing."""
    found: set[str] = set()
    for number, tag in enumerate(tags):
        word = normalised(tag)
        if not 1 <= len(word) <= MAX_TAG:
            raise Invalid(f"a tag has 1–{MAX_TAG} characters", (field, number))
        found.add(word)
    return tuple(sorted(found))


def to_text(tags: Iterable[str]) -> str:
    """Tags as one text, a line each: no tag has a line break."""
    return "\n".join(tags)


def from_text(text: str) -> tuple[str, ...]:
    """The tags of such a text."""
    return tuple(text.split("\n")) if text else ()


def tag_key(kind: TagKind, tag: str) -> str:
    """How an index calls a tag: it does not show the word."""
    return hashlib.sha256(f"{kind.value}:{tag}".encode()).hexdigest()[:24]


def slot(member: str) -> int:
    """Where a member stands among all: 0–4095."""
    return zlib.crc32(member.encode()) % SLOTS
