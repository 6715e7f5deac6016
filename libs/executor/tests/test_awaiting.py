"""What is awaited: together, each once, in a mutation one after the other, and never left behind."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse

from libs.executor import BATCH, Executor

SCHEMA = """
type Query { a: Item b: Item items: [Item!] word: String need: String! }
type Item { id: ID name: String slow: String need: String! other: Item }
type Mutation { first: Item second: Item third: Item! }
"""


class Gates:
    """Things to wait for, and a note of what was begun, ended and cut off."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.open = asyncio.Event()

    async def wait(self, name: str, value: Any = None) -> Any:
        self.log.append(f"begin {name}")
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.log.append(f"cut {name}")
            raise
        self.log.append(f"end {name}")
        return value


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No coroutine is forgotten, no task is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()


def resolving(**resolvers: Any) -> GraphQLSchema:
    schema = build_schema(SCHEMA)
    for place, resolve in resolvers.items():
        kind, _, name = place.partition("_")
        field = schema.type_map[kind].fields[name]  # type: ignore[attr-defined]
        if isinstance(resolve, tuple):
            field.extensions[BATCH] = resolve[0]
        else:
            field.resolve = resolve
    return schema


async def until(gates: Gates, *entries: str) -> None:
    async with asyncio.timeout(20):
        while not set(entries) <= set(gates.log):  # noqa: ASYNC110 – what is begun cannot tell
            await asyncio.sleep(0)


async def test_siblings_are_awaited_at_the_same_time() -> None:
    gates = Gates()
    schema = resolving(Query_a=lambda *_: gates.wait("a", {}), Query_b=lambda *_: gates.wait("b", {"id": 1}))
    running = asyncio.create_task(Executor(schema).execute(parse("{ a { id } b { id } }")))
    await until(gates, "begin a", "begin b")
    gates.open.set()
    assert (await running).data == {"a": {"id": None}, "b": {"id": "1"}}


async def test_a_field_goes_on_while_its_sibling_is_slow() -> None:
    gates = Gates()

    async def quick(*_: Any) -> dict[str, Any]:
        return {"other": {"id": 2}}

    async def other(parents: list[Any], _: Any) -> list[Any]:
        gates.log.append("other")
        return [parent["other"] for parent in parents]

    schema = resolving(Query_a=lambda *_: gates.wait("a", {}), Query_b=quick, Item_other=(other,))
    running = asyncio.create_task(Executor(schema).execute(parse("{ a { id } b { other { id } } }")))
    await until(gates, "begin a", "other")
    assert "end a" not in gates.log
    gates.open.set()
    assert (await running).data == {"a": {"id": None}, "b": {"other": {"id": "2"}}}


async def test_resolvers_of_a_level_are_awaited_together_and_answered_in_order() -> None:
    gates = Gates()

    def name(item: Any, _: Any) -> Any:
        return gates.wait(item["id"], item["id"]) if item["id"] != "now" else "now"

    schema = resolving(Item_name=name)
    root = {"items": [{"id": "x"}, {"id": "now"}, {"id": "y"}]}
    running = asyncio.create_task(Executor(schema).execute(parse("{ items { name } }"), root=root))
    await until(gates, "begin x", "begin y")
    gates.open.set()
    assert (await running).data == {"items": [{"name": "x"}, {"name": "now"}, {"name": "y"}]}


async def test_fields_of_a_mutation_wait_for_all_that_hangs_below_the_one_before() -> None:
    log: list[str] = []

    def noting(name: str) -> Any:
        async def note(*_: Any) -> Any:
            log.append(f"begin {name}")
            await asyncio.sleep(0)
            log.append(f"end {name}")
            return {}

        return note

    schema = resolving(
        Mutation_first=noting("first"), Mutation_second=noting("second"), Item_slow=noting("slow"),
        Mutation_third=lambda *_: {"id": log.append("third")},  # type: ignore[func-returns-value]
    )  # fmt: skip
    result = await Executor(schema).execute(parse("mutation { first { slow } second { id } third { id } }"))
    assert log == ["begin first", "end first", "begin slow", "end slow", "begin second", "end second", "third"]
    assert list(result.data or {}) == ["first", "second", "third"]


async def test_nothing_of_a_mutation_runs_after_the_field_that_leaves_no_data() -> None:
    log: list[str] = []
    schema = resolving(
        Mutation_first=lambda *_: log.append("first"),
        Mutation_third=lambda *_: log.append("third"),
        Mutation_second=lambda *_: log.append("second"),
    )
    result = await Executor(schema).execute(parse("mutation { first { id } third { id } second { id } }"))
    assert (result.data, log) == (None, ["first", "third"])
    assert [error.path for error in result.errors or []] == [["third"]]


async def test_a_cancelled_operation_cancels_its_work_and_waits_for_its_end() -> None:
    gates = Gates()
    schema = resolving(
        Query_a=lambda *_: gates.wait("a"),
        Query_b=lambda *_: {},
        Item_slow=lambda *_: gates.wait("slow"),
        Item_name=(lambda *_: gates.wait("batch"),),
    )
    running = asyncio.create_task(Executor(schema).execute(parse("{ a { id } b { slow name } }")))
    await until(gates, "begin a", "begin slow", "begin batch")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {"cut a", "cut slow", "cut batch"} <= set(gates.log)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_a_cancellation_overtakes_before_it_began_is_closed() -> None:
    schema = resolving(Query_a=lambda *_: asyncio.sleep(0), Query_b=lambda *_: asyncio.sleep(0))
    running = asyncio.create_task(Executor(schema).execute(parse("{ a { id } b { id } }")))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_hangs_below_a_nulled_object_is_awaited_all_the_same() -> None:
    gates = Gates()
    gates.open.set()
    schema = resolving(Query_a=lambda *_: {}, Item_slow=lambda *_: gates.wait("slow"))
    result = await Executor(schema).execute(parse("{ a { slow need } }"))
    assert (result.data, gates.log) == ({"a": None}, ["begin slow", "end slow"])


async def test_work_that_a_resolver_asks_to_be_tracked_ends_before_the_operation() -> None:
    gates = Gates()

    def word(_: Any, info: Any) -> str:
        info.async_helpers.track([gates.wait("tracked")])
        asyncio.get_running_loop().call_soon(gates.open.set)
        return "w"

    result = await Executor(resolving(Query_word=word)).execute(parse("{ word }"))
    assert (result.data, gates.log) == ({"word": "w"}, ["begin tracked", "end tracked"])


async def test_a_stream_is_closed_when_the_operation_is_cancelled() -> None:
    gates = Gates()

    async def items(*_: Any) -> AsyncIterator[Any]:
        try:
            yield {}
            await gates.wait("items")
        finally:
            gates.log.append("closed")

    running = asyncio.create_task(Executor(resolving(Query_items=items)).execute(parse("{ items { id } }")))
    await until(gates, "begin items")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gates.log == ["begin items", "cut items", "closed"]


def test_what_has_to_be_awaited_cannot_be_had_without_a_loop() -> None:
    schema = resolving(Query_word=lambda *_: asyncio.sleep(0))
    with ThreadPoolExecutor(1) as elsewhere:  # where no loop has been
        running = elsewhere.submit(Executor(schema).execute_sync, parse("{ word }"))
    with pytest.raises(RuntimeError, match="not synchronous"):
        running.result()


def test_what_interrupts_a_resolver_leaves_nothing_behind() -> None:
    def interrupt(item: Any, _: Any) -> Any:
        if item["id"] == 2:
            raise KeyboardInterrupt
        return asyncio.sleep(0)

    schema = resolving(Item_slow=interrupt, Query_word=lambda *_: asyncio.sleep(0))
    with pytest.raises(KeyboardInterrupt):
        Executor(schema).execute_sync(parse("{ word items { slow } }"), root={"items": [{"id": 1}, {"id": 2}]})
