"""GraphQL documents made ready to run: trusted ones at the start, others once for each text, within the limits."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from cachetools import LRUCache
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from services.gateway import limits, scan
from services.gateway.hints import hint
from services.gateway.trusted import DocumentNotTrusted, ManifestError, Trusted

#: Characters of query text whose documents are kept; a document weighs a few hundred times its text.
CACHED_CHARACTERS: Final = 256 * 1024
#: Enough to mend a query or its variables by.
MAX_ERRORS: Final = 5
#: Measures that one document keeps, by the sizes that its variables asked for.
_MEASURES: Final = 64
#: What a remembered document weighs beside its text.
_OVERHEAD_CHARACTERS: Final = 500

# Built once: validation keeps what it prepares for a rule by the rule's class.
_RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Refused(Exception):
    """The document cannot run.  `errors` carry a code each; nothing of it has been executed."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__(*(error.message for error in errors))
        self.errors = errors

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str((self.errors[0].extensions or {}).get("code"))


class Policy(msgspec.Struct, frozen=True):
    """Which documents run: all within the limits, or trusted ones only; and whether others may ask for the schema.

    Where they may, what they misspell in a document is answered with names that are like it.
    """

    trusted_only: bool = False
    introspection: bool = True


class Runnable(NamedTuple):
    """A document with the operation of it to run, what that expands to, and whether the document is registered."""

    document: DocumentNode
    operation: OperationDefinitionNode
    measure: limits.Measure
    trusted: bool

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.operation.name.value if self.operation.name else None


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """`sizing` names the variables that the cost depends on, `max_cost` bounds it, `measures` remembers it."""

    document: DocumentNode
    sizing: tuple[str, ...]
    max_cost: int = limits.MAX_COST
    trusted: bool = False
    measures: dict[tuple[object, ...], limits.Measure] = {}


class _Remembered(msgspec.Struct, frozen=True):
    outcome: _Ready | Refused
    weight: int


class Documents:
    """Readies documents for one schema and remembers them by their text, refusals included.

    Raises `ManifestError` for a trusted document that is not valid.
    """

    def __init__(self, schema: GraphQLSchema, trusted: Trusted | None = None, policy: Policy | None = None) -> None:
        self._schema = schema
        self._policy = policy or Policy()
        self._sizes = limits.Sizes.of(schema)
        self._trusted = {text: self._prepare_trusted(text, source) for text, source in trusted or ()}
        self._known: LRUCache[str, _Remembered] = LRUCache(CACHED_CHARACTERS, getsizeof=lambda found: found.weight)

    def ready(self, query: str, operation_name: str | None, variables: Mapping[str, Any]) -> Runnable:
        """What is to be run with these variables; raises `Refused`."""
        found = self._find(query)
        try:
            limits.check_variables(variables)
        except limits.TooComplex as error:
            raise Refused(error) from None
        measure = self._measure(found, variables)
        if measure.cost > found.max_cost:
            raise Refused(limits.TooComplex("cost", found.max_cost))
        operation = get_operation_ast(found.document, operation_name)
        if operation is None:
            message = (
                f"there is no operation named {operation_name!r}"
                if operation_name
                else "operationName must say which operation to run"
            )
            raise Refused(GraphQLError(message, extensions={"code": "OPERATION_NOT_FOUND"}))
        return Runnable(found.document, operation, measure, found.trusted)

    def trusted_names(self) -> set[str]:
        """The names of the operations that are registered."""
        nodes = (node for ready in self._trusted.values() for node in ready.document.definitions)
        return {node.name.value for node in nodes if isinstance(node, OperationDefinitionNode) and node.name}

    def _find(self, query: str) -> _Ready:
        trusted = self._trusted.get(query)
        if trusted is not None:
            return trusted
        if self._policy.trusted_only:
            raise Refused(DocumentNotTrusted())
        found = self._known.get(query)
        outcome = found.outcome if found is not None else self._remember(query)
        if isinstance(outcome, Refused):
            raise outcome.with_traceback(None)
        return outcome

    def _remember(self, query: str) -> _Ready | Refused:
        outcome: _Ready | Refused
        try:
            outcome = self._prepare(query)
        except Refused as refused:
            outcome = refused
        if len(query) <= scan.MAX_CHARACTERS:
            self._known[query] = _Remembered(outcome, len(query) + _OVERHEAD_CHARACTERS)
        return outcome

    def _prepare(self, query: str) -> _Ready:
        try:
            scan.check(query)
            if not self._policy.introspection and scan.introspects(query):
                raise Refused(
                    GraphQLError("the schema is not shown here", extensions={"code": "INTROSPECTION_DISABLED"})
                )
            document = parse(query)
            # The cheapest way in which the document can run: its pages as small as variables can make them.
            least = dict.fromkeys(limits.sizing_variables(document), 1)
            limits.check(limits.measure(document, self._sizes, least))
            limits.check_overlaps(document)
        except limits.TooComplex as error:
            raise Refused(error) from None
        except GraphQLSyntaxError as error:
            error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
            raise Refused(error) from None
        errors = validate(self._schema, document, _RULES, max_errors=MAX_ERRORS, hide_suggestions=True)
        if errors:
            for found in errors:
                found.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
                if found.nodes and self._policy.introspection:
                    found.message += hint(self._schema, document, found.nodes[0])
            raise Refused(*errors)
        return _Ready(document=document, sizing=limits.sizing_variables(document))

    def _prepare_trusted(self, text: str, source: str) -> _Ready:
        """No limits: somebody reviewed the document.  Its variables may not make it dearer than its defaults do."""
        try:
            document = parse(text)
        except GraphQLError as error:
            raise ManifestError(f"{source}: {error.message}") from None
        errors = validate(self._schema, document, _RULES, max_errors=1)
        if errors:
            raise ManifestError(f"{source}: {errors[0].message}")
        reviewed = limits.measure(document, self._sizes, {}).cost
        return _Ready(
            document=document,
            sizing=limits.sizing_variables(document),
            max_cost=max(reviewed, limits.MAX_COST),
            trusted=True,
        )

    def _measure(self, found: _Ready, variables: Mapping[str, Any]) -> limits.Measure:
        key = tuple(_size(variables, name) for name in found.sizing)
        measured = found.measures.get(key)
        if measured is None:
            if len(found.measures) >= _MEASURES:
                found.measures.clear()
            measured = found.measures[key] = limits.measure(found.document, self._sizes, variables)
        return measured


def _size(variables: Mapping[str, Any], name: str) -> object:
    """What the cost can depend on of a variable: a number, the length of a list, whether it is given at all."""
    value = variables.get(name, "absent")
    if isinstance(value, list):
        return ("list", len(value))
    return value if value is None or value == "absent" or isinstance(value, int) else "other"
