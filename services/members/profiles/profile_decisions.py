"""What a member decides about their profile, and leaders about its external id: the commands of `profile.py`."""

from functools import cache
from typing import assert_never
from zoneinfo import available_timezones

from msgspec import structs

from libs.shared.domain import DomainError, Invalid
from services.members.locale import check_locale
from services.members.member import Member, MemberEvent, ProfileChanged
from services.members.profiles.audience import BuiltIn
from services.members.profiles.completeness import percent
from services.members.profiles.fields import Value, check_value, encode_values, refused
from services.members.profiles.form import Form
from services.members.profiles.profile import (
    AvatarChosen,
    ChooseAvatar,
    ChooseAvatarBy,
    ChooseMemberLocale,
    ExternalIdAssigned,
    ExternalIdFreed,
    FieldValue,
    HideProfileFields,
    HideProfileFieldsBy,
    MemberLocaleChosen,
    MoveExternalId,
    Profile,
    ProfileCommand,
    ProfileCompleted,
    ProfileEvent,
    ProfileFieldsHidden,
    ProfileFieldsSet,
    SetExternalId,
    SetProfileFields,
    SetProfileFieldsBy,
    evolve,
)
from services.members.profiles.urls import public_url

_NO_FORM = Form()


def decide_profile(state: Member, command: ProfileCommand) -> list[MemberEvent]:
    """The facts that `command` makes true; that the sender may do it was decided before.

    Raises INVALID, CONFLICT, FIELD_UNKNOWN, FIELD_RETIRED, FIELD_REQUIRED, or as `check_value` does.
    """
    match command:
        case ChooseAvatar():
            return _choose_avatar(state, command)
        case SetProfileFields():
            return _set_fields(state, command)
        case HideProfileFields():
            return _hide(state.profile, command)
        case ChooseMemberLocale():
            return _choose_locale(state.profile, command)
        case SetExternalId():
            return _set_external_id(state.profile, command)
        case _:
            assert_never(command)


def with_completion(state: Member, events: list[MemberEvent], form: Form) -> list[MemberEvent]:
    """The events, and that the profile is complete by them if it is: by this change, or for the first time."""
    before, after = state, state
    for event in events:
        after = _changed(after, event)
    if not events or _percent(after, form) < 100:
        return events
    if after.profile.completed and _percent(before, form) == 100:
        return events
    return [*events, ProfileCompleted(edition=form.edition)]


def _changed(state: Member, event: MemberEvent) -> Member:
    if isinstance(event, ProfileChanged):
        return structs.replace(state, display_name=event.display_name, bio=event.bio)
    if isinstance(event, ProfileEvent):
        return structs.replace(state, profile=evolve(state.profile, event))
    return state


def _percent(state: Member, form: Form) -> int:
    profile = state.profile
    return percent(bio=state.bio, avatar=profile.avatar is not None, values=profile.values, required=form.required)


def _choose_avatar(state: Member, command: ChooseAvatar) -> list[MemberEvent]:
    form = command.form if isinstance(command, ChooseAvatarBy) else _NO_FORM
    if command.url is None:
        return [] if state.profile.avatar is None else [AvatarChosen(url=None, alt=None)]
    if command.alt is None:
        raise Invalid("say in words what the picture shows", ("alt",))
    try:
        avatar = (public_url(command.url), command.alt)
    except Invalid as problem:
        raise Invalid(problem.message, ("url",)) from None
    chosen: list[MemberEvent] = [AvatarChosen(url=avatar[0], alt=avatar[1])]
    return [] if avatar == state.profile.avatar else with_completion(state, chosen, form)


def _set_fields(state: Member, command: SetProfileFields) -> list[MemberEvent]:
    form = command.form if isinstance(command, SetProfileFieldsBy) else _NO_FORM
    present = state.profile.values
    values = {given.key: _checked(form, given) for given in command.values}
    if len(values) < len(command.values):
        raise Invalid("a field is named twice", ("values",))
    changes = {key: value for key, value in values.items() if value != present.get(key)}
    if not changes:
        return []
    set_: list[MemberEvent] = [ProfileFieldsSet(values=encode_values(changes), edition=form.edition)]
    return with_completion(state, set_, form)


def _checked(form: Form, given: FieldValue) -> Value | None:
    field = form.fields.get(given.key)
    if field is None:
        raise refused(given.key, "UNKNOWN", f"this brand has no field {given.key}")
    if given.key in form.retired:
        raise refused(given.key, "RETIRED", f"{given.key} is not in use any more")
    if given.value is not None:
        return check_value(field, given.value)
    if field.required:
        raise refused(given.key, "REQUIRED", f"{given.key} can be changed, and not be left empty")
    return None


def _hide(profile: Profile, command: HideProfileFields) -> list[MemberEvent]:
    form = command.form if isinstance(command, HideProfileFieldsBy) else _NO_FORM
    for key in command.fields:
        if key not in form.fields and key not in set(BuiltIn):
            raise DomainError("FIELD_UNKNOWN", f"no profile here has a field {key}", ("fields", key))
    hidden = sorted(set(command.fields))
    return [] if frozenset(hidden) == profile.hidden else [ProfileFieldsHidden(fields=hidden)]


def _choose_locale(profile: Profile, command: ChooseMemberLocale) -> list[MemberEvent]:
    if command.time_zone is not None and command.time_zone not in _time_zones():
        raise Invalid("this is not a time zone of the IANA database", ("time_zone",))
    if command.language is not None:
        check_locale(command.language, ("language",))
    if (command.time_zone, command.language) == (profile.time_zone, profile.language):
        return []
    return [MemberLocaleChosen(time_zone=command.time_zone, language=command.language)]


def _set_external_id(profile: Profile, command: SetExternalId) -> list[MemberEvent]:
    if not isinstance(command, MoveExternalId) or command.before != profile.external_token:
        raise DomainError("CONFLICT", "the external id was changed at the same time; try again", ("external_id",))
    if command.token == command.before:
        return []
    if command.external_id is None or command.token is None:
        return [] if command.before is None else [ExternalIdFreed(token=command.before)]
    return [ExternalIdAssigned(external_id=command.external_id, token=command.token)]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
