"""Which journey has a brand, how far is a member on it, and how far do members come?"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Id, Query
from libs.shared.paging import MAX_SIZE, PageRequest, page, page_index
from libs.shared.projection import Change, Counter, SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members.journeys import journey, progress_decisions
from services.members.journeys.journey import JourneyPublished, Step
from services.members.journeys.progress import (
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
    StepCompleted,
    StepReminded,
    StepSkipped,
)

_HOURS_FINE = 48
_HOURS_A_DAY = 24


class JourneyView(Struct, frozen=True, kw_only=True):
    """The newest edition."""

    edition: int
    steps: list[Step]
    published_at: datetime


class JourneyOfBrandResult(Struct, frozen=True, kw_only=True):
    """None before the first edition."""

    journey: JourneyView | None


class JourneyState(StrEnum):
    """Where a member's journey stands."""

    UNDER_WAY = "under_way"
    PAUSED = "paused"
    FINISHED = "finished"


class MemberStepView(Struct, frozen=True, kw_only=True):
    """A step of a member; each time is None before it."""

    step: Step
    due_at: datetime
    reminded_at: datetime | None
    completed_at: datetime | None
    skipped_at: datetime | None


class MemberJourneyView(Struct, frozen=True, kw_only=True):
    """A member's journey, in the order of the steps."""

    member_id: str
    edition: int
    state: JourneyState
    started_at: datetime
    finished_at: datetime | None
    steps: list[MemberStepView]


class MemberJourneyResult(Struct, frozen=True, kw_only=True):
    """None for who never set out."""

    journey: MemberJourneyView | None


class StepReportView(Struct, frozen=True, kw_only=True):
    """What became of a step, in all editions: of so many members each.

    `median_hours` is how long after joining it was completed: whole hours, from two days on whole days; None before
    anybody did.
    """

    step: Step
    completed: int
    skipped: int
    reminded: int
    median_hours: int | None


class JourneyReportView(Struct, frozen=True, kw_only=True):
    """How far members come: who has `started` is under way, `paused` or `finished`."""

    started: int
    under_way: int
    paused: int
    finished: int
    steps: list[StepReportView]


class JourneyOfBrand(Query, frozen=True, kw_only=True):
    """The journey of the brand."""

    wire_name: ClassVar[str] = "journey_of_brand"


class MemberJourney(Query, frozen=True, kw_only=True):
    """A member's journey.  The member, owners and builders."""

    wire_name: ClassVar[str] = "member_journey"

    member_id: Id


class JourneyReport(Query, frozen=True, kw_only=True):
    """How far members come, by the steps of the newest edition.  Owners and builders."""

    wire_name: ClassVar[str] = "journey_report"


class JourneysView(View):
    """`editions`: a document an edition, `_id` brand:number.  `current`: the newest one, by brand.

    `members`: a document a member who set out, with what happened to each step, until they are erased.  `steps`: the
    counters of a step of a brand, over all editions; `took` counts how long completing took, by the lower end of its
    hour or day.  `totals`: the counters of a brand, with `away`, the set of who is.
    """

    name = "journeys"
    version = 1
    stream = "MEMBERS"
    events = (*journey.DECIDER.events, *progress_decisions.DECIDER.events, ErasureRecorded)
    subjects = ("evt.members.*.journey.*", "evt.members.*.progress.*", "evt.members.*.erasure.*")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "editions": (),
        "current": (),
        "members": (page_index("brand", "finished", "started_at_ms"),),
        "steps": (),
        "totals": (),
        "away": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        brand, now = recorded.brand, to_ms(recorded.time)
        match recorded.event:
            case JourneyPublished() as event:
                yield from _published(recorded, event)
            case JourneyStarted() as event:
                yield _member(recorded, _started(recorded, event), upsert=True)
                yield _count("totals", brand, "started")
            case JourneyRevised(edition=edition):
                yield _member(recorded, {"edition": edition})
            case StepReminded(step_id=step):
                yield _member(recorded, {f"steps.{step}.reminded_at_ms": now})
                yield _count("steps", f"{brand}:{step}", "reminded")
            case StepCompleted(step_id=step) as event:
                done = {"completed_at_ms": now, "fact": event.fact, "fact_id": event.fact_id}
                yield _member(recorded, {f"steps.{step}.{name}": value for name, value in done.items()})
                yield _count("steps", f"{brand}:{step}", "completed", f"took.{_rounded(event.after_seconds)}")
            case StepSkipped(step_id=step):
                yield _member(recorded, {f"steps.{step}.skipped_at_ms": now})
                yield _count("steps", f"{brand}:{step}", "skipped")
            case JourneyPaused():
                yield _member(recorded, {"paused": True})
                yield _away(recorded, {"brand": brand})
            case JourneyResumed(origin=origin):
                if origin is not None:
                    yield _member(recorded, {"paused": False, "origin_ms": to_ms(origin)})
                    yield _away(recorded, None)
            case JourneyFinished():
                yield _member(recorded, {"finished": True, "finished_at_ms": now})
                yield _count("totals", brand, "finished")
            case ErasureRecorded():
                yield Write("members", DeleteOne({"_id": f"{brand}:{recorded.aggregate_id}"}))

    async def journey_of_brand(self, query: JourneyOfBrand) -> JourneyOfBrandResult:
        """The newest edition."""
        document = await self.collection("current").find_one({"_id": query.brand})
        return JourneyOfBrandResult(journey=None if document is None else _edition(document))

    async def member_journey(self, query: MemberJourney) -> MemberJourneyResult:
        """A member in the edition that they are on."""
        member = await self.collection("members").find_one({"_id": f"{query.brand}:{query.member_id}"})
        if member is None:
            return MemberJourneyResult(journey=None)
        edition = await self.collection("editions").find_one({"_id": f"{query.brand}:{member['edition']}"})
        return MemberJourneyResult(journey=_journey(member, [] if edition is None else _steps(edition)))

    async def journey_report(self, query: JourneyReport) -> JourneyReportView:
        """What the counters say of the steps of the newest edition."""
        current = await self.collection("current").find_one({"_id": query.brand})
        totals = await self.collection("totals").find_one({"_id": query.brand}) or {}
        steps = [] if current is None else _steps(current)
        counted = {
            document["_id"]: document
            async for document in self.collection("steps").find(
                {"_id": {"$in": [f"{query.brand}:{step.id}" for step in steps]}}
            )
        }
        started, paused, finished = (totals.get(name, 0) for name in ("started", "paused", "finished"))
        return JourneyReportView(
            started=started,
            under_way=started - paused - finished,
            paused=paused,
            finished=finished,
            steps=[_report(step, counted.get(f"{query.brand}:{step.id}", {})) for step in steps],
        )

    async def not_finished(self, brand: str) -> AsyncIterator[list[str]]:
        """Who in a brand has set out and not finished, away or not, page by page."""
        after = None
        while True:
            found = await page(
                self.collection("members"),
                prefix={"brand": brand, "finished": False},
                key="started_at_ms",
                request=PageRequest(first=MAX_SIZE, after=after),
            )
            yield [document["member"] for document in found.items]
            if not found.has_next:
                return
            after = found.cursors[-1]


def _published(recorded: Recorded[Any], event: JourneyPublished) -> Iterable[Write]:
    document = {
        "edition": event.edition,
        "steps": msgspec.to_builtins(event.steps),
        "published_at_ms": to_ms(recorded.time),
        "published_by": recorded.actor,
    }
    for collection, id_ in (("editions", f"{recorded.brand}:{event.edition}"), ("current", recorded.brand)):
        yield Write(collection, ReplaceOne({"_id": id_}, {"_id": id_, **document}, upsert=True))


def _started(recorded: Recorded[Any], event: JourneyStarted) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "edition": event.edition,
        "started_at_ms": to_ms(recorded.time),
        "origin_ms": to_ms(event.origin),
        "paused": False,
        "finished": False,
        "finished_at_ms": None,
        "steps": {},
    }


def _member(recorded: Recorded[Any], fields: Mapping[str, Any], *, upsert: bool = False) -> Write:
    who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
    return Write("members", UpdateOne(who, {"$set": fields}, upsert=upsert))


def _count(collection: str, id_: str, *fields: str) -> Write:
    return Write(collection, UpdateOne({"_id": id_}, {"$inc": dict.fromkeys(fields, 1)}, upsert=True))


def _away(recorded: Recorded[Any], document: Mapping[str, Any] | None) -> SetMember:
    counters = [Counter("totals", recorded.brand, "paused")]
    return SetMember("away", f"{recorded.brand}:{recorded.aggregate_id}", document, counters)


def _rounded(seconds: int) -> int:
    """Whole hours, from two days on those of whole days: so many different numbers that a document can hold them."""
    hours = seconds // 3600
    return hours if hours < _HOURS_FINE else hours // _HOURS_A_DAY * _HOURS_A_DAY


def _median(took: Mapping[str, int]) -> int | None:
    """The lower median of numbers that are counted."""
    rest = (sum(took.values()) + 1) // 2
    for hours in sorted(took, key=int):
        rest -= took[hours]
        if rest <= 0:
            return int(hours)
    return None


def _report(step: Step, counted: Mapping[str, Any]) -> StepReportView:
    completed, skipped, reminded = (counted.get(name, 0) for name in ("completed", "skipped", "reminded"))
    median = _median(counted.get("took", {}))
    return StepReportView(step=step, completed=completed, skipped=skipped, reminded=reminded, median_hours=median)


def _edition(document: Mapping[str, Any]) -> JourneyView:
    return JourneyView(
        edition=document["edition"], steps=_steps(document), published_at=from_ms(document["published_at_ms"])
    )


def _journey(member: Mapping[str, Any], steps: Sequence[Step]) -> MemberJourneyView:
    state = JourneyState.PAUSED if member["paused"] else JourneyState.UNDER_WAY
    origin = from_ms(member["origin_ms"])
    return MemberJourneyView(
        member_id=member["member"],
        edition=member["edition"],
        state=JourneyState.FINISHED if member["finished"] else state,
        started_at=from_ms(member["started_at_ms"]),
        finished_at=_time(member["finished_at_ms"]),
        steps=[_step(step, origin, member["steps"].get(step.id, {})) for step in steps],
    )


def _step(step: Step, origin: datetime, happened: Mapping[str, Any]) -> MemberStepView:
    return MemberStepView(
        step=step,
        due_at=origin + timedelta(hours=step.after_hours),
        reminded_at=_time(happened.get("reminded_at_ms")),
        completed_at=_time(happened.get("completed_at_ms")),
        skipped_at=_time(happened.get("skipped_at_ms")),
    )


def _steps(document: Mapping[str, Any]) -> list[Step]:
    return msgspec.convert(document["steps"], list[Step])


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
