"""What a brand is open for: its launch stage, its modules and the version of its rules.  Pure."""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from msgspec import Struct

from libs.access.roles import LEADERS
from libs.shared.domain import DomainError


class Stage(StrEnum):
    """How far a brand is: prepared by its leaders, tried by who was admitted, open to all, or only to be read."""

    DRAFT = "draft"
    BETA = "beta"
    OPEN = "open"
    ARCHIVED = "archived"


class Module(StrEnum):
    """A part of a brand that its owners can switch off: what was written there stays and is read."""

    DISCUSSIONS = "discussions"
    EVENTS = "events"
    FEEDBACK = "feedback"


class Gate(Struct, frozen=True, kw_only=True):
    """What every service knows of a brand before it writes.  A brand that never said anything is open.

    `rules_version` is the newest version of its rules, 0 without any.
    """

    stage: Stage = Stage.OPEN
    modules_off: frozenset[str] = frozenset()
    rules_version: int = 0

    def refusal(self, roles: AbstractSet[str], module: Module | None) -> DomainError | None:
        """Why somebody with `roles` may write nothing now, in this part of the brand; None when they may."""
        if self.stage is Stage.ARCHIVED:
            return DomainError("BRAND_ARCHIVED", "this brand is archived: it can be read, and not written to")
        if self.stage is Stage.DRAFT and LEADERS.isdisjoint(roles):
            return DomainError("BRAND_NOT_OPEN", "this brand is being prepared by its owners and builders")
        if module is not None and module in self.modules_off:
            return DomainError("MODULE_OFF", f"the module {module} is switched off in this brand")
        return None
