"""The executor of one schema: plans by document, and their execution."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    assert_valid_schema,
)
from graphql.execution.values import VariableValues, get_variable_values

from .errors import Errors, Nulled
from .fields import Adapter
from .level import Level
from .plan import TOO_DEEP, Plan, Shape, deciding_variables, shape
from .run import Run

#: Plans kept for one operation: one for each combination of variables in its `@skip` and `@include`.
SHAPES: Final = 8
_NO_VARIABLES: Final = VariableValues({}, {})


class _Operation:
    """An operation of a document with its plans, the last used at the end."""

    def __init__(self, document: DocumentNode, node: OperationDefinitionNode) -> None:
        self.document = document  # held, so that its identity is not used again
        self.node = node
        self.deciding = deciding_variables(document)
        self.plans: OrderedDict[Shape, Plan] = OrderedDict()

    @property
    def size(self) -> int:
        return sum(plan.size for plan in self.plans.values()) + 1


class Executor:
    """Executes documents that are valid for a schema, and keeps the plans of those that were used last.

    At most `max_operations` are kept, of `max_fields` compiled fields in all.  A document is known by its identity, so
    keep what you parsed, and do not change it.

    Of variables that do not fit, the first `max_errors` errors are told, and that there are more.  With
    `hide_suggestions` they do not say which names of the schema may have been meant.

    Raises TypeError for a schema that is not valid, or that has `@defer` or `@stream`.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        adapter: Adapter | None = None,
        *,
        max_operations: int = 1_000,
        max_fields: int = 20_000,
        max_errors: int = 50,
        hide_suggestions: bool = False,
    ) -> None:
        assert_valid_schema(schema)
        if schema.get_directive("defer") or schema.get_directive("stream"):
            raise TypeError("@defer and @stream are not supported")
        self.schema = schema
        self._adapter = adapter or Adapter()
        self._max_operations = max_operations
        self._max_fields = max_fields
        self._max_errors = max_errors
        self._hide_suggestions = hide_suggestions
        self._operations: OrderedDict[tuple[int, str | None], _Operation] = OrderedDict()

    async def execute(
        self,
        document: DocumentNode,
        *,
        root: Any = None,
        context: Any = None,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> ExecutionResult:
        """Run an operation.  For an event of a subscription, `root` is the event.

        The result is what graphql-core gives, with the errors in the order of a depth-first execution; without data
        and without a path in any error, nothing was run.  Only a cancellation is raised.
        """
        begun = self._begin(document, root, context, variables, operation_name)
        if isinstance(begun, ExecutionResult):
            return begun
        try:
            return await (_serially(begun) if begun.plan.serial else _together(begun))
        except RecursionError:
            return ExecutionResult(None, [GraphQLError(TOO_DEEP, begun.plan.operation)])
        finally:
            begun.stop()

    def execute_sync(
        self,
        document: DocumentNode,
        *,
        root: Any = None,
        context: Any = None,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> ExecutionResult:
        """Run an operation that awaits nothing; raises RuntimeError when something is to be awaited."""
        running = self.execute(document, root=root, context=context, variables=variables, operation_name=operation_name)
        try:
            running.send(None)
        except StopIteration as done:
            result: ExecutionResult = done.value
            return result
        finally:
            running.close()
        raise RuntimeError("the operation is not synchronous")

    def _begin(
        self,
        document: DocumentNode,
        root: Any,
        context: Any,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
    ) -> Run | ExecutionResult:
        try:
            operation = self._operation(document, operation_name)
            values = _NO_VARIABLES
            if definitions := operation.node.variable_definitions:
                coerced = get_variable_values(
                    self.schema,
                    definitions,
                    dict(variables or {}),
                    max_errors=self._max_errors,
                    hide_suggestions=self._hide_suggestions,
                )
                if isinstance(coerced, list):
                    return ExecutionResult(None, coerced)
                values = coerced
            return Run(self._plan(operation, values), root, context, values)
        except GraphQLError as error:
            return ExecutionResult(None, [error])

    def _operation(self, document: DocumentNode, name: str | None) -> _Operation:
        key = (id(document), name)
        found = self._operations.get(key)
        if found is None:
            found = self._operations[key] = _Operation(document, _operation_node(document, name))
            self._forget()
        else:
            self._operations.move_to_end(key)
        return found

    def _plan(self, operation: _Operation, values: VariableValues) -> Plan:
        key = shape(operation.deciding, values.coerced)
        plan = operation.plans.get(key)
        if plan is not None:
            operation.plans.move_to_end(key)
            return plan
        plan = operation.plans[key] = Plan(self.schema, self._adapter, operation.document, operation.node, values)
        if len(operation.plans) > SHAPES:
            operation.plans.popitem(last=False)
        return plan

    def _forget(self) -> None:
        """Drop what was used longest ago until the plans weigh little enough; they grow while they run."""
        size = sum(operation.size for operation in self._operations.values())
        while len(self._operations) > self._max_operations or (size > self._max_fields and len(self._operations) > 1):
            _, dropped = self._operations.popitem(last=False)
            size -= dropped.size


def _operation_node(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        nodes = [node for node in nodes if node.name is not None and node.name.value == name]
        if not nodes:
            raise GraphQLError(f"Unknown operation named '{name}'.")
        return nodes[-1]
    if not nodes:
        raise GraphQLError("Must provide an operation.")
    if len(nodes) > 1:
        raise GraphQLError("Must provide operation name if query contains multiple operations.")
    return nodes[0]


async def _together(run: Run) -> ExecutionResult:
    level = Level(run.plan.root, [run.root])
    run.select(level)
    if run.waiting:
        await run.drive()
    row = level.rows[0]
    if not run.failed:
        return ExecutionResult(row)
    errors = Errors(run)
    try:
        errors.object(row, level.selection, [])
    except Nulled as nulled:
        return ExecutionResult(None, [*errors.found, nulled.error])
    return ExecutionResult(row, errors.found)


async def _serially(run: Run) -> ExecutionResult:
    """The fields of a mutation, each begun when the one before is done with all that hangs below it."""
    row: dict[str, Any] = {}
    found: list[GraphQLError] = []
    level = Level(run.plan.root, [run.root])
    level.rows = [row]
    for field in run.plan.root.fields:
        run.begin(field, level)
        if run.waiting:
            await run.drive()
        if run.failed:
            errors = Errors(run)
            try:
                errors.field(row, field, [])
            except Nulled as nulled:
                return ExecutionResult(None, [*found, *errors.found, nulled.error])
            found += errors.found
            run.failed = False
    return ExecutionResult(row, found or None)
