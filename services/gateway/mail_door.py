"""The door behind the links to get no more mails: a page that says what is about to happen, and a button that does it.

GET never changes anything, since mail programs follow links by themselves.  POST does it at once, which is also what
mail programs send for a button of their own (RFC 8058): nobody needs to sign in to get no more mails.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from libs.shared.clock import to_milliseconds
from libs.shared.domain import NO_BRAND, Accepted
from libs.shared.ids import derived_id, uuid7
from services.gateway.context import ANONYMOUS
from services.gateway.gateway import Gateway
from services.gateway.pages import Door, Theme, page, template

#: Where the links lead; what follows is the token.
PATH: Final = "/mail/{token}"
_AGAIN: Final = "again"


class LinkReply(Struct, frozen=True):
    """What a link is for."""

    brand_id: str
    address_id: str
    brand_name: str
    theme: Theme
    language: str
    opted_out: bool


class _Words(Struct, frozen=True):
    """What the page says; `%s` is the brand."""

    title: str
    ask: str
    do: str
    done: str
    undo: str


_WORDS: Final = {
    "en": _Words(
        title="Mails of %s",
        ask="Do you want no more mails of %s?",
        do="No more mails",
        done="You get no more mails of %s.",
        undo="I want them again",
    ),
    "fr": _Words(
        title="Les messages de %s",
        ask="Ne plus recevoir de messages de %s ?",
        do="Ne plus recevoir de messages",
        done="Vous ne recevrez plus de messages de %s.",
        undo="Les recevoir à nouveau",
    ),
}
_INVALID: Final = {
    "en": "This link does not work: it was cut off or changed on its way. Please copy all of it.",
    "fr": "Ce lien ne fonctionne pas : il a été coupé ou modifié. Merci de le copier en entier.",
}

_MAIN: Final = template("""\
<p>{{ text }}</p>
<form method="post" action="{{ action }}"><button>{{ button }}</button></form>
""")


class MailDoor(Door):
    """Answers GET and POST on a link."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, _INVALID)

    async def show(self, request: Request) -> Response:
        """The page, after what POST asks for was done."""
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
        return page(
            _MAIN,
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
