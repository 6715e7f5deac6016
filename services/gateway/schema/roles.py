"""The roles of members."""

from enum import Enum

import strawberry


@strawberry.enum(description="What a member may do in a brand, or in one space of it.")
class Role(Enum):
    """The roles of a brand, as services name them."""

    OWNER = "owner"
    BUILDER = "builder"
    MODERATOR = "moderator"
    AMBASSADOR = "ambassador"
    GUEST_SPEAKER = "guest_speaker"
    MEMBER = "member"
