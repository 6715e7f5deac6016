"""How much one request may ask for, measured over the document before it is validated.

A fragment is measured once however often it is spread, so that costs no more than reading the document; it counts
what the spreads expand to, as the executor would run it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_object_type,
)

#: The longest request body; GraphQL documents and their variables are far shorter.
MAX_BODY_BYTES: Final = 256 * 1024
#: Lexical tokens of a document; parsing and validation are bounded by it.
MAX_TOKENS: Final = 1_000
#: Nested fields, fragments expanded; introspection as GraphiQL sends it needs 14.
MAX_DEPTH: Final = 16
#: Aliased fields, fragments expanded.
MAX_ALIASES: Final = 60
#: Directives, fragments expanded.
MAX_DIRECTIVES: Final = 60
#: Pairs of selections that share a response name in one object, and of fragments spread there: validation compares
#: them all, because they have to agree.
MAX_OVERLAPS: Final = 500
#: Selections that are looked at to find those pairs, fragments expanded.
MAX_SELECTIONS: Final = 3_000
#: Lists and objects within each other in a variable; they are read recursively.
MAX_NESTING: Final = 64
#: Fields that may be resolved: each field once for every object that its parents can yield.
MAX_COST: Final = 5_000

#: Most items of a page and of a list of ids, and what a page holds when the query does not say.
MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 20
#: What a plain list (reactions, sessions) is taken to hold.
LIST_SIZE: Final = 10
#: What one mutation costs: a command is dearer than a field.
MUTATION_COST: Final = 100
#: What a mutation costs that sends an e-mail, and each further e-mail of one that sends many.
MAIL_COST: Final = 1_000
#: What fields cost that make a service look at many things, or send an e-mail.
DEAR: Final[Mapping[str, int]] = {
    "inviteMember": MAIL_COST,
    "inviteMembers": MAIL_COST,
    "resendInvitation": MAIL_COST,
    "segmentPreview": 1_000,
    "suggestions": 100,
    "similarBrands": 100,
}

_PAGING = ("first", "last")
_WITH_SELECTIONS = (OperationDefinitionNode, FragmentDefinitionNode)


class TooComplex(GraphQLError):
    """The document asks for more than one request may: more than `limit` of `what`."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            f"the document goes over the limit of {limit} for {what}",
            extensions={"code": "QUERY_TOO_COMPLEX", "limit": limit, "of": what},
        )


class Measure(NamedTuple):
    """What a selection expands to: nested fields, resolved fields, aliased fields and directives."""

    depth: int = 0
    cost: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Measure") -> "Measure":
        """Both in one selection set.  Numbers stop growing well above the limits."""
        return Measure(
            max(self.depth, other.depth),
            min(self.cost + other.cost, 10 * MAX_COST),
            min(self.aliases + other.aliases, 10 * MAX_ALIASES),
            min(self.directives + other.directives, 10 * MAX_DIRECTIVES),
        )


class Sizes(NamedTuple):
    """Names of the fields that yield many objects: pages (Relay connections) and plain lists."""

    connections: frozenset[str]
    lists: frozenset[str]

    @staticmethod
    def of(schema: GraphQLSchema) -> "Sizes":
        """Read off the schema.  A name that is a page anywhere counts as one everywhere."""
        connections, lists = set(), set()
        for kind in schema.type_map.values():
            if not is_object_type(kind) or kind.name.endswith("Connection") or kind.name.startswith("__"):
                continue
            for name, field in kind.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    connections.add(name)
                elif is_list_type(get_nullable_type(field.type)) and "ids" not in field.args:
                    lists.add(name)
        return Sizes(frozenset(connections), frozenset(lists))


def check_variables(variables: Mapping[str, Any]) -> None:
    """Raise `TooComplex` for variables in which too much is nested."""
    level: list[Any] = [variables]
    for _ in range(MAX_NESTING):
        inside = [value for of in level for value in (of.values() if isinstance(of, Mapping) else of)]
        level = [value for value in inside if isinstance(value, dict | list)]
        if not level:
            return
    raise TooComplex("levels of a variable", MAX_NESTING)


class _Pass:
    def __init__(self, document: DocumentNode, sizes: Sizes, variables: Mapping[str, Any]) -> None:
        self._sizes = sizes
        self._variables = variables
        self._fragments = _fragments(document)
        self._measured: dict[tuple[str, int], Measure] = {}

    def selections(self, node: SelectionSetNode, level: int, own_cost: int = 1) -> Measure:
        if level > MAX_DEPTH:
            raise TooComplex("nested fields", MAX_DEPTH)
        total = Measure()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                measure = self._field(selection, level, own_cost)
            elif isinstance(selection, FragmentSpreadNode):
                measure = self._fragment(selection.name.value, own_cost)
            else:
                measure = self.selections(selection.selection_set, level + 1, own_cost)  # type: ignore[attr-defined]
            total = total.beside(measure).beside(Measure(directives=len(selection.directives or ())))
        return total

    def _field(self, node: FieldNode, level: int, own_cost: int) -> Measure:
        below = self.selections(node.selection_set, level + 1) if node.selection_set else Measure()
        return Measure(
            below.depth + 1,
            max(own_cost, DEAR.get(node.name.value, 0)) + self._size(node) * below.cost,
            below.aliases + (node.alias is not None),
            below.directives,
        )

    def _fragment(self, name: str, own_cost: int) -> Measure:
        key = (name, own_cost)
        if key not in self._measured:
            # A cycle meets the zero that is put here first; validation names it.
            self._measured[key] = Measure()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._measured[key] = self.selections(fragment.selection_set, 1, own_cost)
        return self._measured[key]

    def _size(self, node: FieldNode) -> int:
        pages = [self._number(argument.value) for argument in node.arguments or () if argument.name.value in _PAGING]
        if pages:
            return max(pages)
        for argument in node.arguments or ():
            if argument.name.value == "ids":
                return self._length(argument.value)
        name = node.name.value
        if name in self._sizes.connections:
            return DEFAULT_PAGE
        return LIST_SIZE if name in self._sizes.lists else 1

    def _number(self, value: object) -> int:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            if given is None:
                return DEFAULT_PAGE
            return max(1, min(given, MAX_PAGE)) if isinstance(given, int) else MAX_PAGE
        if isinstance(value, IntValueNode) and len(value.value) < 6:
            return max(1, min(int(value.value), MAX_PAGE))
        return MAX_PAGE

    def _length(self, value: object) -> int:
        if isinstance(value, ListValueNode):
            return max(1, len(value.values))
        given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        # Anything but a list counts as a list of one (https://spec.graphql.org/October2021/#sec-List.Input-Coercion).
        return max(1, len(given)) if isinstance(given, list) else 1


def measure(document: DocumentNode, sizes: Sizes, variables: Mapping[str, Any]) -> Measure:
    """What the dearest operation of the document expands to."""
    total = Measure()
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            run = _Pass(document, sizes, {**_defaults(node), **variables})
            own_cost = MUTATION_COST if node.operation is OperationType.MUTATION else 1
            total = Measure(*map(max, total, run.selections(node.selection_set, 1, own_cost)))
    return total


def check(found: Measure, max_cost: int = MAX_COST) -> None:
    """Raise `TooComplex` when the measure goes over a limit."""
    for amount, limit, what in (
        (found.depth, MAX_DEPTH, "nested fields"),
        (found.aliases, MAX_ALIASES, "aliases"),
        (found.directives, MAX_DIRECTIVES, "directives"),
        (found.cost, max_cost, "cost"),
    ):
        if amount > limit:
            raise TooComplex(what, limit)


def check_overlaps(document: DocumentNode) -> None:
    """Raise `TooComplex` when validation would have to compare too many selections with each other.

    Goes through the document as fields are merged (https://spec.graphql.org/October2021/#MergeSelectionSets()).
    """
    fragments = _fragments(document)
    selections = overlaps = 0
    # Each entry is one object of the response: the selection sets that apply to it.
    objects = [[node.selection_set] for node in document.definitions if isinstance(node, _WITH_SELECTIONS)]
    while objects:
        together = objects.pop()
        below: dict[str, list[SelectionSetNode]] = {}
        names: list[str] = []
        spread: list[str] = []
        while together:
            current = together.pop().selections
            selections += len(current)
            if selections > MAX_SELECTIONS:
                raise TooComplex("selections", MAX_SELECTIONS)
            for node in current:
                if isinstance(node, FieldNode):
                    name = (node.alias or node.name).value
                    names.append(name)
                    if node.selection_set:
                        below.setdefault(name, []).append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    if name in fragments and name not in spread:
                        together.append(fragments[name].selection_set)
                    spread.append(name)
                else:
                    together.append(node.selection_set)  # type: ignore[attr-defined]
        overlaps += _pairs(len(spread)) + sum(map(_pairs, Counter(names).values()))
        if overlaps > MAX_OVERLAPS:
            raise TooComplex("overlapping selections", MAX_OVERLAPS)
        objects.extend(below.values())


def _pairs(number: int) -> int:
    return number * (number - 1) // 2


def sizing_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables that the size of a page or list depends on, so that the cost must be measured anew for each."""
    return tuple(
        {
            argument.value.name.value: None
            for field in _fields(document)
            for argument in field.arguments or ()
            if isinstance(argument.value, VariableNode) and argument.name.value in (*_PAGING, "ids")
        }
    )


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The defaults of an operation's variables, as far as a size can depend on them."""
    found: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        value = definition.default_value
        if isinstance(value, IntValueNode):
            found[definition.variable.name.value] = int(value.value) if len(value.value) < 6 else MAX_PAGE
        elif isinstance(value, ListValueNode):
            found[definition.variable.name.value] = list(value.values)
    return found


def _fields(document: DocumentNode) -> Iterator[FieldNode]:
    rest: list[Any] = [node for node in document.definitions if hasattr(node, "selection_set")]
    while rest:
        node = rest.pop()
        if isinstance(node, FieldNode):
            yield node
        inner = getattr(node, "selection_set", None)
        if inner is not None:
            rest.extend(inner.selections)
