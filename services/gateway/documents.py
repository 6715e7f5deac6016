"""GraphQL documents made ready to run: parsed, measured against the limits and validated, once for each text."""

from collections.abc import Mapping
from typing import Any, Final

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

from services.gateway import limits

#: Characters of query text whose documents are kept; a document weighs a few hundred times its text.
CACHED_CHARACTERS: Final = 256 * 1024
#: Enough to mend a query by; every error costs a search for similar names.
MAX_VALIDATION_ERRORS: Final = 10

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)

#: What the parser says of a document that goes over one of its limits.
_TOO_LONG: Final = ("Document contains more than", "nested too deeply")


class Refused(Exception):
    """The document cannot run.  `errors` carry a code each; nothing of it has been executed."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__(*(error.message for error in errors))
        self.errors = errors


class _Ready(msgspec.Struct, frozen=True):
    document: DocumentNode
    measure_each_time: bool


class Documents:
    """Readies documents for one schema and remembers them by their text, refusals included."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._sizes = limits.Sizes.of(schema)
        self._known: LRUCache[str, _Ready | Refused] = LRUCache(CACHED_CHARACTERS, getsizeof=_weight)

    def ready(
        self, query: str, operation_name: str | None, variables: Mapping[str, Any]
    ) -> tuple[DocumentNode, OperationDefinitionNode]:
        """The document and the operation to run; raises `Refused`."""
        found = self._known.get(query)
        if found is None:
            try:
                found = self._prepare(query, variables)
            except Refused as refused:
                found = refused
            self._remember(query, found)
        elif isinstance(found, _Ready) and found.measure_each_time:
            self._measure(found.document, variables)
        if isinstance(found, Refused):
            raise found.with_traceback(None)
        operation = get_operation_ast(found.document, operation_name)
        if operation is None:
            message = (
                f"there is no operation named {operation_name!r}"
                if operation_name
                else "operationName must say which operation to run"
            )
            raise Refused(GraphQLError(message, extensions={"code": "OPERATION_NOT_FOUND"}))
        return found.document, operation

    def measure(self, query: str, variables: Mapping[str, Any]) -> limits.Measure:
        """What the document expands to with these variables; raises `Refused`."""
        known = self._known.get(query)
        found = known if isinstance(known, _Ready) else self._prepare(query, variables)
        return limits.measure(found.document, self._sizes, variables)

    def _prepare(self, query: str, variables: Mapping[str, Any]) -> _Ready:
        try:
            document = parse(query, max_lexical_tokens=limits.MAX_TOKENS, max_comments=limits.MAX_COMMENTS)
        except GraphQLSyntaxError as error:
            too_long = any(word in error.message for word in _TOO_LONG)
            error.extensions = {"code": "QUERY_TOO_COMPLEX" if too_long else "GRAPHQL_PARSE_FAILED"}
            raise Refused(error) from None
        each_time = limits.paging_variables(document)
        self._measure(document, variables)
        errors = validate(self._schema, document, _RULES, max_errors=MAX_VALIDATION_ERRORS)
        if errors:
            for found in errors:
                found.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
            raise Refused(*errors)
        return _Ready(document, each_time)

    def _measure(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        try:
            limits.check(document, self._sizes, variables)
        except limits.TooComplex as error:
            raise Refused(error) from None

    def _remember(self, query: str, found: _Ready | Refused) -> None:
        depends_on_variables = isinstance(found, Refused) and isinstance(found.errors[0], limits.TooComplex)
        if not depends_on_variables and len(query) <= CACHED_CHARACTERS // 16:
            self._known[query] = found


def _weight(found: _Ready | Refused) -> int:
    if isinstance(found, Refused):
        return 1_000
    return len(found.document.loc.source.body) if found.document.loc else 1_000
