"""Random operations over random schemas give what graphql-core gives, errors and their order included.

The cases are the same in each run; `ARCHIPEL_SEED` moves them elsewhere.  A case that fails says how to run it again.
"""

import asyncio
import os
from collections import Counter
from random import Random
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError, execute_sync, parse, validate

from libs.executor import Executor
from libs.executor.tests.behaviour import Behaviour, Node
from libs.executor.tests.random_query import QueryMaker, Request
from libs.executor.tests.random_schema import build
from libs.executor.tests.random_spec import random_spec

SEED = int(os.environ.get("ARCHIPEL_SEED", "1"))
PARTS = 20
SCHEMAS = 10
QUERIES = 100


def _error(error: GraphQLError) -> tuple[Any, ...]:
    original = error.original_error
    return (error.message, error.path, error.locations, error.extensions, type(original))


def _seen(result: ExecutionResult, calls: list[str]) -> tuple[Any, ...]:
    # repr tells 1 from True and shows the order of keys.
    return repr(result.data), [_error(error) for error in result.errors or ()], calls


@pytest.mark.parametrize("part", range(PARTS))
async def test_random_operations_give_what_graphql_core_gives(part: int) -> None:
    met: Counter[str] = Counter()
    for number in range(SCHEMAS):
        await _compare(SEED * 1_000_000 + part * SCHEMAS + number, met)
    assert min(met.values()) > SCHEMAS * QUERIES / 3, f"too few operations met what the comparison is for: {met}"


async def _compare(seed: int, met: Counter[str]) -> None:
    """Compares the operations of one schema, and counts what they met."""
    spec, rng = random_spec(seed), Random(seed)
    reference, subject = Behaviour(spec, reference=True), Behaviour(spec, reference=False)
    reference_schema = build(spec, reference)
    executor = Executor(build(spec, subject))
    for number in range(QUERIES):
        request = QueryMaker(spec, rng).request()
        document = parse(request.query)
        if number % 50 == 0:
            assert not validate(reference_schema, document), _story(seed, number, request)
        operation = "Mutation" if request.query.startswith("mutation") else "Query"
        reference.calls, subject.calls = [], []
        wanted = _seen(
            execute_sync(reference_schema, document, Node(reference, operation, number), "me", request.variables),
            reference.calls,
        )
        root = Node(subject, operation, number)
        turns: list[None] = []  # has one when the loop ran meanwhile: something was awaited
        asyncio.get_running_loop().call_soon(turns.append, None)
        result = await executor.execute(document, root=root, context="me", variables=request.variables)
        data = any(value is not None for value in (result.data or {}).values())
        met.update(data=data, errors=bool(result.errors), awaits=bool(turns))
        found = _seen(result, subject.calls)
        if operation == "Query":
            # Breadth first calls what depth first would have left out.
            found, wanted = found[:2], wanted[:2]
        assert found == wanted, _story(seed, number, request)


def _story(seed: int, number: int, request: Request) -> str:
    return f"schema {seed}, query {number}, variables {request.variables}:\n{request.query}"
