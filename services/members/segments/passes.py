"""Holds everybody in a brand against a new edition of a segment, or a new reading, in the background, part by part.

Which segments wait for that their view knows; how far each has come stands in the collection `segment_passes`, so that
a process that ends in the middle goes on where it was.  Several processes may do the same: a part that is done twice
comes to the same.
"""

import asyncio
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from libs.access.roles import ALL_ROLES
from libs.shared.app import App
from libs.shared.domain import SYSTEM, DomainError, Id, Query
from libs.shared.ids import derived_id
from libs.shared.logs import logger
from services.members.segments.ageing import Ageing
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.listing import Segments
from services.members.segments.membership import PARTS
from services.members.segments.rules import READING
from services.members.segments.segment import SettleSegment
from services.members.segments.views.segments import Definition

_AT_ONCE = 4
#: About so many members are looked at between two notes of the progress.
_A_LOOK = 2_000
_LOOK_SECONDS = 0.5

_log = logger(__name__)


class SegmentProgress(Query, frozen=True, kw_only=True):
    """How far segments are held against their current editions, from 0 to 1, in the order of `ids`."""

    wire_name: ClassVar[str] = "segment_progress"

    ids: Annotated[list[Id], Meta(max_length=100)]


class Passes:
    """The process behind a change of a rule."""

    def __init__(self, app: App, views: Views, evaluation: Evaluation, ageing: Ageing, segments: Segments) -> None:
        self._app = app
        self._views = views
        self._evaluation = evaluation
        self._ageing = ageing
        self._segments = segments

    async def run(self) -> None:
        """Look for editions that are not settled and settle them, for ever, once the views are filled."""
        await self._app.ready()
        while True:
            try:
                waiting = await self._views.segments.pending(_AT_ONCE)
                await asyncio.gather(*(self._try(one) for one in waiting))
            except DomainError as problem:  # a view is not ready yet
                _log.info("segments wait", reason=problem.message)
            await asyncio.sleep(_LOOK_SECONDS)

    async def segment_progress(self, query: SegmentProgress) -> list[float]:
        """The progress of each; 1 for what is settled, and for what is not in this brand."""
        waiting = await self._views.segments.pending_of(query.brand, query.ids)
        return [await self._done(waiting[id_]) / PARTS if id_ in waiting else 1.0 for id_ in query.ids]

    async def _done(self, one: Definition) -> int:
        """How many parts of a segment were held against its edition."""
        this_pass = {"_id": f"{one.brand}:{one.id}", "edition": one.edition, "reading": READING}
        kept = await self._app.db["segment_passes"].find_one(this_pass)
        return int(kept["done"]) if kept else 0

    async def _try(self, one: Definition) -> None:
        try:
            await self._settle(one)
        except DomainError as problem:
            _log.warning("segment not settled yet", segment=one.id, code=problem.code, reason=problem.message)

    async def _settle(self, one: Definition) -> None:
        brand, kept = one.brand, self._app.db["segment_passes"]
        # Where there are few members, few looks are enough.
        step = max(1, min(PARTS, PARTS * _A_LOOK // max(1, await self._views.people.count(brand))))
        for first in range(await self._done(one), PARTS, step):
            parts = range(first, min(PARTS, first + step))
            people = await self._views.people.of_parts(brand, parts)
            inside = await self._views.segments.members_of_parts(brand, one.id, parts)
            await self._evaluation.one_segment(brand, one.id, {*people, *inside})
            reached: dict[str, Any] = {"edition": one.edition, "reading": READING, "done": parts.stop}
            await kept.update_one({"_id": f"{brand}:{one.id}"}, {"$set": reached}, upsert=True)
        await self._ageing.begin(one)
        accepted = await self._segments.handle(
            SettleSegment(
                command_id=derived_id("settle_segment", one.brand, one.id, str(one.edition), str(READING)),
                brand=one.brand,
                actor=SYSTEM,
                now=self._app.clock.now(),
                roles=ALL_ROLES,
                segment_id=one.id,
                edition=one.edition,
            )
        )
        # Else the next look would find it waiting still.
        await self._app.positions.wait(self._views.segments, accepted.position)
        _log.info("segment settled", segment=one.id, edition=one.edition)
