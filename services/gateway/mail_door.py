"""The door behind the links in mails: a page that says what is about to happen, and a button that does it.

GET never changes anything, since mail programs follow links by themselves.  POST does it at once, which is also what
mail programs send for a button of their own (RFC 8058): nobody needs to sign in to get no more mails.
"""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from jinja2 import Environment
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from libs.shared.clock import to_milliseconds
from libs.shared.domain import NO_BRAND, Accepted, DomainError
from libs.shared.ids import derived_id, uuid7
from services.gateway.context import ANONYMOUS
from services.gateway.gateway import Gateway
from services.gateway.http import failure
from services.gateway.rates import RateLimited
from services.gateway.sender import address

#: Where the links lead; what follows is the token.
PATH: Final = "/mail/{token}"
#: What a look at a link costs its sender.
_COST: Final = 20
_AGAIN: Final = "again"
_STATUSES: Final = {"INVALID_LINK": 404, "INVALID": 404, "NOT_FOUND": 404}

_Color = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]


class ThemeReply(Struct, frozen=True):
    """The colours of a brand; nothing else gets into a style."""

    background: _Color
    text: _Color
    accent: _Color
    accent_text: _Color


class LinkReply(Struct, frozen=True):
    """What a link is for."""

    brand_id: str
    address_id: str
    brand_name: str
    theme: ThemeReply
    language: str
    opted_out: bool


class _Words(Struct, frozen=True):
    """What the page says; `%s` is the brand."""

    title: str
    ask: str
    do: str
    done: str
    undo: str
    invalid: str


_WORDS: Final = {
    "en": _Words(
        title="Mails of %s",
        ask="Do you want no more mails of %s?",
        do="No more mails",
        done="You get no more mails of %s.",
        undo="I want them again",
        invalid="This link does not work: it was cut off or changed on its way. Please copy all of it.",
    ),
    "fr": _Words(
        title="Les messages de %s",
        ask="Ne plus recevoir de messages de %s ?",
        do="Ne plus recevoir de messages",
        done="Vous ne recevrez plus de messages de %s.",
        undo="Les recevoir à nouveau",
        invalid="Ce lien ne fonctionne pas : il a été coupé ou modifié. Merci de le copier en entier.",
    ),
}

_PAGE: Final = Environment(autoescape=True).from_string("""\
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
button { padding: .75rem 1.25rem; border: 0; border-radius: .375rem; font: inherit; font-weight: 600; cursor: pointer;
  background: {{ theme.accent }}; color: {{ theme.accent_text }} }
</style>
</head>
<body>
<main>
<p>{{ text }}</p>
{% if button %}<form method="post" action="{{ action }}"><button>{{ button }}</button></form>{% endif %}
</main>
</body>
</html>
""")
_PLAIN: Final = ThemeReply(background="#ffffff", text="#1f2328", accent="#0b5fff", accent_text="#ffffff")


class MailDoor:
    """Answers GET and POST on a link."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def answer(self, request: Request) -> Response:
        """The page for a link; never raises for anything that a client sent."""
        allowance = self._gateway.rates.of(None, address(request.scope))
        try:
            allowance.spend(_COST)
            return await self._page(request)
        except RateLimited as limited:
            refused = failure(429, limited.code, limited.message, limited.headers)
        except DomainError as refusal:
            allowance.fail()
            status = _STATUSES.get(refusal.code, 503)
            if status == 404:
                return _invalid(request)
            refused = failure(status, refusal.code, refusal.message)
        return Response(refused.body, refused.status, dict(refused.headers), refused.kind)

    async def _page(self, request: Request) -> Response:
        token = request.path_params["token"]
        link = await self._gateway.bus.query(
            "members",
            "mail_link_target",
            {"brand": NO_BRAND, "viewer": ANONYMOUS, "token": token},
            LinkReply,
        )
        opted_out = link.opted_out
        if request.method == "POST":
            opted_out = _AGAIN not in request.query_params
            await self._send(link, token, "opt_out_of_mail" if opted_out else "opt_in_to_mail")
        words = _WORDS.get(link.language, _WORDS["en"])
        return _render(
            language=link.language,
            title=words.title % link.brand_name,
            theme=link.theme,
            text=(words.done if opted_out else words.ask) % link.brand_name,
            button=words.undo if opted_out else words.do,
            action=f"?{_AGAIN}" if opted_out else "?",
        )

    async def _send(self, link: LinkReply, token: str, name: str) -> Accepted:
        command_id = derived_id(link.brand_id, link.address_id, name, uuid7())
        envelope = {"command_id": command_id, "brand": link.brand_id, "actor": ANONYMOUS}
        now = to_milliseconds(datetime.now(UTC))
        payload = {**envelope, "now": now, "address_id": link.address_id, "token": token}
        return await self._gateway.bus.command("members", "mail_address", name, payload)


def _invalid(request: Request) -> Response:
    wanted = request.headers.get("accept-language", "")
    language = "fr" if wanted.lower().startswith("fr") else "en"
    words = _WORDS[language]
    return _render(404, language=language, title="Archipel", theme=_PLAIN, text=words.invalid)


def _render(status: int = 200, **values: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(_PAGE.render(nonce=nonce, **values), status, {"Content-Security-Policy": policy})
