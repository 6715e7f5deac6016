"""The consents of a member: a part of the aggregate member, with its own events, commands and decisions."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta

from libs.shared.domain import Command, Event, Id
from libs.shared.text import Slug

# Events


class ConsentGiven(Event, frozen=True, kw_only=True):
    """The member agreed to a purpose as edition `edition` of its text says it.

    `replaced` is the edition that they agreed to until then, None when they did not.
    """

    wire_name: ClassVar[str] = "consent_given"

    purpose: str
    edition: int
    replaced: int | None = None


class ConsentWithdrawn(Event, frozen=True, kw_only=True):
    """The member does not agree any more to what they agreed to by edition `edition`; leaving withdraws everything."""

    wire_name: ClassVar[str] = "consent_withdrawn"

    purpose: str
    edition: int


ConsentEvent = ConsentGiven | ConsentWithdrawn

# State: the edition by the key of the purpose


def evolve_consents(state: Mapping[str, int], event: ConsentEvent) -> Mapping[str, int]:
    """The consents after `event`."""
    match event:
        case ConsentGiven():
            return {**state, event.purpose: event.edition}
        case ConsentWithdrawn():
            return {purpose: edition for purpose, edition in state.items() if purpose != event.purpose}
        case _:
            assert_never(event)


# Commands


class GiveConsent(Command, frozen=True, kw_only=True):
    """Agree to a purpose, as its current edition says it; that it is this one is checked before (`composition.py`)."""

    wire_name: ClassVar[str] = "give_consent"

    member_id: Id
    purpose: Slug
    edition: Annotated[int, Meta(ge=1, le=1_000_000)]


class WithdrawConsent(Command, frozen=True, kw_only=True):
    """Agree no more."""

    wire_name: ClassVar[str] = "withdraw_consent"

    member_id: Id
    purpose: Slug


ConsentCommand = GiveConsent | WithdrawConsent

# Decisions


def decide_consents(state: Mapping[str, int], command: ConsentCommand) -> list[ConsentEvent]:
    """The facts that `command` makes true; that the sender is a member, and this one, was decided before."""
    edition = state.get(command.purpose)
    match command:
        case GiveConsent():
            if edition == command.edition:
                return []
            return [ConsentGiven(purpose=command.purpose, edition=command.edition, replaced=edition)]
        case WithdrawConsent():
            return [] if edition is None else [ConsentWithdrawn(purpose=command.purpose, edition=edition)]
        case _:
            assert_never(command)


def all_withdrawn(state: Mapping[str, int]) -> list[ConsentWithdrawn]:
    """What leaving does to the consents."""
    return [ConsentWithdrawn(purpose=purpose, edition=edition) for purpose, edition in sorted(state.items())]
