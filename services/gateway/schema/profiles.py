"""The profile form of a brand, who is found by what, and the commands on profiles."""

from datetime import date
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import ID

from libs.shared.domain import Invalid
from services.gateway import ids, replies
from services.gateway import profile_replies as rows
from services.gateway.context import Done, Info
from services.gateway.schema.common import (
    After,
    BrandPart,
    CommandId,
    Connection,
    First,
    Payload,
    command,
    connection,
    field,
    optional,
    page_arguments,
    unless_missing,
)
from services.gateway.schema.member_profile import ProfileAudience, ProfileField, ProfileFieldType, ProfileReach
from services.gateway.schema.members import Member, MemberPayload, load_member
from services.gateway.schema.roles import Role


@strawberry.enum(description="A field that every profile has beside the name.")
class BuiltInProfileField(Enum):
    """Built-in fields, as services name them."""

    BIO = strawberry.enum_value("bio", description="The member's own words.")
    AVATAR = strawberry.enum_value("avatar", description="The member's picture.")
    EMAIL = strawberry.enum_value("email", description="The e-mail address.")
    TIME_ZONE = strawberry.enum_value("time-zone", description="The time zone.")
    LANGUAGE = strawberry.enum_value("language", description="The language.")


@strawberry.type(description="A field of the form.")
class ProfileFormField:
    """A field, and whether it is in use."""

    field: ProfileField = strawberry.field(description="How it is defined.")
    retired: bool = strawberry.field(description="Whether it is out of use; such fields are for owners and builders.")


@strawberry.type(description="Who may see a built-in field, unless the member hides it.")
class ProfileRule:
    """A rule."""

    field: BuiltInProfileField = strawberry.field(description="Which field.")
    audience: ProfileAudience = strawberry.field(description="Who may see it.")


@strawberry.type(description="What a brand asks its members to tell about themselves, and who may see it.")
class ProfileForm:
    """A form."""

    version: int = strawberry.field(description="Grows with each change.")
    fields: list[ProfileFormField] = strawberry.field(description="The brand's own fields, in their order.")
    rules: list[ProfileRule] = strawberry.field(description="For the fields that every profile has.")

    @staticmethod
    def of(row: rows.FormReply) -> "ProfileForm":
        """A form as a service sees it."""
        return ProfileForm(
            version=row.edition,
            fields=[ProfileFormField(field=ProfileField.of(one.field), retired=one.retired) for one in row.fields],
            rules=[
                ProfileRule(field=BuiltInProfileField(rule.field), audience=ProfileAudience.of(rule.audience))
                for rule in row.rules
            ],
        )


@strawberry.type
class BrandProfiles(BrandPart):
    """The part of a brand that is about profiles."""

    @field
    async def profile_form(self, info: Info) -> ProfileForm | None:
        """What the brand asks its members to tell about themselves.  Members only."""
        scope = self.inside(info)
        return ProfileForm.of(await scope.ask("members", "profile_form_of_brand", rows.FormReply))

    @field
    async def search_members(
        self,
        info: Info,
        prefix: Annotated[
            str, strawberry.argument(description="How a word of the name begins; case and accents do not count.")
        ],
        first: First = None,
        after: After = None,
    ) -> Connection[Member] | None:
        """Who has a word in their name that begins so, by their names from that word on.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, None, None)
        given = optional(prefix=prefix, first=page.first, after=page.after)
        found = await scope.ask("members", "member_search", replies.PageReply[replies.MemberReply], **given)
        return connection(found, lambda row: Member.of(row, scope))

    @field
    async def member_by_external_id(
        self,
        info: Info,
        external_id: Annotated[str, strawberry.argument(description="Exactly as it was set.")],
    ) -> Member | None:
        """The member with an id of another system; null when nobody has it.

        Owners, builders, and service accounts with the scope MEMBERS_READ.
        """
        scope = self.inside(info)
        asked = scope.ask("members", "member_by_external_id", rows.MemberFoundReply, external_id=external_id)
        found = await unless_missing(asked)
        return await load_member(scope, found.member_id) if found else None


@strawberry.input
class ProfileLabelInput:
    """A text for people in one language."""

    language: str = strawberry.field(description="BCP 47.")
    text: str = strawberry.field(description="The text.")


@strawberry.input
class ProfileAudienceInput:
    """Who may see a field beside the member."""

    reach: ProfileReach = strawberry.field(description="How far it reaches.")
    roles: list[Role] = strawberry.field(default_factory=list, description="When, and only when, it is for roles.")


@strawberry.input
class ProfileChoiceInput:
    """One of the values of a choice."""

    key: str = strawberry.field(description="Its value: lower case, digits and hyphens.")
    labels: list[ProfileLabelInput] = strawberry.field(description="What it is called, in each language.")


@strawberry.input
class ProfileLimitsInput:
    """What values must keep to; each for its types."""

    max_length: int | None = strawberry.field(default=None, description="Most characters of a text.")
    minimum: float | None = strawberry.field(default=None, description="Least number.")
    maximum: float | None = strawberry.field(default=None, description="Greatest number.")
    earliest: date | None = strawberry.field(default=None, description="First day.")
    latest: date | None = strawberry.field(default=None, description="Last day.")
    max_choices: int | None = strawberry.field(default=None, description="Most choices.")


@strawberry.input
class ProfileFieldInput:
    """A field."""

    key: str = strawberry.field(description="Its name for programs: lower case, digits and hyphens.")
    type: ProfileFieldType = strawberry.field(description="What it takes, for good.")
    labels: list[ProfileLabelInput] = strawberry.field(description="What it is called, in each language.")
    audience: ProfileAudienceInput = strawberry.field(description="Who may see it.")
    required: bool = strawberry.field(default=False, description="Whether a complete profile has it.")
    choices: list[ProfileChoiceInput] = strawberry.field(default_factory=list, description="The values of a choice.")
    limits: ProfileLimitsInput | None = strawberry.field(default=None, description="What values keep to.")


@strawberry.input
class DefineProfileFieldInput:
    """A field to add to a brand's form, or to define anew."""

    brand_id: ID
    field: ProfileFieldInput = strawberry.field(description="The whole definition, with what stays as it is.")
    command_id: CommandId = None


@strawberry.input
class ProfileFieldKeyInput:
    """A field of a brand's form."""

    brand_id: ID
    key: str = strawberry.field(description="Which field.")
    command_id: CommandId = None


@strawberry.input
class OrderProfileFieldsInput:
    """An order of the fields."""

    brand_id: ID
    keys: list[str] = strawberry.field(description="All fields in use, each once.")
    command_id: CommandId = None


@strawberry.input
class ChooseFieldAudienceInput:
    """Who may see a built-in field."""

    brand_id: ID
    field: BuiltInProfileField = strawberry.field(description="Which field.")
    audience: ProfileAudienceInput = strawberry.field(description="Who may see it.")
    command_id: CommandId = None


@strawberry.input
class ProfileValueInput:
    """A value, in the one field that fits the type; without any, the value is taken away."""

    key: str = strawberry.field(description="Which field of the brand's form.")
    text: str | None = strawberry.field(default=None, description="A text, a day, an address, or the key of a choice.")
    number: float | None = strawberry.field(default=None, description="A number.")
    choices: list[str] | None = strawberry.field(default=None, description="Keys of several choices.")
    yes: bool | None = strawberry.field(default=None, description="Yes or no.")


@strawberry.input
class SetProfileFieldsInput:
    """Values for fields; fields that are not named stay as they are."""

    brand_id: ID
    values: list[ProfileValueInput] = strawberry.field(description="Each field at most once.")
    command_id: CommandId = None


@strawberry.input
class HideProfileFieldsInput:
    """The fields that nobody else is to see."""

    brand_id: ID
    fields: list[str] = strawberry.field(
        description="All of them, in place of those before: keys of the brand's fields, or bio, avatar, email, "
        "time-zone, language."
    )
    command_id: CommandId = None


@strawberry.input
class ChooseAvatarInput:
    """A picture, or none."""

    brand_id: ID
    url: str | None = strawberry.field(default=None, description="HTTPS, of a public host; null shows none.")
    alt: str | None = strawberry.field(default=None, description="What the picture shows, in words.")
    command_id: CommandId = None


@strawberry.input
class ChooseMemberLocaleInput:
    """A time zone and a language, both in place of those before."""

    brand_id: ID
    time_zone: str | None = strawberry.field(default=None, description="IANA; null is UTC.")
    language: str | None = strawberry.field(default=None, description="BCP 47; null is the brand's.")
    command_id: CommandId = None


@strawberry.input
class SetExternalIdInput:
    """What a member is called in another system, or that they have no such id any more."""

    member_id: ID
    external_id: str | None = strawberry.field(description="Unique in the brand; null frees the one before.")
    command_id: CommandId = None


@strawberry.type
class ProfileFormPayload(Payload):
    """The form that was changed."""

    @field
    async def profile_form(self) -> ProfileForm | None:
        """The form as changed; null when refused."""
        if self.done is None:
            return None
        return ProfileForm.of(await self.done.scope.ask("members", "profile_form_of_brand", rows.FormReply))


@strawberry.type
class ProfileMutation:
    """Commands on profiles and their form."""

    @command
    async def define_profile_field(self, info: Info, input: DefineProfileFieldInput) -> ProfileFormPayload:  # noqa: A002
        """Add a field to the profiles of a brand, or define one anew; its type stays.  Owners and builders."""
        given = input.field
        limits = {} if given.limits is None else optional(**vars(given.limits))
        defined = {
            "key": given.key,
            "type": given.type.value,
            "labels": _labels(given.labels),
            "audience": _audience(given.audience),
            "required": given.required,
            "choices": [{"key": choice.key, "labels": _labels(choice.labels)} for choice in given.choices],
            "limits": limits,
        }
        return ProfileFormPayload(
            done=await _change_form(info, "define_profile_field", input.brand_id, input.command_id, field=defined)
        )

    @command
    async def retire_profile_field(self, info: Info, input: ProfileFieldKeyInput) -> ProfileFormPayload:  # noqa: A002
        """Take a field out of use.  Its values are kept, and not shown.  Owners and builders."""
        done = await _change_form(info, "retire_profile_field", input.brand_id, input.command_id, key=input.key)
        return ProfileFormPayload(done=done)

    @command
    async def restore_profile_field(self, info: Info, input: ProfileFieldKeyInput) -> ProfileFormPayload:  # noqa: A002
        """Bring a field back, and its values with it.  Owners and builders."""
        done = await _change_form(info, "restore_profile_field", input.brand_id, input.command_id, key=input.key)
        return ProfileFormPayload(done=done)

    @command
    async def order_profile_fields(self, info: Info, input: OrderProfileFieldsInput) -> ProfileFormPayload:  # noqa: A002
        """Put the fields in use into another order.  Owners and builders."""
        done = await _change_form(info, "order_profile_fields", input.brand_id, input.command_id, keys=input.keys)
        return ProfileFormPayload(done=done)

    @command
    async def choose_field_audience(self, info: Info, input: ChooseFieldAudienceInput) -> ProfileFormPayload:  # noqa: A002
        """Choose who may see a field that every profile has.  Owners and builders."""
        given = {"field": input.field.value, "audience": _audience(input.audience)}
        return ProfileFormPayload(
            done=await _change_form(info, "choose_field_audience", input.brand_id, input.command_id, **given)
        )

    @command
    async def set_profile_fields(self, info: Info, input: SetProfileFieldsInput) -> MemberPayload:  # noqa: A002
        """Give fields of one's own profile values.  A refusal has the field's key in its path."""
        values = [_value(value) for value in input.values]
        return await _change_own(info, "set_profile_fields", input.brand_id, input.command_id, values=values)

    @command
    async def hide_profile_fields(self, info: Info, input: HideProfileFieldsInput) -> MemberPayload:  # noqa: A002
        """Choose which fields of one's own profile nobody else sees, whatever the brand says."""
        return await _change_own(info, "hide_profile_fields", input.brand_id, input.command_id, fields=input.fields)

    @command
    async def choose_avatar(self, info: Info, input: ChooseAvatarInput) -> MemberPayload:  # noqa: A002
        """Show a picture of oneself, or none."""
        given = {"url": input.url, "alt": input.alt}
        return await _change_own(info, "choose_avatar", input.brand_id, input.command_id, **given)

    @command
    async def choose_member_locale(self, info: Info, input: ChooseMemberLocaleInput) -> MemberPayload:  # noqa: A002
        """Choose one's own time zone and language in a brand."""
        given = {"time_zone": input.time_zone, "language": input.language}
        return await _change_own(info, "choose_member_locale", input.brand_id, input.command_id, **given)

    @command
    async def set_external_id(self, info: Info, input: SetExternalIdInput) -> MemberPayload:  # noqa: A002
        """Say what a member is called in another system, or free that id.  Owners and builders."""
        member = ids.expect(input.member_id, "memberId", "Member")
        done = await info.context.act(
            member.brand,
            "members.member.set_external_id",
            input.command_id,
            member_id=member.key,
            external_id=input.external_id,
        )
        return MemberPayload(done=done)


async def _change_form(info: Info, name: str, brand_id: ID, command_id: str | None, **fields: Any) -> Done:
    brand = ids.expect(brand_id, "brandId", "Brand").key
    return await info.context.act(brand, f"members.profile_form.{name}", command_id, brand_id=brand, **fields)


async def _change_own(info: Info, name: str, brand_id: ID, command_id: str | None, **fields: Any) -> MemberPayload:
    brand = ids.expect(brand_id, "brandId", "Brand").key
    member = info.context.member(brand)
    done = await info.context.act(brand, f"members.member.{name}", command_id, member_id=member, **fields)
    return MemberPayload(done=done)


def _labels(given: list[ProfileLabelInput]) -> list[dict[str, str]]:
    return [{"language": label.language, "text": label.text} for label in given]


def _audience(given: ProfileAudienceInput) -> dict[str, Any]:
    return {"reach": given.reach.value, "roles": [role.value for role in given.roles]}


def _value(given: ProfileValueInput) -> dict[str, Any]:
    values = [value for value in (given.text, given.number, given.choices, given.yes) if value is not None]
    if len(values) > 1:
        raise Invalid("a field has one value", ("values", given.key))
    return {"key": given.key, "value": values[0] if values else None}
