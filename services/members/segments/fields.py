"""Which fields of profiles a rule may ask about, and how it compares them.  Pure."""

from collections.abc import Mapping
from typing import Final

from libs.shared.domain import DomainError
from services.members.profiles.fields import FieldType
from services.members.profiles.form import Form
from services.members.segments.rules import HasValue, Rule, check, conditions

#: By what the values of a type are compared; texts and addresses by nothing.
_COMPARED: Final[Mapping[FieldType, frozenset[str]]] = {
    FieldType.CHOICE: frozenset({"one_of"}),
    FieldType.MULTI_CHOICE: frozenset({"one_of"}),
    FieldType.YES_NO: frozenset({"yes"}),
    FieldType.NUMBER: frozenset({"minimum", "maximum"}),
    FieldType.DATE: frozenset({"earliest", "latest"}),
}


def check_rule(rule: Rule, form: Form) -> None:
    """Hold a new rule against its bounds and the form of its brand.

    Raises INVALID and, with the field's key in its path, FIELD_UNKNOWN, FIELD_RETIRED, FIELD_NOT_FOR_LEADERS,
    FIELD_WRONG_TYPE, FIELD_NOT_A_CHOICE.
    """
    check(rule)
    for one in conditions(rule):
        if isinstance(one, HasValue):
            _check(one, form)


def _check(asked: HasValue, form: Form) -> None:
    key = asked.field
    field = form.fields.get(key)
    if field is None:
        raise _refused(key, "UNKNOWN", f"this brand has no field {key}")
    if key in form.retired:
        raise _refused(key, "RETIRED", f"{key} is not in use any more")
    if not field.audience.admits_leaders:
        raise _refused(key, "NOT_FOR_LEADERS", f"not all who lead the brand may see {key}")
    given = {name for name in asked.__struct_fields__ if getattr(asked, name) is not None} - {"field"}
    if not given or not given <= _COMPARED.get(field.type, frozenset()):
        raise _refused(key, "WRONG_TYPE", f"{key} is of type {field.type} and not compared by this")
    if unknown := frozenset(asked.one_of or ()) - {choice.key for choice in field.choices}:
        raise _refused(key, "NOT_A_CHOICE", f"{min(unknown)!r} is no choice of {key}")


def _refused(key: str, code: str, message: str) -> DomainError:
    return DomainError(f"FIELD_{code}", message, ("rule", key))
