"""The profile of a member: a part of the aggregate member, with its own events and commands."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.shared.domain import Command, Event, Id
from libs.shared.text import Line, Slug
from services.members.locale import Locale
from services.members.profiles.fields import Value, decode_values
from services.members.profiles.form import Form
from services.members.profiles.urls import Url

#: Most fields that one command sets, or that a member can hide.
MAX_AT_ONCE: Final = 100

# Events


class AvatarChosen(Event, frozen=True, kw_only=True):
    """The member shows another picture, described by `alt`; without an address none."""

    wire_name: ClassVar[str] = "avatar_chosen"
    personal: ClassVar[frozenset[str]] = frozenset({"url", "alt"})

    url: str | None
    alt: str | None


class ProfileFieldsSet(Event, frozen=True, kw_only=True):
    """The member gave fields of the brand's form values, or took them away.

    `values` is a JSON object of those that changed, null where there is none any more; `edition` the form they were
    held against.
    """

    wire_name: ClassVar[str] = "profile_fields_set"
    personal: ClassVar[frozenset[str]] = frozenset({"values"})

    values: str
    edition: int


class ProfileFieldsHidden(Event, frozen=True, kw_only=True):
    """The member chose which fields nobody else sees, whatever the brand lets others see."""

    wire_name: ClassVar[str] = "profile_fields_hidden"

    fields: list[str]


class ProfileCompleted(Event, frozen=True, kw_only=True):
    """The profile has all that edition `edition` of the brand's form asks for, which it had not before."""

    wire_name: ClassVar[str] = "profile_completed"

    edition: int


class MemberLocaleChosen(Event, frozen=True, kw_only=True):
    """The member chose their time zone (IANA) and language (BCP 47); None is what the brand has."""

    wire_name: ClassVar[str] = "member_locale_chosen"
    personal: ClassVar[frozenset[str]] = frozenset({"time_zone", "language"})

    time_zone: str | None
    language: str | None


class ExternalIdAssigned(Event, frozen=True, kw_only=True):
    """The member is known by this id in another system of the organisation; `token` is its keyed hash, the claim."""

    wire_name: ClassVar[str] = "external_id_assigned"
    personal: ClassVar[frozenset[str]] = frozenset({"external_id"})

    external_id: str
    token: str


class ExternalIdFreed(Event, frozen=True, kw_only=True):
    """The member has no such id any more, and another member may have it."""

    wire_name: ClassVar[str] = "external_id_freed"

    token: str


ProfileEvent = (
    AvatarChosen
    | ProfileFieldsSet
    | ProfileFieldsHidden
    | ProfileCompleted
    | MemberLocaleChosen
    | ExternalIdAssigned
    | ExternalIdFreed
)

# State


class Profile(Struct, frozen=True, kw_only=True):
    """What a profile must remember to decide, beside the name and the bio, which the member has.

    `external` is the external id and its token; `completed` says that it was complete once.
    """

    avatar: tuple[str, str] | None = None
    values: Mapping[str, Value] = {}
    hidden: frozenset[str] = frozenset()
    completed: bool = False
    time_zone: str | None = None
    language: str | None = None
    external: tuple[str, str] | None = None

    @property
    def external_token(self) -> str | None:
        """The claim that the member holds."""
        return None if self.external is None else self.external[1]


def evolve(state: Profile, event: ProfileEvent) -> Profile:
    """The profile after `event`."""
    match event:
        case AvatarChosen():
            avatar = None if event.url is None else (event.url, event.alt or "")
            return structs.replace(state, avatar=avatar)
        case ProfileFieldsSet():
            return structs.replace(state, values=merged(state.values, decode_values(event.values)))
        case ProfileFieldsHidden():
            return structs.replace(state, hidden=frozenset(event.fields))
        case ProfileCompleted():
            return structs.replace(state, completed=True)
        case MemberLocaleChosen():
            return structs.replace(state, time_zone=event.time_zone, language=event.language)
        case ExternalIdAssigned():
            return structs.replace(state, external=(event.external_id, event.token))
        case ExternalIdFreed():
            return structs.replace(state, external=None)
        case _:
            assert_never(event)


def merged(values: Mapping[str, Value], changes: Mapping[str, Value | None]) -> dict[str, Value]:
    """The values after changes."""
    return {key: value for key, value in {**values, **changes}.items() if value is not None}


# Commands


class ChooseAvatar(Command, frozen=True, kw_only=True):
    """Show a picture of oneself, with a description for who cannot see it; without an address none."""

    wire_name: ClassVar[str] = "choose_avatar"

    member_id: Id
    url: Url | None = None
    alt: Line | None = None


class FieldValue(Struct, frozen=True, kw_only=True):
    """A value for a field of the brand's form; None takes it away."""

    key: Slug
    value: Value | None = None


class SetProfileFields(Command, frozen=True, kw_only=True):
    """Give fields of the brand's form values; fields that are not named stay as they are."""

    wire_name: ClassVar[str] = "set_profile_fields"

    member_id: Id
    values: Annotated[list[FieldValue], Meta(min_length=1, max_length=MAX_AT_ONCE)]


class HideProfileFields(Command, frozen=True, kw_only=True):
    """Choose which fields nobody else sees: all of them, in place of those before."""

    wire_name: ClassVar[str] = "hide_profile_fields"

    member_id: Id
    fields: Annotated[list[Slug], Meta(max_length=MAX_AT_ONCE)]


class ChooseMemberLocale(Command, frozen=True, kw_only=True):
    """Choose one's time zone and language, both in place of those before; None is what the brand has."""

    wire_name: ClassVar[str] = "choose_member_locale"

    member_id: Id
    time_zone: Annotated[str, Meta(max_length=64)] | None = None
    language: Locale | None = None


class SetExternalId(Command, frozen=True, kw_only=True):
    """Say what the member is called in another system, unique in the brand; None frees the id.  Leaders only.

    It comes with a claim (`external_ids.py`).
    """

    wire_name: ClassVar[str] = "set_external_id"

    member_id: Id
    external_id: Line | None


ProfileCommand = ChooseAvatar | SetProfileFields | HideProfileFields | ChooseMemberLocale | SetExternalId

# The same commands with what the service adds before they are decided


class ChooseAvatarBy(ChooseAvatar, frozen=True, kw_only=True):
    """With the form that says what a complete profile has."""

    form: Form


class SetProfileFieldsBy(SetProfileFields, frozen=True, kw_only=True):
    """With the form that the values are held against."""

    form: Form


class HideProfileFieldsBy(HideProfileFields, frozen=True, kw_only=True):
    """With the form that has the fields."""

    form: Form


class MoveExternalId(SetExternalId, frozen=True, kw_only=True):
    """With the claim that it takes and the one that is left for it, each None where there is none."""

    token: str | None
    before: str | None
