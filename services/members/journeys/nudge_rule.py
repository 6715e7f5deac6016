"""When a brand nudges who has fallen silent: after so many days without a contribution, or never."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, Event, Id, NotFound

#: What holds in a brand that never said anything.
DEFAULT_DAYS: Final = 14

#: A silence of so many days.
Days = Annotated[int, Meta(ge=1, le=366)]

# Events


class NudgeRuleSet(Event, frozen=True, kw_only=True):
    """The event's actor said when to nudge; None: never."""

    wire_name: ClassVar[str] = "nudge_rule_set"

    after_days: int | None


NudgeRuleEvent = NudgeRuleSet

# State


class NudgeRule(Struct, frozen=True, kw_only=True):
    """What holds."""

    after_days: int | None = DEFAULT_DAYS

    def due_at(self, silent_since: datetime) -> datetime | None:
        """When somebody is nudged who says nothing from then on; None for never."""
        return None if self.after_days is None else silent_since + timedelta(days=self.after_days)


def evolve(state: NudgeRule, event: NudgeRuleEvent) -> NudgeRule:
    """The rule after `event`."""
    match event:
        case NudgeRuleSet():
            return structs.replace(state, after_days=event.after_days)
        case _:
            assert_never(event)


# Commands


class SetNudgeRule(Command, frozen=True, kw_only=True):
    """Nudge after so many days, or never (None).  Leaders only.  Envelope: brand = `brand_id`."""

    wire_name: ClassVar[str] = "set_nudge_rule"

    brand_id: Id
    after_days: Days | None


# Decisions


def decide(state: NudgeRule, command: SetNudgeRule) -> list[NudgeRuleEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND."""
    require(command.roles, *LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    return [] if state.after_days == command.after_days else [NudgeRuleSet(after_days=command.after_days)]


DECIDER: Decider[NudgeRule, SetNudgeRule, NudgeRuleEvent] = Decider(
    aggregate="nudge_rule",
    initial=NudgeRule(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(SetNudgeRule,),
    events=(NudgeRuleSet,),
)
