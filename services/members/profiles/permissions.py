"""What a viewer could send about the form of a brand, their own profile and external ids: examples, no rules."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from msgspec import structs

from libs.access.permissions import NEW, Asked, Example, Examples, named
from libs.shared.commands import CommandHandler
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.profiles.audience import EVERYONE, ONESELF, BuiltIn
from services.members.profiles.fields import FieldDefinition, FieldType, Label, Value
from services.members.profiles.form import (
    ChooseFieldAudience,
    DefineProfileField,
    Form,
    OrderProfileFields,
    ProfileFormCommand,
    ProfileFormEvent,
    RestoreProfileField,
    RetireProfileField,
)
from services.members.profiles.profile import (
    ChooseAvatar,
    ChooseMemberLocale,
    FieldValue,
    HideProfileFields,
    SetExternalId,
    SetProfileFields,
)

_FIELD: Final = FieldDefinition(
    key=NEW, type=FieldType.TEXT, labels=[Label(language="en", text=NEW)], audience=EVERYONE
)
_PAGE: Final = "https://example.org/"


def examples(
    forms: CommandHandler[Form, ProfileFormCommand, ProfileFormEvent],
    members: CommandHandler[Member, MemberCommand, MemberEvent],
) -> Mapping[str, Examples]:
    """The examples for each kind of thing."""

    async def brand(asked: Asked) -> list[Example]:
        form = await forms.state(asked.brand, asked.id, fresh=True)
        oneself = await members.state(asked.brand, asked.viewer, fresh=True)
        return [*_about_the_form(asked, form), *_about_oneself(asked, form, oneself)]

    return {"brand": brand, "member": _member}


def _about_the_form(asked: Asked, form: Form) -> list[Example]:
    brand = {"brand_id": asked.id}
    in_use = [field.key for field in form.in_use]
    # Where no new one may be added, one that is there may be defined otherwise.
    fields = [_FIELD, *(structs.replace(field, required=not field.required) for field in form.fields.values())][:2]
    return named(
        *(asked.example(DefineProfileField, **brand, field=field) for field in fields),
        *(asked.example(RetireProfileField, **brand, key=key) for key in in_use[:1]),
        *(asked.example(RestoreProfileField, **brand, key=key) for key in sorted(form.retired)[:1]),
        asked.example(OrderProfileFields, **brand, keys=in_use[::-1]),
        *(
            asked.example(ChooseFieldAudience, **brand, field=BuiltIn.BIO, audience=audience)
            for audience in (EVERYONE, ONESELF)
        ),
    )


def _about_oneself(asked: Asked, form: Form, oneself: Member) -> list[Example]:
    me = {"member_id": asked.viewer}
    other_values = (
        FieldValue(key=field.key, value=value)
        for field in form.in_use
        for value in sample_values(field)
        if value != oneself.profile.values.get(field.key)
    )
    value = next(other_values, None)
    return named(
        *([asked.example(SetProfileFields, **me, values=[value])] if value else []),
        *(asked.example(HideProfileFields, **me, fields=fields) for fields in ([], [BuiltIn.BIO.value])),
        *(asked.example(ChooseAvatar, **me, url=f"{_PAGE}{name}", alt=NEW) for name in ("a", "b")),
        *(asked.example(ChooseMemberLocale, **me, language=language) for language in ("en", "fr")),
    )


async def _member(asked: Asked) -> list[Example]:
    one = {"member_id": asked.id}
    return named(*(asked.example(SetExternalId, **one, external_id=id_) for id_ in (NEW, None)))


def sample_values(field: FieldDefinition) -> Iterator[Value | None]:
    """Values that a field takes: two, if there are two."""
    limits = field.limits
    match field.type:
        case FieldType.TEXT | FieldType.LONG_TEXT:
            yield from ("a", "b")
        case FieldType.NUMBER:
            low = limits.minimum if limits.minimum is not None else (limits.maximum or 0.0) - 1.0
            yield from (low, limits.maximum if limits.maximum is not None else low + 1.0)
        case FieldType.DATE:
            yield from ((limits.earliest or date.min).isoformat(), (limits.latest or date.max).isoformat())
        case FieldType.CHOICE:
            yield from (choice.key for choice in field.choices[:2])
        case FieldType.MULTI_CHOICE:
            yield from ([choice.key] for choice in field.choices[:2])
        case FieldType.URL:
            yield from (f"{_PAGE}a", f"{_PAGE}b")
        case FieldType.YES_NO:
            yield from (True, False)
    if not field.required:
        yield None
