"""Invitations by e-mail: whom a brand has asked to join, and what became of it."""

from datetime import datetime
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import NO_BRAND, DomainError
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import BRANDS, INVITATIONS
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    Node,
    Payload,
    command,
    connection,
    field,
    optional,
    page_arguments,
)
from services.gateway.schema.members import Member, MemberPayload, load_members
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.roles import Role

_AGGREGATE: Final = "members.invitation"


@strawberry.enum(description="What became of an invitation.  Whether it was read is nobody's business.")
class InvitationStatus(Enum):
    """States, as services name them."""

    SENDING = strawberry.enum_value("sending", description="Its mail is on the way to the mail server.")
    SENT = strawberry.enum_value("sent", description="The mail server has taken its mail.")
    BOUNCED = strawberry.enum_value("bounced", description="The mail server refused its mail.")
    OPTED_OUT = strawberry.enum_value("opted_out", description="Who reads that address wants no mails of the brand.")
    ACCEPTED = strawberry.enum_value("accepted", description="Somebody joined with it.")
    REVOKED = strawberry.enum_value("revoked", description="It was taken back.")
    EXPIRED = strawberry.enum_value("expired", description="Its time ran out.")


@strawberry.enum(description="Whether an invitation can be accepted.")
class InvitationOfferStatus(Enum):
    """States, as services name them."""

    PENDING = strawberry.enum_value("pending", description="It can be accepted.")
    ACCEPTED = strawberry.enum_value("accepted", description="Somebody has joined with it.")
    REVOKED = strawberry.enum_value("revoked", description="It was taken back.")
    EXPIRED = strawberry.enum_value("expired", description="Its time ran out.")


@strawberry.type(description="What an invitation offers to whoever has the link.")
class InvitationOffer:
    """An invitation before it is accepted."""

    brand_id: ID
    brand_slug: str = strawberry.field(description="The name of the brand in addresses.")
    brand_name: str = strawberry.field(description="The name of the brand.")
    role: Role = strawberry.field(description="The role that accepting gives.")
    status: InvitationOfferStatus = strawberry.field(description="Whether it can be accepted.")


@strawberry.type(description="An invitation by e-mail to join a brand.")
class Invitation(Node):
    """An invitation, as leaders see it."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.InvitationReply]
    status: InvitationStatus = strawberry.field(description="How far it is.")
    role: Role = strawberry.field(description="The role that accepting gives.")
    address: str | None = strawberry.field(
        description="Where it was sent; null when it was accepted, and 30 days after it was revoked or expired."
    )
    name: str | None = strawberry.field(description="The name in it; null with the address.")
    message: str | None = strawberry.field(description="The words that were added; null with the address.")
    language: str | None = strawberry.field(description="The language of its mail, BCP 47; null for the brand's own.")
    mails: int = strawberry.field(description="How often its mail was sent: at most five times.")
    invited_at: datetime = strawberry.field(description="When it was sent for the first time.")
    expires_at: datetime = strawberry.field(description="Until when it can be accepted.")

    @staticmethod
    def of(row: replies.InvitationReply, scope: Scope) -> "Invitation":
        """An invitation as a service sees it."""
        return Invitation(
            id=ids.encode("Invitation", scope.brand, row.id),
            scope=scope,
            row=row,
            status=InvitationStatus(row.status),
            role=Role(row.role),
            address=row.address,
            name=row.name,
            message=row.message,
            language=row.language,
            mails=row.mails,
            invited_at=row.invited_at,
            expires_at=row.expires_at,
        )

    @batch
    @staticmethod
    async def invited_by(those: list["Invitation"]) -> Answers[Member | None]:
        """The member who invited; null for the platform itself."""
        return await load_members((one.scope, one.row.invited_by) for one in those)

    @batch
    @staticmethod
    async def accepted_by(those: list["Invitation"]) -> Answers[Member | None]:
        """The member who accepted; null before."""
        return await load_members((one.scope, one.row.accepted_by) if one.row.accepted_by else None for one in those)

    @batch
    @staticmethod
    async def viewer_can(those: list["Invitation"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("invitation", ((one.scope, one.row.id) for one in those), "members")


async def load_invitation(scope: Scope, key: str) -> Invitation | None:
    """An invitation by id."""
    return await INVITATIONS.object(scope, key, Invitation.of)


@strawberry.type
class BrandInvitations(BrandPart):
    """The part of a brand that is about invitations."""

    @field
    async def invitations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Invitation] | None:
        """The invitations, newest first.  Owners and builders only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("members", "invitation_page", replies.PageReply[replies.InvitationReply], page=page)
        return connection(found, lambda row: Invitation.of(row, scope))


@strawberry.type
class InvitationQuery:
    """The question before an invitation is accepted."""

    @field
    async def invitation_offer(self, info: Info, token: str) -> InvitationOffer | None:
        """What the invitation with this token, the end of the link in its mail, offers; public.  Null for no token."""
        scope = info.context.everywhere()
        try:
            found = await scope.ask("members", "invitation_offer", replies.InvitationOfferReply, token=token)
        except DomainError as refusal:
            if refusal.code in {"INVALID_INVITATION", "INVALID"}:
                return None
            raise
        return await BRANDS.object(scope, found.brand_id, lambda brand, _: _offer(found, brand))


def _offer(found: replies.InvitationOfferReply, brand: replies.BrandReply) -> InvitationOffer:
    return InvitationOffer(
        brand_id=ids.encode("Brand", NO_BRAND, brand.id),
        brand_slug=brand.slug,
        brand_name=brand.name,
        role=Role(found.role),
        status=InvitationOfferStatus(found.status),
    )


@strawberry.type
class InvitationPayload(Payload):
    """The invitation that was sent or changed."""

    @field
    async def invitation(self) -> Invitation | None:
        """The invitation; null when refused."""
        return await load_invitation(self.done.scope, self.done.id) if self.done else None


@strawberry.input
class InviteMemberInput:
    """Somebody to invite."""

    brand_id: ID
    address: str = strawberry.field(description="Their e-mail address.")
    name: str | None = strawberry.field(default=None, description="How the mail calls them.")
    role: Role = strawberry.field(default=Role.MEMBER, description="The role that accepting gives; owners only.")
    language: str | None = strawberry.field(
        default=None, description="The language of the mail, BCP 47; the brand's own when nothing is said."
    )
    message: str | None = strawberry.field(default=None, description="Words of one's own, at most 1,000 characters.")
    valid_days: int | None = strawberry.field(default=None, description="How long it holds, 1–90 days; 14 by itself.")
    command_id: CommandId = None


@strawberry.input
class InvitationInput:
    """An invitation."""

    invitation_id: ID = strawberry.field(description="The invitation.")
    command_id: CommandId = None


@strawberry.input
class AcceptInvitationInput:
    """Accept an invitation."""

    brand_id: ID
    token: str = strawberry.field(description="The end of the link in the mail.")
    display_name: str
    accepted_rules: int | None = strawberry.field(
        default=None, description="The version of the rules that the sender accepts; needed when the brand has rules."
    )
    command_id: CommandId = None


@strawberry.type
class InvitationMutation:
    """Commands on invitations."""

    @command
    async def invite_member(self, info: Info, input: InviteMemberInput) -> InvitationPayload:  # noqa: A002
        """Invite somebody by e-mail.  Owners and builders only; owners only for a role beside MEMBER.

        An address that is invited already is not invited again; who wrote that they want no mails gets none.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        more = optional(name=input.name, language=input.language, message=input.message, valid_days=input.valid_days)
        return await _act(
            info, brand, "invite_member", input.command_id, address=input.address, role=input.role.value, **more
        )

    @command
    async def resend_invitation(self, info: Info, input: InvitationInput) -> InvitationPayload:  # noqa: A002
        """Send the mail once more: once a day, five times in all.  Its time begins anew.  As `inviteMember`."""
        return await _change(info, "resend_invitation", input)

    @command
    async def revoke_invitation(self, info: Info, input: InvitationInput) -> InvitationPayload:  # noqa: A002
        """Take an invitation back: nobody joins with it any more.  Owners and builders only."""
        return await _change(info, "revoke_invitation", input)

    @command
    async def accept_invitation(self, info: Info, input: AcceptInvitationInput) -> MemberPayload:  # noqa: A002
        """Accept an invitation and join with its role, also a brand that is not open yet.

        One person can accept it, as often as they like; for others it is then INVITATION_USED.
        """
        context = info.context
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        email = context.principal.email if context.principal else None
        done = await context.act(
            brand,
            f"{_AGGREGATE}.accept_invitation",
            input.command_id,
            token=input.token,
            member_id=context.member(brand),
            identity=context.identity(),
            display_name=input.display_name,
            **optional(email=email, accepted_rules=input.accepted_rules),
        )
        return MemberPayload(done=done)


async def _change(info: Info, name: str, given: InvitationInput) -> InvitationPayload:
    invitation = ids.expect(given.invitation_id, "invitationId", "Invitation")
    return await _act(info, invitation.brand, name, given.command_id, invitation_id=invitation.key)


async def _act(info: Info, brand: str, name: str, command_id: str | None, /, **fields: Any) -> InvitationPayload:
    return InvitationPayload(done=await info.context.act(brand, f"{_AGGREGATE}.{name}", command_id, **fields))
