"""The process that follows what a brand changes for many: a new edition, another rule, a stage, a module."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from libs.shared.commands import CommandHandler
from libs.shared.domain import Event
from libs.shared.follower import Follower
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members.journeys.guide import Guide
from services.members.journeys.journey import Journey, JourneyEvent, JourneyPublished, PublishJourney
from services.members.journeys.nudge_rule import NudgeRule, NudgeRuleEvent, NudgeRuleSet, SetNudgeRule
from services.members.journeys.nudger import Nudger
from services.members.journeys.views.journeys import JourneysView
from services.members.journeys.views.nudges import NudgesView

_AT_ONCE: Final = 16
_EVER: Final = datetime.min.replace(tzinfo=UTC)
SUBJECTS: Final = ("evt.members.*.journey.*", "evt.members.*.nudge_rule.*", "evt.members.*.brand.*")


class StageEntered(Event, frozen=True, kw_only=True):
    """A brand is in another stage."""

    wire_name: ClassVar[str] = "stage_entered"


class ModuleSwitchedOn(Event, frozen=True, kw_only=True):
    """A part of a brand takes writes again."""

    wire_name: ClassVar[str] = "module_switched_on"


class Renewal:
    """Goes through the members whom a change concerns; begun again after a crash, it does to each the same."""

    def __init__(
        self,
        app: App,
        guide: Guide,
        nudger: Nudger,
        journeys: CommandHandler[Journey, PublishJourney, JourneyEvent],
        rules: CommandHandler[NudgeRule, SetNudgeRule, NudgeRuleEvent],
        *,
        on_journey: JourneysView,
        there: NudgesView,
    ) -> None:
        self._app = app
        self._guide = guide
        self._nudger = nudger
        self._journeys = journeys
        self._rules = rules
        self._on_journey = on_journey
        self._there = there
        follower = Follower(
            "journey_renewal",
            "MEMBERS",
            SUBJECTS,
            (JourneyPublished, NudgeRuleSet, StageEntered, ModuleSwitchedOn),
            self.handle,
        )
        app.background(follower.name, lambda: follower.run(app.nats, app.db))

    async def handle(self, recorded: Recorded[Any]) -> bool:
        """What follows from one change."""
        brand = recorded.brand
        for view in (self._on_journey, self._there):
            position = {view.stream: recorded.sequence}
            await self._app.positions.wait(view, position, self._app.settings.stale_seconds)
        match recorded.event:
            case JourneyPublished():
                journey = await self._journeys.state(brand, brand, fresh=True)
                async for members in self._on_journey.not_finished(brand):
                    await _together(self._guide.revise(brand, member, journey) for member in members)
            case NudgeRuleSet():
                await self._nudge_anew(brand, not_before=recorded.time)
            case StageEntered():
                # While the brand was closed nobody could contribute: a silence counts from now on.
                await self._remind_anew(brand)
                await self._nudge_anew(brand, silent_since=recorded.time)
            case ModuleSwitchedOn():
                await self._remind_anew(brand)
        return True

    async def _remind_anew(self, brand: str) -> None:
        async for members in self._on_journey.not_finished(brand):
            await _together(self._guide.set_timer(brand, member) for member in members)

    async def _nudge_anew(self, brand: str, *, not_before: datetime = _EVER, silent_since: datetime = _EVER) -> None:
        rule = await self._rules.state(brand, brand, fresh=True)
        async for members in self._there.present(brand):
            due = ((one.member, rule.due_at(max(one.since, silent_since))) for one in members)
            await _together(
                self._nudger.look_at(brand, member, max(at, not_before)) for member, at in due if at is not None
            )


async def _together(work: Iterable[Awaitable[None]]) -> None:
    """Do all of a page, some at a time."""
    waiting = list(work)
    for start in range(0, len(waiting), _AT_ONCE):
        await asyncio.gather(*waiting[start : start + _AT_ONCE])
