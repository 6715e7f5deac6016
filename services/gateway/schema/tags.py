"""The tags of a brand's posts: by name, and the most used of those that begin alike."""

from typing import Annotated

import strawberry

from services.gateway import replies
from services.gateway.context import Info
from services.gateway.schema.common import BrandPart, field, unless_missing
from services.gateway.schema.discussions import Tag


@strawberry.type
class BrandTags(BrandPart):
    """The part of a brand that is about the tags of its posts."""

    @field
    async def tag(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="In any case and spelling: `#` is a part of it.")],
    ) -> Tag | None:
        """A tag by name; null while no post has it that the sender may read.  Members only."""
        scope = self.inside(info)
        row = await unless_missing(scope.ask("discussions", "tag_by_name", replies.TagReply, name=name))
        return Tag.of(row, scope) if row else None

    @field
    async def tags(
        self,
        info: Info,
        prefix: Annotated[str, strawberry.argument(description="Only those that begin so; case does not count.")] = "",
        first: Annotated[int, strawberry.argument(description="At most this many: 1–100.")] = 10,
    ) -> list[Tag] | None:
        """The tags on most posts that the sender may read, the most used first.  Members only."""
        scope = self.inside(info)
        found = await scope.ask("discussions", "top_tags", list[replies.TagReply], prefix=prefix, first=first)
        return [Tag.of(row, scope) for row in found]
