"""The values that a viewer could give a field of theirs: whatever its limits are, it takes them."""

from datetime import date

import pytest

from services.members.profiles.audience import EVERYONE
from services.members.profiles.fields import (
    Choice,
    FieldDefinition,
    FieldType,
    Label,
    Limits,
    check_definition,
    check_value,
)
from services.members.profiles.permissions import sample_values

LABELS = [Label(language="en", text="L")]
CHOICES = [Choice(key=key, labels=LABELS) for key in ("a", "b", "c")]
LIMITS = [
    (FieldType.TEXT, Limits()),
    (FieldType.TEXT, Limits(max_length=1)),
    (FieldType.LONG_TEXT, Limits(max_length=1)),
    (FieldType.NUMBER, Limits()),
    (FieldType.NUMBER, Limits(minimum=5.0)),
    (FieldType.NUMBER, Limits(maximum=-5.0)),
    (FieldType.NUMBER, Limits(minimum=0.0, maximum=0.5)),
    (FieldType.DATE, Limits()),
    (FieldType.DATE, Limits(earliest=date(2020, 1, 1))),
    (FieldType.DATE, Limits(latest=date(2020, 1, 1))),
    (FieldType.DATE, Limits(earliest=date(2020, 1, 1), latest=date(2020, 1, 2))),
    (FieldType.CHOICE, Limits()),
    (FieldType.MULTI_CHOICE, Limits(max_choices=1)),
    (FieldType.URL, Limits()),
    (FieldType.YES_NO, Limits()),
]


def field(kind: FieldType, limits: Limits, *, required: bool = True) -> FieldDefinition:
    choices = CHOICES if kind in {FieldType.CHOICE, FieldType.MULTI_CHOICE} else []
    made = FieldDefinition(
        key="f", type=kind, labels=LABELS, audience=EVERYONE, required=required, choices=choices, limits=limits
    )
    check_definition(made)
    return made


def test_every_type_is_tried() -> None:
    assert {kind for kind, _ in LIMITS} == set(FieldType)


@pytest.mark.parametrize(("kind", "limits"), LIMITS)
def test_a_field_takes_two_different_values_as_they_are(kind: FieldType, limits: Limits) -> None:
    made = field(kind, limits)
    one, other = sample_values(made)
    assert one is not None
    assert other is not None
    assert one != other
    assert (check_value(made, one), check_value(made, other)) == (one, other)


def test_a_value_can_be_taken_away_unless_it_is_required() -> None:
    assert [*sample_values(field(FieldType.YES_NO, Limits(), required=False))] == [True, False, None]


def test_where_there_is_one_choice_there_is_one_value() -> None:
    made = FieldDefinition(key="f", type=FieldType.CHOICE, labels=LABELS, audience=EVERYONE, choices=CHOICES[:1])
    assert [*sample_values(made)] == ["a", None]
