"""The roles of members."""

from enum import Enum

import strawberry


@strawberry.enum(description="What a member may do in a brand.")
class Role(Enum):
    """The roles of a brand, as services name them."""

    OWNER = "owner"
    BUILDER = "builder"
    MODERATOR = "moderator"
    AMBASSADOR = "ambassador"
    MEMBER = "member"
