"""What mails say, in each language, and that nothing given to them can become a tag or a header."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import TemplateError

from libs.access.roles import Role
from services.members.home import Theme
from services.members.mail.letters import LANGUAGES, TEMPLATES, WORDS, Look, nearest, write

OURS = Theme(background="#101010", text="#fefefe", accent="#ffcc00", accent_text="#000000")
LOOK = Look(name="Léa & <Co>", theme=OURS)
VALUES: dict[str, Any] = {
    "inviter": "Ada", "name": None, "message": None, "url": "https://x.example/i", "days": 14,
    "expires_at": date(2026, 3, 1),
}  # fmt: skip


def letter(language: str = "en", **values: Any) -> Any:
    return write("invitation", language, LOOK, "https://x.example/out", {**VALUES, **values})


def test_a_mail_has_the_words_dates_and_plurals_of_its_language() -> None:
    assert letter().subject == "Ada invites you to Léa & <Co>"
    assert "It holds for 14 days, until March 1, 2026." in letter().text
    assert "It holds for 1 day, until" in letter(days=1).text
    assert letter("fr").subject == "Ada vous invite à rejoindre Léa & <Co>"
    assert "Elle est valable 14 jours, jusqu’au 1 mars 2026." in letter("fr").text
    assert "Elle est valable 1 jour, jusqu’au" in letter("fr", days=1).text


def test_a_mail_shows_the_brand_and_how_to_get_no_more() -> None:
    html, text = letter().html, letter().text
    assert "Léa &amp; &lt;Co&gt;" in html and "#101010" in html and "#ffcc00" in html
    assert 'href="https://x.example/out"' in html and "https://x.example/out" in text
    assert '<html lang="fr">' in letter("fr").html


def test_what_people_wrote_is_text() -> None:
    html = letter(message="<script>alert(1)</script>", name='"><img src=x>').html
    assert "<script>" not in html and "<img src=x>" not in html
    assert "<script>alert(1)</script>" in letter(message="<script>alert(1)</script>").text


def test_nothing_in_a_mail_is_turned_by_what_somebody_wrote() -> None:
    """A right-to-left override in a name or a title would show the words and addresses behind it backwards."""
    turned = letter(inviter="Ada\u202e", message="\u2067Come!")
    for shown in turned.subject, turned.text, turned.html:
        assert not {"\u202e", "\u2067"} & set(shown)
        assert "Ada" in shown


@given(st.text(), st.text())
@example("Ada\r\nBcc: all@example.org", "\x00")
def test_a_subject_is_one_line_whatever_is_in_it(inviter: str, brand: str) -> None:
    subject = write("invitation", "en", Look(name=brand), "u", {**VALUES, "inviter": inviter}).subject
    assert len(subject.splitlines()) <= 1


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MEMBER])  # nobody is told of that one
def test_a_role_is_told_in_words(role: Role) -> None:
    line = {"kind": "role_granted", "names": [], "people": 0, "count": 1, "title": role.value}
    english, french = (
        write("notification", language, LOOK, "https://x.example/out", {"name": "Ada", "line": line})
        for language in ("en", "fr")
    )
    words = role.value.replace("_", " ")
    assert english.subject == f"You have a new role: {words}"
    assert f"You have a new role: {words}." in english.text and f"You have a new role: {words}." in english.html
    assert french.subject.startswith("Vous avez un nouveau rôle")
    for shown in french.subject, french.text, french.html:
        assert role.value not in shown and words not in shown


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(TemplateError):
        write("invitation", "en", LOOK, "u", {})
    with pytest.raises(TemplateError):
        write("nothing", "en", LOOK, "u", VALUES)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_word_of_every_template_is_translated_and_no_other(language: str) -> None:
    jinja = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true", "encoding": "utf-8"}
    method = [("**.txt", "jinja2.ext:babel_extract"), ("**.html", "jinja2.ext:babel_extract")]
    found = extract_from_dir(TEMPLATES, method, options_map={"**": jinja}, strip_comment_tags=False)
    wanted = {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}
    with Path(WORDS / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    words = {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        for message in catalog
        if message.id
    }
    assert set(words) == wanted
    for word, translated in words.items():
        texts = [translated] if isinstance(translated, str) else list(translated or ())
        assert all(texts), f"{word!r} has no translation"
        for text in texts:
            assert {part.split(")")[0] for part in text.split("%(")[1:]} <= {
                part.split(")")[0] for part in word.split("%(")[1:]
            }, word


def test_languages() -> None:
    assert nearest("fr-CA", "en") == "fr"
    assert nearest(None, "fr") == "fr"
    assert nearest("de", "fr") == "fr"
    assert nearest("de") == nearest() == "en"
