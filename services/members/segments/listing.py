"""Lists: segments whose members leaders name."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

from msgspec import Meta, structs

from libs.access.roles import LEADERS, require
from libs.shared.commands import CommandHandler, ConcurrencyConflict, handle_together
from libs.shared.domain import Accepted, Command, DomainError, Id, Invalid, NotFound
from libs.shared.positions import Positions
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.membership import STALE, MembershipEvent, MoveMembers, Part, part, part_id
from services.members.segments.segment import ChangeSegment, Segment, SegmentCommand, SegmentEvent, SegmentId

_ATTEMPTS = 50
_MEANWHILE_SECONDS = 0.02

_Members = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]

Members: TypeAlias = CommandHandler[Member, MemberCommand, MemberEvent]
Segments: TypeAlias = CommandHandler[Segment, SegmentCommand, SegmentEvent]
Parts: TypeAlias = CommandHandler[Part, MoveMembers, MembershipEvent]


class Handlers(NamedTuple):
    """Who runs the commands that lists need."""

    members: Members
    segments: Segments
    parts: Parts


class AddToSegment(Command, frozen=True, kw_only=True):
    """Put members on the list of a segment.  Leaders only."""

    wire_name: ClassVar[str] = "add_to_segment"

    segment_id: SegmentId
    member_ids: _Members


class TakeFromSegment(Command, frozen=True, kw_only=True):
    """Take members off the list of a segment.  Leaders only."""

    wire_name: ClassVar[str] = "take_from_segment"

    segment_id: SegmentId
    member_ids: _Members


class Lists:
    """Answers both."""

    def __init__(self, handlers: Handlers, views: Views, positions: Positions, evaluation: Evaluation) -> None:
        self._handlers = handlers
        self._views = views
        self._positions = positions
        self._evaluation = evaluation

    async def add(self, command: AddToSegment) -> Accepted:
        """Let the members enter together.  Raises FORBIDDEN, NOT_FOUND, INVALID (no list), CONFLICT."""
        edition = await self._edition(command)
        for number, member in enumerate(command.member_ids):
            if not (await self._member(command.brand, member)).joined:
                raise NotFound("there is no such member", ("member_ids", number))
        accepted = await self._move(command, edition, enter=True)
        # Who left the brand in the same moment must not stay; who joined in the same moment must.
        await self._positions.wait(self._views.people, accepted.position)
        await self._evaluation.one_segment(command.brand, command.segment_id, command.member_ids)
        return accepted

    async def take(self, command: TakeFromSegment) -> Accepted:
        """Let the members leave together.  Raises as `add` does; who is not on the list is not on it afterwards."""
        return await self._move(command, await self._edition(command), enter=False)

    async def takes(self, command: AddToSegment | TakeFromSegment) -> bool:
        """Whether somebody could be put on the list, or taken off it; who is on it is not asked.  Raises as both do."""
        await self._edition(command)
        return True

    async def _edition(self, command: AddToSegment | TakeFromSegment) -> int:
        require(command.roles, *LEADERS)
        known = await self._handlers.segments.state(command.brand, command.segment_id, fresh=True)
        if not known.edition or known.deleted:
            raise NotFound("there is no such segment", ("segment_id",))
        if known.rule is not None:
            raise Invalid("a rule says who is in this segment", ("segment_id",))
        return known.edition

    async def _member(self, brand: str, member: str) -> Member:
        known = await self._handlers.members.state(brand, member)
        return known if known.joined else await self._handlers.members.state(brand, member, fresh=True)

    async def _move(self, command: AddToSegment | TakeFromSegment, edition: int, *, enter: bool) -> Accepted:
        for _ in range(_ATTEMPTS):
            moves = await self._moves(command, edition, enter=enter)
            if not moves:
                return await self._as_it_is(command)
            try:
                accepted = await handle_together(*((self._handlers.parts, one) for one in moves))
            except DomainError as refusal:
                if refusal.code != STALE:
                    raise
                await asyncio.sleep(_MEANWHILE_SECONDS)  # what somebody else did is not shown yet
            else:
                return structs.replace(accepted, id=command.segment_id)
        raise ConcurrencyConflict

    async def _moves(
        self, command: AddToSegment | TakeFromSegment, edition: int, *, enter: bool
    ) -> Sequence[MoveMembers]:
        brand, id_ = command.brand, command.segment_id
        numbers = sorted({part(member) for member in command.member_ids})
        changes = await self._views.segments.changes(brand, [part_id(id_, number) for number in numbers])
        memberships = await self._views.segments.memberships(brand, command.member_ids)
        moving = {member for member in command.member_ids if ((id_, member) in memberships) is not enter}
        return [
            MoveMembers(
                command_id=command.command_id,
                brand=brand,
                actor=command.actor,
                now=command.now,
                roles=command.roles,
                segment_id=id_,
                part=number,
                edition=edition,
                based_on=changes.get(part_id(id_, number), 0),
                **{"entered" if enter else "left": tuple(member for member in moving if part(member) == number)},
            )
            for number in numbers
            if any(part(member) == number for member in moving)
        ]

    async def _as_it_is(self, command: AddToSegment | TakeFromSegment) -> Accepted:
        """Nobody has to move: the answer is where the segment stands."""
        nothing = ChangeSegment(
            command_id=command.command_id,
            brand=command.brand,
            actor=command.actor,
            now=command.now,
            roles=command.roles,
            segment_id=command.segment_id,
        )
        return await self._handlers.segments.handle(nothing)
