"""How did members react to posts and replies, and how did the one who asks?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import IndexModel

from libs.shared.domain import Id, Query
from libs.shared.projection import Change, Counter, SetMember, View
from libs.shared.recorded import Recorded
from services.discussions import reaction
from services.discussions.reaction import Emoji, ReactionAdded, ReactionRemoved


class EmojiCount(Struct, frozen=True, kw_only=True):
    """How many members say `emoji`."""

    emoji: Emoji
    count: int


class TargetReactions(Struct, frozen=True, kw_only=True):
    """The reactions to one post or reply: `counts` without zeros and `mine`, the viewer's, in the order of Emoji."""

    target_id: str
    counts: list[EmojiCount]
    mine: list[Emoji]


class ReactionsGetMany(Query, frozen=True, kw_only=True):
    """The reactions to posts and replies by id, in the order of `target_ids`; an unknown target has none."""

    wire_name: ClassVar[str] = "reactions_get_many"

    target_ids: Annotated[list[Id], Meta(max_length=100)]
    #: Never travels: the targets among them that the viewer does not see, and that so have no reactions.
    hidden: tuple[Id, ...] = ()


class ReactionsView(View):
    """Two collections.

    `reactions`: a document for each reaction that stands; `whose` is brand:member:target.
    `targets`: a document a post or reply, `_id` brand:target, with `counts`: emoji → how many.
    """

    name = "reactions"
    version = 1
    stream = "DISCUSSIONS"
    events = reaction.DECIDER.events
    subjects = ("evt.discussions.*.reaction.>",)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"reactions": (IndexModel("whose"),), "targets": ()}

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        match recorded.event:
            case ReactionAdded() as event:
                yield _reaction(recorded, event, stands=True)
            case ReactionRemoved() as event:
                yield _reaction(recorded, event, stands=False)

    async def reactions_get_many(self, query: ReactionsGetMany) -> list[TargetReactions]:
        """The reactions to `target_ids`, in that order."""
        seen = [target for target in query.target_ids if target not in query.hidden]
        counts = {
            document["_id"].partition(":")[2]: document["counts"]
            async for document in self.collection("targets").find(
                {"_id": {"$in": [f"{query.brand}:{target}" for target in seen]}}
            )
        }
        whose = {f"{query.brand}:{query.viewer}:{target}": target for target in seen}
        mine: dict[str, set[str]] = {}
        async for document in self.collection("reactions").find({"whose": {"$in": list(whose)}}):
            mine.setdefault(whose[document["whose"]], set()).add(document["emoji"])
        return [_target(target, counts.get(target, {}), mine.get(target, set())) for target in query.target_ids]


def _reaction(recorded: Recorded[Any], event: ReactionAdded | ReactionRemoved, *, stands: bool) -> SetMember:
    whose = f"{recorded.brand}:{recorded.actor}:{event.target_id}"
    return SetMember(
        collection="reactions",
        id=f"{whose}:{event.emoji}",
        document={"whose": whose, "emoji": event.emoji.value} if stands else None,
        counters=(Counter("targets", f"{recorded.brand}:{event.target_id}", f"counts.{event.emoji}"),),
    )


def _target(target_id: str, counts: Mapping[str, int], mine: set[str]) -> TargetReactions:
    return TargetReactions(
        target_id=target_id,
        counts=[EmojiCount(emoji=emoji, count=counts[emoji]) for emoji in Emoji if counts.get(emoji)],
        mine=[emoji for emoji in Emoji if emoji in mine],
    )
