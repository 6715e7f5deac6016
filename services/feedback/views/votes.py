"""Who voted for an idea, and which of many ideas has a member voted for?

The votes stand beside the ideas in one read model (`ideas.py`), so that an idea and its count never disagree.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import IndexModel

from libs.shared.domain import Event, Id, Query
from libs.shared.paging import Page, PageRequest, page_index
from libs.shared.projection import Counter, SetMember
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.feedback.vote import VoteCast, VoteWithdrawn


class VoterView(Struct, frozen=True, kw_only=True):
    """A member who wants the idea, and since when."""

    member_id: str
    voted_at: datetime


class VoterPageResult(Page[VoterView], frozen=True, kw_only=True):
    """A page of those who want an idea."""

    total_count: int


class VoterPage(Query, frozen=True, kw_only=True):
    """Who wants an idea, the longest first."""

    wire_name: ClassVar[str] = "voter_page"

    idea_id: Id
    page: PageRequest = PageRequest()


class VoterPages(Query, frozen=True, kw_only=True):
    """The same page of those who want it of each of many ideas, in the order of `ids`."""

    wire_name: ClassVar[str] = "voter_pages"

    ids: Annotated[list[Id], Meta(max_length=100)]
    page: PageRequest = PageRequest()


class ViewerVotes(Query, frozen=True, kw_only=True):
    """For which of many ideas the viewer voted, in the order of `ids`."""

    wire_name: ClassVar[str] = "viewer_votes"

    ids: Annotated[list[Id], Meta(max_length=100)]


#: A document a vote that stands, `_id` brand:idea:member; `idea` is brand:idea.
VOTE_INDEXES = (page_index("idea", "voted_at_ms"), IndexModel("member"))


def vote_key(brand: str, idea: str, member: str) -> str:
    """The `_id` of a member's vote."""
    return f"{brand}:{idea}:{member}"


def vote_change(recorded: Recorded[Event], event: VoteCast | VoteWithdrawn) -> SetMember:
    """What a vote changes: the set of votes and the idea's `vote_count`."""
    idea = f"{recorded.brand}:{recorded.aggregate_id}"
    document = {"idea": idea, "member": event.member_id, "voted_at_ms": to_ms(recorded.time)}
    return SetMember(
        collection="votes",
        id=vote_key(recorded.brand, recorded.aggregate_id, event.member_id),
        document=document if isinstance(event, VoteCast) else None,
        counters=(Counter("ideas", idea, "vote_count"),),
    )


def voter_view(document: Mapping[str, Any]) -> VoterView:
    """A vote as a member sees it."""
    return VoterView(member_id=document["member"], voted_at=from_ms(document["voted_at_ms"]))
