"""What counts in recognition: kinds of facts, where one stands in the log, the windows that it falls in.  Pure."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from libs.shared.domain import Id


class Fact(StrEnum):
    """What a member can have done or received.  None of them is ever about one's own doing to one's own things."""

    POST_PUBLISHED = "post_published"
    REPLY_PUBLISHED = "reply_published"
    POST_REACTION_RECEIVED = "post_reaction_received"
    REPLY_REACTION_RECEIVED = "reply_reaction_received"
    IDEA_SUBMITTED = "idea_submitted"
    VOTE_RECEIVED = "vote_received"
    IDEA_SHIPPED = "idea_shipped"
    EVENT_ATTENDED = "event_attended"
    MEMBER_REFERRED = "member_referred"


class Place(Struct, frozen=True, kw_only=True):
    """Where the event behind something stands: its stream, the commit's sequence, its index in the commit, its id."""

    stream: Id
    sequence: Annotated[int, Meta(ge=1)]
    index: Annotated[int, Meta(ge=0)] = 0
    id: Id


class Window(StrEnum):
    """How much of the past a leaderboard looks at: the week (Monday to Sunday), the month, or all.  Days are UTC."""

    WEEK = "week"
    MONTH = "month"
    ALL = "all"

    def key(self, day: date) -> str:
        """The name of the window that a day is in: `2026-W09`, `2026-03`, `all`."""
        match self:
            case Window.WEEK:
                year, week, _ = day.isocalendar()
                return f"{year:04}-W{week:02}"
            case Window.MONTH:
                return f"{day.year:04}-{day.month:02}"
            case Window.ALL:
                return "all"


def day_of(instant: datetime) -> date:
    """The day in UTC."""
    return instant.astimezone(UTC).date()
