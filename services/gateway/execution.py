"""Runs one GraphQL operation and says in the house's words what went wrong with it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, OperationType
from msgspec import Struct
from opentelemetry import propagate
from strawberry.types import ExecutionResult

from libs.shared import telemetry
from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway.context import Context
from services.gateway.documents import Documents, Refused
from services.gateway.observation import Observer
from services.gateway.schema import build
from services.gateway.schema.common import INTERNAL

#: What clients learn of an error that nobody foresaw, beside the id under which it is logged.
MASK: Final = "something went wrong on our side"

log = logger(__name__)


class Operation(Struct, frozen=True):
    """A GraphQL request: https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Result(Struct, frozen=True):
    """A GraphQL response; `data` is left out when nothing was executed."""

    body: dict[str, Any]

    @property
    def executed(self) -> bool:
        """Whether execution began: a refused document has no data, not even null."""
        return "data" in self.body


class Engine:
    """The schema with its documents; `observer` tells of what it runs."""

    def __init__(self, observer: Observer | None = None) -> None:
        self.observer = observer or Observer()
        self.schema = build()
        self.documents = Documents(self.schema._schema)

    def kind(self, operation: Operation) -> OperationType:
        """Whether it reads, writes or subscribes; raises `Refused` when it cannot run."""
        variables = operation.variables or {}
        return self.documents.ready(operation.query, operation.operation_name, variables)[1].operation

    async def execute(self, operation: Operation, context: Context, parent: str | None = None) -> Result:
        """Run a query or mutation.  `parent` is the trace context that came with the request.

        Raises `RateLimited` when its sender has too little left for it.
        """
        try:
            document, node = self.documents.ready(operation.query, operation.operation_name, operation.variables or {})
        except Refused as refused:
            context.pay(None)
            self.observer.refused(str((refused.errors[0].extensions or {}).get("code")))
            return Result({"errors": [error_body(error) for error in refused.errors]})
        if node.operation is OperationType.SUBSCRIPTION:
            error = GraphQLError(
                "subscriptions run over WebSocket", extensions={"code": "SUBSCRIPTION_NEEDS_WEBSOCKET"}
            )
            return Result({"errors": [error_body(error)]})
        cost = self._cost(operation)
        context.pay(cost)
        context.document = document
        name = node.name.value if node.name else ""
        with self.observer.operation(node.operation.value, name, operation.query, cost, parent) as observed:
            executed = await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.operation_name,
            )
            result = _result(executed)
            observed.answered(result.body.get("errors", ()))
            return result

    async def subscribe(self, operation: Operation, context: Context) -> AsyncGenerator[Result, None]:
        """Run a subscription: a result for each thing that happens; raises `Refused` and `RateLimited`."""
        context.document, _ = self.documents.ready(operation.query, operation.operation_name, operation.variables or {})
        context.pay(self._cost(operation))
        stream = await self.schema.subscribe(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
        )
        try:
            with self.observer.lasting():
                async for result in stream:
                    yield _result(result)
        finally:
            await stream.aclose()

    def _cost(self, operation: Operation) -> int:
        return self.documents.measure(operation.query, operation.variables or {}).cost


def remote_parent(headers: Mapping[str, str]) -> str | None:
    """The trace that a request belongs to: the span of the HTTP instrumentation, else the caller's."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return telemetry.extract(carrier) or telemetry.extract(headers)


def _result(result: ExecutionResult | CoreResult) -> Result:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [error_body(error) for error in result.errors]
    # Without a path nothing has run: the variables did not fit, and the specification leaves data out.
    if result.data is not None or not result.errors or any(error.path for error in result.errors):
        body["data"] = result.data
    return Result(body)


def error_body(error: GraphQLError) -> dict[str, Any]:
    """An error as clients see it: with a code; what nobody foresaw is masked and logged under an id."""
    body: dict[str, Any] = {"message": error.message}
    if error.locations:
        body["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        body["path"] = error.path
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, DomainError) and original.code != INTERNAL:
        body["message"] = original.message
        body["extensions"] = {"code": original.code, **({"field": original.path} if original.path else {})}
    elif original is None or isinstance(original, GraphQLError):
        body["extensions"] = {"code": (error.extensions or {}).get("code", "BAD_USER_INPUT")}
    else:
        logged_as = uuid7()
        log.error("operation_failed", error_id=logged_as, path=error.path, exc_info=original)
        body["message"] = MASK
        body["extensions"] = {"code": INTERNAL, "id": logged_as}
    return body
