"""The schema as a document: kept in the repository, and with a word for everything in it."""

import re
from pathlib import Path

from graphql import (
    GraphQLInputType,
    GraphQLOutputType,
    GraphQLSchema,
    coerce_input_value,
    get_named_type,
    is_input_object_type,
    is_input_type,
    parse,
    parse_value,
    validate,
    value_from_ast,
)

from libs.shared.cursors import decode_cursor
from services.gateway import consistency, ids, schema
from services.gateway.schema.examples import EXAMPLES, IDS, key_of, leaves, literal, name_of
from services.gateway.schema.words import WORDS, describe, plain

GATEWAY = Path(__file__).parents[1]


def test_the_snapshot_shows_the_schema() -> None:
    snapshot = GATEWAY / "schema.graphql"
    assert snapshot.read_text() == schema.text(), "write it anew: archipel publish-schema"


def test_everything_is_described() -> None:
    built = schema.build()._schema
    silent = [path for path, described in plain(built) if not described.description]
    silent += [name for name, kind in built.type_map.items() if not kind.description]
    assert silent == []


def test_no_word_is_left_over() -> None:
    built = schema.build()._schema
    for _, described in plain(built):
        if described.description.partition("  Example: ")[0] in WORDS.values():
            described.description = None
    assert set(WORDS) - describe(built, {}) == set()


def examples() -> dict[str, tuple[str, GraphQLInputType | GraphQLOutputType]]:
    """The key of the example of each path that has one, and the type of what stands there."""
    found = ((path, key_of(path, kind), kind) for path, _, kind in leaves(schema.build()._schema))
    return {path: (key, kind) for path, key, kind in found if key is not None}


def is_given(path: str, built: GraphQLSchema) -> bool:
    """Whether clients give it: an argument or input field."""
    return "(" in path or is_input_object_type(built.type_map[path.partition(".")[0]])


def test_whatever_is_not_obvious_has_an_example() -> None:
    built, shown = schema.build()._schema, examples()
    obvious = {True: {"Boolean"}, False: {"Boolean", "Int", "Float"}}
    missing = [
        path
        for path, _, kind in leaves(built)
        if path not in shown and get_named_type(kind).name not in obvious[is_given(path, built)]
    ]
    assert missing == [], (
        "give each an example in services/gateway/schema/examples.py: a key of EXAMPLES that is this path, or the bare "
        "name of the field or argument when all of that name hold the same; then archipel publish-schema"
    )


def test_no_example_is_left_over() -> None:
    left = set(EXAMPLES) - {key for key, _ in examples().values()}
    assert left == set(), "take them out of services/gateway/schema/examples.py: nothing in the schema uses them"


def test_an_example_stands_in_the_description() -> None:
    shown = examples()
    for path, described, _ in leaves(schema.build()._schema):
        assert described.description.count("Example: ") == (path in shown), path
        assert path not in shown or described.description.endswith(f"  Example: `{literal(shown[path][0])}`."), path


def test_an_example_is_a_literal_of_its_type() -> None:
    for path, (key, kind) in examples().items():
        if get_named_type(kind).name == "JSON":
            continue  # answers only, and those are no literals
        assert is_input_type(kind)
        value = value_from_ast(parse_value(literal(key)), kind)
        assert value == coerce_input_value(EXAMPLES[key], kind), path
    rule = schema.build()._schema.type_map["SegmentRuleInput"]
    assert is_input_type(rule)
    coerce_input_value(EXAMPLES["Segment.rule"], rule)


def test_an_id_of_an_example_is_of_what_it_stands_for() -> None:
    people = {"identity", "appointedBy"}  # outside of any brand, and no nodes
    for path, (key, kind) in examples().items():
        name = name_of(path)
        if get_named_type(kind).name != "ID" or name in people:
            continue
        shown = [ids.decode(text) for text in EXAMPLES[key]] if "[" in str(kind) else [ids.decode(EXAMPLES[key])]
        kinds = {found.type if found else None for found in shown}
        assert kinds <= set(IDS), path
        field = path.partition("(")[0].split(".")
        of = field["(" in path] if name == "id" else re.sub("Ids?$", "", name)
        said = {kind for kind in IDS if kind.lower() == of.lower()}
        assert kinds == said or not said, path


def test_cursors_and_tokens_of_examples_can_be_read() -> None:
    assert decode_cursor(EXAMPLES["cursor"]) and decode_cursor(EXAMPLES["after"])
    assert consistency.decode(EXAMPLES["consistencyToken"])


def test_the_operations_of_the_readme_are_valid() -> None:
    built = schema.build()._schema
    examples = re.findall(r"^```graphql\n(.*?)^```$", (GATEWAY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        for operation in example.splitlines():
            assert validate(built, parse(operation)) == [], operation


def test_the_operations_of_the_console_are_valid() -> None:
    built = schema.build()._schema
    text = (GATEWAY / "static/examples.js").read_text()
    examples = re.findall(r"query: `(.*?)`", text, re.DOTALL)
    assert len(examples) == text.count("query:") > 0
    for example in examples:
        assert validate(built, parse(example)) == [], example
