"""The rules of execution that the random operations cannot show, one by one."""

import re
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    build_schema,
    execute_sync,
    get_introspection_query,
    parse,
)

from libs.executor import BATCH, BatchError, Executor

NESTED = build_schema(
    "type Query { name: String! word: String self: Query selves: [Query!] many: [[Int!]]"
    " echo(n: Int!, w: [Int]): String }"
)


def run(query: str, root: Any = None, schema: GraphQLSchema = NESTED, **given: Any) -> Any:
    """The result, which has to be that of graphql-core."""
    document = parse(query)
    variables = given.get("variables")
    result = Executor(schema).execute_sync(document, root=root, **given)
    expected = execute_sync(schema, document, root, None, variables, given.get("operation_name"))
    assert repr(result.data) == repr(expected.data)
    assert result.errors == expected.errors
    return result


def told(result: Any) -> list[tuple[str, list[str | int] | None]]:
    return [(error.message, error.path) for error in result.errors or []]


def test_a_null_that_may_not_be_moves_up_to_where_null_is_allowed() -> None:
    result = run("{ self { word self { name } } }", {"self": {"word": "w", "self": {}}})
    assert result.data == {"self": {"word": "w", "self": None}}
    assert told(result) == [("Cannot return null for non-nullable field Query.name.", ["self", "self", "name"])]


def test_a_null_that_reaches_the_root_leaves_no_data() -> None:
    result = run("{ word name self { word } }", {"self": {"word": 1}})
    assert result.data is None
    assert told(result) == [("Cannot return null for non-nullable field Query.name.", ["name"])]


def test_errors_before_the_fatal_one_are_told_and_those_after_it_are_not() -> None:
    root = {"self": {"a": 1, "word": b"", "many": 7}}
    result = run("{ self { word name many } }", root)
    assert [path for _, path in told(result)] == [["self", "word"], ["self", "name"]]


def test_an_item_that_may_not_be_null_takes_its_list_with_it() -> None:
    result = run("{ many selves { name } }", {"many": [[1], [None], None], "selves": [{"name": "n"}, {}]})
    assert result.data == {"many": [[1], None, None], "selves": None}
    assert [path for _, path in told(result)] == [["many", 1, 0], ["selves", 1, "name"]]


def test_a_list_that_breaks_is_an_error_after_those_of_its_items() -> None:
    def words() -> Any:
        yield [1, "x"]
        raise ValueError("broken")

    result = Executor(NESTED).execute_sync(parse("{ many }"), root={"many": words()})
    assert result.data == {"many": None}
    assert told(result) == [
        ("Int cannot represent non-integer value: 'x'", ["many", 0, 1]),
        ("broken", ["many"]),
    ]


def test_selections_of_one_key_are_merged() -> None:
    query = "{ self { word } ...A self { self { word } } } fragment A on Query { self { n: name } }"
    result = run(query, {"self": {"word": "w", "name": "n", "self": {"word": "v"}}})
    assert list(result.data["self"]) == ["word", "n", "self"]


def test_a_plan_is_chosen_by_the_variables_that_decide_what_is_selected() -> None:
    executor = Executor(NESTED)
    document = parse("query($a: Boolean!, $b: Boolean = true) { word @include(if: $a) n: name @skip(if: $b) }")
    root = {"word": "w", "name": "n"}
    for variables, data in (
        ({"a": True}, {"word": "w"}),
        ({"a": False}, {}),
        ({"a": True, "b": False}, {"word": "w", "n": "n"}),
        ({"a": False, "b": False}, {"n": "n"}),
        ({"a": True}, {"word": "w"}),
    ):
        assert executor.execute_sync(document, root=root, variables=variables).data == data


def test_a_directive_without_a_value_is_an_error_of_what_it_stands_on() -> None:
    query = "query($b: Boolean = true) { self { word @skip(if: $b) } selves { word @skip(if: $b) } }"
    result = run(query, {"self": {"word": "w"}, "selves": [{}, {}]}, variables={"b": None})
    assert [path for _, path in told(result)] == [["self"], ["selves", 0]]
    result = run("query($b: Boolean = true) { word @skip(if: $b) }", variables={"b": None})
    assert (result.data, result.errors[0].path) == (None, None)


def test_arguments_that_do_not_fit_at_run_time_are_errors_of_their_field() -> None:
    query = "query($n: Int = 1) { word echo(n: $n) self { echo(n: $n) } }"
    result = run(query, {"word": "w", "self": {}}, variables={"n": None})
    assert result.data == {"word": "w", "echo": None, "self": {"echo": None}}
    assert [path for _, path in told(result)] == [["echo"], ["self", "echo"]]


def test_variables_that_do_not_fit_run_nothing() -> None:
    result = run("query($n: Int!) { echo(n: $n) }", variables={"n": "x"})
    assert result.data is None
    assert all(error.path is None for error in result.errors)


def test_names_are_suggested_for_variables_unless_that_is_hidden() -> None:
    schema = build_schema(
        "input Shape { width: Int } enum Hue { RED } type Query { area(shape: Shape, hue: Hue): Int }"
    )
    document = parse("query($shape: Shape, $hue: Hue) { area(shape: $shape, hue: $hue) }")
    for hide in (False, True):
        for variables in ({"shape": {"widht": 1}}, {"hue": "RDE"}):
            result = Executor(schema, hide_suggestions=hide).execute_sync(document, variables=variables)
            expected = execute_sync(schema, document, variable_values=variables, hide_suggestions=hide)
            assert result.errors == expected.errors
            assert ("Did you mean" in str(result.errors)) is not hide


def test_so_many_errors_of_variables_are_told_and_no_more() -> None:
    schema = build_schema("type Query { sum(of: [Int]): Int }")
    document = parse("query($of: [Int]) { sum(of: $of) }")
    for executor, told in ((Executor(schema), 51), (Executor(schema, max_errors=3), 4)):
        result = executor.execute_sync(document, variables={"of": ["x"] * 60})
        assert len(result.errors or ()) == told


def test_a_resolver_cannot_change_what_the_next_run_is_given() -> None:
    def echo(_: Any, w: list[int], **__: Any) -> str:
        w.append(1)
        return str(w)

    executor, document = Executor(NESTED), parse("{ echo(n: 1, w: [0]) }")
    for _ in range(2):
        assert executor.execute_sync(document, root={"echo": echo}).data == {"echo": "[0, 1]"}


@pytest.mark.parametrize(
    "query", ["{ __typename }", '{ __type(name: "Query") { name fields { name } } }', get_introspection_query()]
)
def test_introspection_answers_as_ever(query: str) -> None:
    assert run(query).errors is None


def test_an_operation_is_chosen_by_its_name() -> None:
    query = "query A { a: word } query B { b: word }"
    assert run(query, {"word": "w"}, operation_name="B").data == {"b": "w"}
    for name, message in (
        (None, "Must provide operation name if query contains multiple operations."),
        ("C", "Unknown operation named 'C'."),
    ):
        assert told(run(query, operation_name=name)) == [(message, None)]
    assert told(run("fragment A on Query { word }")) == [("Must provide an operation.", None)]
    assert told(run("mutation { word }")) == [("Schema is not configured to execute mutation operation.", None)]


@pytest.mark.parametrize("depth", [80, 140, 170, 195])
def test_what_is_nested_too_deeply_is_an_error_and_no_more(depth: int) -> None:
    root: dict[str, Any] = {"word": "deep"}
    for _ in range(depth):
        root = {"self": root}
    result = Executor(NESTED).execute_sync(parse("{ self " * depth + "{ word }" + "}" * depth), root=root)
    if depth <= 80:
        assert str(result.data).count("self") == depth
    else:
        assert result.errors is None or re.search("recursion|nested too deeply", result.errors[0].message)


def test_errors_stay_where_they_are_when_the_operation_asks_for_it() -> None:
    result = run("query @experimental_disableErrorPropagation { word name }", {"word": "w"})
    assert result.data == {"word": "w", "name": None}


def test_an_error_that_names_its_place_keeps_it() -> None:
    result = run("{ word }", {"word": GraphQLError("x", path=["elsewhere"], extensions={"code": "X"})})
    assert (result.errors[0].path, result.errors[0].extensions) == (["elsewhere"], {"code": "X"})


def test_a_wide_selection_keeps_its_order() -> None:
    query = "{ " + " ".join(f"w{n}: word" for n in range(60)) + " }"
    assert list(run(query, {"word": "w"}).data) == [f"w{n}" for n in range(60)]


def test_a_schema_that_delivers_incrementally_is_refused() -> None:
    with pytest.raises(TypeError, match="@defer"):
        Executor(build_schema("directive @defer on FIELD type Query { a: Int }"))


def test_plans_are_kept_within_their_bounds() -> None:
    executor = Executor(NESTED, max_operations=10, max_fields=40)
    documents = [parse(f"{{ w{n}: word self {{ word name }} }}") for n in range(30)]
    for document in documents:
        for _ in range(2):
            assert executor.execute_sync(document, root={"self": {"name": "n"}}).errors is None
    kept = executor._operations
    assert 1 <= len(kept) <= 10
    assert next(reversed(kept))[0] == id(documents[-1])
    assert sum(operation.size for operation in kept.values()) <= 40 + 10


def test_one_document_keeps_few_plans() -> None:
    names = [f"b{n}" for n in range(5)]
    definitions = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: word @include(if: ${name})" for name in names)
    document, executor = parse(f"query({definitions}) {{ {fields} }}"), Executor(NESTED)
    for number in range(32):
        chosen = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        data = executor.execute_sync(document, root={"word": "w"}, variables=chosen).data
        assert data == {name: "w" for name, there in chosen.items() if there}
    (operation,) = executor._operations.values()
    assert len(operation.plans) == 8


def _batched(call: Any) -> GraphQLSchema:
    item = GraphQLObjectType(
        "Item",
        {
            "n": GraphQLField(GraphQLInt),
            "twice": GraphQLField(GraphQLNonNull(GraphQLInt), extensions={BATCH: call}),
            "name": GraphQLField(GraphQLString),
        },
    )
    query = GraphQLObjectType(
        "Query", {"items": GraphQLField(GraphQLList(item)), "nested": GraphQLField(GraphQLList(GraphQLList(item)))}
    )
    return GraphQLSchema(query)


def test_a_batch_is_called_once_a_level_with_the_place_of_its_field() -> None:
    calls: list[Any] = []

    def twice(items: list[Any], info: Any) -> list[int]:
        calls.append((items, info.path.as_list(), info.context))
        return [item["n"] * 2 for item in items]

    one, two, three = ({"n": n} for n in (1, 2, 3))
    executor = Executor(_batched(twice))
    result = executor.execute_sync(
        parse("{ items { twice } nested { twice } }"),
        root={"items": [one, None, two], "nested": [[three], [], None, [one]]},
        context="c",
    )
    assert result.data == {
        "items": [{"twice": 2}, None, {"twice": 4}],
        "nested": [[{"twice": 6}], [], None, [{"twice": 2}]],
    }
    assert calls == [([one, two], ["items", "twice"], "c"), ([three, one], ["nested", "twice"], "c")]


def test_a_batch_without_parents_is_not_called() -> None:
    def twice(_: list[Any], __: Any) -> list[int]:
        raise AssertionError

    result = Executor(_batched(twice)).execute_sync(parse("{ items { twice } }"), root={"items": [None]})
    assert (result.data, result.errors) == ({"items": [None]}, None)


@pytest.mark.parametrize(("answer", "given"), [([1], "1 values"), ([1, 2, 3], "3 values"), (None, "NoneType")])
def test_a_batch_of_another_length_is_an_error_of_each_object(answer: Any, given: str) -> None:
    result = Executor(_batched(lambda *_: answer)).execute_sync(parse("{ items { twice } }"), root={"items": [{}, {}]})
    assert result.data == {"items": [None, None]}
    assert told(result) == [(f"Item.twice answered {given} for 2 objects", ["items", n, "twice"]) for n in range(2)]
    assert all(isinstance(error.original_error, BatchError) for error in result.errors or [])


def test_an_exception_in_a_batch_is_an_error_of_its_object_only() -> None:
    def twice(items: list[Any], _: Any) -> list[Any]:
        return [ValueError("no") if item["n"] == 2 else item["n"] for item in items]

    result = Executor(_batched(twice)).execute_sync(
        parse("{ items { twice } }"), root={"items": [{"n": n} for n in (1, 2, 3)]}
    )
    assert result.data == {"items": [{"twice": 1}, None, {"twice": 3}]}
    assert told(result) == [("no", ["items", 1, "twice"])]


def test_an_attribute_that_is_missing_is_null_and_a_property_that_fails_is_an_error() -> None:
    class Source:
        name = "n"

        @property
        def word(self) -> str:
            raise ValueError("broken")

        many = property(lambda _: [[1]])

    result = run("{ word many self { name } selves { name word } }", Source())
    assert result.data == {"word": None, "many": [[1]], "self": None, "selves": None}
    assert told(result) == [("broken", ["word"])]
