"""What does a member do in a brand, how often, and on which days?  One view for each stream in which members act."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from pymongo import DeleteMany, DeleteOne, IndexModel, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Event
from libs.shared.ids import derived_id
from libs.shared.projection import Change, Counter, SetMember, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import to_ms
from services.members.segments.rules import Act

_DAY_MS = 86_400_000

# What is read of the events of other services.


class PostPublished(Event, frozen=True, kw_only=True):
    """The actor posted."""

    wire_name: ClassVar[str] = "post_published"


class ReplyPublished(Event, frozen=True, kw_only=True):
    """The actor replied."""

    wire_name: ClassVar[str] = "reply_published"


class ReactionAdded(Event, frozen=True, kw_only=True):
    """The actor reacted, perhaps not for the first time."""

    wire_name: ClassVar[str] = "reaction_added"

    target_id: str
    emoji: str


class AttendeeCheckedIn(Event, frozen=True, kw_only=True):
    """A member came to an event."""

    wire_name: ClassVar[str] = "attendee_checked_in"

    member_id: str


class IdeaSubmitted(Event, frozen=True, kw_only=True):
    """The actor proposed something."""

    wire_name: ClassVar[str] = "idea_submitted"


class VoteCast(Event, frozen=True, kw_only=True):
    """A member voted for the idea that is the aggregate, perhaps not for the first time."""

    wire_name: ClassVar[str] = "vote_cast"

    member_id: str


class Done(NamedTuple):
    """A member did something.  What can be taken back and done again has a `mark`, under which it counts once."""

    act: Act
    member: str
    mark: str = ""


def done(recorded: Recorded[Event]) -> Done | None:
    """What a member did, if the event says so."""
    match recorded.event:
        case PostPublished():
            return Done(Act.POSTED, recorded.actor)
        case ReplyPublished():
            return Done(Act.REPLIED, recorded.actor)
        case ReactionAdded(target_id=target, emoji=emoji):
            return Done(Act.REACTED, recorded.actor, f"{target}:{emoji}")
        case AttendeeCheckedIn(member_id=member):
            return Done(Act.CHECKED_IN, member)
        case IdeaSubmitted():
            return Done(Act.SUBMITTED_IDEA, recorded.actor)
        case VoteCast(member_id=member):
            return Done(Act.VOTED, member, recorded.aggregate_id)
        case _:
            return None


def day_of(instant: datetime) -> int:
    """The day in UTC, counted from 1970."""
    return to_ms(instant) // _DAY_MS


class ActsView(View):
    """A member is `who`, brand:member.  `counts`: a document a member, `_id` who: how often they did what, ever.

    `days`: one for each day on which they did something, `_id` who:day.  `marks`: what was counted and is not counted
    again; it does not say whose it is.
    """

    version = 1
    foreign = True
    #: What members do in this stream.
    acts: ClassVar[frozenset[Act]]
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "counts": (),
        "days": (IndexModel([("who", 1), ("day", 1)]), IndexModel([("brand", 1), ("day", 1)])),
        "marks": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        if isinstance(recorded.event, ErasureRecorded):
            who = f"{recorded.brand}:{recorded.aggregate_id}"
            yield Write("counts", DeleteOne({"_id": who}))
            yield Write("days", DeleteMany({"who": who}))
        elif (one := done(recorded)) is not None:
            yield from _counted(recorded, one)

    async def counts(self, brand: str, members: Collection[str]) -> dict[str, dict[str, int]]:
        """How often members did what, ever, by member."""
        keys = [f"{brand}:{id_}" for id_ in members]
        found = self.collection("counts").find({"_id": {"$in": keys}})
        return {document["_id"].partition(":")[2]: document async for document in found}

    async def days(self, brand: str, members: Collection[str], first: int, last: int) -> list[dict[str, Any]]:
        """What members did on these days: documents with `member`, `day` and how often they did what."""
        keys = [f"{brand}:{id_}" for id_ in members]
        found = self.collection("days").find({"who": {"$in": keys}, "day": {"$gte": first, "$lte": last}})
        return [document async for document in found]

    async def active(self, act: Act, brand: str, first: int, last: int) -> list[str]:
        """Who did something on one of these days."""
        found = self.collection("days").find({"brand": brand, "day": {"$gte": first, "$lte": last}})
        return [document["member"] async for document in found if act.value in document]


class DiscussionActsView(ActsView):
    """Posts, replies and reactions."""

    name = "discussion_acts"
    stream = "DISCUSSIONS"
    subjects = ("evt.discussions.*.thread.>", "evt.discussions.*.reaction.>", "evt.discussions.*.erasure.>")
    events: ClassVar[tuple[type[Event], ...]] = (PostPublished, ReplyPublished, ReactionAdded, ErasureRecorded)
    acts = frozenset({Act.POSTED, Act.REPLIED, Act.REACTED})


class EventActsView(ActsView):
    """Who came to events."""

    name = "event_acts"
    stream = "EVENTS"
    subjects = ("evt.events.*.event.>", "evt.events.*.erasure.>")
    events: ClassVar[tuple[type[Event], ...]] = (AttendeeCheckedIn, ErasureRecorded)
    acts = frozenset({Act.CHECKED_IN})


class FeedbackActsView(ActsView):
    """Ideas and votes."""

    name = "feedback_acts"
    stream = "FEEDBACK"
    subjects = ("evt.feedback.*.idea.>", "evt.feedback.*.vote.>", "evt.feedback.*.erasure.>")
    events: ClassVar[tuple[type[Event], ...]] = (IdeaSubmitted, VoteCast, ErasureRecorded)
    acts = frozenset({Act.SUBMITTED_IDEA, Act.VOTED})


def _counted(recorded: Recorded[Any], one: Done) -> Iterable[Change]:
    who, day = f"{recorded.brand}:{one.member}", day_of(recorded.time)
    key = f"{who}:{day}"
    about = {"who": who, "brand": recorded.brand, "member": one.member, "day": day}
    once = {"$inc": {one.act.value: 1}}
    if one.mark:
        yield Write("days", UpdateOne({"_id": key}, {"$setOnInsert": about}, upsert=True))
        yield SetMember(
            collection="marks",
            id=derived_id(who, one.act.value, one.mark),
            document={},
            counters=(Counter("days", key, one.act.value), Counter("counts", who, one.act.value)),
        )
    else:
        yield Write("days", UpdateOne({"_id": key}, {"$setOnInsert": about, **once}, upsert=True))
        yield Write("counts", UpdateOne({"_id": who}, once, upsert=True))
