"""Commands on the home of a brand: how it looks, where it is, which language it speaks."""

from typing import Any

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Info
from services.gateway.schema.brands import BrandPayload
from services.gateway.schema.common import CommandId, command, optional


@strawberry.input
class DesignHomeInput:
    """Colours as #rrggbb.  LOW_CONTRAST when text cannot be read on them (WCAG 2.2, level AA)."""

    brand_id: ID
    background: str
    text: str
    accent: str
    accent_text: str
    logo_url: str | None = strawberry.field(default=None, description="HTTPS.")
    command_id: CommandId = None


@strawberry.input
class SetDomainInput:
    """A domain of the brand's own, or none."""

    brand_id: ID
    domain: str | None
    command_id: CommandId = None


@strawberry.input
class ChooseLocaleInput:
    """A language."""

    brand_id: ID
    locale: str = strawberry.field(description="BCP 47.")
    command_id: CommandId = None


@strawberry.type
class HomeMutation:
    """Commands on homes."""

    @command
    async def design_home(self, info: Info, input: DesignHomeInput) -> BrandPayload:  # noqa: A002
        """Give a brand's home its colours and its logo.  Owners and builders."""
        theme = {
            "background": input.background.lower(),
            "text": input.text.lower(),
            "accent": input.accent.lower(),
            "accent_text": input.accent_text.lower(),
            **optional(logo_url=input.logo_url),
        }
        return await _change(info, "design_home", input.brand_id, input.command_id, theme=theme)

    @command
    async def set_domain(self, info: Info, input: SetDomainInput) -> BrandPayload:  # noqa: A002
        """Take a domain for a brand's home, unique among all brands, or leave it.  Owners only."""
        return await _change(info, "set_domain", input.brand_id, input.command_id, domain=input.domain)

    @command
    async def choose_locale(self, info: Info, input: ChooseLocaleInput) -> BrandPayload:  # noqa: A002
        """Choose the language of a brand's home.  Owners and builders."""
        return await _change(info, "choose_locale", input.brand_id, input.command_id, locale=input.locale)


async def _change(info: Info, name: str, brand_id: ID, command_id: str | None, **fields: Any) -> BrandPayload:
    brand = ids.expect(brand_id, "brandId", "Brand").key
    done = await info.context.act(brand, f"members.home.{name}", command_id, brand_id=brand, **fields)
    return BrandPayload(done=done, key=brand)
