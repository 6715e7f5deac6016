"""Who acts on whom in a brand: suspensions, bans, verified marks, and the record of them and of roles."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Done, Info, Scope
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    command,
    connection,
    field,
    optional,
    page_arguments,
)
from services.gateway.schema.members import Member, MemberPayload, load_members
from services.gateway.schema.roles import Role


@strawberry.enum(description="What was done about a member's standing.")
class StandingActionKind(Enum):
    """Actions, as services name them."""

    SUSPENDED = "suspended"
    BANNED = "banned"
    REINSTATED = "reinstated"
    VERIFIED = "verified"
    MARK_REVOKED = "mark_revoked"


@strawberry.enum(description="What became of a role.")
class RoleChangeKind(Enum):
    """Changes, as services name them."""

    GRANTED = "granted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@strawberry.type(description="Something that was done about a member's standing.")
class StandingAction:
    """Who did what, when and why."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.StandingActionReply]
    kind: StandingActionKind
    at: datetime
    reason: str | None = strawberry.field(description="Why; null for what needs no reason.")
    until: datetime | None = strawberry.field(description="When a suspension was to end; null without an end.")

    @staticmethod
    def of(row: replies.StandingActionReply, scope: Scope) -> "StandingAction":
        """An action as a service sees it."""
        return StandingAction(
            scope=scope,
            row=row,
            kind=StandingActionKind(row.action),
            at=row.at,
            reason=row.reason,
            until=row.until,
        )

    @batch
    @staticmethod
    async def member(those: list["StandingAction"]) -> Answers[Member | None]:
        """The member it is about."""
        return await load_members((one.scope, one.row.member_id) for one in those)

    @batch
    @staticmethod
    async def by(those: list["StandingAction"]) -> Answers[Member | None]:
        """Who did it; null for the platform, as when a suspension came to its end."""
        return await load_members((one.scope, one.row.by) for one in those)


@strawberry.type(description="That a member was given a role or lost it.")
class RoleChange:
    """Who gave or took which role, when and until when."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.RoleChangeReply]
    kind: RoleChangeKind
    role: Role
    space_id: ID | None = strawberry.field(description="The space that it was for; null for the whole brand.")
    expires_at: datetime | None = strawberry.field(description="When a grant was to end; null without an end.")
    at: datetime

    @staticmethod
    def of(row: replies.RoleChangeReply, scope: Scope) -> "RoleChange":
        """A change as a service sees it."""
        return RoleChange(
            scope=scope,
            row=row,
            kind=RoleChangeKind(row.change),
            role=Role(row.role),
            space_id=ids.encode("Space", scope.brand, row.space_id) if row.space_id else None,
            expires_at=row.expires_at,
            at=row.at,
        )

    @batch
    @staticmethod
    async def by(those: list["RoleChange"]) -> Answers[Member | None]:
        """Who gave or took it; null for the platform, as when it came to its end."""
        return await load_members((one.scope, one.row.by) for one in those)


@strawberry.type(description="A member who is suspended or banned.")
class ExcludedMember:
    """An excluded member."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def member(those: list["ExcludedMember"]) -> Answers[Member | None]:
        """Who; `standing.exclusion` says why and until when."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type
class BrandStanding(BrandPart):
    """The part of a brand that is about who may act in it."""

    @field
    async def excluded_members(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ExcludedMember] | None:
        """Who is suspended or banned now, newest first.  Owners and moderators."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("members", "excluded_members", replies.PageReply[str], page=page)
        return connection(found, lambda key: ExcludedMember(scope=scope, key=key))

    @field
    async def standing_actions(
        self,
        info: Info,
        *,
        member_id: ID | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StandingAction] | None:
        """Who was suspended, banned, reinstated or verified, by whom, when and why; newest first.

        Owners and moderators; a member about themselves.
        """
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        member = ids.key_if_given(member_id, "memberId", "Member", brand=self.key)
        reply = replies.PageReply[replies.StandingActionReply]
        found = await scope.ask("members", "standing_actions", reply, page=page, **optional(member_id=member))
        return connection(found, lambda row: StandingAction.of(row, scope))

    @field
    async def role_history(
        self,
        info: Info,
        member_id: ID,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RoleChange] | None:
        """Which roles a member was given and lost, by whom, newest first.

        Leaving ends all roles and is no change of its own.  The member, owners, builders and moderators.
        """
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        member = ids.expect(member_id, "memberId", "Member", brand=self.key).key
        reply = replies.PageReply[replies.RoleChangeReply]
        found = await scope.ask("members", "role_history", reply, page=page, member_id=member)
        return connection(found, lambda row: RoleChange.of(row, scope))


@strawberry.input
class SuspendMemberInput:
    """A member who is to write no more for a time."""

    member_id: ID
    reason: str = strawberry.field(description="Why: the member reads it.  At most 1,000 characters.")
    until: datetime | None = strawberry.field(
        default=None, description="When it ends by itself, within ten years; null until somebody reinstates."
    )
    command_id: CommandId = None


@strawberry.input
class BanMemberInput:
    """A member, or one who left, who is to stay out."""

    member_id: ID
    reason: str = strawberry.field(description="Why.  At most 1,000 characters.")
    command_id: CommandId = None


@strawberry.input
class ReinstateMemberInput:
    """A member who was suspended or banned."""

    member_id: ID
    reason: str | None = strawberry.field(default=None, description="Why.  At most 1,000 characters.")
    command_id: CommandId = None


@strawberry.input
class MemberInput:
    """A member."""

    member_id: ID
    command_id: CommandId = None


@strawberry.type
class StandingMutation:
    """Commands on the standing of members."""

    @command
    async def suspend_member(self, info: Info, input: SuspendMemberInput) -> MemberPayload:  # noqa: A002
        """Stop a member from writing, on the next write; reading and leaving stay.  Owners and moderators.

        Owners, builders and moderators are suspended by owners only, an owner after the role was taken.
        """
        return await _act(info, "suspend_member", input, reason=input.reason, until=input.until)

    @command
    async def ban_member(self, info: Info, input: BanMemberInput) -> MemberPayload:  # noqa: A002
        """End a membership and keep its person out until reinstated.  Owners and moderators, as for suspensions."""
        return await _act(info, "ban_member", input, reason=input.reason)

    @command
    async def reinstate_member(self, info: Info, input: ReinstateMemberInput) -> MemberPayload:  # noqa: A002
        """Lift a suspension or a ban; who was banned may join again.  Owners and moderators."""
        return await _act(info, "reinstate_member", input, reason=input.reason)

    @command
    async def grant_verified_mark(self, info: Info, input: MemberInput) -> MemberPayload:  # noqa: A002
        """Vouch that a member is who the name says; another name ends it.  Owners and builders."""
        return await _act(info, "grant_verified_mark", input)

    @command
    async def revoke_verified_mark(self, info: Info, input: MemberInput) -> MemberPayload:  # noqa: A002
        """Vouch for a member no longer.  Owners and builders."""
        return await _act(info, "revoke_verified_mark", input)


async def _act(
    info: Info,
    name: str,
    given: SuspendMemberInput | BanMemberInput | ReinstateMemberInput | MemberInput,
    **fields: object,
) -> MemberPayload:
    member = ids.expect(given.member_id, "memberId", "Member")
    done: Done = await info.context.act(
        member.brand, f"members.member.{name}", given.command_id, member_id=member.key, **optional(**fields)
    )
    return MemberPayload(done=done)
