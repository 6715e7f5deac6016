"""Runs one GraphQL operation and says in the house's words what went wrong with it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final, cast

from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, OperationType
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream
from graphql.pyutils import is_awaitable
from msgspec import Struct
from opentelemetry import propagate

from libs.executor.with_strawberry import executor
from libs.shared import telemetry
from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway.context import Context
from services.gateway.documents import MAX_ERRORS, Documents, Policy, Refused, Runnable
from services.gateway.limits import Measure
from services.gateway.observation import Observer
from services.gateway.rates import RateLimited
from services.gateway.schema import build
from services.gateway.schema.common import INTERNAL
from services.gateway.trusted import Trusted

#: What clients learn of an error that nobody foresaw, beside the id under which it is logged.
MASK: Final = "something went wrong on our side"

log = logger(__name__)


class Operation(Struct, frozen=True):
    """A GraphQL request: https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Result(Struct, frozen=True):
    """A GraphQL response; `data` is left out when nothing was executed.  `measure` is of a document sent as text."""

    body: dict[str, Any]
    measure: Measure | None = None

    @property
    def executed(self) -> bool:
        """Whether execution began: a refused document has no data, not even null."""
        return "data" in self.body


class Engine:
    """The schema with its documents; raises `ManifestError` for a trusted document that is not valid.

    `observer` tells of what it runs; the names of trusted operations are known to it.
    """

    def __init__(
        self, trusted: Trusted | None = None, policy: Policy | None = None, observer: Observer | None = None
    ) -> None:
        self.schema = build()
        self.documents = Documents(self.schema._schema, trusted, policy)
        self.observer = observer or Observer()
        self.observer.know(self.documents.trusted_names())
        # graphql-core looks for similar names for up to 0.5 ms an error; `hints.py` is quicker, for documents.
        self._executor = executor(self.schema, max_errors=MAX_ERRORS, hide_suggestions=True)

    def kind(self, operation: Operation) -> OperationType | None:
        """Whether it reads, writes or subscribes; None for what cannot run, of which `execute` says why."""
        try:
            return self._ready(operation).operation.operation
        except Refused:
            return None

    async def execute(self, operation: Operation, context: Context, parent: str | None = None) -> Result:
        """Run a query or mutation.  `parent` is the trace context that came with the request.

        Raises `RateLimited` when its sender has too little left for it.
        """
        try:
            ready = self._ready(operation)
        except Refused as refused:
            context.pay(None)
            self.observer.refused(refused.code)
            return Result({"errors": [error_body(error) for error in refused.errors]})
        node, cost = ready.operation, ready.measure.cost
        if node.operation is OperationType.SUBSCRIPTION:
            error = GraphQLError(
                "subscriptions run over WebSocket or as text/event-stream",
                extensions={"code": "SUBSCRIPTION_NEEDS_STREAM"},
            )
            return Result({"errors": [error_body(error)]})
        context.pay(cost)
        with self.observer.operation(node.operation.value, ready.name or "", operation.query, cost, parent) as observed:
            result = await self._run(ready, operation, context)
            observed.answered(result.body.get("errors", ()))
            return result if ready.trusted else Result(result.body, ready.measure)

    async def subscribe(self, operation: Operation, context: Context) -> AsyncGenerator[Result, None]:
        """Run a subscription: a result for each thing that happens, each of which costs what the document does.

        Raises `Refused`, and `RateLimited` before it has begun; later that ends it.
        """
        ready = self._ready(operation)
        cost = ready.measure.cost
        context.pay(cost)
        stream = await self._events(ready, operation, context)
        if isinstance(stream, CoreResult):
            yield _result(stream)
            return
        async with aclosing(stream):
            try:
                with self.observer.lasting():
                    async for event in stream:
                        context.pay(cost)
                        with self.observer.operation("event", ready.name or "", operation.query, cost) as observed:
                            result = await self._run(ready, operation, context, event)
                            observed.answered(result.body.get("errors", ()))
                        yield result
            except Exception as error:
                yield _result(CoreResult(None, [GraphQLError(str(error), original_error=error)]))

    def _ready(self, operation: Operation) -> Runnable:
        return self.documents.ready(operation.query, operation.operation_name, operation.variables or {})

    async def _run(self, ready: Runnable, operation: Operation, context: Context, root: Any = None) -> Result:
        result = await self._executor.execute(
            ready.document, root=root, context=context, variables=operation.variables, operation_name=ready.name
        )
        return _result(result)

    async def _events(
        self, ready: Runnable, operation: Operation, context: Context
    ) -> AsyncGenerator[Any, None] | CoreResult:
        """What happens, as graphql-core gets it from the field that is subscribed to; or why it cannot be had."""
        built = CoreExecutor.build(
            self.schema._schema,
            ready.document,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=ready.name,
            max_coercion_errors=MAX_ERRORS,
            hide_suggestions=True,
        )
        if isinstance(built, list):
            return CoreResult(None, built)
        stream: Any = create_source_event_stream(built)
        return cast(AsyncGenerator[Any, None] | CoreResult, await stream if is_awaitable(stream) else stream)


def remote_parent(headers: Mapping[str, str]) -> str | None:
    """The trace that a request belongs to: the span of the HTTP instrumentation, else the caller's."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return telemetry.extract(carrier) or telemetry.extract(headers)


def _result(result: CoreResult) -> Result:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [error_body(error) for error in result.errors]
    # Without a path nothing has run: the variables did not fit, and the specification leaves data out.
    if result.data is not None or not result.errors or any(error.path for error in result.errors):
        body["data"] = result.data
    return Result(body)


def extensions_of(refusal: DomainError) -> dict[str, Any]:
    """The code of a refusal, the field it is about, and after how many seconds the same may be sent again."""
    told: dict[str, Any] = {"code": refusal.code}
    if refusal.path:
        told["field"] = refusal.path
    if isinstance(refusal, RateLimited):
        told["retryAfterSeconds"] = refusal.retry_after_seconds
    return told


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
        body["extensions"] = extensions_of(original)
    elif original is None or isinstance(original, GraphQLError):
        body["extensions"] = {"code": "BAD_USER_INPUT", **(error.extensions or {})}
    else:
        logged_as = uuid7()
        log.error("operation_failed", error_id=logged_as, path=error.path, exc_info=original)
        body["message"] = MASK
        body["extensions"] = {"code": INTERNAL, "id": logged_as}
    return body
