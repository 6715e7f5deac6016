"""A page of 20 posts with authors from memory, without a server: our executor, graphql-core and Strawberry."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from graphql import ExecutionResult, execute, parse

from bench.harness import Line, below, compare, in_turn
from bench.static_page import PAGE, SCHEMA
from libs.executor.with_strawberry import executor

_TIMES_DEFAULT = 10
_BUDGET_MS = 0.2
_SECONDS = 0.5


async def run() -> list[Line]:
    """Executions a second, each with its CPU."""
    document = parse(PAGE)
    warm = executor(SCHEMA)
    core: Any = SCHEMA._schema

    async def ours() -> object:
        return (await warm.execute(document)).data

    async def cold() -> object:
        return (await executor(SCHEMA).execute(document)).data

    async def graphql_core() -> object:
        result: Any = execute(core, document)
        return (result if isinstance(result, ExecutionResult) else await result).data

    async def default() -> object:
        return (await SCHEMA.execute(PAGE)).data

    expected = await graphql_core()
    if not await ours() == expected == await default():
        raise RuntimeError("the answers differ")
    rates = await in_turn(*(_rate(one) for one in (ours, cold, graphql_core, default)))
    size = len(orjson.dumps(expected))
    return [
        compare(
            f"static page of 20 posts, {size:,} bytes",
            rates[0],
            rates[3],
            limit_what="Strawberry's schema.execute",
            at_least=_TIMES_DEFAULT,
        ),
        compare("the same, beside graphql-core", rates[0], rates[2], limit_what="graphql-core, parsed before"),
        compare("the same, plan made each time", rates[1], rates[2], limit_what="graphql-core, parsed before"),
        below("CPU of an execution, warm plan", 1000 / rates[0], "ms", _BUDGET_MS),
    ]


def _rate(execute_once: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
    async def measure() -> float:
        """Executions in a second of CPU."""
        count, began, until = 0, time.process_time(), time.process_time() + _SECONDS
        while time.process_time() < until:
            await execute_once()
            count += 1
        return count / (time.process_time() - began)

    return measure
