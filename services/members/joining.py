"""Who may join a brand now: what its stage asks for, the place that is kept for somebody, and its rules.  Pure."""

from msgspec import Struct

from libs.access.gate import Stage
from libs.access.roles import LEADERS, Role
from libs.shared.domain import DomainError


class Door(Struct, frozen=True, kw_only=True):
    """What a brand asks of who joins: by its `stage` a place, and to accept edition `rules` (0: there are none)."""

    stage: Stage = Stage.OPEN
    rules: int = 0

    def admit(self, place: Role | None, accepted_rules: int | None) -> None:
        """Let somebody in, for whom a `place` is kept (the role that it gives) or not.

        Raises BRAND_ARCHIVED; BRAND_NOT_OPEN without a place in BETA, without an owner's or builder's in DRAFT;
        RULES_NOT_ACCEPTED.
        """
        match self.stage:
            case Stage.ARCHIVED:
                raise DomainError("BRAND_ARCHIVED", "this brand is archived: nobody joins it any more")
            case Stage.BETA if place is None:
                raise DomainError("BRAND_NOT_OPEN", "this brand is joined by who its owners and builders admit")
            case Stage.DRAFT if place not in LEADERS:
                raise DomainError("BRAND_NOT_OPEN", "this brand is being prepared by its owners and builders")
        if (accepted_rules or 0) != self.rules:
            asked = f"accept version {self.rules} of the rules to join" if self.rules else "this brand has no rules"
            raise DomainError("RULES_NOT_ACCEPTED", asked, ("accepted_rules",))
