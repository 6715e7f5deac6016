"""How does a brand recognise and name the people that its directory provisions?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import IndexModel, ReplaceOne

from libs.shared.domain import Query
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.provisioning import directory
from services.members.provisioning.directory import Directory, DirectoryConfigured, ShownName, SubjectSource


class DirectoryView(Struct, frozen=True, kw_only=True):
    """What holds for people who come from now on."""

    subject: SubjectSource
    shown_name: ShownName


class DirectoryOfBrand(Query, frozen=True, kw_only=True):
    """What holds in the brand.  For directories, owners and builders."""

    wire_name: ClassVar[str] = "directory_of_brand"


class DirectoriesView(View):
    """`directories`: a document a brand that said something."""

    name = "directories"
    version = 1
    stream = "MEMBERS"
    events = directory.DECIDER.events
    subjects = ("evt.members.*.directory.*",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"directories": ()}

    def project(self, recorded: Recorded[DirectoryConfigured]) -> Iterable[Change]:
        """The write that one event makes."""
        event, which = recorded.event, {"_id": recorded.brand}
        said: dict[str, Any] = {**which, "subject": event.subject.value, "shown_name": event.shown_name.value}
        yield Write("directories", ReplaceOne(which, said, upsert=True))

    async def directory_of_brand(self, query: DirectoryOfBrand) -> DirectoryView:
        """What holds; the beginning's where nobody said anything."""
        said = await self.collection("directories").find_one({"_id": query.brand})
        if said is None:
            return DirectoryView(subject=Directory().subject, shown_name=Directory().shown_name)
        return DirectoryView(subject=SubjectSource(said["subject"]), shown_name=ShownName(said["shown_name"]))
