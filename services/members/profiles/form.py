"""The profile form of a brand: the fields that it asks its members for, in their order, and who may see them."""

from typing import Annotated, ClassVar, Final, assert_never

import msgspec
from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, Invalid, NotFound
from libs.shared.text import Slug
from services.members.profiles.audience import DEFAULT_AUDIENCES, RESERVED, Audience, BuiltIn, check_audience
from services.members.profiles.fields import FieldDefinition, check_definition

#: Fields in use at the same time, and fields that a brand can ever define.
MAX_FIELDS: Final = 50
MAX_FIELDS_EVER: Final = 200
#: What all definitions of a form may take as JSON: every profile is shown by them, and one document holds them.
MAX_FORM_BYTES: Final = 200_000

# Events


class ProfileFieldDefined(Event, frozen=True, kw_only=True):
    """A leader added a field at the end of the form, or defined one anew in its place."""

    wire_name: ClassVar[str] = "profile_field_defined"

    field: FieldDefinition


class ProfileFieldRetired(Event, frozen=True, kw_only=True):
    """A leader took a field out of use: it is not shown, asked for or counted.  Its values are kept."""

    wire_name: ClassVar[str] = "profile_field_retired"

    key: str


class ProfileFieldRestored(Event, frozen=True, kw_only=True):
    """A leader brought a field back, and its values with it."""

    wire_name: ClassVar[str] = "profile_field_restored"

    key: str


class ProfileFieldsOrdered(Event, frozen=True, kw_only=True):
    """A leader chose another order: all fields, the retired ones too."""

    wire_name: ClassVar[str] = "profile_fields_ordered"

    keys: list[str]


class FieldAudienceChosen(Event, frozen=True, kw_only=True):
    """A leader chose who may see a built-in field."""

    wire_name: ClassVar[str] = "field_audience_chosen"

    field: BuiltIn
    audience: Audience


ProfileFormEvent = (
    ProfileFieldDefined | ProfileFieldRetired | ProfileFieldRestored | ProfileFieldsOrdered | FieldAudienceChosen
)

# State


class Form(Struct, frozen=True, kw_only=True):
    """What a form must remember to decide, and what a profile is held against.

    `fields` by key, in their order; `edition` counts the changes.
    """

    edition: int = 0
    fields: dict[str, FieldDefinition] = {}
    retired: frozenset[str] = frozenset()
    audiences: dict[str, Audience] = {}

    @property
    def in_use(self) -> list[FieldDefinition]:
        """The fields that are not retired, in their order."""
        return [field for key, field in self.fields.items() if key not in self.retired]

    @property
    def required(self) -> frozenset[str]:
        """The keys of the fields that a complete profile has."""
        return frozenset(field.key for field in self.in_use if field.required)


def evolve(state: Form, event: ProfileFormEvent) -> Form:
    """The form after `event`."""
    state = structs.replace(state, edition=state.edition + 1)
    match event:
        case ProfileFieldDefined(field=field):
            return structs.replace(state, fields={**state.fields, field.key: field})
        case ProfileFieldRetired(key=key):
            return structs.replace(state, retired=state.retired | {key})
        case ProfileFieldRestored(key=key):
            return structs.replace(state, retired=state.retired - {key})
        case ProfileFieldsOrdered(keys=keys):
            return structs.replace(state, fields={key: state.fields[key] for key in keys})
        case FieldAudienceChosen():
            return structs.replace(state, audiences={**state.audiences, event.field.value: event.audience})
        case _:
            assert_never(event)


# Commands


class DefineProfileField(Command, frozen=True, kw_only=True):
    """Add a field, or define it anew; its type stays.  Leaders only, as all commands here; brand = `brand_id`."""

    wire_name: ClassVar[str] = "define_profile_field"

    brand_id: Id
    field: FieldDefinition


class RetireProfileField(Command, frozen=True, kw_only=True):
    """Take a field out of use, and lose nothing."""

    wire_name: ClassVar[str] = "retire_profile_field"

    brand_id: Id
    key: Slug


class RestoreProfileField(Command, frozen=True, kw_only=True):
    """Bring a field back."""

    wire_name: ClassVar[str] = "restore_profile_field"

    brand_id: Id
    key: Slug


class OrderProfileFields(Command, frozen=True, kw_only=True):
    """Put the fields in use into another order: all of them, each once."""

    wire_name: ClassVar[str] = "order_profile_fields"

    brand_id: Id
    keys: Annotated[list[Slug], Meta(max_length=MAX_FIELDS)]


class ChooseFieldAudience(Command, frozen=True, kw_only=True):
    """Choose who may see a built-in field."""

    wire_name: ClassVar[str] = "choose_field_audience"

    brand_id: Id
    field: BuiltIn
    audience: Audience


ProfileFormCommand = (
    DefineProfileField | RetireProfileField | RestoreProfileField | OrderProfileFields | ChooseFieldAudience
)

# Decisions


def decide(state: Form, command: ProfileFormCommand) -> list[ProfileFormEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, INVALID, KEY_RESERVED, FIELD_TYPE_FIXED, TOO_MANY_FIELDS, FORM_TOO_LARGE.
    """
    require(command.roles, LEADERS)
    if command.brand_id != command.brand:
        raise NotFound("there is no such brand", ("brand_id",))
    match command:
        case DefineProfileField():
            return _define(state, command.field)
        case RetireProfileField():
            _must_be_defined(state, command.key)
            return [] if command.key in state.retired else [ProfileFieldRetired(key=command.key)]
        case RestoreProfileField():
            return _restore(state, command.key)
        case OrderProfileFields():
            return _order(state, command.keys)
        case ChooseFieldAudience():
            audience = check_audience(command.audience, ("audience",))
            present = state.audiences.get(command.field, DEFAULT_AUDIENCES[command.field])
            return [] if audience == present else [FieldAudienceChosen(field=command.field, audience=audience)]
        case _:
            assert_never(command)


def _define(state: Form, field: FieldDefinition) -> list[ProfileFormEvent]:
    if field.key in RESERVED:
        raise DomainError("KEY_RESERVED", "every profile has a field of this name", ("field", "key"))
    check_definition(field)
    field = structs.replace(field, audience=check_audience(field.audience, ("field", "audience")))
    known = state.fields.get(field.key)
    if known is None:
        _must_have_room(state)
        if len(state.fields) >= MAX_FIELDS_EVER:
            raise DomainError("TOO_MANY_FIELDS", f"a brand defines at most {MAX_FIELDS_EVER} fields", ("field",))
    elif known.type is not field.type:
        raise DomainError("FIELD_TYPE_FIXED", f"{field.key} is of type {known.type} for good", ("field", "type"))
    if field == known:
        return []
    if len(msgspec.json.encode({**state.fields, field.key: field})) > MAX_FORM_BYTES:
        raise DomainError("FORM_TOO_LARGE", f"all definitions together have at most {MAX_FORM_BYTES} bytes", ("field",))
    return [ProfileFieldDefined(field=field)]


def _restore(state: Form, key: str) -> list[ProfileFormEvent]:
    _must_be_defined(state, key)
    if key not in state.retired:
        return []
    _must_have_room(state)
    return [ProfileFieldRestored(key=key)]


def _order(state: Form, keys: list[str]) -> list[ProfileFormEvent]:
    if sorted(keys) != sorted(field.key for field in state.in_use):
        raise Invalid("name every field in use once", ("keys",))
    ordered = [*keys, *(key for key in state.fields if key in state.retired)]
    return [] if ordered == list(state.fields) else [ProfileFieldsOrdered(keys=ordered)]


def _must_be_defined(state: Form, key: str) -> None:
    if key not in state.fields:
        raise NotFound("there is no such field", ("key",))


def _must_have_room(state: Form) -> None:
    if len(state.in_use) >= MAX_FIELDS:
        raise DomainError("TOO_MANY_FIELDS", f"retire one first: {MAX_FIELDS} are in use at a time", ("field",))


DECIDER: Decider[Form, ProfileFormCommand, ProfileFormEvent] = Decider(
    aggregate="profile_form",
    initial=Form(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(DefineProfileField, RetireProfileField, RestoreProfileField, OrderProfileFields, ChooseFieldAudience),
    events=(
        ProfileFieldDefined,
        ProfileFieldRetired,
        ProfileFieldRestored,
        ProfileFieldsOrdered,
        FieldAudienceChosen,
    ),
)
