"""The spotlight on a member: a text by a leader that the brand shows for a time.  One at a time on each."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid
from services.members.recognition.score import Reason

#: The longest that a spotlight shines.
MAX_DAYS: Final = 92

# Events


class MemberSpotlighted(Event, frozen=True, kw_only=True):
    """The event's actor puts the member in the light with a `text` about them, until then."""

    wire_name: ClassVar[str] = "member_spotlighted"
    personal: ClassVar[frozenset[str]] = frozenset({"text"})

    spotlight_id: str
    text: str
    until: datetime


class SpotlightEnded(Event, frozen=True, kw_only=True):
    """The light is off: its time came, or the event's actor ended it, or put another in its place."""

    wire_name: ClassVar[str] = "spotlight_ended"

    spotlight_id: str


SpotlightEvent = MemberSpotlighted | SpotlightEnded

# State


class Spotlight(Struct, frozen=True, kw_only=True):
    """The spotlight that shines on the member, None for none, and all that ever did."""

    shining: str | None = None
    ever: frozenset[str] = frozenset()


def evolve(state: Spotlight, event: SpotlightEvent) -> Spotlight:
    """The spotlight after `event`."""
    match event:
        case MemberSpotlighted():
            return Spotlight(shining=event.spotlight_id, ever=state.ever | {event.spotlight_id})
        case SpotlightEnded():
            return structs.replace(state, shining=None)
        case _:
            assert_never(event)


# Commands


class SpotlightMember(Command, frozen=True, kw_only=True):
    """Put another member in the light; what shines on them already is replaced.  Leaders only."""

    wire_name: ClassVar[str] = "spotlight_member"

    member_id: Id
    spotlight_id: Id
    text: Reason
    until: Annotated[datetime, Meta(tz=True)]


class ShineOn(SpotlightMember, frozen=True, kw_only=True):
    """The same, for who is a member or not; the service makes it of what was sent."""

    joined: bool


class EndSpotlight(Command, frozen=True, kw_only=True):
    """End what shines on a member, or only the spotlight of an id.  Leaders, and who stands in it."""

    wire_name: ClassVar[str] = "end_spotlight"

    member_id: Id
    spotlight_id: Id | None = None


SpotlightCommand = ShineOn | EndSpotlight

# Decisions


def decide(state: Spotlight, command: SpotlightCommand) -> list[SpotlightEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_A_MEMBER, INVALID."""
    match command:
        case ShineOn():
            return _shine(state, command)
        case EndSpotlight():
            if command.actor not in (command.member_id, SYSTEM):
                require(command.roles, LEADERS)
            if state.shining is None or command.spotlight_id not in (None, state.shining):
                return []
            return [SpotlightEnded(spotlight_id=state.shining)]
        case _:
            assert_never(command)


def _shine(state: Spotlight, command: ShineOn) -> list[SpotlightEvent]:
    require(command.roles, LEADERS)
    if command.actor == command.member_id:
        raise Forbidden("nobody honours themselves", ("member_id",))
    if not command.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))
    if not command.now < command.until <= command.now + timedelta(days=MAX_DAYS):
        raise Invalid(f"a spotlight shines for at most {MAX_DAYS} days from now", ("until",))
    if command.spotlight_id in state.ever:
        return []
    ended = [SpotlightEnded(spotlight_id=state.shining)] if state.shining else []
    return [*ended, MemberSpotlighted(spotlight_id=command.spotlight_id, text=command.text, until=command.until)]


#: `SpotlightMember` reaches it as `ShineOn` (`composition.py`).
DECIDER: Decider[Spotlight, SpotlightCommand, SpotlightEvent] = Decider(
    aggregate="spotlight",
    initial=Spotlight(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(EndSpotlight,),
    events=(MemberSpotlighted, SpotlightEnded),
)
