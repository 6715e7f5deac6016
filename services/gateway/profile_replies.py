"""What the gateway reads of the replies about profiles and consents: only the fields that the schema shows."""

from datetime import date, datetime

from msgspec import Struct


class LabelReply(Struct, frozen=True):
    """A text in one language."""

    language: str
    text: str


class AudienceReply(Struct, frozen=True):
    """Who may see a field."""

    reach: str
    roles: list[str] = []


class ChoiceReply(Struct, frozen=True):
    """One of the values of a choice."""

    key: str
    labels: list[LabelReply]


class LimitsReply(Struct, frozen=True):
    """What values keep to."""

    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    earliest: date | None = None
    latest: date | None = None
    max_choices: int | None = None


class FieldReply(Struct, frozen=True):
    """A field of a brand's form."""

    key: str
    type: str
    labels: list[LabelReply]
    audience: AudienceReply
    required: bool = False
    choices: list[ChoiceReply] = []
    limits: LimitsReply = LimitsReply()


class FormFieldReply(Struct, frozen=True):
    """A field, and whether it is out of use."""

    field: FieldReply
    retired: bool


class RuleReply(Struct, frozen=True):
    """Who may see a built-in field."""

    field: str
    audience: AudienceReply


class FormReply(Struct, frozen=True):
    """The profile form of a brand."""

    edition: int
    fields: list[FormFieldReply]
    rules: list[RuleReply]


class AvatarReply(Struct, frozen=True):
    """A picture and its description."""

    url: str
    alt: str


class FieldShownReply(Struct, frozen=True):
    """A field of a profile."""

    field: FieldReply
    value: str | float | bool | list[str] | None
    hidden: bool


class ProfileReply(Struct, frozen=True):
    """A profile, as far as the viewer may see it."""

    bio: str
    fields: list[FieldShownReply]
    avatar: AvatarReply | None = None
    email: str | None = None
    time_zone: str | None = None
    language: str | None = None
    external_id: str | None = None
    completeness: int | None = None
    hidden: list[str] | None = None


class MemberFoundReply(Struct, frozen=True):
    """The member that has an external id."""

    member_id: str


class PurposeReply(Struct, frozen=True):
    """A purpose with the text that holds."""

    purpose: str
    edition: int
    texts: list[LabelReply]
    retired: bool


class ConsentReply(Struct, frozen=True):
    """To what a member agrees."""

    purpose: str
    edition: int
    given_at: datetime


class ConsentChangeReply(Struct, frozen=True):
    """What a member gave or withdrew."""

    purpose: str
    edition: int
    given: bool
    at: datetime


class EditionCountReply(Struct, frozen=True):
    """How many agree by an edition."""

    edition: int
    members: int


class PurposeCountReply(Struct, frozen=True):
    """How many agree to a purpose."""

    purpose: str
    members: int
    editions: list[EditionCountReply]
