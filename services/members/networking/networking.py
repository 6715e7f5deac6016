"""Networking: what a member shows to be found by others, once they want that, and whom they passed over."""

from typing import ClassVar, assert_never

from msgspec import Struct, structs
from rpds import HashTrieSet

from libs.access.roles import Role, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid
from libs.shared.tags import normalised_all
from services.members.networking.tags import Tags, to_text

#: Nobody passes over more suggestions than this.
MAX_DISMISSED = 2_000

# Events


class NetworkingChosen(Event, frozen=True, kw_only=True):
    """The member wants to be found.  Both fields are all that they show from now on: normalised tags, one a line."""

    wire_name: ClassVar[str] = "networking_chosen"
    personal: ClassVar[frozenset[str]] = frozenset({"interests", "skills"})

    interests: str
    skills: str


class NetworkingLeft(Event, frozen=True, kw_only=True):
    """The member is not to be found any more, and what they showed is gone."""

    wire_name: ClassVar[str] = "networking_left"


class SuggestionDismissed(Event, frozen=True, kw_only=True):
    """The member does not want another one suggested."""

    wire_name: ClassVar[str] = "suggestion_dismissed"

    dismissed_id: str


NetworkingEvent = NetworkingChosen | NetworkingLeft | SuggestionDismissed

# State


class Networking(Struct, frozen=True, kw_only=True):
    """What must be remembered to decide.  Nobody takes part before they say so."""

    open: bool = False
    interests: str = ""
    skills: str = ""
    dismissed: HashTrieSet[str] = HashTrieSet()


def evolve(state: Networking, event: NetworkingEvent) -> Networking:
    """What is so after `event`."""
    match event:
        case NetworkingChosen():
            return structs.replace(state, open=True, interests=event.interests, skills=event.skills)
        case NetworkingLeft():
            return Networking(dismissed=state.dismissed)
        case SuggestionDismissed():
            return structs.replace(state, dismissed=state.dismissed.insert(event.dismissed_id))
        case _:
            assert_never(event)


# Commands


class ChooseNetworking(Command, frozen=True, kw_only=True):
    """Want to be found, with these interests and skills in place of those before.  Members, for themselves.

    Where a brand takes tags of its own list only, that they are of it is checked before (`composition.py`).
    """

    wire_name: ClassVar[str] = "choose_networking"

    member_id: Id
    interests: Tags = ()
    skills: Tags = ()


class LeaveNetworking(Command, frozen=True, kw_only=True):
    """Not be found any more.  Members, for themselves; the platform, of who left the brand."""

    wire_name: ClassVar[str] = "leave_networking"

    member_id: Id


class DismissSuggestion(Command, frozen=True, kw_only=True):
    """Not have somebody suggested again; that they are a member is checked before (`composition.py`)."""

    wire_name: ClassVar[str] = "dismiss_suggestion"

    member_id: Id
    dismissed_id: Id


NetworkingCommand = ChooseNetworking | LeaveNetworking | DismissSuggestion

# Decisions


def decide(state: Networking, command: NetworkingCommand) -> list[NetworkingEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, INVALID, TOO_MANY."""
    require(command.roles, Role.MEMBER)
    if command.actor not in (command.member_id, SYSTEM):
        raise Forbidden("only the member does this")
    match command:
        case ChooseNetworking():
            return _choose(state, command)
        case LeaveNetworking():
            return [NetworkingLeft()] if state.open else []
        case DismissSuggestion():
            return _dismiss(state, command)
        case _:
            assert_never(command)


def _choose(state: Networking, command: ChooseNetworking) -> list[NetworkingEvent]:
    interests = to_text(normalised_all(command.interests, "interests"))
    skills = to_text(normalised_all(command.skills, "skills"))
    if state.open and (state.interests, state.skills) == (interests, skills):
        return []
    return [NetworkingChosen(interests=interests, skills=skills)]


def _dismiss(state: Networking, command: DismissSuggestion) -> list[NetworkingEvent]:
    if command.dismissed_id == command.member_id:
        raise Invalid("nobody is suggested to themselves", ("dismissed_id",))
    if command.dismissed_id in state.dismissed:
        return []
    if len(state.dismissed) >= MAX_DISMISSED:
        raise DomainError("TOO_MANY", f"at most {MAX_DISMISSED} members are passed over", ("dismissed_id",))
    return [SuggestionDismissed(dismissed_id=command.dismissed_id)]


DECIDER: Decider[Networking, NetworkingCommand, NetworkingEvent] = Decider(
    aggregate="networking",
    initial=Networking(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(ChooseNetworking, LeaveNetworking, DismissSuggestion),
    events=(NetworkingChosen, NetworkingLeft, SuggestionDismissed),
    snapshots=False,
)
