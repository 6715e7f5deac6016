"""What people can ask about what is held about them: all of it, and that it is destroyed."""

from typing import Any

import strawberry
from msgspec import Struct
from strawberry import ID
from strawberry.scalars import JSON

from libs.shared.domain import Invalid, NotFound
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import SERVICES
from services.gateway.schema.common import CommandId, Payload, command, field, unless_missing
from services.gateway.schema.erasure import Erasure, load_erasure
from services.gateway.schema.members import Member, load_member


class ExportItemReply(Struct, frozen=True):
    """One thing that a service holds."""

    kind: str
    id: str
    data: dict[str, Any]


class ExportPageReply(Struct, frozen=True):
    """A page of a service's things."""

    items: list[ExportItemReply]
    next: str | None


@strawberry.type(description="One thing that is held about the sender.")
class ExportItem:
    """A thing of an export."""

    service: str = strawberry.field(description="Which service holds it.")
    kind: str = strawberry.field(description="What it is: membership, post, reply, rsvp, idea, vote …")
    data: JSON = strawberry.field(description="Everything that is held of it.")


@strawberry.type(description="A page of what is held about the sender.")
class Export:
    """A page of an export."""

    items: list[ExportItem]
    next: str | None = strawberry.field(description="Ask again with it as `after`; null when this was the last page.")


@strawberry.type
class PrivacyPart:
    """The part of the type Me about one's own data."""

    @field
    async def export(self, info: Info, brand_slug: str, after: str | None = None) -> Export:
        """What every service holds about the sender in a brand, page by page; for who has left, too."""
        scope = await _inside(info, brand_slug)
        service, _, cursor = (after or SERVICES[0]).partition(":")
        if service not in SERVICES:
            raise Invalid("not a cursor of this list", ("after",))
        found = await scope.ask(service, "member_export", ExportPageReply, member_id=scope.viewer, after=cursor or None)
        return Export(
            items=[ExportItem(service=service, kind=item.kind, data=JSON(item.data)) for item in found.items],
            next=_next(service, found.next),
        )

    @field
    async def erasure(self, info: Info, brand_slug: str) -> Erasure | None:
        """How far the erasure of the sender from a brand is; null when nobody asked for one."""
        scope = await _inside(info, brand_slug)
        return await load_erasure(scope, scope.viewer)


@strawberry.type
class EraseMePayload(Payload):
    """The erasure that has begun."""

    @field
    async def erasure(self) -> Erasure | None:
        """How far it is; null when refused."""
        return await load_erasure(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class EraseMemberPayload(EraseMePayload):
    """The member whose erasure has begun."""

    @field
    async def member(self) -> Member | None:
        """The member, who has left now; null when refused, and for who was the member."""
        return await unless_missing(load_member(self.done.scope, self.done.id)) if self.done else None


@strawberry.input
class EraseMeInput:
    """Be erased from a brand."""

    brand_id: ID
    command_id: CommandId = None


@strawberry.input
class EraseMemberInput:
    """Erase a member from their brand."""

    member_id: ID
    command_id: CommandId = None


@strawberry.type
class PrivacyMutation:
    """Commands on personal data."""

    @command
    async def erase_me(self, info: Info, input: EraseMeInput) -> EraseMePayload:  # noqa: A002
        """End one's membership and have everything personal in it destroyed.  It is final: nobody can come back."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        member = info.context.member(brand)
        done = await info.context.act(brand, "members.member.erase_member", input.command_id, member_id=member)
        return EraseMePayload(done=done)

    @command
    async def erase_member(self, info: Info, input: EraseMemberInput) -> EraseMemberPayload:  # noqa: A002
        """End a membership and have everything personal in it destroyed, also of who has left or never signed in.

        It is final: nobody can come back.  Owners, and the member; of an owner only once the role is taken from them.
        """
        member = ids.expect(input.member_id, "memberId", "Member")
        done = await info.context.act(
            member.brand, "members.member.erase_member", input.command_id, member_id=member.key
        )
        return EraseMemberPayload(done=done)


async def _inside(info: Info, slug: str) -> Scope:
    """The brand as the sender's own member sees it, member or not; raises `Unauthenticated`, `NotFound`."""
    info.context.identity()
    asked = info.context.everywhere().ask("members", "brand_by_slug", replies.BrandReply, slug=slug)
    brand = await unless_missing(asked)
    if brand is None:
        raise NotFound("there is no such brand", ("brandSlug",))
    return info.context.inside(brand.id)


def _next(service: str, cursor: str | None) -> str | None:
    """The place of the next page: in this service, else at the start of the one that follows."""
    if cursor is not None:
        return f"{service}:{cursor}"
    following = SERVICES[SERVICES.index(service) + 1 :]
    return following[0] if following else None
