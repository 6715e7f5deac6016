"""Which fields of an event are personal and whose, and how they stand encrypted in the log.  Pure."""

from collections.abc import Iterable
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, get_args

from msgspec import structs

from libs.shared.domain import SYSTEM, Erased, Event, Owner
from libs.shared.event_store import Pending
from libs.shared.privacy import KeyId, Keys, sealed_size

# What the two attributes of an encrypted event add to its envelope at most, without the names of the fields.
_ATTRIBUTES_BYTES = 128


class Sealed(NamedTuple):
    """An event with its personal fields encrypted: `fields`, with the key of the member `owner`; else as it was."""

    event: Event
    owner: str = ""
    fields: tuple[str, ...] = ()


def needed(commit: Iterable[Pending]) -> set[KeyId]:
    """Whose keys `seal` needs for a commit."""
    return {owner for pending in commit if pending.event.personal and (owner := _owner(pending)) is not None}


def seal(pending: Pending, keys: Keys) -> Sealed:
    """Encrypt the personal fields of an event that have a value; raises `Erased`."""
    event = pending.event
    owner = _owner(pending) if event.personal else None
    if owner is None:
        return Sealed(event)
    key = keys[owner]
    if key is None:
        raise Erased(owner.member)
    fields = {field: key.seal(text, pending.id, field) for field, text in _texts(event)}
    return Sealed(structs.replace(event, **fields), owner.member, tuple(fields)) if fields else Sealed(event)


def growth(pending: Pending) -> int:
    """By how many bytes `seal` makes an event larger, at most."""
    if not pending.event.personal or _owner(pending) is None:
        return 0
    return _ATTRIBUTES_BYTES + sum(len(field) + sealed_size(text) for field, text in _texts(pending.event))


def check(event: type[Event]) -> None:
    """Raise `ValueError` unless the personal fields of an event are of type `str` or `str | None`."""
    types = {field.name: field.type for field in structs.fields(event)} if event.personal else {}
    for field in event.personal:
        if types.get(field) is not str and not is_optional(types.get(field)):
            raise ValueError(f"{event.wire_name}.{field} is called personal, and is no field of type str or str | None")


def is_optional(kind: Any) -> bool:
    """Whether a field's type is `str | None`."""
    return set(get_args(kind)) == {str, NoneType}


def _owner(pending: Pending) -> KeyId | None:
    """Whose the personal fields are; None when they are the platform's own."""
    member = pending.aggregate_id if pending.event.owner is Owner.AGGREGATE else pending.actor
    return None if member == SYSTEM else KeyId(pending.brand, member)


def _texts(event: Event) -> list[tuple[str, str]]:
    """The personal fields that have a value."""
    return [(field, text) for field in _fields(type(event)) if (text := getattr(event, field)) is not None]


@cache
def _fields(event: type[Event]) -> tuple[str, ...]:
    return tuple(sorted(event.personal))
