"""Service accounts of a brand and their API keys."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import DomainError
from services.gateway import ids, replies
from services.gateway.api_keys import new_key
from services.gateway.context import Info, Scope
from services.gateway.loaders import SERVICE_ACCOUNTS
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
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions

#: How long a key counts when its issuer does not say.
KEY_DAYS: Final = 90

_AGGREGATE: Final = "members.service_account"


@strawberry.enum(description="What a service account may do in an area.  WRITE includes READ, MANAGE includes both.")
class ServiceAccountScope(Enum):
    """Scopes, as services name them."""

    MEMBERS_READ = "members:read"
    MEMBERS_PROVISION = "members:provision"
    DISCUSSIONS_READ = "discussions:read"
    DISCUSSIONS_WRITE = "discussions:write"
    DISCUSSIONS_MANAGE = "discussions:manage"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    EVENTS_MANAGE = "events:manage"
    FEEDBACK_READ = "feedback:read"
    FEEDBACK_WRITE = "feedback:write"
    FEEDBACK_MANAGE = "feedback:manage"


@strawberry.type(description="A key of a service account; the key itself is shown once, when it is issued.")
class ApiKey:
    """A key as people recognise it."""

    scope: strawberry.Private[Scope]
    issuer: strawberry.Private[str]
    key_id: str = strawberry.field(description="What stands between the first two underscores of the key.")
    last_four: str = strawberry.field(description="The last four characters of the key.")
    issued_at: datetime = strawberry.field(description="When it was issued.")
    expires_at: datetime = strawberry.field(description="When it counts no longer.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null for one that was not.")

    @batch
    @staticmethod
    async def issued_by(those: list["ApiKey"]) -> Answers[Member | None]:
        """The member who was shown the key; null for the platform itself."""
        return await load_members((one.scope, one.issuer) for one in those)


@strawberry.type(description="A program that acts in one brand, as far as its scopes reach.")
class ServiceAccount(Node):
    """A service account."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.ServiceAccountReply]
    name: str = strawberry.field(description="What members see under what it wrote.")
    scopes: list[ServiceAccountScope] = strawberry.field(description="What it may do.")
    created_at: datetime = strawberry.field(description="When the brand let it in.")
    closed_at: datetime | None = strawberry.field(description="When it was closed for good; null for an open one.")

    @staticmethod
    def of(row: replies.ServiceAccountReply, scope: Scope) -> "ServiceAccount":
        """A service account as a service sees it."""
        return ServiceAccount(
            id=ids.encode("ServiceAccount", scope.brand, row.id),
            scope=scope,
            row=row,
            name=row.name,
            scopes=known(row.scopes, ServiceAccountScope),
            created_at=row.created_at,
            closed_at=row.closed_at,
        )

    @batch
    @staticmethod
    async def created_by(those: list["ServiceAccount"]) -> Answers[Member | None]:
        """The member who let it in; null for the platform itself."""
        return await load_members((one.scope, one.row.created_by) for one in those)

    @batch
    @staticmethod
    async def viewer_can(those: list["ServiceAccount"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("service_account", ((one.scope, one.row.id) for one in those), "members")

    @field
    def api_keys(self) -> list[ApiKey]:
        """Every key it ever had, the oldest first."""
        return [
            ApiKey(
                scope=self.scope,
                issuer=key.issued_by,
                key_id=key.id,
                last_four=key.last_four,
                issued_at=key.issued_at,
                expires_at=key.expires_at,
                revoked_at=key.revoked_at,
            )
            for key in self.row.keys
        ]


async def load_service_account(scope: Scope, key: str) -> ServiceAccount | None:
    """A service account by id."""
    return await SERVICE_ACCOUNTS.object(scope, key, ServiceAccount.of)


@strawberry.type
class BrandServiceAccounts(BrandPart):
    """The part of a brand that is about programs."""

    @field
    async def service_accounts(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ServiceAccount] | None:
        """The service accounts, newest first.  Owners and builders only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        reply = replies.PageReply[replies.ServiceAccountReply]
        found = await scope.ask("members", "service_account_page", reply, page=page)
        return connection(found, lambda row: ServiceAccount.of(row, scope))


@strawberry.type
class ServiceAccountPayload(Payload):
    """The service account that was changed."""

    @field
    async def service_account(self) -> ServiceAccount | None:
        """The service account as changed; null when refused."""
        return await load_service_account(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class IssueApiKeyPayload(ServiceAccountPayload):
    """A new key."""

    key: str | None = strawberry.field(
        default=None,
        description="The key, to be sent as `Authorization: Bearer …`.  It is shown this once: null in the answer to a "
        "repeat of the same commandId, and when refused.",
    )


@strawberry.input
class CreateServiceAccountInput:
    """A program to let into a brand."""

    brand_id: ID
    name: str
    scopes: list[ServiceAccountScope]
    command_id: CommandId = None


@strawberry.input
class IssueApiKeyInput:
    """A new key of a service account."""

    service_account_id: ID
    expires_at: datetime | None = strawberry.field(
        default=None, description=f"At most 366 days from now; {KEY_DAYS} days when nothing is said."
    )
    command_id: CommandId = None


@strawberry.input
class RevokeApiKeyInput:
    """A key of a service account."""

    service_account_id: ID
    key_id: str
    command_id: CommandId = None


@strawberry.input
class ServiceAccountInput:
    """A service account."""

    service_account_id: ID
    command_id: CommandId = None


@strawberry.type
class ServiceAccountMutation:
    """Commands on service accounts."""

    @command
    async def create_service_account(self, info: Info, input: CreateServiceAccountInput) -> ServiceAccountPayload:  # noqa: A002
        """Let a program into a brand.  Owners and builders only."""
        context, to = info.context, f"{_AGGREGATE}.create_service_account"
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        actor = context.member(brand)
        command_id = context.command_id(brand, actor, to, input.command_id)
        fields = {"name": input.name, "scopes": [scope.value for scope in input.scopes]}
        account_id = f"sa_{context.new_id('service_account', command_id)}"
        return ServiceAccountPayload(
            done=await context.send(brand, actor, to, command_id, account_id=account_id, **fields)
        )

    @command
    async def issue_api_key(self, info: Info, input: IssueApiKeyInput) -> IssueApiKeyPayload:  # noqa: A002
        """Issue a key, and show it this once.  Owners and builders only."""
        context, to = info.context, f"{_AGGREGATE}.issue_api_key"
        account = ids.expect(input.service_account_id, "serviceAccountId", "ServiceAccount")
        actor = context.member(account.brand)
        command_id = context.command_id(account.brand, actor, to, input.command_id)
        key = new_key(context.new_id("api_key", command_id))
        done = await context.send(
            account.brand,
            actor,
            to,
            command_id,
            account_id=account.key,
            key_id=key.key_id,
            key_hash=key.key_hash,
            last_four=key.last_four,
            expires_at=input.expires_at or datetime.now(UTC) + timedelta(days=KEY_DAYS),
        )
        with suppress(DomainError):  # who is shown a key can use it at once: the view knows it by then
            await load_service_account(done.scope, account.key)
        return IssueApiKeyPayload(done=done, key=None if done.repeated else key.text)

    @command
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> ServiceAccountPayload:  # noqa: A002
        """Let a key count no longer, within seconds.  Owners and builders only."""
        account = ids.expect(input.service_account_id, "serviceAccountId", "ServiceAccount")
        done = await info.context.act(
            account.brand, f"{_AGGREGATE}.revoke_api_key", input.command_id, account_id=account.key, key_id=input.key_id
        )
        return ServiceAccountPayload(done=done)

    @command
    async def close_service_account(self, info: Info, input: ServiceAccountInput) -> ServiceAccountPayload:  # noqa: A002
        """Close a service account and end all of its keys, for good.  Owners and builders only."""
        account = ids.expect(input.service_account_id, "serviceAccountId", "ServiceAccount")
        done = await info.context.act(
            account.brand, f"{_AGGREGATE}.close_service_account", input.command_id, account_id=account.key
        )
        return ServiceAccountPayload(done=done)
