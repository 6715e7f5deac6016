"""The directory that provisions a brand by SCIM: how it is read, and the groups that it brought."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import PROVISIONED_GROUPS
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
    known,
    page_arguments,
)
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.roles import Role


@strawberry.enum(description="The SCIM attribute that holds what the OIDC issuer says in `sub`.")
class DirectorySubject(Enum):
    """Attributes, as services name them."""

    EXTERNAL_ID = strawberry.enum_value("external_id", description="externalId, as with Entra and Okta.")
    USER_NAME = strawberry.enum_value("user_name", description="userName.")


@strawberry.enum(description="The SCIM attribute that a new member is called by at first.")
class DirectoryShownName(Enum):
    """Attributes, as services name them."""

    NICK_NAME = strawberry.enum_value("nick_name", description="nickName; without one a name that says nothing.")
    DISPLAY_NAME = strawberry.enum_value("display_name", description="displayName, which mostly is the legal name.")


@strawberry.type(description="A group of the brand's directory.")
class ProvisionedGroup(Node):
    """A group."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.ProvisionedGroupReply]
    display_name: str = strawberry.field(description="What the directory calls it.")
    role: Role | None = strawberry.field(description="The role that its members have by it; null for none.")
    member_count: int
    created_at: datetime

    @staticmethod
    def of(row: replies.ProvisionedGroupReply, scope: Scope) -> "ProvisionedGroup":
        """A group as a service sees it."""
        return ProvisionedGroup(
            id=ids.encode("ProvisionedGroup", scope.brand, row.id),
            scope=scope,
            row=row,
            display_name=row.display_name,
            role=next(iter(known([row.role] if row.role else [], Role)), None),
            member_count=row.member_count,
            created_at=row.created_at,
        )

    @batch
    @staticmethod
    async def viewer_can(those: list["ProvisionedGroup"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("provisioned_group", ((one.scope, one.row.id) for one in those), "members")


@strawberry.type(description="How the brand's directory is read.")
class Directory:
    """A directory."""

    scope: strawberry.Private[Scope]
    subject: DirectorySubject = strawberry.field(description="What new people are recognised by when they sign in.")
    shown_name: DirectoryShownName = strawberry.field(description="What new members are called by at first.")

    @field
    async def groups(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ProvisionedGroup]:
        """The groups that it brought, newest first."""
        page, reply = page_arguments(first, after, last, before), replies.PageReply[replies.ProvisionedGroupReply]
        found = await self.scope.ask("members", "provisioned_group_page", reply, page=page)
        return connection(found, lambda row: ProvisionedGroup.of(row, self.scope))


async def load_directory(scope: Scope) -> Directory:
    """How the directory of a brand is read."""
    row = await scope.ask("members", "directory_of_brand", replies.DirectoryReply)
    return Directory(scope=scope, subject=DirectorySubject(row.subject), shown_name=DirectoryShownName(row.shown_name))


@strawberry.type
class BrandDirectory(BrandPart):
    """The part of a brand that is about its directory."""

    @field
    async def directory(self, info: Info) -> Directory | None:
        """How its directory is read, and what groups it brought.  Owners and builders only."""
        return await load_directory(self.inside(info))


@strawberry.type
class DirectoryPayload(Payload):
    """The directory as configured."""

    @field
    async def directory(self) -> Directory | None:
        """The directory as configured; null when refused."""
        return await load_directory(self.done.scope) if self.done else None


@strawberry.type
class ProvisionedGroupPayload(Payload):
    """The group that was changed."""

    @field
    async def group(self) -> ProvisionedGroup | None:
        """The group as changed; null when refused."""
        if self.done is None:
            return None
        return await PROVISIONED_GROUPS.object(self.done.scope, self.done.id, ProvisionedGroup.of)


@strawberry.input
class ConfigureDirectoryInput:
    """How a brand's directory is read from now on; who is provisioned already stays who they are."""

    brand_id: ID
    subject: DirectorySubject
    shown_name: DirectoryShownName
    command_id: CommandId = None


@strawberry.input
class MapGroupToRoleInput:
    """Which role a group gives its members."""

    group_id: ID
    role: Role | None = strawberry.field(description="BUILDER, MODERATOR or AMBASSADOR; null for none.")
    command_id: CommandId = None


@strawberry.type
class DirectoryMutation:
    """Commands on directories."""

    @command
    async def configure_directory(self, info: Info, input: ConfigureDirectoryInput) -> DirectoryPayload:  # noqa: A002
        """Say how a brand's directory is read.  Owners only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.directory.configure_directory",
            input.command_id,
            brand_id=brand,
            subject=input.subject.value,
            shown_name=input.shown_name.value,
        )
        return DirectoryPayload(done=done)

    @command
    async def map_group_to_role(self, info: Info, input: MapGroupToRoleInput) -> ProvisionedGroupPayload:  # noqa: A002
        """Let a group of the directory give its members a role, soon after and from then on.  Owners only."""
        group = ids.expect(input.group_id, "groupId", "ProvisionedGroup")
        done = await info.context.act(
            group.brand,
            "members.provisioned_group.map_group_to_role",
            input.command_id,
            group_id=group.key,
            role=input.role and input.role.value,
        )
        return ProvisionedGroupPayload(done=done)
