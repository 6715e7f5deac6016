"""The commands of discussions whose rules reach over several aggregates: unique slugs, things that must exist."""

from dataclasses import replace
from typing import Final

from cachetools import LRUCache
from msgspec import structs

from libs.access.roles import in_space
from libs.shared.claims import Claim, claims
from libs.shared.commands import handle_together
from libs.shared.domain import Accepted, DomainError
from libs.shared.service import App
from services.discussions import reaction, space, thread
from services.discussions.reaction import AddReaction, ReactionCommand, RemoveReaction, admit_reaction
from services.discussions.space import ChangeSpaceAudience, CreateSpace, Space, admit_post
from services.discussions.thread import (
    ChangeTags,
    ChangeTagsOf,
    LockThread,
    PublishPost,
    PublishReply,
    Thread,
    UnlockThread,
)
from services.discussions.views.threads import ThreadsView
from services.discussions.visibility import Visibility

#: How many posts a process remembers the authors of.
_AUTHORS: Final = 10_000


class Commands:
    """Registers and answers them."""

    def __init__(self, app: App, visible: Visibility, posts: ThreadsView) -> None:
        self._app = app
        self._visible = visible
        self._posts = posts
        self._authors: LRUCache[tuple[str, str], str] = LRUCache(_AUTHORS)
        # A space comes with the claim of its slug: the method below answers its command.
        self._spaces = app.aggregate(replace(space.DECIDER, commands=(ChangeSpaceAudience,)), upcasters=space.UPCASTERS)
        self._slugs = app.aggregate(replace(claims("space_slug"), commands=()))
        self._threads = app.aggregate(
            thread.DECIDER,
            guards={
                PublishPost: self._guard_post,
                ChangeTags: self._guard_tags,
                PublishReply: self._guard_thread,
                LockThread: self._guard_thread,
                UnlockThread: self._guard_thread,
            },
            upcasters=thread.UPCASTERS,
        )
        app.aggregate(
            reaction.DECIDER,
            guards={AddReaction: self._guard_reaction, RemoveReaction: self._guard_reaction},
            open_set=True,
        )
        app.command("space", CreateSpace, self._create_space, rehearse=self._spaces)

    async def _create_space(self, command: CreateSpace) -> Accepted:
        claim = Claim(
            command_id=command.command_id,
            brand=command.brand,
            actor=command.actor,
            now=command.now,
            name=command.slug,
            holder=command.space_id,
        )
        try:
            return await handle_together((self._spaces, command), (self._slugs, claim))
        except DomainError as refusal:
            if refusal.code == "NAME_TAKEN":  # the claim's `name` is the caller's `slug`
                raise DomainError(refusal.code, refusal.message, ("slug",)) from None
            raise

    async def _guard_post(self, command: PublishPost) -> None:
        known = await self._spaces.state(command.brand, command.space_id)
        if not known.exists:
            known = await self._spaces.state(command.brand, command.space_id, fresh=True)
        hidden = await self._visible.hidden(command.brand, command.actor)
        # What somebody is not let into is to them as if it was not there.
        admit_post(Space() if command.space_id in hidden else known, in_space(command.roles, command.space_id))

    async def _guard_tags(self, command: ChangeTags) -> ChangeTagsOf:
        await self._guard_thread(command)
        return ChangeTagsOf(**structs.asdict(command), author=await self._author(command.brand, command.thread_id))

    async def _author(self, brand: str, thread_id: str) -> str:
        """Who wrote a post; nobody ("") for one that is not there.  It never changes, so it is remembered."""
        author = self._authors.get((brand, thread_id)) or await self._posts.author(brand, thread_id)
        if author is None:
            # It may be newer than the view.
            head = await self._app.store.head(self._threads.subject(brand, thread_id))
            await self._app.positions.wait(self._posts, {self._posts.stream: head}, self._app.settings.stale_seconds)
            author = await self._posts.author(brand, thread_id)
        if author is None:
            return ""
        self._authors[brand, thread_id] = author
        return author

    async def _guard_thread(self, command: PublishReply | ChangeTags | LockThread | UnlockThread) -> None:
        if hidden := await self._visible.hidden(command.brand, command.actor):
            known = await self._threads.state(command.brand, command.thread_id)
            if not known.exists:
                known = await self._threads.state(command.brand, command.thread_id, fresh=True)
            if known.space_id in hidden:
                thread.decide(Thread(), command)  # refuses as it does for a thread that is not there

    async def _guard_reaction(self, command: ReactionCommand) -> None:
        hidden = await self._visible.hidden(command.brand, command.actor)

        async def admit(*, fresh: bool) -> None:
            known = await self._threads.state(command.brand, command.thread_id, fresh=fresh)
            admit_reaction(Thread() if known.space_id in hidden else known, command)

        try:
            await admit(fresh=False)
        except DomainError:
            # The reply may be newer than what this process remembers.
            await admit(fresh=True)
