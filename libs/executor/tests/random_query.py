"""Random operations that are valid for a random schema, with variables that may not fit."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from libs.executor.tests.random_spec import LEAVES, FieldSpec, SchemaSpec

_DEPTH = 3


class Request(NamedTuple):
    """An operation and its variables."""

    query: str
    variables: dict[str, Any]


class QueryMaker:
    """Makes operations.  What stands under one response key is always the same field with the same arguments, so that
    selections may be merged wherever they meet."""

    def __init__(self, spec: SchemaSpec, rng: Random) -> None:
        self._spec = spec
        self._rng = rng
        self._variables: dict[str, tuple[str, str, Any]] = {}
        self._fragments: dict[str, str] = {}
        self._arguments: dict[str, str] = {}

    def request(self) -> Request:
        root = "Mutation" if self._rng.random() < 0.15 else "Query"
        body = self._selection(root, 0)
        definitions = ", ".join(f"${name}: {kind}{default}" for name, (kind, default, _) in self._variables.items())
        head = f"{root.lower()} Q({definitions})" if definitions else f"{root.lower()} Q"
        text = "\n".join([f"{head} {body}", *self._fragments.values()])
        given = {name: value for name, (_, _, value) in self._variables.items() if value is not ...}
        return Request(text, given)

    def _selection(self, kind: str, depth: int) -> str:
        parts = [self._part(kind, depth) for _ in range(self._rng.choice((1, 1, 2, 2, 3)))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, kind: str, depth: int) -> str:
        dice = self._rng.random()
        if dice < 0.08:
            return f"__typename{self._directives()}"
        if dice < 0.25 and depth < _DEPTH:
            related = self._related(kind)
            inner = self._rng.choice(related)
            if self._rng.random() < 0.5:
                condition = f" on {inner}" if inner != kind or self._rng.random() < 0.5 else ""
                return f"...{condition}{self._directives()} {self._selection(inner, depth + 1)}"
            return f"...{self._fragment(inner, depth)}{self._directives()}"
        fields = self._fields(kind)
        if depth >= _DEPTH:
            fields = [one for one in fields if one.kind in LEAVES]
        return self._field(self._rng.choice(fields), depth) if fields else "__typename"

    def _fields(self, kind: str) -> list[FieldSpec]:
        return self._spec.objects.get(kind) or self._spec.interfaces.get(kind) or []

    def _related(self, kind: str) -> list[str]:
        mine = set(self._spec.possible(kind))
        composites = [*self._spec.objects, *self._spec.interfaces, *self._spec.unions]
        return [name for name in composites if mine & set(self._spec.possible(name))]

    def _fragment(self, kind: str, depth: int) -> str:
        name = f"F{kind}{depth}{self._rng.randint(0, 1)}"
        if name not in self._fragments:
            self._fragments[name] = ""  # it may be spread inside itself only at a greater depth, under another name
            self._fragments[name] = f"fragment {name} on {kind} {self._selection(kind, depth + 1)}"
        return name

    def _field(self, one: FieldSpec, depth: int) -> str:
        variant = self._rng.choice((0, 0, 0, 1))
        key = one.name if variant == 0 else f"a{variant}_{one.name}"
        if key not in self._arguments:
            self._arguments[key] = self._argument_text(one)
        alias = "" if variant == 0 else f"{key}: "
        selection = "" if one.kind in LEAVES else f" {self._selection(one.kind, depth + 1)}"
        return f"{alias}{one.name}{self._arguments[key]}{self._directives()}{selection}"

    def _directives(self) -> str:
        if self._rng.random() > 0.12:
            return ""
        value = self._rng.choice(("true", "false", None, None))
        if value is None:
            value = "$" + self._variable("Boolean", lambda: self._rng.random() < 0.5)
        return f" @{self._rng.choice(('skip', 'include'))}(if: {value})"

    def _argument_text(self, one: FieldSpec) -> str:
        given = []
        for name in one.arguments:
            if name != "needed" and self._rng.random() < 0.3:
                continue
            given.append(f"{name}: {_LITERALS[name](self)}")
        return f"({', '.join(given)})" if given else ""

    def _number(self) -> int:
        return self._rng.randint(-3, 3)

    def _variable(self, kind: str, value: Callable[[], Any]) -> str:
        """A variable for a place of type `kind!`: non-null, or nullable with a default that a null may replace."""
        name = f"v{len(self._variables)}"
        default = {"Boolean": "true", "Int": "4"}[kind]
        if self._rng.random() < 0.5:
            wrong = self._rng.random() < 0.03
            self._variables[name] = (f"{kind}!", "", "no" if wrong else value())
        else:
            given = self._rng.choice((..., value(), value(), None))
            self._variables[name] = (kind, f" = {default}", given)
        return name

    def _optional(self, kind: str, value: Any) -> str:
        name = f"v{len(self._variables)}"
        self._variables[name] = (kind, "", self._rng.choice((..., value, value, None)))
        return f"${name}"

    def _count(self) -> str:
        return self._one_of(["null", str(self._number())], lambda: self._optional("Int", self._number()))

    def _needed(self) -> str:
        return self._one_of([str(self._number())], lambda: "$" + self._variable("Int", self._number))

    def _words(self) -> str:
        return self._one_of(['["a", "b"]', '"a"', "[]", "null"], lambda: self._optional("[String!]", ["x"]))

    def _shade(self) -> str:
        return self._one_of(["RED", "BLUE", "null"], lambda: self._optional("Colour", "GREEN"))

    def _box(self) -> str:
        literals = ["{size: 1}", "{size: 2, inner: {size: 3, label: null}}", "null"]
        if self._rng.random() < 0.3:
            return f'{{size: {self._needed()}, label: "x"}}'
        return self._one_of(literals, lambda: self._optional("Box", {"size": 1, "inner": {"size": 2}}))

    def _one_of(self, literals: list[str], variable: Callable[[], str]) -> str:
        return variable() if self._rng.random() < 0.4 else self._rng.choice(literals)


_LITERALS: dict[str, Callable[[QueryMaker], str]] = {
    "count": QueryMaker._count,
    "needed": QueryMaker._needed,
    "words": QueryMaker._words,
    "shade": QueryMaker._shade,
    "box": QueryMaker._box,
    "limit": QueryMaker._needed,
}
