"""What a viewer could send about segments: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from services.members.segments.listing import AddToSegment, TakeFromSegment
from services.members.segments.segment import ChangeSegment, CreateSegment, DeleteSegment


async def _brand(asked: Asked) -> list[Example]:
    return named(asked.example(CreateSegment, segment_id=NEW, name=NEW))


async def _segment(asked: Asked) -> list[Example]:
    one, listed = {"segment_id": asked.id}, {"member_ids": (asked.viewer,)}
    return named(
        *(asked.example(ChangeSegment, **one, name=name) for name in ("new", "newer")),
        asked.example(DeleteSegment, **one),
        asked.example(AddToSegment, **one, **listed),
        asked.example(TakeFromSegment, **one, **listed),
    )


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "segment": _segment}
