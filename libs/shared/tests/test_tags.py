"""When two tags are the same, and what is none."""

import unicodedata
from typing import Literal

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from libs.shared.domain import Invalid
from libs.shared.tags import MAX_TAG, normalised, normalised_all, tag_key

#: What a command lets in: `libs.shared.text.Label`.
labels = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("  Ｂoats ", "boats"),
        ("BOATS", "boats"),
        ("sailing \u00a0 boats", "sailing boats"),
        ("Cafe\u0301", "café"),
        ("Straße", "strasse"),
        ("bo\u200bats", "boats"),
        ("\u202eboats\u202c", "boats"),
        ("C#", "c#"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("bo\u034fats\u3164", "boats"),
        ("\u2764\ufe0f", "\u2764"),
        ("\u200b \u200d", ""),
        ("\u3164\u2800\uffa0", ""),
    ],
)
def test_the_same_words_are_one_tag(written: str, tag: str) -> None:
    assert normalised(written) == tag


@for_all(labels)
def test_a_tag_is_its_own_normal_form(label: str) -> None:
    tag = normalised(label)
    assert normalised(tag) == tag
    assert unicodedata.normalize("NFC", tag) == tag
    assert tag == " ".join(tag.split())


@for_all(labels, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_case_composition_and_spacing_make_no_other_tag(
    label: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]
) -> None:
    tag = normalised(label)
    assert normalised(f"  {unicodedata.normalize(form, label)}\u200b ") == tag
    assert normalised(tag.casefold()) == tag


@for_all(st.lists(labels, max_size=6))
def test_a_list_is_sorted_holds_each_once_and_says_which_is_none(tags: list[str]) -> None:
    words = [normalised(tag) for tag in tags]
    bad = next((number for number, word in enumerate(words) if not 1 <= len(word) <= MAX_TAG), None)
    if bad is None:
        assert normalised_all(tags, "tags") == tuple(sorted(set(words)))
    else:
        with pytest.raises(Invalid) as refusal:
            normalised_all(tags, "tags")
        assert refusal.value.path == ("tags", bad)


def test_some_signs_are_longer_once_they_are_normalised() -> None:
    with pytest.raises(Invalid):
        normalised_all(["fine", "ﷺ" * MAX_TAG], "tags")


def test_a_key_shows_no_word_and_tells_what_a_tag_is_of() -> None:
    assert tag_key("boats") == tag_key("boats") != tag_key("interest", "boats")
    assert "boats" not in tag_key("boats")
    assert len(tag_key("boats")) == 24
