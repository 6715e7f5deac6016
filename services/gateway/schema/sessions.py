"""Ending sessions before their tokens expire."""

import strawberry
from strawberry import ID

from libs.shared.domain import NO_BRAND
from services.gateway import ids
from services.gateway.context import Info
from services.gateway.schema.common import CommandId, Payload, command, field


@strawberry.type
class SignOutPayload(Payload):
    """Sessions that were ended."""

    @field
    def signed_out(self) -> bool | None:
        """True when tokens issued before now count no longer; null when refused."""
        return True if self.done else None


@strawberry.input
class SignOutEverywhereInput:
    """Nothing needs to be said."""

    command_id: CommandId = None


@strawberry.input
class SignOutMemberInput:
    """A member."""

    member_id: ID
    command_id: CommandId = None


@strawberry.type
class SessionMutation:
    """Commands on sessions."""

    @command
    async def sign_out_everywhere(self, info: Info, input: SignOutEverywhereInput) -> SignOutPayload:  # noqa: A002
        """End all sessions of the sender, this one included: tokens issued before now are refused within seconds."""
        context, to = info.context, "members.session.end_sessions"
        identity = context.identity()
        command_id = context.command_id(NO_BRAND, identity, to, input.command_id)
        return SignOutPayload(done=await context.send(NO_BRAND, identity, to, command_id))

    @command
    async def sign_out_member(self, info: Info, input: SignOutMemberInput) -> SignOutPayload:  # noqa: A002
        """End all sessions of a member, in every brand.  Owners of the member's brand, and operators."""
        member = ids.expect(input.member_id, "memberId", "Member")
        done = await info.context.act(
            member.brand,
            "members.session.end_sessions_of_member",
            input.command_id,
            asker=info.context.identity(),
            member_id=member.key,
        )
        return SignOutPayload(done=done)
