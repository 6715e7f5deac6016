"""For whom something is that is not for every member: what the types of spaces and events have in common."""

from typing import Self

import strawberry
from strawberry import ID

from services.gateway import ids, replies
from services.gateway.schema.common import known
from services.gateway.schema.roles import Role


@strawberry.type
class Audience:
    """Members with certain roles, and in certain segments."""

    roles: list[Role] = strawberry.field(description="Whoever has one of these roles.")
    segment_ids: list[ID] = strawberry.field(description="Whoever is in one of these segments.")

    @classmethod
    def of(cls, row: replies.AudienceReply, brand: str) -> Self:
        """An audience as a service keeps it."""
        segments = [ID(ids.encode("Segment", brand, one)) for one in row.segments]
        return cls(roles=known(row.roles, Role), segment_ids=segments)


@strawberry.input
class AudienceInput:
    """Members with certain roles, and in certain segments."""

    roles: list[Role] = strawberry.field(default_factory=list, description="At most 10.")
    segment_ids: list[ID] = strawberry.field(default_factory=list, description="At most 20 of the brand's segments.")

    def fields(self, brand: str) -> dict[str, list[str]]:
        """An audience as the service takes it.  Raises `NotFound` for a segment of another brand."""
        segments = [ids.expect(one, "segmentIds", "Segment", brand=brand).key for one in self.segment_ids]
        return {"roles": [role.value for role in self.roles], "segments": segments}
