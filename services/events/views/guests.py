"""For whom events are: kept by each view that shows what is at events, in the order of the log.

A view that shows a seat has so passed what says who may see it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import IndexModel

from libs.access.audience import Audience, Viewer
from libs.access.roles import LEADERS
from libs.shared.domain import Id, Query
from libs.shared.projection import Counter, SetMember, View
from libs.shared.recorded import Recorded
from libs.shared.times import to_ms
from services.events.event import EventScheduled
from services.events.guest_list import EventAudienceChanged, InvitationsWithdrawn, MembersInvited

#: A document for each event that is not for every member, `_id` brand:event, with the ways in (brand:way).
EXCLUSIVE: Final = "exclusive"
#: A document an invitation, `_id` brand:event:member, of `event` brand:event and for `whose` brand:member.
INVITED: Final = "invited"

COLLECTIONS: Final[Mapping[str, Sequence[IndexModel]]] = {
    EXCLUSIVE: (IndexModel("brand"), IndexModel("ways_in")),
    INVITED: (IndexModel("whose"),),
}


class AskedOfEvents(Query, frozen=True, kw_only=True):
    """A question about events and what is at them.

    `shown` never travels: the service puts in which of the events that are not for every member are there for the
    viewer; None is all of them.
    """

    shown: tuple[Id, ...] | None = None


def guest_changes(
    recorded: Recorded[Any], *, exclusive: Sequence[Counter] = (), invited: Sequence[Counter] = ()
) -> Iterable[SetMember]:
    """The changes that an event of an event makes; the counters count what stands in the two collections."""
    match recorded.event:
        case EventScheduled(audience=None):
            return
        case EventScheduled(audience=audience):
            yield _audience(recorded, audience, exclusive)
        case EventAudienceChanged(audience=audience, invited=members):
            yield _audience(recorded, audience, exclusive)
            yield from (_invitation(recorded, member, invited) for member in members)
        case MembersInvited(member_ids=members):
            yield from (_invitation(recorded, member, invited) for member in members)
        case InvitationsWithdrawn(member_ids=members):
            for member in members:
                yield SetMember(INVITED, f"{recorded.brand}:{recorded.aggregate_id}:{member}", None, invited)


def _audience(recorded: Recorded[Any], audience: Audience | None, counters: Sequence[Counter]) -> SetMember:
    document = None
    if audience is not None:
        ways_in = sorted(f"{recorded.brand}:{way}" for way in audience.ways_in())
        document = {"brand": recorded.brand, "event_id": recorded.aggregate_id, "ways_in": ways_in}
    return SetMember(EXCLUSIVE, f"{recorded.brand}:{recorded.aggregate_id}", document, counters)


def _invitation(recorded: Recorded[Any], member: str, counters: Sequence[Counter]) -> SetMember:
    event = f"{recorded.brand}:{recorded.aggregate_id}"
    document = {
        "event": event,
        "whose": f"{recorded.brand}:{member}",
        "event_id": recorded.aggregate_id,
        "member_id": member,
        "invited_at_ms": to_ms(recorded.time),
        "invited_by": recorded.actor,
    }
    return SetMember(INVITED, f"{event}:{member}", document, counters)


def let_in(brand: str, ways_in: Iterable[str], viewer: Viewer) -> bool:
    """Whether an event with these ways in, as they are stored, lets somebody in who is not invited."""
    if not LEADERS.isdisjoint(viewer.roles):
        return True
    return not {f"{brand}:{way}" for way in viewer.ways_in()}.isdisjoint(ways_in)


async def has_exclusive(view: View, brand: str) -> bool:
    """Whether a brand has an event that is not for every member, as far as a view has come."""
    return await view.collection(EXCLUSIVE).find_one({"brand": brand}, {"_id": 1}) is not None


async def exclusive_for(view: View, brand: str, member: str, viewer: Viewer) -> tuple[str, ...]:
    """The events that are not for every member and let one in who is no leader, in the order of their ids."""
    keys = [document["event"] async for document in view.collection(INVITED).find({"whose": f"{brand}:{member}"})]
    ways_in = [f"{brand}:{way}" for way in sorted(viewer.ways_in())]
    found = [
        document["event_id"]
        for where in ({"_id": {"$in": keys}}, {"ways_in": {"$in": ways_in}})
        async for document in view.collection(EXCLUSIVE).find(where, {"event_id": 1})
    ]
    return tuple(sorted(set(found)))


async def hidden_among(view: View, query: AskedOfEvents, ids: Collection[str]) -> set[str]:
    """Those of these events that are not there for who asks."""
    keys = [f"{query.brand}:{id_}" for id_ in ids]
    if query.shown is None or not keys:
        return set()
    found = view.collection(EXCLUSIVE).find({"_id": {"$in": keys}}, {"event_id": 1})
    return {document["event_id"] async for document in found}.difference(query.shown)
