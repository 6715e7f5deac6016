"""How fields are defined, and which values they take."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import ERASED, DomainError
from services.members.profiles.fields import (
    FieldDefinition,
    FieldType,
    Label,
    Limits,
    Value,
    check_definition,
    check_value,
    decode_values,
    encode_values,
)
from services.members.profiles.tests.builders import field, labels

SINCE_2000 = Limits(earliest=date(2000, 1, 1), latest=date(2026, 1, 1))
KINDS = {kind: field("f", kind) for kind in FieldType}


def refusal(definition: FieldDefinition, value: Any) -> str:
    with pytest.raises(DomainError) as refused:
        check_value(definition, value)
    assert refused.value.path == ("values", definition.key)
    assert definition.key in refused.value.message
    return refused.value.code


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (FieldType.TEXT, "  Acme  ", "Acme"),
        (FieldType.LONG_TEXT, "One\n\n**two**", "One\n\n**two**"),
        (FieldType.NUMBER, 3.5, 3.5),
        (FieldType.DATE, "2024-02-29", "2024-02-29"),
        (FieldType.CHOICE, "green", "green"),
        (FieldType.MULTI_CHOICE, ["blue", "red", "blue"], ["red", "blue"]),
        (FieldType.URL, "https://Example.org", "https://example.org/"),
        (FieldType.YES_NO, False, False),
    ],
)
def test_a_value_is_kept_in_its_one_spelling(kind: FieldType, value: Value, kept: Value) -> None:
    assert check_value(KINDS[kind], value) == kept
    assert check_value(KINDS[kind], kept) == kept


@pytest.mark.parametrize("kind", FieldType)
@pytest.mark.parametrize("value", ["text", "", " ", 1.5, True, ["red"], [], "2024-02-30", "2024-1-1"])
def test_a_value_fits_its_type_or_is_refused(kind: FieldType, value: Any) -> None:
    fitting = {
        FieldType.TEXT: isinstance(value, str) and bool(value.strip()),
        FieldType.LONG_TEXT: isinstance(value, str) and bool(value.strip()),
        FieldType.NUMBER: value == 1.5,
        FieldType.MULTI_CHOICE: value == ["red"],
        FieldType.YES_NO: value is True,
    }
    if fitting.get(kind, False):
        check_value(KINDS[kind], value)
    else:
        assert refusal(KINDS[kind], value) in {"FIELD_WRONG_TYPE", "FIELD_NOT_A_CHOICE", "FIELD_NOT_AN_ADDRESS"}


@pytest.mark.parametrize(
    ("definition", "value", "code"),
    [
        (field(), "x" * 201, "FIELD_TOO_LONG"),
        (field(limits=Limits(max_length=3)), "four", "FIELD_TOO_LONG"),
        (field(), "two\nlines", "FIELD_WRONG_TYPE"),
        (field(kind=FieldType.LONG_TEXT), "a\x00b", "FIELD_WRONG_TYPE"),
        (field(kind=FieldType.NUMBER, limits=Limits(minimum=1)), 0.5, "FIELD_OUT_OF_RANGE"),
        (field(kind=FieldType.NUMBER, limits=Limits(maximum=1)), 1.5, "FIELD_OUT_OF_RANGE"),
        (field(kind=FieldType.NUMBER), float("nan"), "FIELD_OUT_OF_RANGE"),
        (field(kind=FieldType.DATE, limits=SINCE_2000), "1999-12-31", "FIELD_OUT_OF_RANGE"),
        (field(kind=FieldType.DATE, limits=SINCE_2000), "2026-01-02", "FIELD_OUT_OF_RANGE"),
        (field(kind=FieldType.CHOICE), "black", "FIELD_NOT_A_CHOICE"),
        (field(kind=FieldType.MULTI_CHOICE), ["red", "black"], "FIELD_NOT_A_CHOICE"),
        (field(kind=FieldType.MULTI_CHOICE, limits=Limits(max_choices=1)), ["red", "blue"], "FIELD_TOO_MANY"),
        (field(kind=FieldType.URL), "http://example.org", "FIELD_NOT_AN_ADDRESS"),
        (field(kind=FieldType.URL), "javascript:alert(1)", "FIELD_NOT_AN_ADDRESS"),
    ],
)
def test_a_value_outside_of_the_limits_is_refused(definition: FieldDefinition, value: Value, code: str) -> None:
    assert refusal(definition, value) == code


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        (field(kind=FieldType.CHOICE, choices=[]), ("field", "choices")),
        (field(choices=field(kind=FieldType.CHOICE).choices), ("field", "choices")),
        (field(kind=FieldType.CHOICE, choices=field(kind=FieldType.CHOICE).choices * 2), ("field", "choices")),
        (field(limits=Limits(minimum=1)), ("field", "limits", "minimum")),
        (field(limits=Limits(max_length=201)), ("field", "limits", "max_length")),
        (field(kind=FieldType.NUMBER, limits=Limits(max_length=1)), ("field", "limits", "max_length")),
        (field(kind=FieldType.NUMBER, limits=Limits(minimum=2, maximum=1)), ("field", "limits")),
        (field(kind=FieldType.DATE, limits=Limits(earliest=date(2026, 1, 2), latest=date(2026, 1, 1))),
         ("field", "limits")),
        (msgspec.structs.replace(field(), labels=labels("a") * 2), ("field", "labels")),
        (msgspec.structs.replace(field(), labels=[Label(language="qq", text="a")]), ("field", "labels")),
    ],
)  # fmt: skip
def test_a_definition_that_contradicts_itself_is_refused(definition: FieldDefinition, path: tuple[str, ...]) -> None:
    with pytest.raises(DomainError) as refused:
        check_definition(definition)
    assert (refused.value.code, refused.value.path) == ("INVALID", path)


@pytest.mark.parametrize("definition", KINDS.values(), ids=list(KINDS))
def test_every_type_can_be_defined(definition: FieldDefinition) -> None:
    check_definition(definition)


VALUES: some.SearchStrategy[Any] = some.one_of(
    some.none(), some.text(), some.floats(allow_nan=False, allow_infinity=False), some.booleans(),
    some.lists(some.text()),
)  # fmt: skip


@for_all(some.dictionaries(some.text(), VALUES))
def test_values_come_back_from_an_event_as_they_were(values: dict[str, Any]) -> None:
    back = decode_values(encode_values(values))
    assert back == values
    assert [type(value) for value in back.values()] == [type(values[key]) for key in back]


def test_of_who_was_erased_there_are_no_values() -> None:
    assert decode_values(ERASED) == {}
