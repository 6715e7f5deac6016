"""What is known of an operation before it runs: for each type and selection set the fields, collected once."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, Final, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableNode,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values

from .fields import Adapter, Attribute, Source
from .leaves import Leaf

TYPENAME: Final = "__typename"
TOO_DEEP: Final = "Selections are nested too deeply. Execution aborted."
#: The values of variables that decide which fields are collected (`@skip`, `@include`); absent ones are left out.
Shape = tuple[tuple[str, Any], ...]

Quick: TypeAlias = tuple[Attribute, frozenset[type], Callable[[Sequence[Any]], bool] | None]

_ATOMS: Final = (str, int, float, bool, type(None), Enum)


class Field:
    """One response key of one selection set on one object type."""

    __slots__ = (
        "abstract",
        "arguments",
        "classes",
        "definition",
        "details",
        "key",
        "leaf",
        "name",
        "named",
        "nodes",
        "parent",
        "quick",
        "read",
        "required",
        "selections",
        "source",
    )

    def __init__(self, plan: "Plan", parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> None:
        definition = plan.schema.get_field(parent, details[0].node.name.value)
        assert definition is not None
        self.key = key
        self.parent = parent
        self.details = details
        self.nodes: list[FieldNode] = [detail.node for detail in details]
        self.name = self.nodes[0].name.value
        self.definition: GraphQLField = definition
        #: Whether null is an error: of the value itself, then of the items of each list inside it.
        self.required, named = _unwrap(definition.type)
        self.named = named
        self.leaf: Leaf | None = Leaf.of(named) if is_leaf_type(named) else None
        self.abstract = isinstance(named, GraphQLAbstractType)
        self.classes: Mapping[type, GraphQLObjectType] = {} if self.leaf else plan.classes(named)
        self.source: Source = plan.adapter.source(parent, self.name, definition)
        self.read: Callable[[Any], Any] | None = (
            attrgetter(self.source.name)
            if isinstance(self.source, Attribute) and self.source.name.isidentifier()
            else None
        )
        #: For a leaf that is an attribute: which, the classes of values that need no work, and what must hold of them.
        self.quick: Quick | None = None
        if self.leaf is not None and isinstance(self.source, Attribute) and not self.lists:
            plain = self.leaf.plain - {type(None)} if self.required[0] else self.leaf.plain
            self.quick = (self.source, plain, self.leaf.holds)
        #: The arguments, when they are the same for every run; else None.
        self.arguments: dict[str, Any] | None = _constant_arguments(definition, self.nodes[0])
        #: Selection sets by the type of the object, as far as objects of that type were met.
        self.selections: dict[GraphQLObjectType, Selection] = {}

    @property
    def lists(self) -> int:
        """How many lists the value is wrapped in."""
        return len(self.required) - 1


class Selection:
    """The fields to be selected on the objects of one type, in the order of the response.

    `error` is why they could not be collected; every object of this selection fails with it.
    """

    __slots__ = ("error", "fields", "keys")

    def __init__(self, fields: list[Field], error: Exception | None = None) -> None:
        self.fields = fields
        self.keys = tuple(field.key for field in fields)
        self.error = error


class Plan:
    """An operation of a document, for one shape of its variables.  Selection sets are compiled when first met.

    Raises `GraphQLError` when the root's fields cannot be collected.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        adapter: Adapter,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self.schema = schema
        self.adapter = adapter
        self.operation = operation
        self.fragments: dict[str, FragmentDefinitionNode] = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.serial = operation.operation is OperationType.MUTATION
        self.propagates = not any(
            directive.name.value == "experimental_disableErrorPropagation" for directive in operation.directives or ()
        )
        #: How many fields have been compiled: what the plan weighs.
        self.size = 0
        self._details = {name: FragmentDetails(node) for name, node in self.fragments.items()}
        self._shape_values = variables
        root = schema.get_root_type(operation.operation)
        if root is None:
            raise GraphQLError(f"Schema is not configured to execute {operation.operation.value} operation.", operation)
        self.root_type: GraphQLObjectType = root
        try:
            grouped = collect_fields(schema, self._details, variables, root, operation).grouped_field_set
        except RecursionError:
            grouped = None
        if grouped is None:
            raise GraphQLError(TOO_DEEP, operation)
        self.root = self._compile(root, grouped)

    def select(self, field: Field, kind: GraphQLObjectType) -> Selection:
        """The selection set of a field for objects of a type."""
        found = field.selections.get(kind)
        if found is None:
            try:
                grouped = collect_subfields(
                    self.schema, self._details, self._shape_values, self.operation, kind, field.details
                ).grouped_field_set
                found = self._compile(kind, grouped)
            except Exception as error:  # a directive that cannot be evaluated: an error of each object
                found = Selection([], error)
            field.selections[kind] = found
        return found

    def classes(self, named: GraphQLObjectType | GraphQLAbstractType) -> Mapping[type, GraphQLObjectType]:
        """Classes whose instances need not be asked for their type."""
        return self.adapter.classes(self.schema, named)

    def _compile(self, kind: GraphQLObjectType, grouped: Mapping[str, list[FieldDetails]]) -> Selection:
        fields = [
            Field(self, kind, key, details)
            for key, details in grouped.items()
            if self.schema.get_field(kind, details[0].node.name.value) is not None
        ]
        self.size += len(fields) + 1
        return Selection(fields)


def _unwrap(kind: GraphQLOutputType) -> tuple[tuple[bool, ...], Any]:
    required = []
    while True:
        non_null = isinstance(kind, GraphQLNonNull)
        required.append(non_null)
        inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if not isinstance(inner, GraphQLList):
            return tuple(required), inner
        kind = inner.of_type


def _constant_arguments(definition: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
    if not definition.args:
        return {}
    if any(_has_variable(argument.value) for argument in node.arguments or ()):
        return None
    try:
        values = get_argument_values(definition, node)
    except Exception:  # said again, and answered, whenever the field runs
        return None
    # A resolver may change what it is given, so only what nobody can change is shared between runs.
    return values if all(isinstance(value, _ATOMS) for value in values.values()) else None


def _has_variable(value: ValueNode) -> bool:
    match value:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_has_variable, value.values))
        case ObjectValueNode():
            return any(_has_variable(field.value) for field in value.fields)
        case _:
            return False


def deciding_variables(document: DocumentNode) -> tuple[str, ...]:
    """Names of the variables that stand in a `@skip` or `@include` anywhere in the document."""
    names: dict[str, None] = {}
    sets: list[Any] = [definition for definition in document.definitions if hasattr(definition, "selection_set")]
    while sets:
        node = sets.pop()
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value in {"skip", "include"}:
                names |= {
                    argument.value.name.value: None
                    for argument in directive.arguments or ()
                    if isinstance(argument.value, VariableNode)
                }
        selection_set = getattr(node, "selection_set", None)
        sets.extend(selection_set.selections if selection_set else ())
    return tuple(sorted(names))


def shape(names: Sequence[str], variables: Mapping[str, Any]) -> Shape:
    """The part of coerced variables that a plan depends on."""
    return tuple((name, variables[name]) for name in names if name in variables)
