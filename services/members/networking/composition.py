"""Composes networking and blocks: their commands with the rules that reach further, their queries, who leaves."""

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.shared.commands import CommandHandler
from libs.shared.domain import Command, DomainError, NotFound
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.insisting import Insisting
from libs.shared.recorded import Recorded
from libs.shared.service import App, anybody
from services.members.consents.consent import ConsentWithdrawn
from services.members.consents.purposes import BuiltInPurpose
from services.members.member import Member, MemberCommand, MemberEvent, MemberLeft
from services.members.networking import block_list, networking, tag_list
from services.members.networking.block_list import BlockMember
from services.members.networking.networking import ChooseNetworking, DismissSuggestion
from services.members.networking.views.networking import (
    BlockPage,
    BlockPageResult,
    MemberSuggestions,
    NetworkingsView,
    NetworkingView,
    OfferedTags,
    OfferedTagsView,
    SuggestionPageResult,
    ViewerBlocks,
    ViewerNetworking,
)

Members = CommandHandler[Member, MemberCommand, MemberEvent]


def compose_networking(app: App, authorizer: Authorizer, members: Members) -> list[Source]:
    """Register everything about networking and blocks; returns what a member's export has of it."""
    _commands(app, members)
    view = app.view(NetworkingsView())
    allow = authorizer.member_only
    app.query(ViewerNetworking, NetworkingView, view.viewer_networking, view=view, allow=allow)
    app.query(MemberSuggestions, SuggestionPageResult, view.member_suggestions, view=view, allow=allow)
    app.query(OfferedTags, OfferedTagsView, view.offered_tags, view=view, allow=allow, same_for=anybody)
    app.query(ViewerBlocks, list[bool], view.viewer_blocks, view=view, allow=allow)
    app.query(BlockPage, BlockPageResult, view.block_page, view=view, allow=allow)
    _leave_with_members(app)
    return [
        Source("networking", view, "people", lambda brand, member: {"_id": f"{brand}:{member}"}),
        Source("block", view, "blocks", lambda brand, member: {"who": f"{brand}:{member}"}),
        Source("dismissed suggestion", view, "dismissals", lambda brand, member: {"who": f"{brand}:{member}"}),
    ]


def _commands(app: App, members: Members) -> None:
    lists = app.aggregate(tag_list.DECIDER)

    async def guard_choice(command: ChooseNetworking) -> None:
        for fresh in (False, True):
            offered = await lists.state(command.brand, command.brand, fresh=fresh)
            try:
                for field in ("interests", "skills"):
                    offered.check(getattr(command, field), field)
                return
            except DomainError:
                if fresh:
                    raise

    async def guard_dismissal(command: DismissSuggestion) -> None:
        await _must_be_member(members, command, command.dismissed_id, "dismissed_id")

    async def guard_block(command: BlockMember) -> None:
        await _must_be_member(members, command, command.blocked_id, "blocked_id")

    app.aggregate(networking.DECIDER, guards={ChooseNetworking: guard_choice, DismissSuggestion: guard_dismissal})
    app.aggregate(block_list.DECIDER, guards={BlockMember: guard_block})


async def _must_be_member(members: Members, command: Command, other: str, field: str) -> None:
    """Refuse who was never a member of the brand.  Raises NOT_FOUND at `field`."""
    known = await members.state(command.brand, other)
    if not known.known:
        known = await members.state(command.brand, other, fresh=True)
    if not known.known:
        raise NotFound("there is no such member", (field,))


def _leave_with_members(app: App) -> None:
    """Let who leaves a brand, or does not agree to networking any more, leave it.

    Who comes back begins as everybody does, not to be found.  The view hides who left the brand by itself, in the order
    of the log; for them this is for the aggregate.
    """
    insisting = Insisting(app.bus.command)

    async def handle(recorded: Recorded[MemberLeft | ConsentWithdrawn]) -> bool:
        if isinstance(recorded.event, ConsentWithdrawn) and recorded.event.purpose != BuiltInPurpose.NETWORKING:
            return False
        await insisting.send(
            "members.networking.leave_networking",
            derived_id("leave_networking", recorded.id),
            recorded.brand,
            recorded.time,
            {"member_id": recorded.aggregate_id},
        )
        return True

    events = (MemberLeft, ConsentWithdrawn)
    follower = Follower("networking_leavers", "MEMBERS", ("evt.members.*.member.*",), events, handle)
    app.background(follower.name, lambda: follower.run(app.nats, app.db))
