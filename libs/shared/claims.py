"""A unique name as an aggregate of its own: whoever holds it has claimed it first."""

from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.shared.domain import Command, Decider, DomainError, Event, Id

# Events


class NameClaimed(Event, frozen=True, kw_only=True):
    """`holder` (the id of what has the name) holds it from now on."""

    wire_name: ClassVar[str] = "name_claimed"

    name: str
    holder: str


class NameReleased(Event, frozen=True, kw_only=True):
    """`holder` let the name go; anyone may claim it."""

    wire_name: ClassVar[str] = "name_released"

    name: str
    holder: str


ClaimEvent = NameClaimed | NameReleased

# State


class Claimed(Struct, frozen=True, kw_only=True):
    """Who holds the name; `None` if it is free."""

    holder: str | None = None


def evolve(state: Claimed, event: ClaimEvent) -> Claimed:
    """Return the claim after `event`."""
    match event:
        case NameClaimed():
            return structs.replace(state, holder=event.holder)
        case NameReleased():
            return structs.replace(state, holder=None)
        case _:
            assert_never(event)


# Commands


class Claim(Command, frozen=True, kw_only=True):
    """Take a free name; nothing changes when this holder has it already; `NAME_TAKEN` when another one has."""

    wire_name: ClassVar[str] = "claim_name"

    name: Id
    holder: Id


class Release(Command, frozen=True, kw_only=True):
    """Let a name go; nothing changes when this holder does not have it."""

    wire_name: ClassVar[str] = "release_name"

    name: Id
    holder: Id


ClaimCommand = Claim | Release


def decide(state: Claimed, command: ClaimCommand) -> list[ClaimEvent]:
    """Return the facts that follow from `command`."""
    match command:
        case Claim():
            if state.holder == command.holder:
                return []
            if state.holder is not None:
                raise DomainError("NAME_TAKEN", f"{command.name} is taken", ("name",))
            return [NameClaimed(name=command.name, holder=command.holder)]
        case Release():
            if state.holder != command.holder:
                return []
            return [NameReleased(name=command.name, holder=command.holder)]
        case _:
            assert_never(command)


def claims(aggregate: str) -> Decider[Claimed, ClaimCommand, ClaimEvent]:
    """Return the decider for one kind of name, such as `brand_slug`; names are unique within brand and kind.

    The command's `brand` is the scope: `NO_BRAND` for names that are unique in the whole platform.
    """
    return Decider(
        aggregate=aggregate,
        initial=Claimed(),
        decide=decide,
        evolve=evolve,
        identify=lambda command: command.name,
        commands=(Claim, Release),
        events=(NameClaimed, NameReleased),
    )
