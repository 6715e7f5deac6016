"""For whom spaces are: nobody is told of, or follows, what stands in a space that they are not let into."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from pymongo import IndexModel

from libs.access.audience import Audience
from libs.shared.projection import Change, View
from libs.shared.recorded import Recorded
from services.members.notices.foreign import SpaceAudienceChanged, SpaceCreated
from services.members.notices.views.audiences import AUDIENCES, audience_write, audiences_of


class ExclusiveSpacesView(View):
    """`audiences`: as `audiences.py` says, of spaces."""

    name = "exclusive_spaces"
    version = 1
    stream = "DISCUSSIONS"
    foreign = True
    events = (SpaceCreated, SpaceAudienceChanged)
    subjects = ("evt.discussions.*.space.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {AUDIENCES: ()}

    def project(self, recorded: Recorded[SpaceCreated | SpaceAudienceChanged]) -> Iterable[Change]:
        """The writes that one event makes."""
        yield audience_write(recorded, recorded.event.audience)

    async def audiences(self, brand: str, spaces: Collection[str]) -> dict[str, Audience]:
        """For whom spaces are; none of those that are for every member, or that the view has not met."""
        return await audiences_of(self, brand, spaces)
