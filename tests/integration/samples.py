"""A value of any message type: either with everything in it, or with as little as the type allows."""

import re
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from msgspec import inspect

#: One for each shape that a text has to have.
_TEXTS = ("x1", "en", "#0b5fff", "https://example.org/", "m@example.org", "sa_x1", "0000", "0" * 64)


def sample(kind: Any, *, full: bool) -> Any:
    """A plain value (as JSON would hold it) that decodes as `kind`; `full` fills every option and list with one."""
    return _sample(inspect.type_info(kind), full)


def _sample(kind: inspect.Type, full: bool) -> Any:
    match kind:
        case inspect.StructType(fields=fields):
            tag = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
            return tag | {field.encode_name: _sample(field.type, full) for field in fields if full or field.required}
        case inspect.UnionType(types=types):
            options = [option for option in types if not isinstance(option, inspect.NoneType)]
            return _sample(options[0], full) if full or len(options) == len(types) else None
        case inspect.ListType() | inspect.VarTupleType():
            return [_sample(kind.item_type, full)] if full or kind.min_length else []
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.BoolType():
            return full
        case inspect.IntType() | inspect.FloatType():
            return 1
        case inspect.FloatType():
            return 1.5
        case inspect.StrType(pattern=pattern):
            return next(text for text in _TEXTS if pattern is None or re.search(pattern, text))
        case inspect.DateTimeType():
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()
        case inspect.DateType():
            return date(2026, 1, 2).isoformat()
        case inspect.Metadata(type=inner):
            return _sample(inner, full)
        case inspect.DictType():
            return {}
        case _:
            raise AssertionError(f"say what a sample of {type(kind).__name__} is")


def checked(value: Any, kind: Any) -> bytes:
    """The JSON of a sample, which its own type accepts."""
    raw = msgspec.json.encode(value)
    msgspec.json.decode(raw, type=kind)
    return raw
