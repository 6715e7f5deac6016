"""The door behind the links in invitations, for brands without web pages of their own: what is offered, how to accept.

To accept takes a sign-in, which is the business of clients: the page changes nothing, and hands over what they ask for.
"""

from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from libs.shared.domain import NO_BRAND, NotFound
from services.gateway import ids, replies
from services.gateway.context import ANONYMOUS
from services.gateway.gateway import Gateway
from services.gateway.pages import PLAIN, Door, Theme, language_of, page, template

#: Where the links lead; what follows is the token.
PATH: Final = "/invitations/{token}"
_PENDING: Final = "pending"


class _Brand(Struct, frozen=True):
    """What the page shows of a brand."""

    id: str
    name: str
    locale: str
    description: str = ""
    theme: Theme | None = None


class _Words(Struct, frozen=True):
    """What the page says; `%s` is the brand."""

    title: str
    statuses: dict[str, str]
    rules: str
    accept: str
    how: str
    developers: str


_WORDS: Final = {
    "en": _Words(
        title="An invitation to %s",
        statuses={
            _PENDING: "You are invited to join the community %s.",
            "accepted": "Somebody has already joined %s with this invitation.",
            "revoked": "This invitation to %s was taken back.",
            "expired": "The time of this invitation to %s ran out. Ask whoever invited you for another one.",
        },
        rules="Its rules",
        accept="Accept the invitation",
        how="Sign in to the app of %s and give it this code:",
        developers="For developers: sent with a token of yours from the console, this accepts it",
    ),
    "fr": _Words(
        title="Une invitation à rejoindre %s",
        statuses={
            _PENDING: "Vous êtes invité à rejoindre la communauté %s.",
            "accepted": "Quelqu’un a déjà rejoint %s avec cette invitation.",
            "revoked": "Cette invitation à rejoindre %s a été retirée.",
            "expired": "Cette invitation à rejoindre %s n’est plus valable. Demandez-en une autre à qui vous a invité.",
        },
        rules="Ses règles",
        accept="Accepter l’invitation",
        how="Connectez-vous à l’application de %s et donnez-lui ce code :",
        developers="Pour les développeurs : envoyée de la console avec votre jeton, ceci l’accepte",
    ),
}
_INVALID: Final = {
    "en": "This is no invitation: the link was cut off or changed on its way. Please copy all of it.",
    "fr": "Ceci n’est pas une invitation : le lien a été coupé ou modifié. Merci de le copier en entier.",
}

_MAIN: Final = template("""\
<h1>{{ brand.name }}</h1>
<p>{{ said }}</p>
{% if pending %}
{% if brand.description %}
<p class="text">{{ brand.description }}</p>
{% endif %}
{% if rules %}
<h2>{{ words.rules }}</h2>
<p class="text">{{ rules.text }}</p>
{% endif %}
{% if url %}
<p><a class="button" href="{{ url }}" rel="noreferrer">{{ words.accept }}</a></p>
{% else %}
<p>{{ words.how % brand.name }}</p>
<p><code>{{ token }}</code></p>
<details>
<summary>{{ words.developers }}</summary>
<pre>{{ mutation }}</pre>
<p><a href="/">GraphiQL</a></p>
</details>
{% endif %}
{% endif %}
""")


class InvitationDoor(Door):
    """Answers GET on a link."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, _INVALID)

    async def show(self, request: Request) -> Response:
        """What the invitation offers."""
        token = request.path_params["token"]
        bus, asking = self._gateway.bus, {"brand": NO_BRAND, "viewer": ANONYMOUS}
        offer = await bus.query("members", "invitation_offer", {**asking, "token": token}, replies.InvitationOfferReply)
        brands = {**asking, "ids": [offer.brand_id]}
        [brand] = await bus.query("members", "brands_get_many", brands, list[_Brand | None])
        if brand is None:
            raise NotFound("there is no such brand")
        charter = await bus.query("members", "charter_of_brand", {**asking, "brand_id": brand.id}, replies.CharterReply)
        language = language_of(request, brand.locale)
        words = _WORDS[language]
        return page(
            _MAIN,
            language=language,
            title=words.title % brand.name,
            theme=brand.theme or PLAIN,
            words=words,
            brand=brand,
            said=words.statuses[offer.status] % brand.name,
            pending=offer.status == _PENDING,
            rules=charter.rules,
            url=offer.url,
            token=token,
            mutation=_mutation(brand, token, charter.rules.edition if charter.rules is not None else None),
        )


def _mutation(brand: _Brand, token: str, edition: int | None) -> str:
    given = {"brandId": ids.encode("Brand", NO_BRAND, brand.id), "token": token, "displayName": "…"}
    fields = [f"  {name}: {msgspec.json.encode(value).decode()}" for name, value in given.items()]
    if edition is not None:
        fields.append(f"  acceptedRules: {edition}")
    inside = "\n".join(fields)
    return f"mutation {{ acceptInvitation(input: {{\n{inside}\n}}) {{ member {{ displayName }} errors {{ code }} }} }}"
