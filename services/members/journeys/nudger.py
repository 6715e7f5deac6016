"""Nudges who has fallen silent: once a silence, while they are there and want it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from libs.access.authorizer import Authorizer
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM
from libs.shared.ids import derived_id
from libs.shared.pull import head
from libs.shared.service import App
from services.members.journeys.nudge import NudgeCommand, NudgeEvent, NudgeMember, Nudges
from services.members.journeys.nudge_rule import NudgeRule, NudgeRuleEvent, SetNudgeRule
from services.members.journeys.timers import Alarm, Timers, is_quiet
from services.members.journeys.views.contributions import ContributionsView
from services.members.journeys.views.nudges import NudgesView


class _Silence(NamedTuple):
    """Since when a member has said nothing, and after how many days the brand answers that."""

    since: datetime
    after_days: int

    @property
    def due_at(self) -> datetime:
        """When it is answered."""
        return self.since + timedelta(days=self.after_days)


class Nudger:
    """Looks at a member when they may have been silent for long enough.

    Contributions do not move the timer: when it rings too early, it is set to when it would ring now.  So who
    contributes every day costs a look every two weeks.
    """

    def __init__(
        self,
        app: App,
        authorizer: Authorizer,
        rules: CommandHandler[NudgeRule, SetNudgeRule, NudgeRuleEvent],
        nudges: CommandHandler[Nudges, NudgeCommand, NudgeEvent],
        *,
        presence: NudgesView,
        contributions: Sequence[ContributionsView],
    ) -> None:
        self._app = app
        self._authorizer = authorizer
        self._rules = rules
        self._nudges = nudges
        self._presence = presence
        self._contributions = contributions
        self._timers = Timers(app, "nudge", self._look)

    async def expect(self, brand: str, member: str, since: datetime) -> None:
        """Look at a member when they could have been silent for long enough since then."""
        at = (await self._rule(brand)).due_at(since)
        if at is not None:
            await self._timers.propose(brand, member, at)

    async def look_at(self, brand: str, member: str, at: datetime) -> None:
        """Look at a member then, and not when was meant before."""
        await self._timers.set(brand, member, at)

    async def forget(self, brand: str, member: str) -> None:
        """Look at a member no more."""
        await self._timers.set(brand, member, None)

    async def _look(self, alarm: Alarm) -> None:
        brand, member = alarm.brand, alarm.member
        silence = await self._silence(brand, member)
        if silence is None:
            return  # a timer is set again for whoever comes back, and when the brand changes its rule or its stage
        now = max(alarm.at, self._app.clock.now())
        if silence.due_at > now:
            await self._timers.settle(brand, member, lambda: self._due_at(brand, member))
            return
        await self._nudges.handle(
            NudgeMember(
                command_id=derived_id("nudge_member", brand, member, silence.since.isoformat()),
                brand=brand,
                actor=SYSTEM,
                now=now,
                member_id=member,
                silent_since=silence.since,
                after_days=silence.after_days,
            )
        )

    async def _due_at(self, brand: str, member: str) -> datetime | None:
        silence = await self._silence(brand, member)
        return None if silence is None else silence.due_at

    async def _silence(self, brand: str, member: str) -> _Silence | None:
        """How long a member has been silent, as all streams say it now; None when they are not to be nudged at all."""
        app, views = self._app, (self._presence, *self._contributions)
        for view in views:
            end = await head(app.nats.jetstream(), view.stream)
            await app.positions.wait(view, {view.stream: end}, app.settings.stale_seconds)
        gate = await self._authorizer.gate(brand, proven=True)
        rule = await self._rule(brand)
        there = await self._presence.presence(brand, member)
        if there is None or rule.after_days is None or is_quiet(gate):
            return None
        contributed = [await view.last_at(brand, member) for view in self._contributions]
        return _Silence(max([there.since, *(at for at in contributed if at is not None)]), rule.after_days)

    async def _rule(self, brand: str) -> NudgeRule:
        return await self._rules.state(brand, brand, fresh=True)
