"""How alike two brands are, by what they are called and what they say of themselves.  Pure."""

import re
import unicodedata

from msgspec import Struct
from rapidfuzz import fuzz

#: From this score on, of 100, somebody who opens a brand is told of the other one.
THRESHOLD = 80

#: Descriptions with fewer words have too many of them in common with any other.
_LEAST_WORDS = 5


class Words(Struct, frozen=True):
    """What a brand is called and says of itself."""

    name: str
    slug: str = ""
    description: str = ""


def folded(text: str) -> str:
    """The words of a text without case, accents and punctuation: `L'Été à Paris!` → `l ete a paris`."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", plain.casefold()))


def score(one: Words, other: Words) -> int:
    """0–100: the best of the names' likeness, of the slugs' and of the descriptions'.

    Names are alike when they have the same words in any order, or one holds the other; slugs letter by letter.
    """
    names = fuzz.WRatio(folded(one.name), folded(other.name))
    slugs = fuzz.ratio(one.slug, other.slug) if one.slug and other.slug else 0.0
    said = (folded(one.description), folded(other.description))
    descriptions = fuzz.token_sort_ratio(*said) if min(len(text.split()) for text in said) >= _LEAST_WORDS else 0.0
    return round(max(names, slugs, descriptions))
