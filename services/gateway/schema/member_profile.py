"""What a member tells about themselves, as far as the sender may see it."""

from datetime import date
from enum import Enum
from typing import TYPE_CHECKING

import strawberry

from libs.executor.with_strawberry import Answers, batch
from services.gateway import profile_replies as replies
from services.gateway.context import Scope
from services.gateway.loaders import PROFILES
from services.gateway.schema.common import known
from services.gateway.schema.roles import Role

if TYPE_CHECKING:
    from services.gateway.schema.members import Member


@strawberry.enum(description="What kind of values a field takes.")
class ProfileFieldType(Enum):
    """Types of fields, as services name them."""

    TEXT = strawberry.enum_value("text", description="One line, at most 200 characters.")
    LONG_TEXT = strawberry.enum_value("long_text", description="Markdown, at most 5,000 characters.")
    NUMBER = strawberry.enum_value("number", description="A number.")
    DATE = strawberry.enum_value("date", description="A day: YYYY-MM-DD.")
    CHOICE = strawberry.enum_value("choice", description="The key of one of the choices.")
    MULTI_CHOICE = strawberry.enum_value("multi_choice", description="Keys of some of the choices.")
    URL = strawberry.enum_value("url", description="An HTTPS address of a public host.")
    YES_NO = strawberry.enum_value("yes_no", description="Yes or no.")


@strawberry.enum(description="How far a field of a profile reaches.")
class ProfileReach(Enum):
    """Reaches, as services name them."""

    EVERYONE = strawberry.enum_value("everyone", description="Everybody in the brand.")
    ROLES = strawberry.enum_value("roles", description="The member, and members with one of some roles.")
    ONESELF = strawberry.enum_value("oneself", description="The member alone.")


@strawberry.type(description="A text for people in one language.")
class ProfileLabel:
    """A label."""

    language: str = strawberry.field(description="BCP 47.")
    text: str = strawberry.field(description="Plain text: it is data, and nothing in it is markup.")


@strawberry.type(description="Who may see a field beside the member.")
class ProfileAudience:
    """An audience."""

    reach: ProfileReach = strawberry.field(description="How far it reaches.")
    roles: list[Role] = strawberry.field(description="Whose it is when it is for roles; else empty.")

    @staticmethod
    def of(row: replies.AudienceReply) -> "ProfileAudience":
        """An audience as a service sees it."""
        return ProfileAudience(reach=ProfileReach(row.reach), roles=known(row.roles, Role))


@strawberry.type(description="One of the values of a choice.")
class ProfileChoice:
    """A choice."""

    key: str = strawberry.field(description="Its value.")
    labels: list[ProfileLabel] = strawberry.field(description="What it is called.")


@strawberry.type(description="What values must keep to; null where there is no limit, or none of this kind.")
class ProfileLimits:
    """Limits."""

    max_length: int | None = strawberry.field(description="Most characters of a text.")
    minimum: float | None = strawberry.field(description="Least number.")
    maximum: float | None = strawberry.field(description="Greatest number.")
    earliest: date | None = strawberry.field(description="First day.")
    latest: date | None = strawberry.field(description="Last day.")
    max_choices: int | None = strawberry.field(description="Most choices.")


@strawberry.type(description="A field that a brand added to the profiles of its members.")
class ProfileField:
    """A field's definition."""

    key: str = strawberry.field(description="Its name for programs.")
    type: ProfileFieldType = strawberry.field(description="What it takes, for good.")
    labels: list[ProfileLabel] = strawberry.field(description="What it is called.")
    audience: ProfileAudience = strawberry.field(description="Who may see it, unless the member hides it.")
    required: bool = strawberry.field(description="Whether a complete profile has it.")
    choices: list[ProfileChoice] = strawberry.field(description="The values of a choice, in their order.")
    limits: ProfileLimits = strawberry.field(description="What values keep to.")

    @staticmethod
    def of(row: replies.FieldReply) -> "ProfileField":
        """A field as a service sees it."""
        limits = row.limits
        return ProfileField(
            key=row.key,
            type=ProfileFieldType(row.type),
            labels=labels(row.labels),
            audience=ProfileAudience.of(row.audience),
            required=row.required,
            choices=[ProfileChoice(key=choice.key, labels=labels(choice.labels)) for choice in row.choices],
            limits=ProfileLimits(
                max_length=limits.max_length,
                minimum=limits.minimum,
                maximum=limits.maximum,
                earliest=limits.earliest,
                latest=limits.latest,
                max_choices=limits.max_choices,
            ),
        )


@strawberry.type(description="A field of a member's profile.  Its value is in the one field that fits its type.")
class ProfileValue:
    """A value."""

    field: ProfileField = strawberry.field(description="Which field.")
    text: str | None = strawberry.field(description="A text, a day, an address, or the key of a choice.")
    number: float | None = strawberry.field(description="A number.")
    choices: list[str] | None = strawberry.field(description="Keys of several choices.")
    yes: bool | None = strawberry.field(description="Yes or no.")
    hidden: bool = strawberry.field(description="Whether the member hides it from everybody else.")

    @staticmethod
    def of(row: replies.FieldShownReply) -> "ProfileValue":
        """A value as a service sees it."""
        value = row.value
        return ProfileValue(
            field=ProfileField.of(row.field),
            text=value if isinstance(value, str) else None,
            number=value if isinstance(value, float) else None,
            choices=value if isinstance(value, list) else None,
            yes=value if isinstance(value, bool) else None,
            hidden=row.hidden,
        )


@strawberry.type(description="A picture that a member shows.  It is fetched by clients: the platform never does.")
class Avatar:
    """An avatar."""

    url: str = strawberry.field(description="HTTPS, of a public host.")
    alt: str = strawberry.field(description="What the picture shows, in words.")


@strawberry.type(description="What a member tells about themselves; what is not for the sender is null or left out.")
class Profile:
    """A profile."""

    bio: str = strawberry.field(description="The member's own words, Markdown; empty where the sender may not see it.")
    avatar: Avatar | None = strawberry.field(description="The member's picture.")
    email: str | None = strawberry.field(description="For the member alone, unless the brand says otherwise.")
    time_zone: str | None = strawberry.field(description="IANA; UTC where the member chose none.")
    language: str | None = strawberry.field(description="BCP 47; the brand's where the member chose none.")
    external_id: str | None = strawberry.field(
        description="What the member is called in another system: for the member, owners, builders and programs."
    )
    fields: list[ProfileValue] = strawberry.field(description="The brand's own fields, in their order.")
    completeness: int | None = strawberry.field(
        description="Percent of name, bio, avatar and required fields that are there.  For the member alone."
    )
    hidden_fields: list[str] | None = strawberry.field(
        description="Keys of the fields that the member hides.  For the member alone."
    )

    @staticmethod
    def of(row: replies.ProfileReply, _scope: Scope) -> "Profile":
        """A profile as a service sees it."""
        return Profile(
            bio=row.bio,
            avatar=Avatar(url=row.avatar.url, alt=row.avatar.alt) if row.avatar else None,
            email=row.email,
            time_zone=row.time_zone,
            language=row.language,
            external_id=row.external_id,
            fields=[ProfileValue.of(field) for field in row.fields],
            completeness=row.completeness,
            hidden_fields=row.hidden,
        )


@strawberry.type
class MemberProfile:
    """The part of a member that is their profile: asked for when a client wants it, for all members of a level."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def profile(those: "list[Member]") -> Answers[Profile | None]:
        """What the member tells about themselves; null for who left, and for a program."""
        return await PROFILES.objects(((one.scope, one.key) for one in those), Profile.of)

    @batch
    @staticmethod
    async def bio(those: "list[Member]") -> Answers[str]:
        """The member's own words, Markdown; empty for who left, and where the sender may not see them."""
        rows = await PROFILES.rows((one.scope, one.key) for one in those)
        return [row if isinstance(row, Exception) else row.bio if row else "" for row in rows]

    @batch
    @staticmethod
    async def email(those: "list[Member]") -> Answers[str | None]:
        """Shown to the member only, unless the brand says otherwise."""
        rows = await PROFILES.rows((one.scope, one.key) for one in those)
        return [row if isinstance(row, Exception) else row.email if row else None for row in rows]


def labels(rows: list[replies.LabelReply]) -> list[ProfileLabel]:
    """Labels as a service sees them."""
    return [ProfileLabel(language=row.language, text=row.text) for row in rows]
