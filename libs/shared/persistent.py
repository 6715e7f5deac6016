"""Makes the persistent collections of rpds usable in the annotations of state, and storable in snapshots."""

from types import GenericAlias
from typing import Any, get_args, get_origin

import msgspec
from rpds import HashTrieMap, HashTrieSet


def enable_generics() -> None:
    """Let `HashTrieMap[str, int]` be written at run time, as the library's own type stubs already do (PEP 585).

    The library leaves that to its users (https://github.com/crate-py/rpds/issues/166).
    """
    for kind in (HashTrieMap, HashTrieSet):
        if not hasattr(kind, "__class_getitem__"):
            kind.__class_getitem__ = classmethod(GenericAlias)  # type: ignore[attr-defined]


def encode_hook(value: object) -> object:
    """Write a persistent map as a map, and a persistent set as a list (msgspec `enc_hook`)."""
    if isinstance(value, HashTrieMap):
        return dict(value.items())
    if isinstance(value, HashTrieSet):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be stored")


def decode_hook(kind: type, value: object) -> object:
    """Read what `encode_hook` wrote, keys and values validated by the annotation (msgspec `dec_hook`)."""
    origin: Any = get_origin(kind) or kind
    arguments = get_args(kind)
    if origin is HashTrieMap:
        return HashTrieMap(msgspec.convert(value, GenericAlias(dict, arguments or (Any, Any)), dec_hook=decode_hook))
    if origin is HashTrieSet:
        return HashTrieSet(msgspec.convert(value, GenericAlias(list, arguments or (Any,)), dec_hook=decode_hook))
    raise NotImplementedError(f"{kind} cannot be read")
