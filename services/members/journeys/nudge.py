"""The nudges of one member: each silence is answered once, unless the member wants none."""

from datetime import datetime
from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id

# Events


class MemberNudged(Event, frozen=True, kw_only=True):
    """The member has contributed nothing since `silent_since`, for `after_days` days, and is invited to."""

    wire_name: ClassVar[str] = "member_nudged"

    silent_since: datetime
    after_days: int


class NudgesDeclined(Event, frozen=True, kw_only=True):
    """The member wants no nudges."""

    wire_name: ClassVar[str] = "nudges_declined"


class NudgesWelcomed(Event, frozen=True, kw_only=True):
    """The member wants nudges again."""

    wire_name: ClassVar[str] = "nudges_welcomed"


NudgeEvent = MemberNudged | NudgesDeclined | NudgesWelcomed

# State


class Nudges(Struct, frozen=True, kw_only=True):
    """What must be remembered to nudge once: the last silence that was answered, by its beginning."""

    declined: bool = False
    answered: datetime | None = None


def evolve(state: Nudges, event: NudgeEvent) -> Nudges:
    """The nudges after `event`."""
    match event:
        case MemberNudged():
            return structs.replace(state, answered=event.silent_since)
        case NudgesDeclined():
            return structs.replace(state, declined=True)
        case NudgesWelcomed():
            return structs.replace(state, declined=False)
        case _:
            assert_never(event)


# Commands


class NudgeMember(Command, frozen=True, kw_only=True):
    """Answer a silence.  The process sends it, once it knows that the member is there and has said nothing."""

    wire_name: ClassVar[str] = "nudge_member"

    member_id: Id
    silent_since: datetime
    after_days: int


class ChooseNudges(Command, frozen=True, kw_only=True):
    """Say whether one wants nudges.  The member only."""

    wire_name: ClassVar[str] = "choose_nudges"

    member_id: Id
    on: bool


NudgeCommand = NudgeMember | ChooseNudges

# Decisions


def decide(state: Nudges, command: NudgeCommand) -> list[NudgeEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN."""
    match command:
        case NudgeMember():
            if state.declined or (state.answered is not None and command.silent_since <= state.answered):
                return []
            return [MemberNudged(silent_since=command.silent_since, after_days=command.after_days)]
        case ChooseNudges():
            require(command.roles, Role.MEMBER)
            if command.actor not in (command.member_id, SYSTEM):
                raise Forbidden("only the member chooses this")
            if command.on is not state.declined:
                return []
            return [NudgesWelcomed() if command.on else NudgesDeclined()]
        case _:
            assert_never(command)


DECIDER: Decider[Nudges, NudgeCommand, NudgeEvent] = Decider(
    aggregate="nudge",
    initial=Nudges(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(NudgeMember, ChooseNudges),
    events=(MemberNudged, NudgesDeclined, NudgesWelcomed),
)
