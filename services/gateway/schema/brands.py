"""Networks and brands, the sender's memberships, and everything by its global id."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, cast

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import NO_BRAND, Invalid
from services.gateway import consistency, ids, replies
from services.gateway.context import Context, Info, Scope
from services.gateway.limits import MAX_PAGE
from services.gateway.loaders import (
    BOARDS,
    BRAND_PAGES,
    BRANDS,
    EVENTS,
    IDEAS,
    INVITATIONS,
    MEMBERS,
    NETWORK_ADMINS,
    NETWORKS,
    NOTICES,
    POSTS,
    PROVISIONED_GROUPS,
    REPLIES,
    SEGMENTS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SPACES,
    TAGS,
    Many,
)
from services.gateway.schema.brand_home import BrandHome
from services.gateway.schema.brand_launch import BrandLaunch, BrandType, LaunchStage
from services.gateway.schema.brand_rules import BrandRules
from services.gateway.schema.common import (
    After,
    Before,
    CommandId,
    Connection,
    First,
    Last,
    Node,
    Payload,
    command,
    connection,
    field,
    is_missing,
    page_arguments,
    unless_missing,
)
from services.gateway.schema.consents import BrandConsents
from services.gateway.schema.directories import BrandDirectory, ProvisionedGroup
from services.gateway.schema.discussions import BrandDiscussions, Post, Reply, Space, Tag
from services.gateway.schema.events import BrandEvents, Event
from services.gateway.schema.feedback import Board, BrandFeedback, Idea
from services.gateway.schema.invitations import BrandInvitations, Invitation, InvitationQuery
from services.gateway.schema.join_report import BrandJoins
from services.gateway.schema.journeys import BrandJourneys
from services.gateway.schema.members import BrandMembers, Member, load_members
from services.gateway.schema.networking import BrandNetworking
from services.gateway.schema.notifications import BrandNotifications, Notification
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.privacy import PrivacyPart
from services.gateway.schema.profiles import BrandProfiles
from services.gateway.schema.recognition import BrandRecognition
from services.gateway.schema.segments import BrandSegments, Segment
from services.gateway.schema.service_accounts import BrandServiceAccounts, ServiceAccount
from services.gateway.schema.similar_brands import SimilarBrandsPayload, SimilarBrandsQuery
from services.gateway.schema.standing import BrandStanding
from services.gateway.schema.tags import BrandTags
from services.gateway.security import Unauthenticated


@strawberry.enum(description="Whose community a brand is.")
class BrandKind(Enum):
    """Kinds of brands, as services name them."""

    CUSTOMERS = "customers"
    STAFF = "staff"
    PARTNERS = "partners"
    RESELLERS = "resellers"
    FRANCHISEES = "franchisees"
    INVESTORS = "investors"
    ALUMNI = "alumni"
    CLUB = "club"
    INTEREST = "interest"
    OTHER = "other"


@strawberry.type(description="One community.  Its name and size are public, everything inside is for members.")
class Brand(
    Node,
    BrandLaunch,
    BrandHome,
    BrandRules,
    BrandMembers,
    BrandProfiles,
    BrandConsents,
    BrandDiscussions,
    BrandTags,
    BrandEvents,
    BrandFeedback,
    BrandServiceAccounts,
    BrandDirectory,
    BrandJoins,
    BrandStanding,
    BrandNotifications,
    BrandJourneys,
    BrandRecognition,
    BrandInvitations,
    BrandNetworking,
    BrandSegments,
):
    """A brand."""

    network_key: strawberry.Private[str]
    slug: str
    name: str
    kind: BrandKind
    locale: str = strawberry.field(description="BCP 47.")
    created_at: datetime
    member_count: int

    @staticmethod
    def of(row: replies.BrandReply, scope: Scope) -> "Brand":
        """A brand as anybody sees it."""
        return Brand(
            id=ids.encode("Brand", NO_BRAND, row.id),
            key=row.id,
            at_least=scope.at_least,
            row=row,
            network_key=row.network_id,
            slug=row.slug,
            name=row.name,
            kind=BrandKind(row.kind),
            locale=row.locale,
            created_at=row.created_at,
            member_count=row.member_count,
        )

    @batch
    @staticmethod
    async def network(those: list["Brand"], info: Info) -> Answers["Network | None"]:
        """The network it belongs to."""
        asked = ((info.context.everywhere(one.at_least), one.network_key) for one in those)
        return await NETWORKS.objects(asked, Network.of)

    @batch
    @staticmethod
    async def viewer_can(those: list["Brand"], info: Info) -> Answers[list[Permission]]:
        """What the sender may do with it right now: to join it, for one who is not a member."""
        asked = ((one.inside(info), one.key) for one in those)
        return await permissions("brand", asked, *SERVICES, identity=info.context.identity())


@strawberry.type(description="Somebody who runs a network: opens brands in it, and appoints others.")
class NetworkAdmin:
    """An admin."""

    identity: ID = strawberry.field(description="What they read as me.identity.")
    since: datetime = strawberry.field(description="When they were appointed.")
    appointed_by: ID = strawberry.field(description="The identity that appointed them; `system` for the platform.")


@strawberry.type(description="An organisation with many brands.")
class Network(Node):
    """A network."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    slug: str
    name: str
    created_at: datetime
    brand_count: int

    @staticmethod
    def of(row: replies.NetworkReply, scope: Scope) -> "Network":
        """A network as anybody sees it."""
        return Network(
            id=ids.encode("Network", NO_BRAND, row.id),
            scope=scope,
            key=row.id,
            slug=row.slug,
            name=row.name,
            created_at=row.created_at,
            brand_count=row.brand_count,
        )

    @batch
    @staticmethod
    async def brands(
        those: list["Network"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[Brand]]:
        """The brands of this network, newest first."""
        page = page_arguments(first, after, last, before)
        return await BRAND_PAGES.present(((one.scope, one.key) for one in those), _brands, page=page)

    @batch
    @staticmethod
    async def admins(those: list["Network"], info: Info) -> Answers[list[NetworkAdmin] | None]:
        """Who opens brands here, the longest-serving first.  Its admins, and operators of the platform."""
        info.context.identity()
        return await NETWORK_ADMINS.shown(((one.scope, one.key) for one in those), _admins)

    @batch
    @staticmethod
    async def viewer_can(those: list["Network"], info: Info) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        info.context.identity()
        return await permissions("network", ((one.scope, one.key) for one in those), "members")


def _brands(page: replies.PageReply[replies.BrandReply], scope: Scope) -> Connection[Brand]:
    return connection(page, lambda row: Brand.of(row, scope))


def _admins(found: list[replies.NetworkAdminReply], _: Scope) -> list[NetworkAdmin]:
    return [
        NetworkAdmin(identity=ID(row.identity), since=row.since, appointed_by=ID(row.appointed_by)) for row in found
    ]


async def load_network(scope: Scope, key: str) -> Network | None:
    """A network by id."""
    return await NETWORKS.object(scope, key, Network.of)


async def load_brand(scope: Scope, key: str) -> Brand | None:
    """A brand by id."""
    return await BRANDS.object(scope, key, Brand.of)


@strawberry.type(description="The sender in one brand.")
class Membership:
    """A membership and where it is held."""

    brand: Brand
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def member(those: list["Membership"], info: Info) -> Answers[Member | None]:
        """The sender as a member of the brand."""
        return await load_members((one.brand.inside(info), one.key) for one in those)


@strawberry.type(description="The sender.")
class Me(PrivacyPart):
    """The sender's identity, the same in every brand."""

    identity: ID = strawberry.field(description="Opaque, the same for the same person in every brand; not a node.")

    @field
    async def memberships(self, info: Info) -> list[Membership]:
        """The brands that the sender has joined, oldest first; at most 1,000."""
        scope = info.context.everywhere()
        found = await scope.ask(
            "members", "memberships_of_identity", replies.MembershipsReply, identity=info.context.identity()
        )
        brands = await BRANDS.objects(((scope, row.brand_id) for row in found.items), Brand.of)
        for brand in brands:
            if isinstance(brand, Exception):
                raise brand
        return [
            Membership(brand=brand, key=row.member_id)
            for row, brand in zip(found.items, brands, strict=True)
            if isinstance(brand, Brand)
        ]


_KINDS: Final[dict[str, tuple[Many[Any], Callable[[Any, Scope], Node]]]] = {
    "Network": (NETWORKS, Network.of),
    "Brand": (BRANDS, Brand.of),
    "Member": (MEMBERS, Member.of),
    "ServiceAccount": (SERVICE_ACCOUNTS, ServiceAccount.of),
    "Invitation": (INVITATIONS, Invitation.of),
    "ProvisionedGroup": (PROVISIONED_GROUPS, ProvisionedGroup.of),
    "Segment": (SEGMENTS, Segment.of),
    "Space": (SPACES, Space.of),
    "Post": (POSTS, Post.of),
    "Tag": (TAGS, Tag.of),
    "Reply": (REPLIES, Reply.of),
    "Event": (EVENTS, Event.of),
    "Board": (BOARDS, Board.of),
    "Idea": (IDEAS, Idea.of),
    "Notification": (NOTICES, Notification.of),
}


async def load_nodes(context: Context, texts: Sequence[str]) -> Answers[Node | None]:
    """Things by their global ids; None for what is foreign, gone, or no id at all."""
    found = [ids.decode(text) for text in texts]
    kinds = {one.type for one in found if one is not None and one.type in _KINDS}
    by_kind = dict(zip(kinds, await asyncio.gather(*(_load_kind(context, kind, found) for kind in kinds)), strict=True))
    return [by_kind[one.type][place] if one and one.type in kinds else None for place, one in enumerate(found)]


async def _load_kind(context: Context, kind: str, found: list[ids.GlobalId | None]) -> Answers[Node | None]:
    """Those of one kind, each in its place; an anonymous sender has nothing inside a brand."""
    public = kind in {"Network", "Brand"}
    if not public and context.principal is None:
        return [Unauthenticated()] * len(found)

    def asked(one: ids.GlobalId | None) -> tuple[Scope, str] | None:
        if one is None or one.type != kind:
            return None
        return (context.everywhere() if public else context.inside(one.brand), one.key)

    many, make = _KINDS[kind]
    return [None if is_missing(one) else one for one in await many.objects(map(asked, found), make)]


@strawberry.type
class Query(SimilarBrandsQuery, InvitationQuery):
    """Where reading starts."""

    @field
    async def me(self, info: Info) -> Me | None:
        """The sender; an error for who sends no token."""
        return Me(identity=ID(info.context.identity()))

    @field
    async def brand(self, info: Info, slug: str, consistency_token: str | None = None) -> Brand | None:
        """A brand by its slug; public.  consistencyToken: see the header of that name."""
        scope = info.context.everywhere(consistency.decode(consistency_token) if consistency_token else None)
        row = await unless_missing(scope.ask("members", "brand_by_slug", replies.BrandReply, slug=slug))
        return Brand.of(row, scope) if row else None

    @field
    async def brand_by_domain(self, info: Info, domain: str) -> Brand | None:
        """The brand whose home is at a domain, in any spelling; public."""
        scope = info.context.everywhere()
        row = await unless_missing(scope.ask("members", "brand_by_domain", replies.BrandReply, domain=domain))
        return Brand.of(row, scope) if row else None

    @field
    async def network(self, info: Info, slug: str) -> Network | None:
        """A network by its slug; public."""
        scope = info.context.everywhere()
        row = await unless_missing(scope.ask("members", "network_by_slug", replies.NetworkReply, slug=slug))
        return Network.of(row, scope) if row else None

    @field
    async def node(self, info: Info, id: ID) -> Node | None:  # noqa: A002 - the argument's name in the schema
        """Anything by its id; null for what the sender may not see."""
        (found,) = await load_nodes(info.context, [id])
        if isinstance(found, Exception):
            raise found
        return found

    @field
    async def nodes(self, info: Info, ids: list[ID]) -> list[Node | None]:
        """Up to 100 things by their ids, in that order."""
        if len(ids) > MAX_PAGE:
            raise Invalid(f"at most {MAX_PAGE} ids", ("ids",))
        return cast(list[Node | None], await load_nodes(info.context, ids))  # an exception is an error of its item


@strawberry.type
class NetworkPayload(Payload):
    """The network that was created."""

    @field
    async def network(self) -> Network | None:
        """The network, read at the command's position."""
        return await load_network(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class BrandPayload(SimilarBrandsPayload):
    """The brand that was created or left."""

    @field
    async def brand(self, info: Info) -> Brand | None:
        """The brand, read at the command's position."""
        if self.done is None:
            return None
        return await load_brand(info.context.everywhere(self.done.position), self.key)


@strawberry.input
class CreateNetworkInput:
    """A new network."""

    slug: str
    name: str
    command_id: CommandId = None


@strawberry.input
class CreateBrandInput:
    """A new brand; the sender becomes its first owner."""

    network_id: ID
    slug: str
    name: str
    kind: BrandKind
    locale: str = "en"
    type: BrandType | None = strawberry.field(default=None, description="What draws people to it.")
    description: str = strawberry.field(default="", description="What it is about, at most 500 characters.")
    stage: LaunchStage = strawberry.field(default=LaunchStage.OPEN, description="Where it begins; not ARCHIVED.")
    from_template: bool = strawberry.field(
        default=False,
        description="Furnish it by its type and kind, soon after: spaces, first posts, boards, rules, modules.",
    )
    founder_name: str = strawberry.field(description="The sender's name as a member of the new brand.")
    command_id: CommandId = None


@strawberry.input
class BrandInput:
    """A brand."""

    brand_id: ID
    command_id: CommandId = None


@strawberry.type
class BrandMutation:
    """Commands on networks and brands."""

    @command
    async def create_network(self, info: Info, input: CreateNetworkInput) -> NetworkPayload:  # noqa: A002
        """Create a network.  Operators of the platform only."""
        context, name = info.context, "create_network"
        identity = context.identity()
        command_id = context.command_id(NO_BRAND, identity, name, input.command_id)
        network_id = context.new_id("network", command_id)
        fields = {"network_id": network_id, "slug": input.slug, "name": input.name}
        done = await context.send(NO_BRAND, identity, f"members.network.{name}", command_id, **fields)
        return NetworkPayload(done=done)

    @command
    async def create_brand(self, info: Info, input: CreateBrandInput) -> BrandPayload:  # noqa: A002
        """Create a brand in a network.  Its admins only."""
        context, name = info.context, "create_brand"
        identity = context.identity()
        network = ids.expect(input.network_id, "networkId", "Network")
        command_id = context.command_id(NO_BRAND, identity, name, input.command_id)
        brand = context.new_id("brand", command_id)
        done = await context.send(
            brand,
            identity,
            f"members.brand.{name}",
            command_id,
            brand_id=brand,
            network_id=network.key,
            slug=input.slug,
            name=input.name,
            kind=input.kind.value,
            locale=input.locale,
            type=input.type and input.type.value,
            description=input.description,
            stage=input.stage.value,
            furnished=input.from_template,
            founder=identity,
            founder_name=input.founder_name,
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def leave_brand(self, info: Info, input: BrandInput) -> BrandPayload:  # noqa: A002
        """Leave a brand.  The last owner has to hand over first."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        member = info.context.member(brand)
        done = await info.context.act(brand, "members.member.leave_brand", input.command_id, member_id=member)
        return BrandPayload(done=done, key=brand)
