"""The journey of a brand: the steps that newcomers are led through, in numbered editions."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.access.gate import Module
from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from libs.shared.text import Line, Slug
from services.members.locale import Locale, check_locale

#: A journey has at most this many steps, each within two years of joining, in at most so many languages.
MAX_STEPS: Final = 30
MAX_HOURS: Final = 2 * 366 * 24
MAX_LANGUAGES: Final = 20

#: What a step says under its title: Markdown, at most 2,000 characters.
StepText = Annotated[str, Meta(max_length=2_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]


class StepKind(StrEnum):
    """What completes a step; `facts.py` says which facts."""

    ACCEPT_RULES = "accept_rules"
    COMPLETE_PROFILE = "complete_profile"
    INTRODUCE = "introduce"
    REPLY = "reply"
    RSVP = "rsvp"
    ATTEND = "attend"
    IDEA = "idea"
    CUSTOM = "custom"

    @property
    def module(self) -> Module | None:
        """The part of the brand in which it is done; None for what is always possible."""
        return _MODULES.get(self)


_MODULES: Final = {
    StepKind.INTRODUCE: Module.DISCUSSIONS,
    StepKind.REPLY: Module.DISCUSSIONS,
    StepKind.RSVP: Module.EVENTS,
    StepKind.ATTEND: Module.EVENTS,
    StepKind.IDEA: Module.FEEDBACK,
}


#: Kinds of which a member does nothing twice: a second step could never be completed.
_ONCE: Final = frozenset({StepKind.ACCEPT_RULES, StepKind.COMPLETE_PROFILE})


class Completer(StrEnum):
    """Who says that a custom step is done."""

    MEMBER = "member"
    LEADER = "leader"


class Wording(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step in one language (BCP 47)."""

    locale: Locale
    title: Line
    text: StepText = ""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a newcomer is to do, and so many hours after joining it is due.

    `id` stays the same over the editions: who has completed a step of this id need not do so again.  `space_id`: where
    an introduction counts, None for anywhere.  `completed_by` is for the kind CUSTOM alone.
    """

    id: Slug
    kind: StepKind
    after_hours: Annotated[int, Meta(ge=0, le=MAX_HOURS)]
    wordings: Annotated[tuple[Wording, ...], Meta(min_length=1, max_length=MAX_LANGUAGES)]
    space_id: Id | None = None
    completed_by: Completer | None = None


# Events


class JourneyPublished(Event, frozen=True, kw_only=True):
    """The event's actor gave the brand a journey, from now on in these steps.  `edition` counts from 1.

    Who joins at `newcomers_from` or later is led through it; without `steps` nobody is.
    """

    wire_name: ClassVar[str] = "journey_published"

    edition: int
    steps: tuple[Step, ...]
    newcomers_from: datetime


JourneyEvent = JourneyPublished

# State


class Journey(Struct, frozen=True, kw_only=True):
    """The newest edition, 0 before the first."""

    edition: int = 0
    steps: tuple[Step, ...] = ()
    newcomers_from: datetime | None = None


def evolve(state: Journey, event: JourneyEvent) -> Journey:
    """The journey after `event`."""
    match event:
        case JourneyPublished():
            return structs.replace(state, edition=event.edition, steps=event.steps, newcomers_from=event.newcomers_from)
        case _:
            assert_never(event)


# Commands


class PublishJourney(Command, frozen=True, kw_only=True):
    """Publish the next edition, in the order of `steps`, or `only_the_first`: nothing when there is one.

    Leaders only.  Envelope: brand = `brand_id`.
    """

    wire_name: ClassVar[str] = "publish_journey"

    brand_id: Id
    steps: Annotated[tuple[Step, ...], Meta(max_length=MAX_STEPS)]
    only_the_first: bool = False


# Decisions


def decide(state: Journey, command: PublishJourney) -> list[JourneyEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, INVALID, DUPLICATE_STEP."""
    require(command.roles, *LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    _check(command.steps)
    if state.steps == command.steps or (command.only_the_first and state.edition):
        return []
    # A journey that begins anew after a pause is for who joins from then on, not for who joined during the pause.
    since = state.newcomers_from if state.steps and state.newcomers_from else command.now
    return [JourneyPublished(edition=state.edition + 1, steps=command.steps, newcomers_from=since)]


def _check(steps: Sequence[Step]) -> None:
    ids, kinds = set[str](), set[StepKind]()
    for number, step in enumerate(steps):
        path = ("steps", number)
        if step.id in ids:
            raise DomainError("DUPLICATE_STEP", "two steps have this id", (*path, "id"))
        if step.kind in kinds & _ONCE:
            raise DomainError("DUPLICATE_STEP", "nobody does this a second time", (*path, "kind"))
        ids.add(step.id)
        kinds.add(step.kind)
        if step.space_id is not None and step.kind is not StepKind.INTRODUCE:
            raise Invalid("only an introduction has its space", (*path, "space_id"))
        if (step.completed_by is not None) is not (step.kind is StepKind.CUSTOM):
            raise Invalid("somebody says of a custom step, and of no other, that it is done", (*path, "completed_by"))
        languages = [wording.locale for wording in step.wordings]
        if len(set(languages)) < len(languages):
            raise Invalid("a language occurs twice", (*path, "wordings"))
        for tag in languages:
            check_locale(tag)


DECIDER: Decider[Journey, PublishJourney, JourneyEvent] = Decider(
    aggregate="journey",
    initial=Journey(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(PublishJourney,),
    events=(JourneyPublished,),
)
