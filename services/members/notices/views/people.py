"""Who takes part in a thread, an event or an idea, and whose it is: they hear of it without having to follow it.

What is not for every member is not told to who is not let in: the view of events also says for whom they are.

Each view stands on the stream of one service.  A person is a document with the key of what they take part in
(brand:id), their id and their place.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import ASCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.audience import Audience
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from services.members.notices.foreign import (
    EventAudienceChanged,
    EventScheduled,
    IdeaSubmitted,
    InvitationsWithdrawn,
    MembersInvited,
    PostPublished,
    PostTagsChanged,
    ReplyPublished,
    RsvpCancelled,
    RsvpConfirmed,
    RsvpWaitlisted,
    VoteCast,
    VoteWithdrawn,
)
from services.members.notices.places import Slice, place, places_in
from services.members.notices.views.audiences import AUDIENCES, audience_write, audiences_of

_PEOPLE: Sequence[IndexModel] = (IndexModel([("of", ASCENDING), ("place", ASCENDING)]),)


class Written(Struct, frozen=True, kw_only=True):
    """A post or a reply: who wrote it, in which thread of which space, and what the thread's tags are."""

    author: str
    thread: str
    space: str
    tags: tuple[str, ...]


class PeopleView(View):
    """`people`: a document for each who takes part in something."""

    foreign = True

    async def people_of(self, brand: str, id: str, within: Slice) -> set[str]:  # noqa: A002 – the field's word
        """Who of a slice takes part."""
        where = {"of": f"{brand}:{id}", "place": places_in(within)}
        return {document["member"] async for document in self.collection("people").find(where)}

    async def how_many(self, brand: str, id: str) -> int:  # noqa: A002
        """How many take part; who does so in two ways may count twice."""
        return await self.collection("people").count_documents({"of": f"{brand}:{id}"})

    async def taking_part(self, brand: str, ids: Sequence[str], member: str) -> list[bool]:
        """In which of these somebody takes part."""
        ways = {f"{brand}:{id_}:{way}:{member}" for id_ in ids for way in _WAYS}
        found = self.collection("people").find({"_id": {"$in": sorted(ways)}})
        of = {document["of"] async for document in found}
        return [f"{brand}:{id_}" in of for id_ in ids]


class ThreadPeopleView(PeopleView):
    """Who wrote in a thread.  `written`: a document a post or reply, `_id` brand:id, with its author and thread.

    A post, which has the id of its thread, also has its space and its tags.
    """

    name = "thread_people"
    version = 2
    stream = "DISCUSSIONS"
    events = (PostPublished, PostTagsChanged, ReplyPublished)
    subjects = ("evt.discussions.*.thread.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"people": _PEOPLE, "written": ()}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        thread = recorded.aggregate_id
        document = {"author": recorded.actor, "thread": thread}
        match recorded.event:
            case PostPublished(space_id=space, tags=tags):
                key = f"{recorded.brand}:{thread}"
                post = {"_id": key, **document, "space": space, "tags": list(tags)}
                yield Write("written", ReplaceOne({"_id": key}, post, upsert=True))
                yield _takes_part(recorded, recorded.actor, "wrote")
            case PostTagsChanged(tags=tags):
                key = f"{recorded.brand}:{thread}"
                yield Write("written", UpdateOne({"_id": key}, {"$set": {"tags": list(tags)}}))
            case ReplyPublished(reply_id=reply):
                key = f"{recorded.brand}:{reply}"
                yield Write("written", ReplaceOne({"_id": key}, {"_id": key, **document}, upsert=True))
                yield _takes_part(recorded, recorded.actor, "wrote")

    async def written(self, brand: str, id: str) -> Written | None:  # noqa: A002
        """Who wrote a post or reply, and where; None when there is none."""
        document = await self.collection("written").find_one({"_id": f"{brand}:{id}"})
        if document is None:
            return None
        post = document
        if "space" not in document:
            post = await self.collection("written").find_one({"_id": f"{brand}:{document['thread']}"}) or {}
        return Written(
            author=document["author"],
            thread=document["thread"],
            space=post.get("space", ""),
            tags=tuple(post.get("tags", ())),
        )

    async def spaces(self, brand: str, threads: Collection[str]) -> dict[str, str]:
        """In which spaces threads stand."""
        found = self.collection("written").find({"_id": {"$in": [f"{brand}:{thread}" for thread in threads]}})
        return {document["thread"]: document["space"] async for document in found if "space" in document}


class EventPeopleView(PeopleView):
    """Who has a seat at an event, waits for one or is invited.  `audiences`: as `audiences.py` says, of events."""

    name = "event_people"
    version = 2
    stream = "EVENTS"
    events = (
        EventScheduled,
        EventAudienceChanged,
        MembersInvited,
        InvitationsWithdrawn,
        RsvpConfirmed,
        RsvpWaitlisted,
        RsvpCancelled,
    )
    subjects = ("evt.events.*.event.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"people": _PEOPLE, AUDIENCES: ()}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case RsvpConfirmed(member_id=member) | RsvpWaitlisted(member_id=member):
                yield _takes_part(recorded, member, "asked")
            case RsvpCancelled(member_id=member):
                yield _leaves(recorded, member, "asked")
            case EventScheduled(audience=audience):
                yield audience_write(recorded, audience)
            case EventAudienceChanged(audience=audience, invited=members):
                yield audience_write(recorded, audience)
                yield from (_takes_part(recorded, member, "invited") for member in members)
            case MembersInvited(member_ids=members):
                yield from (_takes_part(recorded, member, "invited") for member in members)
            case InvitationsWithdrawn(member_ids=members):
                yield from (_leaves(recorded, member, "invited") for member in members)

    async def audiences(self, brand: str, events: Collection[str]) -> dict[str, Audience]:
        """For whom events are beside who is invited; none of those that are for every member."""
        return await audiences_of(self, brand, events)

    async def invited(self, brand: str, events: Collection[str], members: Collection[str]) -> set[tuple[str, str]]:
        """Who of these is on the guest lists of which of these events: pairs of an event and a member."""
        keys = [f"{brand}:{event}:invited:{member}" for event in events for member in members]
        if not keys:
            return set()
        found = self.collection("people").find({"_id": {"$in": keys}})
        return {(document["of"].removeprefix(f"{brand}:"), document["member"]) async for document in found}


class IdeaPeopleView(PeopleView):
    """Who proposed an idea or votes for it."""

    name = "idea_people"
    version = 1
    stream = "FEEDBACK"
    events = (IdeaSubmitted, VoteCast, VoteWithdrawn)
    subjects = ("evt.feedback.*.idea.>", "evt.feedback.*.vote.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"people": _PEOPLE}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case IdeaSubmitted():
                yield _takes_part(recorded, recorded.actor, "wrote")
            case VoteCast(member_id=member):
                yield _takes_part(recorded, member, "asked")
            case VoteWithdrawn(member_id=member):
                yield _leaves(recorded, member, "asked")


#: How somebody can take part: an author who takes their vote back is still the author.
_WAYS = ("wrote", "asked", "invited")


def _takes_part(recorded: Recorded[Any], member: str, way: str) -> Write:
    of = f"{recorded.brand}:{recorded.aggregate_id}"
    id_ = f"{of}:{way}:{member}"
    document = {"_id": id_, "of": of, "member": member, "place": place(member)}
    return Write("people", ReplaceOne({"_id": id_}, document, upsert=True))


def _leaves(recorded: Recorded[Any], member: str, way: str) -> Write:
    return Write("people", DeleteOne({"_id": f"{recorded.brand}:{recorded.aggregate_id}:{way}:{member}"}))
