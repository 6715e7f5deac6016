"""Networking: who wants to be found, whom to meet and why, and who is not to meet whom."""

from datetime import datetime

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
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
    page_arguments,
)
from services.gateway.schema.members import Member, load_member, load_members


@strawberry.type(description="What the sender shows to be found by other members of a brand.")
class Networking:
    """The sender's part in networking."""

    open: bool = strawberry.field(description="Whether the sender takes part.  Nobody does before they say so.")
    interests: list[str] = strawberry.field(description="What the sender cares for; normalised.")
    skills: list[str] = strawberry.field(description="What the sender can; normalised.")

    @staticmethod
    def of(row: replies.NetworkingReply) -> "Networking":
        """What a service holds of it."""
        return Networking(open=row.open, interests=row.interests, skills=row.skills)


@strawberry.type(description="Another member whom the sender may want to meet, and why.")
class Suggestion:
    """A suggestion."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.SuggestionReply]
    score: int = strawberry.field(
        description="How much what both have says, in thousandths: each shared tag adds 1 / ln(how many have it)."
    )
    shared_interests: list[str] = strawberry.field(description="What both care for.")
    shared_skills: list[str] = strawberry.field(description="What both can.")

    @staticmethod
    def of(row: replies.SuggestionReply, scope: Scope) -> "Suggestion":
        """A suggestion as a service makes it."""
        return Suggestion(
            scope=scope,
            row=row,
            score=row.score,
            shared_interests=row.shared_interests,
            shared_skills=row.shared_skills,
        )

    @batch
    @staticmethod
    async def member(those: list["Suggestion"]) -> Answers[Member | None]:
        """Whom to meet."""
        return await load_members((one.scope, one.row.member_id) for one in those)


@strawberry.type(description="The tags that a brand offers its members to describe themselves with.")
class NetworkingTags:
    """What may be chosen."""

    tags: list[str] = strawberry.field(description="In alphabetical order, normalised.")
    only_these: bool = strawberry.field(description="Whether members may use no words of their own.")

    @staticmethod
    def of(row: replies.OfferedTagsReply) -> "NetworkingTags":
        """The tags as a service holds them."""
        return NetworkingTags(tags=row.tags, only_these=row.only_these)


@strawberry.type(description="A member whom the sender does not want to meet.")
class Block:
    """A block; only who made it sees it."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.BlockReply]
    blocked_at: datetime = strawberry.field(description="Since when.")

    @batch
    @staticmethod
    async def member(those: list["Block"]) -> Answers[Member | None]:
        """Who."""
        return await load_members((one.scope, one.row.member_id) for one in those)


async def load_networking(scope: Scope) -> Networking:
    """What the sender shows."""
    return Networking.of(await scope.ask("members", "viewer_networking", replies.NetworkingReply))


async def load_tags(scope: Scope) -> NetworkingTags:
    """What a brand offers."""
    return NetworkingTags.of(await scope.ask("members", "offered_tags", replies.OfferedTagsReply))


@strawberry.type
class BrandNetworking(BrandPart):
    """The part of a brand that is about meeting others."""

    @field
    async def viewer_networking(self, info: Info) -> Networking | None:
        """What the sender shows of themselves.  Members only."""
        return await load_networking(self.inside(info))

    @field
    async def suggestions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Suggestion] | None:
        """Whom the sender may want to meet, the best first; nobody before the sender takes part.  Members only.

        Never who does not take part, left, or is blocked by the sender or blocks them.
        """
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        reply = replies.PageReply[replies.SuggestionReply]
        found = await scope.ask("members", "member_suggestions", reply, page=page)
        return connection(found, lambda row: Suggestion.of(row, scope))

    @field
    async def networking_tags(self, info: Info) -> NetworkingTags | None:
        """The tags that members choose from.  Members only."""
        return await load_tags(self.inside(info))

    @field
    async def blocked_members(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Block] | None:
        """Whom the sender blocks, the newest first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("members", "block_page", replies.PageReply[replies.BlockReply], page=page)
        return connection(found, lambda row: Block(scope=scope, row=row, blocked_at=row.blocked_at))


@strawberry.type
class NetworkingPayload(Payload):
    """What the sender shows from now on."""

    @field
    async def networking(self) -> Networking | None:
        """The sender's part in networking as changed; null when refused."""
        return await load_networking(self.done.scope) if self.done else None


@strawberry.type
class NetworkingTagsPayload(Payload):
    """What is offered from now on."""

    @field
    async def networking_tags(self) -> NetworkingTags | None:
        """The tags as changed; null when refused."""
        return await load_tags(self.done.scope) if self.done else None


@strawberry.type
class OtherMemberPayload(Payload):
    """The member whom it is about."""

    key: strawberry.Private[str] = ""

    @field
    async def member(self) -> Member | None:
        """The other member, as the sender sees them now; null when refused."""
        return await load_member(self.done.scope, self.key) if self.done else None


@strawberry.input
class ChooseNetworkingInput:
    """What to show; it takes the place of what was shown before."""

    brand_id: ID
    interests: list[str] = strawberry.field(
        default_factory=list, description="At most 20, of at most 60 characters each."
    )
    skills: list[str] = strawberry.field(default_factory=list, description="At most 20, of at most 60 characters each.")
    command_id: CommandId = None


@strawberry.input
class LeaveNetworkingInput:
    """Where not to be found any more."""

    brand_id: ID
    command_id: CommandId = None


@strawberry.input
class OfferTagsInput:
    """The tags of a brand; they take the place of those before."""

    brand_id: ID
    tags: list[str] = strawberry.field(description="At most 500, of at most 60 characters each.")
    only_these: bool = strawberry.field(default=False, description="Whether members may use no words of their own.")
    command_id: CommandId = None


@strawberry.input
class OtherMemberInput:
    """Another member."""

    member_id: ID
    command_id: CommandId = None


@strawberry.type
class NetworkingMutation:
    """Commands on networking and blocks."""

    @command
    async def choose_networking(self, info: Info, input: ChooseNetworkingInput) -> NetworkingPayload:  # noqa: A002
        """Want to be found by other members, with these interests and skills."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.networking.choose_networking",
            input.command_id,
            member_id=info.context.member(brand),
            interests=input.interests,
            skills=input.skills,
        )
        return NetworkingPayload(done=done)

    @command
    async def leave_networking(self, info: Info, input: LeaveNetworkingInput) -> NetworkingPayload:  # noqa: A002
        """Not be found any more, at once; what was shown is gone."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand, "members.networking.leave_networking", input.command_id, member_id=info.context.member(brand)
        )
        return NetworkingPayload(done=done)

    @command
    async def dismiss_suggestion(self, info: Info, input: OtherMemberInput) -> OtherMemberPayload:  # noqa: A002
        """Not have a member suggested again.  They are not told."""
        return await _about(info, "networking.dismiss_suggestion", input, "dismissed_id")

    @command
    async def block_member(self, info: Info, input: OtherMemberInput) -> OtherMemberPayload:  # noqa: A002
        """Not meet a member any more: neither is suggested to the other, nor told of the other.  They are not told."""
        return await _about(info, "block_list.block_member", input, "blocked_id")

    @command
    async def unblock_member(self, info: Info, input: OtherMemberInput) -> OtherMemberPayload:  # noqa: A002
        """Take a block back."""
        return await _about(info, "block_list.unblock_member", input, "blocked_id")

    @command
    async def offer_tags(self, info: Info, input: OfferTagsInput) -> NetworkingTagsPayload:  # noqa: A002
        """Offer tags to choose from; what members chose before stays.  Owners and builders only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.tag_list.offer_tags",
            input.command_id,
            brand_id=brand,
            tags=input.tags,
            only_these=input.only_these,
        )
        return NetworkingTagsPayload(done=done)


async def _about(info: Info, name: str, given: OtherMemberInput, field_name: str) -> OtherMemberPayload:
    other = ids.expect(given.member_id, "memberId", "Member")
    fields = {"member_id": info.context.member(other.brand), field_name: other.key}
    done = await info.context.act(other.brand, f"members.{name}", given.command_id, **fields)
    return OtherMemberPayload(done=done, key=other.key)
