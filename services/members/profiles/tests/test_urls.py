"""Which addresses are public, and how they are spelled."""

import pytest

from libs.shared.domain import DomainError
from services.members.profiles.urls import public_url


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.org/a.png", "https://example.org/a.png"),
        ("HTTPS://Example.ORG:443", "https://example.org/"),
        ("https://example.org:8443/a?b=c#d", "https://example.org:8443/a?b=c#d"),
        ("https://bücher.example/über", "https://xn--bcher-kva.example/über"),
        ("https://example.org./a", "https://example.org/a"),
        ("https://example.org/@marie", "https://example.org/@marie"),
    ],
)
def test_what_is_public_is_kept_in_one_spelling(given: str, kept: str) -> None:
    assert public_url(given) == kept
    assert public_url(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "//example.org/a.png",
        "https:example.org",
        "https:///a.png",
        "https://marie@example.org/a.png",
        "https://marie:secret@example.org/a.png",
        "https://example.org\\@evil.example/",
        "https://192.0.2.1/a.png",
        "https://[2001:db8::1]/a.png",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://127.0.0.0x1/",
        "https://localhost/a.png",
        "https://a.localhost/a.png",
        "https://printer.local/",
        "https://db.internal/",
        "https://router.home.arpa/",
        "https://intranet/",
        "https://example.org:70000/",
        "https://example.org:x/",
        "https://exa mple.org/",
        'https://example.org/"onerror=',
        "https://example.org/<script>",
    ],
)
def test_nothing_else_is_an_address(url: str) -> None:
    with pytest.raises(DomainError) as refusal:
        public_url(url)
    assert refusal.value.code == "INVALID"
