"""The schema as a document: kept in the repository, and with a word for everything in it."""

import re
from pathlib import Path

from graphql import parse, validate

from services.gateway import schema
from services.gateway.schema.words import WORDS, describe, plain

GATEWAY = Path(__file__).parents[1]


def test_the_snapshot_shows_the_schema() -> None:
    snapshot = GATEWAY / "schema.graphql"
    assert snapshot.read_text() == schema.text(), "write it anew: archipel schema > services/gateway/schema.graphql"


def test_everything_is_described() -> None:
    built = schema.build()._schema
    silent = [path for path, described in plain(built) if not described.description]
    silent += [name for name, kind in built.type_map.items() if not kind.description]
    assert silent == []


def test_no_word_is_left_over() -> None:
    built = schema.build()._schema
    for _, described in plain(built):
        if described.description in WORDS.values():
            described.description = None
    assert set(WORDS) - describe(built, {}) == set()


def test_the_operations_of_the_readme_are_valid() -> None:
    built = schema.build()._schema
    examples = re.findall(r"^```graphql\n(.*?)^```$", (GATEWAY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        for operation in example.splitlines():
            assert validate(built, parse(operation)) == [], operation
