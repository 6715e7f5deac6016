"""Pages for people, behind the links in mails: plain documents in a brand's colours that load and run nothing."""

import secrets
from abc import ABC, abstractmethod
from typing import Annotated, Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from libs.shared.domain import DomainError
from services.gateway.gateway import Gateway
from services.gateway.http import failure
from services.gateway.rates import RateLimited
from services.gateway.sender import address

#: The languages that pages can be in; the first is the one of whoever speaks none of them.
LANGUAGES: Final = ("en", "fr")

#: What a look at a page costs its sender.
_COST: Final = 20
#: Refusals that mean that a link is no link.
_NO_LINK: Final = {"INVALID_LINK", "INVALID_INVITATION", "INVALID", "NOT_FOUND"}

_Color = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]


class Theme(Struct, frozen=True):
    """The colours of a brand; nothing else gets into a style."""

    background: _Color
    text: _Color
    accent: _Color
    accent_text: _Color


#: The colours of a brand that has not chosen any.
PLAIN: Final = Theme(background="#ffffff", text="#1f2328", accent="#0b5fff", accent_text="#ffffff")

_LAYOUT: Final = """\
<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style nonce="{{ nonce }}">
body { margin: 0; padding: 15vh 1.5rem; font: 1.125rem/1.5 system-ui, sans-serif; text-align: center;
  background: {{ theme.background }}; color: {{ theme.text }} }
main { max-width: 38rem; margin: 0 auto; overflow-wrap: anywhere }
button, .button { display: inline-block; padding: .75rem 1.25rem; border: 0; border-radius: .375rem; font: inherit;
  font-weight: 600; cursor: pointer; text-decoration: none; background: {{ theme.accent }};
  color: {{ theme.accent_text }} }
code, pre { font: .875rem/1.5 ui-monospace, monospace; user-select: all }
pre, .text { text-align: left; white-space: pre-wrap }
</style>
</head>
<body>
<main>
{% block main %}{% endblock %}
</main>
</body>
</html>
"""
_PAGES: Final = Environment(
    autoescape=True,
    loader=DictLoader({"layout": _LAYOUT}),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def template(main: str) -> Template:
    """A page with this in the middle (Jinja2); every value in it is escaped."""
    return _PAGES.from_string(f'{{% extends "layout" %}}{{% block main %}}\n{main}{{% endblock %}}')


_SENTENCE: Final = template("<p>{{ text }}</p>\n")


def language_of(request: Request, *others: str) -> str:
    """The language of a page: what the browser asks for first, else the first of `others` (BCP 47) that there is."""
    wanted = request.headers.get("accept-language", "").split(",")[0].split(";")[0]
    known = (tag.strip().split("-")[0].lower() for tag in (wanted, *others))
    return next((language for language in known if language in LANGUAGES), LANGUAGES[0])


def page(main: Template, status: int = 200, /, **values: Any) -> Response:
    """The answer: `title`, `language`, `theme` and whatever the template asks for."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(main.render(nonce=nonce, **values), status, {"Content-Security-Policy": policy})


class Door(ABC):
    """Answers requests for one kind of page.  `invalid` says in each language that a link is none."""

    def __init__(self, gateway: Gateway, invalid: dict[str, str]) -> None:
        self._gateway = gateway
        self._invalid = invalid

    @abstractmethod
    async def show(self, request: Request) -> Response:
        """The page for a link; raises `DomainError`."""

    async def answer(self, request: Request) -> Response:
        """The page for a link; never raises for anything that a client sent."""
        allowance = self._gateway.rates.of(None, address(request.scope))
        try:
            allowance.spend(_COST)
            return await self.show(request)
        except RateLimited as limited:
            refused = failure(429, limited.code, limited.message, limited.headers)
        except DomainError as refusal:
            allowance.fail()
            if refusal.code in _NO_LINK:
                language = language_of(request)
                return page(
                    _SENTENCE, 404, language=language, title="Archipel", theme=PLAIN, text=self._invalid[language]
                )
            refused = failure(503, refusal.code, refusal.message)
        return Response(refused.body, refused.status, dict(refused.headers), refused.kind)
