"""Objects of the response from columns of values."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

Row: TypeAlias = dict[str, Any]
Build: TypeAlias = Callable[[Sequence[str], Sequence[Sequence[Any]]], list[Row]]

#: Selections of more fields than this are rare, and built by a loop.
_GENERATED: Final = 40


def rows(keys: Sequence[str], columns: Sequence[Sequence[Any]], count: int) -> list[Row]:
    """One object for each place in the columns; `count` says how many when there is no column."""
    if not keys:
        return [{} for _ in range(count)]
    if len(keys) > _GENERATED:
        return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
    return _builder(len(keys))(keys, columns)


@lru_cache(_GENERATED)
def _builder(width: int) -> Build:
    """A function that builds objects of `width` fields: a display is twice as fast as `dict(zip(…))`.

    Its source is made of numbers only; keys and values are what it is called with.
    """
    keys = "".join(f"k{n}, " for n in range(width))
    values = "".join(f"v{n}, " for n in range(width))
    pairs = ", ".join(f"k{n}: v{n}" for n in range(width))
    source = f"def build(keys, columns):\n {keys}= keys\n return [{{{pairs}}} for {values}in zip(*columns)]"
    scope: dict[str, Any] = {}
    exec(source, scope)  # noqa: S102 – nothing of a client's is in it
    build: Build = scope["build"]
    return build
