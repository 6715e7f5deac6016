"""Lets the passing of days count: where a rule says "within the last n days", a day that falls out can change it.

Each segment with such a rule has one schedule, some minutes after midnight UTC.  With a day, the rule can come to
something else only for those who did, or joined, exactly n days before: they are looked at and nobody else.
"""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from libs.shared.app import App
from libs.shared.ids import derived_id
from libs.shared.schedules import Due
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.rules import Act, Rule, windows
from services.members.segments.views.segments import Definition

KIND = "segment_day"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Clocks differ: nobody thinks any more that it is yesterday.
_AFTER_MIDNIGHT = timedelta(minutes=5)


class _Day(Struct, frozen=True, kw_only=True):
    """The first day whose beginning was not taken into account yet."""

    brand: str
    segment_id: str
    day: int


class Ageing:
    """The schedules of segments whose rules look back, and what is done when one is due."""

    def __init__(self, app: App, views: Views, evaluation: Evaluation) -> None:
        self._app = app
        self._views = views
        self._evaluation = evaluation
        app.on_due(KIND, self.handle)

    async def begin(self, one: Definition) -> None:
        """Schedule the next day of a segment that everybody was just held against, or take its schedule back."""
        if one.deleted or one.rule is None or not windows(one.rule):
            await self._app.timetable.cancel(KIND, _id(one.brand, one.id))
        else:
            await self._schedule(_Day(brand=one.brand, segment_id=one.id, day=self._evaluation.today + 1))

    async def handle(self, due: Due) -> None:
        """Look at those for whom days fell out of the rule since the last time, and schedule the next."""
        await self._app.ready()
        since = msgspec.json.decode(due.data, type=_Day)
        one = await self._views.segments.definition(since.brand, since.segment_id)
        if one is None or one.deleted or one.rule is None:
            return
        today = self._evaluation.today
        members = await self._concerned(one.brand, one.rule, since.day, today)
        await self._evaluation.one_segment(one.brand, one.id, members)
        if windows(one.rule):
            await self._schedule(_Day(brand=one.brand, segment_id=one.id, day=max(since.day, today + 1)))

    async def _concerned(self, brand: str, rule: Rule, first: int, last: int) -> set[str]:
        found: set[str] = set()
        for subject, lengths in windows(rule).items():
            for days in lengths:
                if isinstance(subject, Act):
                    [view] = [view for view in self._views.acts if subject in view.acts]
                    found.update(await view.active(subject, brand, first - days, last - days))
                else:
                    found.update(await self._views.people.joined_on(brand, first - days, last - days))
        return found

    async def _schedule(self, next_: _Day) -> None:
        at = _EPOCH + timedelta(days=next_.day) + _AFTER_MIDNIGHT
        id_ = _id(next_.brand, next_.segment_id)
        await self._app.timetable.reschedule(KIND, id_, at, msgspec.json.encode(next_))


def _id(brand: str, segment_id: str) -> str:
    return derived_id("segment", brand, segment_id)
