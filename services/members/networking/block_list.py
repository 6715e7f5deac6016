"""Whom a member does not want to meet in a brand.  Who is blocked is not told, and nobody else either."""

from typing import ClassVar, assert_never

from msgspec import Struct
from rpds import HashTrieSet

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid

#: Nobody blocks more members of a brand than this.
MAX_BLOCKED = 1_000

# Events


class MemberBlocked(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) and `blocked_id` are not to meet."""

    wire_name: ClassVar[str] = "member_blocked"

    blocked_id: str


class MemberUnblocked(Event, frozen=True, kw_only=True):
    """The member takes that back."""

    wire_name: ClassVar[str] = "member_unblocked"

    blocked_id: str


BlockEvent = MemberBlocked | MemberUnblocked

# State


class BlockList(Struct, frozen=True, kw_only=True):
    """Whom the member blocks."""

    blocked: HashTrieSet[str] = HashTrieSet()


def evolve(state: BlockList, event: BlockEvent) -> BlockList:
    """The list after `event`."""
    match event:
        case MemberBlocked():
            return BlockList(blocked=state.blocked.insert(event.blocked_id))
        case MemberUnblocked():
            return BlockList(blocked=state.blocked.discard(event.blocked_id))
        case _:
            assert_never(event)


# Commands


class BlockMember(Command, frozen=True, kw_only=True):
    """Not meet somebody any more.  Members, for themselves; that it is a member is checked before."""

    wire_name: ClassVar[str] = "block_member"

    member_id: Id
    blocked_id: Id


class UnblockMember(Command, frozen=True, kw_only=True):
    """Take a block back."""

    wire_name: ClassVar[str] = "unblock_member"

    member_id: Id
    blocked_id: Id


BlockCommand = BlockMember | UnblockMember

# Decisions


def decide(state: BlockList, command: BlockCommand) -> list[BlockEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, INVALID, TOO_MANY."""
    require(command.roles, Role.MEMBER)
    if command.actor not in (command.member_id, SYSTEM):
        raise Forbidden("only the member does this")
    blocked = command.blocked_id in state.blocked
    match command:
        case BlockMember():
            return [] if blocked else _block(state, command)
        case UnblockMember():
            return [MemberUnblocked(blocked_id=command.blocked_id)] if blocked else []
        case _:
            assert_never(command)


def _block(state: BlockList, command: BlockMember) -> list[BlockEvent]:
    if command.blocked_id == command.member_id:
        raise Invalid("nobody blocks themselves", ("blocked_id",))
    if len(state.blocked) >= MAX_BLOCKED:
        raise DomainError("TOO_MANY", f"at most {MAX_BLOCKED} members are blocked", ("blocked_id",))
    return [MemberBlocked(blocked_id=command.blocked_id)]


DECIDER: Decider[BlockList, BlockCommand, BlockEvent] = Decider(
    aggregate="block_list",
    initial=BlockList(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(BlockMember, UnblockMember),
    events=(MemberBlocked, MemberUnblocked),
)
