"""The fields that a brand adds to profiles: how one is defined, and which values it takes.  Pure."""

import math
import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from libs.shared.domain import ERASED, DomainError, Invalid
from libs.shared.text import Line, Slug
from services.members.locale import Locale, check_locale
from services.members.profiles.audience import Audience
from services.members.profiles.urls import public_url

#: Most characters of a text of one line, and of a long one (Markdown).
MAX_TEXT: Final = 200
MAX_LONG_TEXT: Final = 5_000

#: What texts do not have: of the control characters only tab, line feed, carriage return.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

#: A value as it comes and goes: text (also a date as YYYY-MM-DD, an address, the key of a choice), number, yes or no,
#: keys of choices.
Value: TypeAlias = (
    Annotated[str, Meta(max_length=MAX_LONG_TEXT)] | float | bool | Annotated[list[Slug], Meta(max_length=100)]
)


class FieldType(StrEnum):
    """What kind of values a field takes.  It never changes: values are kept for as long as the field is."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    URL = "url"
    YES_NO = "yes_no"


class Label(Struct, frozen=True, kw_only=True):
    """A name for people in one language."""

    language: Locale
    text: Line


Labels: TypeAlias = Annotated[list[Label], Meta(min_length=1, max_length=50)]


class Choice(Struct, frozen=True, kw_only=True):
    """One of the values of a choice."""

    key: Slug
    labels: Labels


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a value must keep to, each for its types: of texts, numbers, dates, multiple choices."""

    max_length: Annotated[int, Meta(ge=1, le=MAX_LONG_TEXT)] | None = None
    minimum: float | None = None
    maximum: float | None = None
    earliest: date | None = None
    latest: date | None = None
    max_choices: Annotated[int, Meta(ge=1, le=100)] | None = None


class FieldDefinition(Struct, frozen=True, kw_only=True):
    """A field of a brand.  `required` ones count towards a complete profile and cannot be emptied."""

    key: Slug
    type: FieldType
    labels: Labels
    audience: Audience
    required: bool = False
    choices: Annotated[list[Choice], Meta(max_length=100)] = []
    limits: Limits = Limits()


_LIMITS_OF: Final[Mapping[FieldType, frozenset[str]]] = {
    FieldType.TEXT: frozenset({"max_length"}),
    FieldType.LONG_TEXT: frozenset({"max_length"}),
    FieldType.NUMBER: frozenset({"minimum", "maximum"}),
    FieldType.DATE: frozenset({"earliest", "latest"}),
    FieldType.MULTI_CHOICE: frozenset({"max_choices"}),
}
_CHOOSING: Final = frozenset({FieldType.CHOICE, FieldType.MULTI_CHOICE})


def check_definition(field: FieldDefinition) -> None:
    """Raise INVALID with the path of what contradicts itself."""
    _check_labels(field.labels, ("field", "labels"))
    for choice in field.choices:
        _check_labels(choice.labels, ("field", "choices"))
    keys = [choice.key for choice in field.choices]
    if len(set(keys)) < len(keys):
        raise Invalid("two choices have the same key", ("field", "choices"))
    if bool(keys) is not (field.type in _CHOOSING):
        raise Invalid("choices are given for choices, and only for them", ("field", "choices"))
    limits = field.limits
    for name in limits.__struct_fields__:
        if getattr(limits, name) is not None and name not in _LIMITS_OF.get(field.type, ()):
            raise Invalid(f"a field of type {field.type} has no {name}", ("field", "limits", name))
    if field.type is FieldType.TEXT and (limits.max_length or 0) > MAX_TEXT:
        raise Invalid(f"a text of one line has at most {MAX_TEXT} characters", ("field", "limits", "max_length"))
    for low, high in ((limits.minimum, limits.maximum), (limits.earliest, limits.latest)):
        if low is not None and high is not None and low > high:  # type: ignore[operator]  # two of a kind
            raise Invalid("the limits leave nothing", ("field", "limits"))
    if not all(math.isfinite(number) for number in (limits.minimum or 0.0, limits.maximum or 0.0)):
        raise Invalid("a limit is a number", ("field", "limits"))


def _check_labels(labels: list[Label], path: tuple[str, ...]) -> None:
    languages = [label.language for label in labels]
    for language in languages:
        check_locale(language, path)
    if len(set(languages)) < len(languages):
        raise Invalid("two labels are in the same language", path)


def check_value(field: FieldDefinition, value: Value) -> Value:
    """A value as it is kept.

    Raises FIELD_WRONG_TYPE, FIELD_TOO_LONG, FIELD_OUT_OF_RANGE, FIELD_NOT_A_CHOICE, FIELD_TOO_MANY or
    FIELD_NOT_AN_ADDRESS, with the field's key in its path.
    """
    match field.type, value:
        case ((FieldType.TEXT | FieldType.LONG_TEXT), str()):
            return _text(field, value)
        case FieldType.NUMBER, float() if not isinstance(value, bool):
            return _number(field, value)
        case FieldType.DATE, str():
            return _date(field, value)
        case FieldType.CHOICE, str():
            return _choice(field, value)
        case FieldType.MULTI_CHOICE, list():
            return _choices(field, value)
        case FieldType.URL, str():
            return _url(field, value)
        case FieldType.YES_NO, bool():
            return value
        case _:
            raise refused(field.key, "WRONG_TYPE", f"{field.key} takes values of type {field.type}")


def refused(key: str, code: str, message: str) -> DomainError:
    """A refusal that names the field."""
    return DomainError(f"FIELD_{code}", message, ("values", key))


def _text(field: FieldDefinition, text: str) -> str:
    text = text.strip()
    if not text:
        raise refused(field.key, "WRONG_TYPE", f"{field.key} is text; null takes the value away")
    if _CONTROLS.search(text):
        raise refused(field.key, "WRONG_TYPE", f"{field.key} is text without control characters")
    if field.type is FieldType.TEXT and any(mark in text for mark in "\t\n\r\u2028\u2029"):
        raise refused(field.key, "WRONG_TYPE", f"{field.key} is one line")
    most = field.limits.max_length or (MAX_TEXT if field.type is FieldType.TEXT else MAX_LONG_TEXT)
    if len(text) > most:
        raise refused(field.key, "TOO_LONG", f"{field.key} has at most {most} characters")
    return text


def _number(field: FieldDefinition, number: float) -> float:
    low, high = field.limits.minimum, field.limits.maximum
    inside = (low is None or number >= low) and (high is None or number <= high)
    if not (math.isfinite(number) and inside):
        raise refused(field.key, "OUT_OF_RANGE", f"{field.key} is from {_or(low)} to {_or(high)}")
    return number


def _date(field: FieldDefinition, text: str) -> str:
    try:
        day = msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise refused(field.key, "WRONG_TYPE", f"{field.key} is a date: YYYY-MM-DD") from None
    low, high = field.limits.earliest, field.limits.latest
    if (low is not None and day < low) or (high is not None and day > high):
        raise refused(field.key, "OUT_OF_RANGE", f"{field.key} is from {_or(low)} to {_or(high)}")
    return day.isoformat()


def _choice(field: FieldDefinition, key: str) -> str:
    if all(choice.key != key for choice in field.choices):
        raise refused(field.key, "NOT_A_CHOICE", f"{key[:100]!r} is no choice of {field.key}")
    return key


def _choices(field: FieldDefinition, keys: list[str]) -> list[str]:
    if not keys:
        raise refused(field.key, "WRONG_TYPE", f"{field.key} is a list of choices; null takes the value away")
    chosen = {_choice(field, key) for key in keys}
    most = field.limits.max_choices or len(field.choices)
    if len(chosen) > most:
        raise refused(field.key, "TOO_MANY", f"{field.key} takes at most {most} choices")
    return [choice.key for choice in field.choices if choice.key in chosen]


def _url(field: FieldDefinition, url: str) -> str:
    try:
        return public_url(url)
    except Invalid as problem:
        raise refused(field.key, "NOT_AN_ADDRESS", f"{field.key}: {problem.message}") from None


def _or(limit: object) -> object:
    return "any" if limit is None else limit


_decoder = msgspec.json.Decoder(dict[str, str | float | bool | list[str] | None])


def encode_values(values: Mapping[str, Value | None]) -> str:
    """Values by the key of their field as one text, which an event can keep encrypted; None takes a value away."""
    return msgspec.json.encode(dict(values), order="sorted").decode()


def decode_values(text: str) -> dict[str, Value | None]:
    """Read what `encode_values` wrote; of who was erased there is nothing."""
    return {} if text == ERASED else _decoder.decode(text)
