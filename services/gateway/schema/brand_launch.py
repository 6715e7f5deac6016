"""What a brand is for, how far it is, and which of its parts are in use."""

from datetime import datetime
from enum import Enum

import strawberry

from services.gateway import replies
from services.gateway.schema.common import field, known


@strawberry.enum(description="How far a brand is.  Owners take it onward; from ARCHIVED it may go back to OPEN.")
class LaunchStage(Enum):
    """Stages, as services name them."""

    DRAFT = strawberry.enum_value("draft", description="Owners and builders prepare it; nobody else joins or writes.")
    BETA = strawberry.enum_value("beta", description="Whom owners and builders admit joins; members write.")
    OPEN = strawberry.enum_value("open", description="Everybody may join.")
    ARCHIVED = strawberry.enum_value("archived", description="It can be read, and left.")


@strawberry.enum(description="A part of a brand that its owners can switch off: what it holds stays and is read.")
class Module(Enum):
    """Modules, as services name them."""

    DISCUSSIONS = "discussions"
    EVENTS = "events"
    FEEDBACK = "feedback"


@strawberry.enum(description="What draws people to a community (Hagel and Armstrong, 1997).")
class BrandType(Enum):
    """Types of communities, as services name them."""

    INTEREST = "interest"
    RELATION = "relation"
    TRANSACTION = "transaction"
    VIRTUAL_WORLD = "virtual_world"


@strawberry.type
class BrandLaunch:
    """The part of a brand that says what it is for and how far it is; public."""

    row: strawberry.Private[replies.BrandReply]

    @field
    def type(self) -> BrandType | None:
        """What draws people here; null when nobody said."""
        return next(iter(known([self.row.type] if self.row.type else [], BrandType)), None)

    @field
    def description(self) -> str:
        """What it is about, in plain text."""
        return self.row.description

    @field
    def stage(self) -> LaunchStage:
        """How far it is."""
        return LaunchStage(self.row.stage)

    @field
    def furnished_at(self) -> datetime | None:
        """When its template was carried out; null without one, and until then."""
        return self.row.furnished_at

    @field
    def modules(self) -> list[Module]:
        """The parts in use.  The others can be read; to write there is refused with MODULE_OFF."""
        return [module for module in Module if module.value not in self.row.modules_off]
