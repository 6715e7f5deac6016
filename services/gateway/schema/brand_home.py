"""The home of a brand: colours, logo and domain; the commands on them stand beside those on its launch."""

import strawberry

from services.gateway import replies
from services.gateway.schema.common import field


@strawberry.type(description="Colours, #rrggbb, that can be read on each other (WCAG 2.2, level AA).")
class Theme:
    """A theme."""

    background: str
    text: str = strawberry.field(description="On background: a contrast of 4.5.")
    accent: str = strawberry.field(description="On background: a contrast of 3.")
    accent_text: str = strawberry.field(description="On accent: a contrast of 4.5.")
    logo_url: str | None = strawberry.field(description="HTTPS.")


@strawberry.type
class BrandHome:
    """The part of a brand that says how its home looks and where it is; public."""

    row: strawberry.Private[replies.BrandReply]

    @field
    def theme(self) -> Theme | None:
        """How it looks; null while nobody chose."""
        theme = self.row.theme
        if theme is None:
            return None
        return Theme(
            background=theme.background,
            text=theme.text,
            accent=theme.accent,
            accent_text=theme.accent_text,
            logo_url=theme.logo_url,
        )

    @field
    def domain(self) -> str | None:
        """A domain of its own, as DNS has it (A-labels)."""
        return self.row.domain
