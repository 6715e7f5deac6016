"""What a viewer could send about brands, spaces, posts and replies here: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.audience import Audience
from libs.access.permissions import NEW, Asked, Example, Examples, named
from services.discussions.reaction import AddReaction, Emoji, RemoveReaction
from services.discussions.space import ChangeSpaceAudience, CreateSpace, SpaceKind
from services.discussions.thread import ChangeTags, LockThread, PublishPost, PublishReply, UnlockThread


async def _brand(asked: Asked) -> list[Example]:
    return named(asked.example(CreateSpace, space_id=NEW, slug=NEW, name=NEW, kind=SpaceKind.DISCUSSION))


async def _space(asked: Asked) -> list[Example]:
    # For whom it is changes by one of these, whoever it is for now.
    audiences = [asked.example(ChangeSpaceAudience, space_id=asked.id, audience=one) for one in (None, Audience())]
    return named(asked.example(PublishPost, thread_id=NEW, space_id=asked.id, title=NEW, body=NEW), *audiences)


async def _post(asked: Asked) -> list[Example]:
    thread = {"thread_id": asked.id}
    # Its tags change by one of these, whatever they are now.
    tags = [asked.example(ChangeTags, **thread, tags=tags) for tags in ((), (NEW,))]
    return [
        *named(asked.example(PublishReply, **thread, reply_id=NEW, body=NEW), *tags),
        *named(asked.example(LockThread, **thread), asked.example(UnlockThread, **thread)),
        *_reactions(asked, asked.id),
    ]


async def _reply(asked: Asked) -> list[Example]:
    answer = asked.example(PublishReply, thread_id=asked.holder, reply_id=NEW, body=NEW, reply_to=asked.id)
    return [*named(answer), *_reactions(asked, asked.holder)]


def _reactions(asked: Asked, thread: str) -> list[Example]:
    reaction = {"thread_id": thread, "target_id": asked.id, "emoji": Emoji.HEART}
    return named(asked.example(AddReaction, **reaction), asked.example(RemoveReaction, **reaction))


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "space": _space, "post": _post, "reply": _reply}
