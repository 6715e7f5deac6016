"""What a viewer could send about networking and blocks: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from services.members.networking.block_list import BlockMember, UnblockMember
from services.members.networking.networking import ChooseNetworking, DismissSuggestion, LeaveNetworking
from services.members.networking.tag_list import OfferTags


async def _brand(asked: Asked) -> list[Example]:
    oneself = {"member_id": asked.viewer}
    return named(
        *(asked.example(ChooseNetworking, **oneself, interests=interests) for interests in ((), (NEW,))),
        asked.example(LeaveNetworking, **oneself),
        *(asked.example(OfferTags, brand_id=asked.id, tags=tags) for tags in ((), (NEW,))),
    )


async def _member(asked: Asked) -> list[Example]:
    oneself = {"member_id": asked.viewer}
    return named(
        asked.example(DismissSuggestion, **oneself, dismissed_id=asked.id),
        asked.example(BlockMember, **oneself, blocked_id=asked.id),
        asked.example(UnblockMember, **oneself, blocked_id=asked.id),
    )


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "member": _member}
