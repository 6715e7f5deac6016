"""Ends sessions: one's own, or those of a member; it decides who may, and tells every gateway through the bucket.

A session is no fact of the community, so nothing of it stands in the log.
"""

from typing import ClassVar

from libs.access.authorizer import Authorizer
from libs.access.roles import Role, require
from libs.access.scopes import is_account
from libs.shared import signed_out
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, Forbidden, Id, Invalid
from libs.shared.service import App
from libs.shared.streams import ensure_streams
from services.members.views.member_list import MemberListView


class EndSessions(Command, frozen=True, kw_only=True):
    """End every session that the actor has begun before `now`.  Envelope: brand `NO_BRAND`, actor an identity."""

    wire_name: ClassVar[str] = "end_sessions"


class EndSessionsOfMember(Command, frozen=True, kw_only=True):
    """End every session of the person behind a member, in all brands.  `asker` is the identity of the actor.

    Owners of the brand and operators only.
    """

    wire_name: ClassVar[str] = "end_sessions_of_member"

    asker: Id
    member_id: Id


class Sessions:
    """Registers and answers both commands."""

    def __init__(self, app: App, authorizer: Authorizer, members: MemberListView) -> None:
        self._app = app
        self._authorizer = authorizer
        self._members = members
        # Who may is decided here: an operator need not be a member, and nobody needs a role for their own sessions.
        app.command("session", EndSessions, self._end, open_to_all=True)
        app.command(
            "session", EndSessionsOfMember, self._end_of_member, open_to_all=True, rehearse=self._may_end_of_member
        )
        app.on_start(self._make_bucket)

    async def _make_bucket(self) -> None:
        await ensure_streams(self._app.nats, signed_out.bucket(self._app.settings.stream_replicas))

    async def _end(self, command: EndSessions) -> Accepted:
        if command.brand != NO_BRAND:
            raise Invalid("sessions stand above brands", ("brand",))
        if command.actor == SYSTEM or is_account(command.actor):
            raise Forbidden("only a person has sessions; revoke the key of a service account")
        await signed_out.put(self._app.nats, command.actor, command.now)
        return Accepted(id=command.actor, position={})

    async def _end_of_member(self, command: EndSessionsOfMember) -> Accepted:
        identity = await self._identity_that_may_be_signed_out(command)
        await signed_out.put(self._app.nats, identity, command.now)
        return Accepted(id=command.member_id, position={})

    async def _may_end_of_member(self, command: EndSessionsOfMember) -> bool:
        await self._identity_that_may_be_signed_out(command)
        return True

    async def _identity_that_may_be_signed_out(self, command: EndSessionsOfMember) -> str:
        if command.actor != SYSTEM and command.asker not in self._app.settings.operators:
            if is_account(command.actor):
                raise Forbidden
            require(await self._authorizer.to_act(command.brand, command.actor), Role.OWNER)
        return await self._members.identity_of(command.brand, command.member_id)
