"""The commands of events whose rules reach beyond one event: who is in the brand, and in which segments."""

import asyncio
from dataclasses import replace

from msgspec.structs import replace as with_fields

from libs.access.audiences import Audiences
from libs.access.authorizer import Authorizer
from libs.access.roles import LEADERS, require
from libs.access.scopes import is_account
from libs.shared.app import App
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Accepted, NotFound
from services.events.decisions import DECIDER, CancelRsvp, CheckIn, EventCommand, Rsvp
from services.events.event import UPCASTERS, CommunityEvent, EventEvent
from services.events.ground_rules import AsGuest
from services.events.inviting import InviteToEvent


class Commands:
    """Registers and answers them."""

    def __init__(self, app: App, authorizer: Authorizer, audiences: Audiences) -> None:
        self._authorizer = authorizer
        self._audiences = audiences
        own = tuple(command for command in DECIDER.commands if command is not InviteToEvent)
        self.events: CommandHandler[CommunityEvent, EventCommand, EventEvent] = app.aggregate(
            replace(DECIDER, commands=own),
            guards=dict.fromkeys((Rsvp, CancelRsvp, CheckIn), self._with_segments),
            upcasters=UPCASTERS,
        )
        app.command("event", InviteToEvent, self._invite, rehearse=self.events)

    async def _with_segments(self, command: AsGuest) -> AsGuest:
        """The command with the actor's segments, where the event, as far as it is remembered, asks for any."""
        event = await self.events.state(command.brand, DECIDER.identify(command))  # type: ignore[arg-type]
        if event.guests.audience is None or not event.guests.audience.segments:
            return with_fields(command, segments=None)
        viewer = await self._audiences.viewer(command.brand, command.actor)
        return with_fields(command, segments=viewer.segments)

    async def _invite(self, command: InviteToEvent) -> Accepted:
        require(command.roles, *LEADERS)
        known = await asyncio.gather(*(self._is_person(command.brand, member) for member in command.member_ids))
        if not all(known):
            raise NotFound("there is no such member", ("member_ids", known.index(False)))
        return await self.events.handle(command)

    async def _is_person(self, brand: str, id_: str) -> bool:
        return id_ != SYSTEM and not is_account(id_) and await self._authorizer.is_in(brand, id_)
