"""Tags: words that members put on themselves and on posts, and when two of them are the same.  Pure.

The same words in another case, width, composition or spacing are one tag (Unicode NFKC, case folding), and signs that
nobody sees make no other one.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Final

from libs.shared.domain import Invalid
from libs.shared.text import unseen

#: A tag has at most so many characters once it is normalised: some signs are longer then.
MAX_TAG: Final = 60

#: Unseen, but not for nothing: they join letters of many scripts, and the parts of an emoji.
_JOINERS: Final = "\u200c\u200d"


def normalised(tag: str) -> str:
    """The tag that these words are; none ("") for words of which nothing is seen."""
    seen = "".join(sign for sign in tag if sign in _JOINERS or sign.isspace() or not _is_nothing(sign))
    words = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).split()
    return " ".join(words) if any(word.strip(_JOINERS) for word in words) else ""


def _is_nothing(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or unseen(sign)


def normalised_all(tags: Iterable[str], field: str) -> tuple[str, ...]:
    """The tags that these are, each once, in alphabetical order.  Raises INVALID at `field` for one that is nothing."""
    found: set[str] = set()
    for number, tag in enumerate(tags):
        word = normalised(tag)
        if not 1 <= len(word) <= MAX_TAG:
            raise Invalid(f"a tag has 1–{MAX_TAG} characters", (field, number))
        found.add(word)
    return tuple(sorted(found))


def tag_key(*words: str) -> str:
    """How an index or an id calls a tag, normalised, behind what tells it from others: it does not show the word."""
    return hashlib.sha256(":".join(words).encode()).hexdigest()[:24]
