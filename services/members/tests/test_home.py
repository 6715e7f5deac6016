"""The specification of a home: what can be read, what is a domain, what is a language."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import DomainError, Invalid
from libs.shared.testing.bdd import given
from services.members.home import (
    DECIDER,
    ChooseLocale,
    DesignHome,
    DomainLeft,
    DomainTaken,
    HomeCommand,
    HomeDesigned,
    LocaleChosen,
    MoveDomain,
    SetDomain,
    Theme,
    canonical_domain,
    contrast,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
OWNERS, BUILDERS = frozenset({"member", "owner"}), frozenset({"member", "builder"})
C = TypeVar("C", bound=HomeCommand)
THEME = Theme(background="#ffffff", text="#111111", accent="#0b5fff", accent_text="#ffffff")


def command(kind: type[C], roles: frozenset[str] = OWNERS, brand_id: str = "b1", **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor="m1", now=NOW, roles=roles, brand_id=brand_id, **fields)


def design(roles: frozenset[str] = BUILDERS, **colors: Any) -> DesignHome:
    return command(DesignHome, roles, theme=msgspec.structs.replace(THEME, **colors))


# Pairs and ratios as in the examples of WebAIM's contrast checker, which follows the same definition.
@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#abcdef", "#abcdef", 1.0),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


def test_a_home_is_designed_once() -> None:
    given(DECIDER).when(design()).then(HomeDesigned(theme=THEME))
    given(DECIDER, HomeDesigned(theme=THEME)).when(design()).then_nothing()


@pytest.mark.parametrize(
    ("field", "colors"),
    [
        ("text", {"text": "#777777"}),
        ("accent_text", {"accent_text": "#8888ff"}),
        ("accent", {"accent": "#ffff00", "accent_text": "#000000"}),
    ],
)
def test_what_cannot_be_read_is_refused(field: str, colors: dict[str, Any]) -> None:
    given(DECIDER).when(design(**colors)).then_raises("LOW_CONTRAST", ("theme", field))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "#FFF"), ("text", "#ABCDEF"), ("text", "red"), ("text", "#12345g"),
        ("logo_url", "http://example.org/logo.png"), ("logo_url", "https://localhost/x"),
        ("logo_url", 'https://example.org/"><script>'), ("logo_url", "https://user@example.org/"),
        ("logo_url", "javascript:alert(1)"), ("logo_url", "https://example.org/ \n"),
    ],
)  # fmt: skip
def test_what_is_no_theme(field: str, value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(THEME), field: value}, Theme)


@pytest.mark.parametrize(
    ("name", "host"),
    [("Example.ORG.", "example.org"), ("ma-communauté.fr", "xn--ma-communaut-meb.fr"), ("a.b.co.uk", "a.b.co.uk")],
)
def test_a_domain_has_one_spelling(name: str, host: str) -> None:
    assert canonical_domain(name) == canonical_domain(host) == host


@pytest.mark.parametrize(
    "name", ["localhost", "1.2.3.4", "1.2.3.0x4", "a..b", "-a.org", "a_b.org", "exa mple.org", "*.org", "a.org/x",
             "a.org:8", "é" * 64 + ".fr", ".".join(["a" * 60] * 5)],
)  # fmt: skip
def test_what_is_no_domain(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        canonical_domain(name)
    assert refused.value.path == ("domain",)


def test_a_domain_is_taken_and_left() -> None:
    taken, left = DomainTaken(domain="a.org"), DomainLeft(domain="a.org")
    given(DECIDER).when(command(SetDomain, domain="A.org")).then(taken)
    given(DECIDER, taken).when(command(SetDomain, domain="a.org")).then_nothing()
    given(DECIDER, taken).when(command(SetDomain, domain="b.org")).then(DomainTaken(domain="b.org"))
    given(DECIDER, taken).when(command(SetDomain, domain=None)).then(left)
    given(DECIDER, taken, left).when(command(SetDomain, domain=None)).then_nothing()


def test_a_domain_that_changed_meanwhile_is_not_left() -> None:
    move = command(MoveDomain, domain="b.org", before=None)
    given(DECIDER, DomainTaken(domain="a.org")).when(move).then_raises("CONFLICT", ("domain",))


def test_a_language_is_one_that_is_known() -> None:
    given(DECIDER).when(command(ChooseLocale, BUILDERS, locale="fr-CA")).then(LocaleChosen(locale="fr-CA"))
    given(DECIDER, LocaleChosen(locale="fr")).when(command(ChooseLocale, locale="fr")).then_nothing()
    for tag in ("xx", "fr-XX", "fr-Qqqq", "en-999"):
        given(DECIDER).when(command(ChooseLocale, locale=tag)).then_raises("INVALID", ("locale",))


def test_who_may() -> None:
    given(DECIDER).when(command(SetDomain, BUILDERS, domain="a.org")).then_raises("FORBIDDEN")
    for refused in (design(frozenset({"member"})), command(ChooseLocale, frozenset({"member"}), locale="fr")):
        given(DECIDER).when(refused).then_raises("FORBIDDEN")
    given(DECIDER).when(command(ChooseLocale, brand_id="b2", locale="fr")).then_raises("NOT_FOUND", ("brand_id",))


colors = some.sampled_from(["#111111", "#222222", "#777777"])
commands: some.SearchStrategy[HomeCommand] = some.one_of(
    some.builds(design, text=colors),
    some.builds(command, some.just(SetDomain), domain=some.sampled_from([None, "a.org", "B.org", "x"])),
    some.builds(command, some.just(ChooseLocale), locale=some.sampled_from(["fr", "de", "xx"])),
)


@for_all(some.lists(commands, max_size=20))
def test_a_command_repeated_changes_nothing(sent: list[HomeCommand]) -> None:
    state = DECIDER.initial
    for one in sent:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            state = DECIDER.evolve(state, event)
        assert DECIDER.decide(state, one) == []
