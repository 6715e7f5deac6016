"""What a rule would come to: asked before it is saved, at a cost that does not grow with the brand."""

from typing import ClassVar

from msgspec import Struct

from libs.shared.domain import Query
from services.members.profiles.composition import Forms
from services.members.segments.evaluation import AT_ONCE, Evaluation
from services.members.segments.fields import check_rule
from services.members.segments.membership import PARTS
from services.members.segments.rules import Rule
from services.members.segments.views.people import PeopleView

#: When at least so many members were looked at, the rest is estimated.
ENOUGH = 5_000

_SAMPLE = 10


class SegmentPreview(Query, frozen=True, kw_only=True):
    """For how many members a rule holds now, and some of them.  Owners and builders."""

    wire_name: ClassVar[str] = "segment_preview"

    rule: Rule


class SegmentPreviewView(Struct, frozen=True, kw_only=True):
    """`count` is exact, or follows from the `looked_at` members: whole parts of the brand, which a hash chose."""

    count: int
    exact: bool
    looked_at: int
    sample_ids: list[str]


class Preview:
    """Answers it."""

    def __init__(self, people: PeopleView, evaluation: Evaluation, forms: Forms) -> None:
        self._people = people
        self._forms = forms
        self._evaluation = evaluation

    async def segment_preview(self, query: SegmentPreview) -> SegmentPreviewView:
        """The preview.  Raises as `check_rule` does."""
        check_rule(query.rule, await self._forms.state(query.brand, query.brand, fresh=True))
        brand, looked_at, found = query.brand, 0, list[str]()
        everybody = await self._people.count(brand)
        step = max(1, min(PARTS, PARTS * ENOUGH // max(1, everybody)))
        for first in range(0, PARTS, step):
            members = await self._people.of_parts(brand, range(first, min(PARTS, first + step)))
            for start in range(0, len(members), AT_ONCE):
                found += await self._evaluation.matching(query.rule, brand, members[start : start + AT_ONCE])
            looked_at += len(members)
            if looked_at >= ENOUGH and first + step < PARTS:
                count = round(len(found) * everybody / looked_at)
                return SegmentPreviewView(count=count, exact=False, looked_at=looked_at, sample_ids=found[:_SAMPLE])
        return SegmentPreviewView(count=len(found), exact=True, looked_at=looked_at, sample_ids=found[:_SAMPLE])
