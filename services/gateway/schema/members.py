"""Members of a brand: who they are there, and the roles they hold."""

from datetime import datetime

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import Invalid
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import BLOCKS, MEMBERS, Asked
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    Payload,
    command,
    connection,
    field,
    known,
    optional,
    page_arguments,
    unless_missing,
)
from services.gateway.schema.erasure import ErasurePart
from services.gateway.schema.followable import Followable
from services.gateway.schema.honours import MemberHonours
from services.gateway.schema.member_profile import MemberProfile
from services.gateway.schema.member_standing import StandingPart
from services.gateway.schema.roles import Role


@strawberry.type(description="A person's membership of one brand.  The same person is another member elsewhere.")
class Member(Followable, MemberProfile, StandingPart, MemberHonours, ErasurePart):
    """A member; what they tell beside their name is in `MemberProfile`."""

    display_name: str
    roles: list[Role]
    joined_at: datetime
    left_at: datetime | None

    @staticmethod
    def of(row: replies.MemberReply, scope: Scope) -> "Member":
        """A member as a service sees it."""
        return Member(
            id=ids.encode("Member", scope.brand, row.id),
            scope=scope,
            key=row.id,
            display_name=row.display_name,
            roles=known(row.roles, Role),
            joined_at=row.joined_at,
            left_at=row.left_at,
        )

    @batch
    @staticmethod
    async def viewer_blocks(those: list["Member"]) -> Answers[bool]:
        """Whether the sender blocks this member: clients hide what they write then.  Nobody else is told."""
        return await BLOCKS.present(((one.scope, one.key) for one in those), lambda blocks, _: blocks)


async def load_member(scope: Scope, key: str) -> Member | None:
    """A member by id; None for the platform itself and for ids of other brands."""
    return await MEMBERS.object(scope, key, Member.of)


async def load_members(asked: Asked) -> Answers[Member | None]:
    """Members by id."""
    return await MEMBERS.objects(asked, Member.of)


@strawberry.type
class BrandMembers(BrandPart):
    """The part of a brand that the members service answers."""

    @field
    async def members(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Member] | None:
        """Who has joined, newest first.  Members only."""
        scope = self.inside(info)
        page = page_arguments(first, after, last, before)
        found = await scope.ask("members", "member_page", replies.PageReply[replies.MemberReply], page=page)
        return connection(found, lambda row: Member.of(row, scope))

    @field
    async def member(self, info: Info, id: ID) -> Member | None:  # noqa: A002 - the schema calls it id
        """One member of this brand.  Members only."""
        scope = self.inside(info)
        found = ids.decode(id)
        if found is None or found.type != "Member" or found.brand != scope.brand:
            return None
        return await load_member(scope, found.key)

    @field
    async def viewer(self, info: Info) -> Member | None:
        """The sender as a member; null for who has not joined."""
        if info.context.principal is None:
            return None
        scope = self.inside(info)
        member = await unless_missing(load_member(scope, scope.viewer))
        return member if member and member.left_at is None else None


@strawberry.type
class MemberPayload(Payload):
    """The member that was changed."""

    @field
    async def member(self) -> Member | None:
        """The member as changed; null when refused."""
        return await load_member(self.done.scope, self.done.id) if self.done else None


@strawberry.input
class JoinBrandInput:
    """Join a brand."""

    brand_id: ID
    display_name: str
    accepted_rules: int | None = strawberry.field(
        default=None, description="The version of the rules that the sender accepts; needed when the brand has rules."
    )
    source: str | None = strawberry.field(default=None, description="How the sender came, as a slug.")
    referrer_id: ID | None = strawberry.field(default=None, description="The member who brought the sender.")
    command_id: CommandId = None


@strawberry.input
class ChangeProfileInput:
    """Change one's own profile; what is left out stays."""

    brand_id: ID
    display_name: str | None = None
    bio: str | None = None
    command_id: CommandId = None


@strawberry.input
class MemberRoleInput:
    """A role of a member, in the whole brand or in one space."""

    member_id: ID
    role: Role
    space_id: ID | None = strawberry.field(default=None, description="The space; null for the whole brand.")
    expires_at: datetime | None = strawberry.field(
        default=None, description="For a grant: when it ends by itself, within ten years; null for one without an end."
    )
    command_id: CommandId = None


@strawberry.type
class MemberMutation:
    """Commands on members."""

    @command
    async def join_brand(self, info: Info, input: JoinBrandInput) -> MemberPayload:  # noqa: A002
        """Join a brand.  Whoever joins has the role MEMBER.

        Joining again, as a client may at every sign-in, changes nothing but the e-mail address that mails go to: it is
        the one in the token by then, if the issuer has verified that.

        A brand that is not OPEN lets in whom its owners and builders admitted; a brand with rules, who accepts them.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        context = info.context
        email = context.principal.email if context.principal else None
        referrer = ids.key_if_given(input.referrer_id, "referrerId", "Member", brand=brand)
        done = await context.act(
            brand,
            "members.member.join_brand",
            input.command_id,
            member_id=context.member(brand),
            identity=context.identity(),
            display_name=input.display_name,
            **optional(
                email=email,
                accepted_rules=input.accepted_rules,
                source=input.source,
                referrer=referrer,
            ),
        )
        return MemberPayload(done=done)

    @command
    async def change_profile(self, info: Info, input: ChangeProfileInput) -> MemberPayload:  # noqa: A002
        """Change one's own name or description in a brand."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.member.change_profile",
            input.command_id,
            member_id=info.context.member(brand),
            **optional(display_name=input.display_name, bio=input.bio),
        )
        return MemberPayload(done=done)

    @command
    async def grant_role(self, info: Info, input: MemberRoleInput) -> MemberPayload:  # noqa: A002
        """Give a member a role; given again for the same brand or space, it ends as said now.  Owners only."""
        return await _change_role(info, "grant_role", input, **optional(expires_at=input.expires_at))

    @command
    async def revoke_role(self, info: Info, input: MemberRoleInput) -> MemberPayload:  # noqa: A002
        """Take a role from a member, at once.  Owners only."""
        if input.expires_at is not None:
            raise Invalid("a role is taken at once; grant it again to end it at a time", ("expires_at",))
        return await _change_role(info, "revoke_role", input)


async def _change_role(info: Info, name: str, given: MemberRoleInput, **fields: datetime) -> MemberPayload:
    member = ids.expect(given.member_id, "memberId", "Member")
    space = ids.key_if_given(given.space_id, "spaceId", "Space", brand=member.brand)
    done = await info.context.act(
        member.brand,
        f"members.member.{name}",
        given.command_id,
        member_id=member.key,
        role=given.role.value,
        **optional(space_id=space, **fields),
    )
    return MemberPayload(done=done)
