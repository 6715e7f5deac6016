"""Composes the mails of the service: the process that sends them, and the link by which people opt out of them."""

from typing import ClassVar

from msgspec import Struct

from libs.shared.app import App
from libs.shared.commands import CommandHandler
from libs.shared.domain import NO_BRAND, SYSTEM, NotFound, Query
from services.members.front_door import front_door
from services.members.home import Theme
from services.members.mail import address, delivery
from services.members.mail.address import Address, AddressCommand, AddressEvent, OptInToMail, OptOutOfMail, Token
from services.members.mail.letters import PLAIN, Look
from services.members.mail.links import InvalidLink, Links
from services.members.mail.mailer import BrandInMails, Mailer
from services.members.mail.smtp import Transport, transport
from services.members.views.brands import BrandsGetMany, BrandsView, BrandView


class MailLinkTarget(Query, frozen=True, kw_only=True):
    """What a link in a mail is for.  Envelope: brand `NO_BRAND`, since only the answer tells the brand.

    INVALID_LINK for a token that this platform did not make; NOT_FOUND while the brand is not shown.
    """

    wire_name: ClassVar[str] = "mail_link_target"

    token: Token


class MailLinkTargetView(Struct, frozen=True, kw_only=True):
    """Whose mails the link is about, how that brand looks, in which language, and whether they were opted out of."""

    brand_id: str
    address_id: str
    brand_name: str
    theme: Theme
    language: str
    opted_out: bool


def compose_mail(app: App, brands: BrandsView, *, over: Transport | None = None) -> Mailer:
    """Register what concerns mails, and return what other parts of the service send theirs with.

    `over` stands in for the server of the settings.
    """
    mails = app.aggregate(delivery.DECIDER)
    doors = _Doors(app, brands)

    async def find_brand(brand_id: str) -> BrandInMails:
        shown = await _brand(brands, brand_id)
        url = front_door(shown.slug, shown.domain, app.settings.client_url)
        return BrandInMails(look=Look(name=shown.name, theme=shown.theme or PLAIN, url=url), locale=shown.locale)

    return Mailer(app, mails, doors.addresses, find_brand, over or transport(app.settings.smtp_url))


class _Doors:
    """What people do by a link: see what it is for, opt out, opt in again."""

    def __init__(self, app: App, brands: BrandsView) -> None:
        self._settings = app.settings
        self._brands = brands
        guards = {OptOutOfMail: self._guard, OptInToMail: self._guard}
        self.addresses: CommandHandler[Address, AddressCommand, AddressEvent] = app.aggregate(
            address.DECIDER, guards=guards, open_to_all=(OptOutOfMail, OptInToMail)
        )
        app.query(MailLinkTarget, MailLinkTargetView, self._target, view=None)

    async def _guard(self, command: AddressCommand) -> None:
        """Hold the token, if there is one, against the brand and the address that it is sent for."""
        if command.token is None:
            return
        link = Links(self._settings.identity_secret).read(command.token)
        if (link.brand, link.address_id) != (command.brand, command.address_id):
            raise InvalidLink

    async def _target(self, query: MailLinkTarget) -> MailLinkTargetView:
        link = Links(self._settings.identity_secret).read(query.token)
        shown = await _brand(self._brands, link.brand)
        return MailLinkTargetView(
            brand_id=link.brand,
            address_id=link.address_id,
            brand_name=shown.name,
            theme=shown.theme or PLAIN,
            language=link.language,
            opted_out=(await self.addresses.state(link.brand, link.address_id, fresh=True)).opted_out,
        )


async def _brand(brands: BrandsView, brand_id: str) -> BrandView:
    [shown] = await brands.brands_get_many(BrandsGetMany(brand=NO_BRAND, viewer=SYSTEM, ids=[brand_id]))
    if shown is None:
        raise NotFound("there is no such brand", ("brand",))
    return shown
