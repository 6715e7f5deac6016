"""What a brand asks its members' consent for: purposes, each with a text in editions."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, TypeAlias, assert_never

import msgspec
from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from libs.shared.text import Slug
from services.members.locale import Locale, check_locale

#: Purposes that a brand can define beside the built-in ones.
MAX_PURPOSES: Final = 50
#: What the texts of a brand that hold may take as JSON: one answer, and one document, has all of them.
MAX_TEXTS_BYTES: Final = 600_000

#: What a member agrees to, in words: Markdown, at most 2,000 characters, not blank.
Words = Annotated[
    str, Meta(max_length=2_000, pattern=r"^(?=[\s\S]*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")
]


class ConsentText(Struct, frozen=True, kw_only=True):
    """A text in one language."""

    language: Locale
    text: Words


Texts: TypeAlias = Annotated[list[ConsentText], Meta(min_length=1, max_length=50)]


class BuiltInPurpose(StrEnum):
    """What every brand may ask for, with a text of the platform as edition 1."""

    DIGEST = "digest"
    NUDGES = "nudges"
    NETWORKING = "networking"
    PHOTOS = "photos"


def _texts(english: str, french: str) -> list[ConsentText]:
    return [ConsentText(language="en", text=english), ConsentText(language="fr", text=french)]


#: Edition 1 of the built-in purposes.
BUILT_IN: Final[Mapping[str, list[ConsentText]]] = MappingProxyType(
    {
        BuiltInPurpose.DIGEST: _texts(
            "I want summaries of what happens in this community by e-mail.",
            "Je souhaite recevoir par e-mail des résumés de la vie de cette communauté.",
        ),
        BuiltInPurpose.NUDGES: _texts(
            "I want to be invited by e-mail to take part when I have not done so for a while.",
            "Je souhaite être invité par e-mail à participer quand je ne l'ai pas fait depuis un moment.",
        ),
        BuiltInPurpose.NETWORKING: _texts(
            "I want to be suggested to other members who share my interests, and they to me.",
            "Je souhaite être suggéré à d'autres membres qui partagent mes intérêts, et qu'ils me le soient.",
        ),
        BuiltInPurpose.PHOTOS: _texts(
            "Photos in which I can be recognised may be shown in this community.",
            "Des photos où l'on me reconnaît peuvent être montrées dans cette communauté.",
        ),
    }
)

# Events


class ConsentPurposePublished(Event, frozen=True, kw_only=True):
    """A leader published a new edition of the text of a purpose, in all its languages; with the first, the purpose."""

    wire_name: ClassVar[str] = "consent_purpose_published"

    purpose: str
    edition: int
    texts: list[ConsentText]


class ConsentPurposeRetired(Event, frozen=True, kw_only=True):
    """A leader ended a purpose: nobody is asked, and nobody agrees any more."""

    wire_name: ClassVar[str] = "consent_purpose_retired"

    purpose: str


class ConsentPurposeRestored(Event, frozen=True, kw_only=True):
    """A leader brought a purpose back."""

    wire_name: ClassVar[str] = "consent_purpose_restored"

    purpose: str


PurposeEvent = ConsentPurposePublished | ConsentPurposeRetired | ConsentPurposeRestored

# State


class Purpose(Struct, frozen=True, kw_only=True):
    """A purpose with the text that holds."""

    edition: int
    texts: list[ConsentText]
    retired: bool = False


class Purposes(Struct, frozen=True, kw_only=True):
    """What the purposes must remember to decide: by key those that the brand changed or added."""

    changed: dict[str, Purpose] = {}

    @property
    def by_key(self) -> dict[str, Purpose]:
        """All of them."""
        built_in = {str(key): Purpose(edition=1, texts=texts) for key, texts in BUILT_IN.items()}
        return built_in | self.changed

    def check_consent(self, key: str, edition: int) -> None:
        """Raise NOT_FOUND, PURPOSE_RETIRED, CONSENT_NOT_CURRENT unless this can be agreed to now."""
        purpose = self.by_key.get(key)
        if purpose is None:
            raise NotFound("there is no such purpose", ("purpose",))
        if purpose.retired:
            raise DomainError("PURPOSE_RETIRED", "this brand does not ask for that any more", ("purpose",))
        if purpose.edition != edition:
            raise DomainError("CONSENT_NOT_CURRENT", f"the text has edition {purpose.edition}", ("edition",))


def evolve(state: Purposes, event: PurposeEvent) -> Purposes:
    """The purposes after `event`."""
    known = state.by_key.get(event.purpose)
    match event:
        case ConsentPurposePublished():
            retired = known is not None and known.retired
            after = Purpose(edition=event.edition, texts=event.texts, retired=retired)
        case ConsentPurposeRetired() | ConsentPurposeRestored():
            after = structs.replace(_there(known), retired=isinstance(event, ConsentPurposeRetired))
        case _:
            assert_never(event)
    return Purposes(changed={**state.changed, event.purpose: after})


# Commands


class PublishConsentPurpose(Command, frozen=True, kw_only=True):
    """Publish a purpose, or a new edition of its text.  Leaders only, as all commands here; brand = `brand_id`."""

    wire_name: ClassVar[str] = "publish_consent_purpose"

    brand_id: Id
    purpose: Slug
    texts: Texts


class RetireConsentPurpose(Command, frozen=True, kw_only=True):
    """End a purpose."""

    wire_name: ClassVar[str] = "retire_consent_purpose"

    brand_id: Id
    purpose: Slug


class RestoreConsentPurpose(Command, frozen=True, kw_only=True):
    """Bring a purpose back, with the text that it had."""

    wire_name: ClassVar[str] = "restore_consent_purpose"

    brand_id: Id
    purpose: Slug


PurposeCommand = PublishConsentPurpose | RetireConsentPurpose | RestoreConsentPurpose

# Decisions


def decide(state: Purposes, command: PurposeCommand) -> list[PurposeEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, INVALID, TOO_MANY_PURPOSES, TEXTS_TOO_LARGE.
    """
    require(command.roles, LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    known = state.by_key.get(command.purpose)
    match command:
        case PublishConsentPurpose():
            return _publish(state, known, command)
        case RetireConsentPurpose():
            return [] if _there(known).retired else [ConsentPurposeRetired(purpose=command.purpose)]
        case RestoreConsentPurpose():
            return [ConsentPurposeRestored(purpose=command.purpose)] if _there(known).retired else []
        case _:
            assert_never(command)


def _publish(state: Purposes, known: Purpose | None, command: PublishConsentPurpose) -> list[PurposeEvent]:
    languages = [text.language for text in command.texts]
    for language in languages:
        check_locale(language, ("texts",))
    if len(set(languages)) < len(languages):
        raise Invalid("two texts are in the same language", ("texts",))
    if known is None and len(state.by_key) >= MAX_PURPOSES + len(BUILT_IN):
        raise DomainError("TOO_MANY_PURPOSES", f"a brand defines at most {MAX_PURPOSES}", ("purpose",))
    if known is not None and known.texts == command.texts:
        return []
    held = {**{key: one.texts for key, one in state.changed.items()}, command.purpose: command.texts}
    if len(msgspec.json.encode(held)) > MAX_TEXTS_BYTES:
        raise DomainError("TEXTS_TOO_LARGE", f"all texts together have at most {MAX_TEXTS_BYTES} bytes", ("texts",))
    edition = known.edition + 1 if known is not None else 1
    return [ConsentPurposePublished(purpose=command.purpose, edition=edition, texts=command.texts)]


def _there(known: Purpose | None) -> Purpose:
    if known is None:
        raise NotFound("there is no such purpose", ("purpose",))
    return known


DECIDER: Decider[Purposes, PurposeCommand, PurposeEvent] = Decider(
    aggregate="consent_purposes",
    initial=Purposes(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(PublishConsentPurpose, RetireConsentPurpose, RestoreConsentPurpose),
    events=(ConsentPurposePublished, ConsentPurposeRetired, ConsentPurposeRestored),
)
