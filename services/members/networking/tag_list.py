"""The tags that a brand offers its members to describe themselves with, and whether they may use words of their own."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, NotFound
from libs.shared.tags import normalised, normalised_all
from libs.shared.text import Label

# Events


class TagsOffered(Event, frozen=True, kw_only=True):
    """A leader offers these tags from now on, normalised; with `only_these`, members choose among them."""

    wire_name: ClassVar[str] = "tags_offered"

    tags: tuple[str, ...]
    only_these: bool


# State


class TagList(Struct, frozen=True, kw_only=True):
    """What is offered.  At first nothing is, and every word may be used."""

    tags: tuple[str, ...] = ()
    only_these: bool = False

    def check(self, tags: tuple[str, ...], field: str) -> None:
        """Raise TAG_NOT_OFFERED at `field` for a tag that members may not use."""
        if not self.only_these:
            return
        offered = frozenset(self.tags)
        for number, tag in enumerate(tags):
            if normalised(tag) not in offered:
                raise DomainError("TAG_NOT_OFFERED", "this brand has a list of tags to choose from", (field, number))


def evolve(_state: TagList, event: TagsOffered) -> TagList:
    """The list after `event`."""
    return TagList(tags=event.tags, only_these=event.only_these)


# Commands


class OfferTags(Command, frozen=True, kw_only=True):
    """Offer tags in place of those before; what members have chosen stays theirs.  Leaders only."""

    wire_name: ClassVar[str] = "offer_tags"

    brand_id: Id
    tags: Annotated[tuple[Label, ...], Meta(max_length=500)]
    only_these: bool = False


# Decisions


def decide(state: TagList, command: OfferTags) -> list[TagsOffered]:
    """The fact that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, INVALID."""
    require(command.roles, *LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    tags = normalised_all(command.tags, "tags")
    if (tags, command.only_these) == (state.tags, state.only_these):
        return []
    return [TagsOffered(tags=tags, only_these=command.only_these)]


DECIDER: Decider[TagList, OfferTags, TagsOffered] = Decider(
    aggregate="tag_list",
    initial=TagList(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(OfferTags,),
    events=(TagsOffered,),
)
