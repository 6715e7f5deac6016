"""Strawberry schemas: what is read directly, what is called once a level, and that nothing else changes."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import parse
from strawberry.permission import BasePermission

from libs.executor import Attribute, Batch, Resolver
from libs.executor.with_strawberry import Answers, StrawberryAdapter, batch, executor

CALLS: list[tuple[str, int]] = []


@strawberry.enum
class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@strawberry.input
class Filter:
    size: Size = Size.SMALL
    first_letter: str = "a"


class Nobody(BasePermission):
    message = "nobody may"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Cat(Named):
    size: Size = Size.LARGE
    friend_names: strawberry.Private[tuple[str, ...]] = ()

    @batch
    @staticmethod
    async def friends(cats: list["Cat"], info: strawberry.Info, filter: Filter | None = None) -> Answers[list["Cat"]]:  # noqa: A002
        """Who it likes."""
        CALLS.append((f"friends for {info.context} {filter}", len(cats)))
        return [
            [Cat(name=name) for name in cat.friend_names] if cat.name != "lonely" else ValueError("none")
            for cat in cats
        ]

    @batch
    @staticmethod
    def twin(cats: list["Cat"]) -> list["Cat | None"]:
        CALLS.append(("twin", len(cats)))
        return [None for _ in cats]

    @strawberry.field
    def loud(self) -> str:
        return self.name.upper()


@strawberry.type
class Dog(Named):
    size: Size = Size.SMALL


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]


@strawberry.type
class Query:
    @strawberry.field
    def cats(self) -> list[Cat]:
        return [Cat(name="a", friend_names=("b", "c")), Cat(name="lonely"), Cat(name="b", friend_names=("a",))]

    @strawberry.field
    def named(self) -> list[Named]:
        return [Cat(name="a"), Dog(name="d")]

    @strawberry.field
    async def pets(self) -> list[Pet]:
        return [Dog(name="d"), Cat(name="a")]

    secret: str = strawberry.field(permission_classes=[Nobody], resolver=lambda: "s")


SCHEMA = strawberry.Schema(Query, types=[Cat, Dog])


@pytest.fixture(autouse=True)
def no_calls() -> Iterator[None]:
    CALLS.clear()
    yield


async def both(query: str, **variables: Any) -> Any:
    """The answer, which has to be that of Strawberry itself."""
    ours = await executor(SCHEMA).execute(parse(query), context="me", variables=variables)
    calls = list(CALLS)
    theirs = await SCHEMA.execute(query, variables, context_value="me")
    CALLS[:] = calls
    assert ours.data == theirs.data
    assert ours.errors == theirs.errors
    return ours


def source(kind: str, name: str) -> Any:
    core: Any = SCHEMA._schema
    parent = core.type_map[kind]
    return StrawberryAdapter(SCHEMA).source(parent, name, parent.fields[name])


def test_fields_are_recognised_for_what_they_are() -> None:
    assert source("Cat", "name") == Attribute("name")
    assert source("Cat", "size") == Attribute("size")
    assert isinstance(source("Cat", "friends"), Batch)
    assert isinstance(source("Cat", "loud"), Resolver)
    assert isinstance(source("Query", "secret"), Resolver)


async def test_a_batch_is_one_call_a_level_for_us_and_one_an_object_for_others() -> None:
    result = await both("{ cats { name friends { name friends { name } } twin { name } loud } }")
    assert [error.path for error in result.errors] == [["cats", 1, "friends"]]
    assert CALLS == [("twin", 3), ("friends for me None", 3), ("friends for me None", 3)]


async def test_arguments_come_as_strawberry_makes_them() -> None:
    query = "query($f: Filter) { cats { n: name friends(filter: $f) { size } } }"
    await both(query, f={"size": "LARGE"})
    assert [(f"friends for me {Filter(size=Size.LARGE)}", 3)] == CALLS


async def test_interfaces_and_unions_find_their_types() -> None:
    result = await both("{ named { __typename name ... on Cat { loud } } pets { ... on Named { name } __typename } }")
    assert result.data == {
        "named": [{"__typename": "Cat", "name": "a", "loud": "A"}, {"__typename": "Dog", "name": "d"}],
        "pets": [{"name": "d", "__typename": "Dog"}, {"name": "a", "__typename": "Cat"}],
    }


async def test_permissions_hold() -> None:
    result = await both("{ secret }")
    assert [error.message for error in result.errors] == ["nobody may"]


async def test_a_batch_field_is_described_by_its_docstring_and_typed_by_its_answers() -> None:
    text = SCHEMA.as_str()
    assert '"""Who it likes."""\n  friends(filter: Filter = null): [Cat!]!' in text
    assert "twin: Cat\n" in text


def test_a_batch_has_to_say_that_it_answers_a_list() -> None:
    def one(cats: list[Cat]) -> Cat:
        return cats[0]

    with pytest.raises(TypeError, match="returns list"):
        batch(one)
