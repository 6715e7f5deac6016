"""The charter of a brand: its manifesto and its rules, each in numbered editions that stay readable."""

import hashlib
from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, Event, Id, NotFound

#: A text of the charter: Markdown, not blank, at most 20,000 characters.
CharterText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=20_000,
        pattern=r"^(?=[\s\S]*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z",
    ),
]


class CharterPart(StrEnum):
    """What a text of the charter is."""

    MANIFESTO = "manifesto"
    RULES = "rules"


# Events


class ManifestoPublished(Event, frozen=True, kw_only=True):
    """A leader said what the brand stands for.  `edition` counts from 1."""

    wire_name: ClassVar[str] = "manifesto_published"

    edition: int
    text: str


class RulesPublished(Event, frozen=True, kw_only=True):
    """A leader gave the brand rules; who joins accepts this edition from now on.  `edition` counts from 1."""

    wire_name: ClassVar[str] = "rules_published"

    edition: int
    text: str


CharterEvent = ManifestoPublished | RulesPublished

# State


class Edition(Struct, frozen=True, kw_only=True):
    """The newest edition of a text: its number, 0 before the first, and what its words come to."""

    number: int = 0
    digest: str = ""


class Charter(Struct, frozen=True, kw_only=True):
    """What a charter must remember to decide."""

    manifesto: Edition = Edition()
    rules: Edition = Edition()


def evolve(state: Charter, event: CharterEvent) -> Charter:
    """The charter after `event`."""
    newest = Edition(number=event.edition, digest=_digest(event.text))
    match event:
        case ManifestoPublished():
            return structs.replace(state, manifesto=newest)
        case RulesPublished():
            return structs.replace(state, rules=newest)
        case _:
            assert_never(event)


# Commands


class PublishCharter(Command, frozen=True, kw_only=True):
    """Publish a new edition of the manifesto or of the rules, or `only_the_first`: nothing when there is one.

    Leaders only.  Envelope: brand = `brand_id`.
    """

    wire_name: ClassVar[str] = "publish_charter"

    brand_id: Id
    part: CharterPart
    text: CharterText
    only_the_first: bool = False


# Decisions


def decide(state: Charter, command: PublishCharter) -> list[CharterEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND."""
    require(command.roles, *LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    newest = state.manifesto if command.part is CharterPart.MANIFESTO else state.rules
    if newest.digest == _digest(command.text) or (command.only_the_first and newest.number):
        return []
    published = ManifestoPublished if command.part is CharterPart.MANIFESTO else RulesPublished
    return [published(edition=newest.number + 1, text=command.text)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


DECIDER: Decider[Charter, PublishCharter, CharterEvent] = Decider(
    aggregate="charter",
    initial=Charter(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(PublishCharter,),
    events=(ManifestoPublished, RulesPublished),
)
