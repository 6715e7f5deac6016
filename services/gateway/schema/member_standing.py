"""How a member stands in a brand: verified, with which roles and where, suspended or banned."""

from datetime import datetime

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import STANDINGS
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.roles import Role


@strawberry.type(description="A role beside MEMBER that a member holds.")
class RoleGrant:
    """A grant."""

    role: Role
    space_id: ID | None = strawberry.field(description="The space that it is for; null for the whole brand.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself; null for one without an end.")
    granted_at: datetime


@strawberry.type(description="That a member is suspended or banned, and why.")
class Exclusion:
    """An exclusion that holds."""

    banned: bool = strawberry.field(description="Whether it is a ban, which ended the membership.")
    reason: str
    since: datetime
    until: datetime | None = strawberry.field(description="When it ends by itself; null until somebody reinstates.")

    @staticmethod
    def of(row: replies.ExclusionReply) -> "Exclusion":
        """An exclusion as a service sees it."""
        return Exclusion(banned=row.banned, reason=row.reason, since=row.since, until=row.until)


@strawberry.type(description="How a member stands in a brand.")
class MemberStanding:
    """A member's roles, and what holds against them."""

    grants: list[RoleGrant] = strawberry.field(description="Roles beside MEMBER, those for one space among them.")
    exclusion: Exclusion | None = strawberry.field(
        description="For owners, moderators and the member; null for others, and for who is in good standing."
    )

    @staticmethod
    def of(row: replies.MemberStandingReply, scope: Scope) -> "MemberStanding":
        """A standing as a service sees it."""
        return MemberStanding(
            grants=[
                RoleGrant(
                    role=Role(grant.role),
                    space_id=ids.encode("Space", scope.brand, grant.space_id) if grant.space_id else None,
                    expires_at=grant.expires_at,
                    granted_at=grant.granted_at,
                )
                for grant in row.grants
            ],
            exclusion=None if row.exclusion is None else Exclusion.of(row.exclusion),
        )


@strawberry.type
class StandingPart:
    """The part of a member that says how they stand."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def verified(those: list["StandingPart"]) -> Answers[bool]:
        """Whether an owner or builder vouches that the member is who the name says."""
        return await STANDINGS.present(((one.scope, one.key) for one in those), lambda row, _: row.verified)

    @batch
    @staticmethod
    async def standing(those: list["StandingPart"]) -> Answers[MemberStanding]:
        """Roles with their places and ends, and whether the member is suspended or banned."""
        return await STANDINGS.present(((one.scope, one.key) for one in those), MemberStanding.of)

    @batch
    @staticmethod
    async def viewer_can(those: list["StandingPart"], info: Info) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        asked, identity = ((one.scope, one.key) for one in those), info.context.identity()
        return await permissions("member", asked, "members", identity=identity)
