"""Turns the failures in a response into nulls and errors, in the order of a depth-first execution."""

from typing import Any

from graphql import GraphQLError, located_error

from .level import Failure
from .plan import Field, Plan, Selection
from .run import Run


class Nulled(Exception):
    """A value that may not be null is: whatever holds it becomes null instead."""

    def __init__(self, error: GraphQLError) -> None:
        super().__init__(error.message)
        self.error = error


class Errors:
    """Gathers the errors of a run.

    Objects are read in the order of the response.  At the first null that is not allowed reading stops and goes on
    behind the nearest place that may be null, so that nothing below that place is reported after it.
    """

    def __init__(self, run: Run) -> None:
        self.found: list[GraphQLError] = []
        self._plan: Plan = run.plan
        self._propagates = run.plan.propagates
        self._types = {id(row): level.selection for level in run.abstract for row in level.rows}

    def object(self, row: dict[str, Any], selection: Selection, path: list[str | int]) -> None:
        """Gather the errors of an object; raises `Nulled` when it has to be null itself."""
        for field in selection.fields:
            self.field(row, field, path)

    def field(self, row: dict[str, Any], field: Field, path: list[str | int]) -> None:
        """Gather the errors of one field of an object; raises `Nulled` when the object has to be null."""
        path.append(field.key)
        try:
            self._value(field, row[field.key], 0, path)
        except Nulled as nulled:
            self._null(nulled, required=field.required[0])
            row[field.key] = None
        finally:
            path.pop()

    def _null(self, nulled: Nulled, *, required: bool) -> None:
        if required and self._propagates:
            raise nulled
        self.found.append(nulled.error)

    def _value(self, field: Field, value: Any, depth: int, path: list[str | int]) -> None:
        if isinstance(value, Failure):
            raise Nulled(located_error(value.error, field.nodes, list(path)))
        if value is None:
            return
        if depth < field.lists:
            self._list(field, value, depth + 1, path)
        elif field.leaf is None:
            selection = self._types.get(id(value)) if field.abstract else field.selections[field.named]
            assert selection is not None
            self.object(value, selection, path)

    def _list(self, field: Field, items: list[Any], depth: int, path: list[str | int]) -> None:
        for index, item in enumerate(items):
            if isinstance(item, Failure) and item.of_list:
                raise Nulled(located_error(item.error, field.nodes, list(path)))
            path.append(index)
            try:
                self._value(field, item, depth, path)
            except Nulled as nulled:
                self._null(nulled, required=field.required[depth])
                items[index] = None
            finally:
                path.pop()
