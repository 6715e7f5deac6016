"""What a value is to the executor, by its class."""

from functools import lru_cache
from types import GeneratorType
from typing import Final

from graphql import Undefined

from .level import Failure

#: Classes whose values are nothing but values.
PLAIN: Final = frozenset((str, int, float, bool, dict, list, tuple))
VALUE, EMPTY, FAILED, ERROR, AWAITED, STREAM, GENERATOR = range(7)


@lru_cache(1024)
def role(kind: type) -> int:
    """What a value of this class is to the executor."""
    if issubclass(kind, Failure):
        return FAILED
    if issubclass(kind, Exception):
        return ERROR
    if kind is type(None) or kind is type(Undefined):
        return EMPTY
    if issubclass(kind, GeneratorType):
        return GENERATOR
    if hasattr(kind, "__await__"):
        return AWAITED
    return STREAM if hasattr(kind, "__aiter__") else VALUE
