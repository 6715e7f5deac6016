"""The commands of discussions whose rules reach over several aggregates: unique slugs, things that must exist."""

from dataclasses import replace

from libs.access.roles import in_space
from libs.shared.claims import Claim, claims
from libs.shared.commands import handle_together
from libs.shared.domain import Accepted, DomainError
from libs.shared.service import App
from services.discussions import reaction, space, thread
from services.discussions.reaction import AddReaction, ReactionCommand, RemoveReaction, admit_reaction
from services.discussions.space import ChangeSpaceAudience, CreateSpace, Space, admit_post
from services.discussions.thread import LockThread, PublishPost, PublishReply, Thread, UnlockThread
from services.discussions.visibility import Visibility


class Commands:
    """Registers and answers them."""

    def __init__(self, app: App, visible: Visibility) -> None:
        self._visible = visible
        # A space comes with the claim of its slug: the method below answers its command.
        self._spaces = app.aggregate(replace(space.DECIDER, commands=(ChangeSpaceAudience,)), upcasters=space.UPCASTERS)
        self._slugs = app.aggregate(replace(claims("space_slug"), commands=()))
        self._threads = app.aggregate(
            thread.DECIDER,
            guards={
                PublishPost: self._guard_post,
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

    async def _guard_thread(self, command: PublishReply | LockThread | UnlockThread) -> None:
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
