"""What one run passes around: the objects of a level, and the values of one field on their way to the response."""

from collections.abc import Awaitable, Sequence
from typing import Any

from graphql.pyutils import Path

from .plan import Field, Selection


class Failure:
    """Stands in the response where a value could not be made, until errors are gathered.

    `of_list`: it is no item, but ends the list it stands in, which fails as a whole after the items before it.
    """

    __slots__ = ("error", "of_list")

    def __init__(self, error: Exception, *, of_list: bool = False) -> None:
        self.error = error
        self.of_list = of_list


class Level:
    """All objects of one selection set: `sources` are what resolvers get, `rows` what the response gets of each.

    `origin` says whose values they are: those of a field of another level, at these places (all without places).
    """

    __slots__ = ("_paths", "origin", "rows", "selection", "sources")

    def __init__(
        self, selection: Selection, sources: list[Any], origin: "tuple[Work, list[int] | None] | None" = None
    ) -> None:
        self.selection = selection
        self.sources = sources
        self.rows: list[dict[str, Any]] = []
        self.origin = origin
        self._paths: Sequence[Path | None] | None = None

    def paths(self) -> Sequence[Path | None]:
        """The response path of each object; None for the root.  Made when first asked for."""
        if self._paths is None:
            if self.origin is None:
                self._paths = [None] * len(self.sources)
            else:
                work, chosen = self.origin
                paths = work.paths()
                self._paths = paths if chosen is None else [paths[index] for index in chosen]
        return self._paths

    def place(self) -> Path | None:
        """The path of the level in the operation: without the places in lists."""
        return None if self.origin is None else self.origin[0].place()


class Work:
    """The values of one field for all objects of a level, unwrapped list by list, with what is still awaited."""

    __slots__ = ("call", "field", "level", "lists", "types", "values")

    def __init__(self, field: Field, level: Level, values: list[Any], call: Awaitable[Any] | None = None) -> None:
        self.field = field
        self.level = level
        #: The values at the depth that has been reached; owned, so that what was awaited can be put in its place.
        self.values = values
        #: For each list depth unwrapped so far: the values that were lists (else null or failed), and their lengths.
        self.lists: list[tuple[list[Any], list[int]]] = []
        #: The object type of each value, once asked for.
        self.types: list[Any] | None = None
        #: A batch resolver under way, whose answer becomes the values.
        self.call = call

    def place(self) -> Path:
        """The path of the field in the operation: without the places in lists."""
        return Path(self.level.place(), self.field.key, self.field.parent.name)

    def owners(self) -> Sequence[int]:
        """For each value, which object of the level it belongs to."""
        owners: Sequence[int] = range(len(self.level.sources))
        for _, counts in self.lists:
            owners = [owner for owner, count in zip(owners, counts, strict=True) for _ in range(count)]
        return owners

    def paths(self) -> list[Path]:
        """The response path of each value."""
        key, name = self.field.key, self.field.parent.name
        paths = [Path(path, key, name) for path in self.level.paths()]
        for _, counts in self.lists:
            paths = [
                Path(path, index, None) for path, count in zip(paths, counts, strict=True) for index in range(count)
            ]
        return paths

    def wrapped(self, values: list[Any]) -> list[Any]:
        """Completed values put back into the lists that they came out of."""
        for holders, counts in reversed(self.lists):
            whole: list[Any] = []
            start = 0
            for holder, count in zip(holders, counts, strict=True):
                if holder is None or isinstance(holder, Failure):
                    whole.append(holder)
                else:
                    whole.append(values[start : start + count])
                    start += count
            values = whole
        return values
