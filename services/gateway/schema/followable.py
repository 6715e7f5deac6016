"""What members can follow: how the sender stands to it."""

from enum import Enum
from typing import Final

import strawberry

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids
from services.gateway.context import Scope
from services.gateway.loaders import FOLLOW_STATES
from services.gateway.schema.common import Node

#: The types that can be followed, and what services call each.
TARGETS: Final = {
    "Post": "thread",
    "Space": "space",
    "Tag": "tag",
    "Member": "member",
    "Event": "event",
    "Board": "board",
    "Idea": "idea",
}


@strawberry.enum(description="How the sender stands to something that can be followed.")
class FollowState(Enum):
    """As services name them."""

    NOTHING = "nothing"
    TAKES_PART = "takes_part"
    FOLLOWED = "followed"
    MUTED = "muted"


@strawberry.type
class Followable(Node):
    """Something that members can follow."""

    scope: strawberry.Private[Scope]

    @batch
    @staticmethod
    async def viewer_follows(those: list["Followable"]) -> Answers[FollowState | None]:
        """Whether the sender is told of what happens here, and why.  Members only."""
        name = type(those[0]).__name__  # the parents of a level are of one type
        asked = ((one.scope, ids.expect(one.id, "id", name).key) for one in those)
        return await FOLLOW_STATES.objects(asked, _state, kind=TARGETS[name])


def _state(state: str, _: Scope) -> FollowState:
    return FollowState(state)
