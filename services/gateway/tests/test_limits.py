"""Documents that ask for too much are refused in time that is linear in their length."""

import time

import pytest
from graphql import get_introspection_query

from services.gateway import limits
from services.gateway.documents import Documents, Refused
from services.gateway.schema import build

SCHEMA = build()._schema


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def refusal(documents: Documents, query: str, **variables: object) -> str:
    with pytest.raises(Refused) as caught:
        documents.ready(query, None, variables)
    return str((caught.value.errors[0].extensions or {})["code"])


def doubling(levels: int, inner: str = "posts { totalCount }") -> str:
    """Fragments that each spread the next one twice: 2^levels fields from a short text."""
    fragments = [f"fragment F{n} on Brand {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return f'{{ brand(slug: "x") {{ ...F0 }} }} {" ".join(fragments)} fragment F{levels} on Brand {{ {inner} }}'


def nested(levels: int) -> str:
    return '{ node(id: "x") ' + "{ ... on Reply { replyTo " * levels + "{ id }" + " } }" * levels + " }"


def chain(levels: int) -> str:
    """Fragments that nest one level each."""
    fragments = [f"fragment F{n} on Reply {{ replyTo {{ ...F{n + 1} }} }}" for n in range(levels)]
    return f'{{ node(id: "x") {{ ...F0 }} }} {" ".join(fragments)} fragment F{levels} on Reply {{ id }}'


ATTACKS = {
    "fragments that double": doubling(30),
    "fragments that double their aliases": doubling(30, "a: slug"),
    "deep": nested(40),
    "deep through fragments": chain(60),
    "too many tokens": "{ brand(slug: " + '"x"' + ") { " + "slug " * 1_000 + "} }",
    "too many comments": "#\n" * 300 + "{ __typename }",
    "braces to no end": "{ a " * 5_000,
    "lists to no end": "{ node(id: " + "[" * 400 + "]" * 400 + ") { id } }",
    "aliases": "{ " + " ".join(f'a{n}: brand(slug: "x") {{ id }}' for n in range(80)) + " }",
    "directives": "{ " + "__typename @include(if: true) " * 61 + "}",
    "the same field again and again": '{ brand(slug: "x") { ' + "posts(first: 100) { nodes { id } } " * 60 + "} }",
    "pages in pages": '{ brand(slug: "x") { posts(first: 100) { nodes { replies(first: 100) { nodes { body } } } } } }',
    "default pages": '{ brand(slug: "x") { posts { nodes { replies { nodes { author { displayName bio joinedAt roles '
    "leftAt email id a: id b: id c: id d: id } } } } } } }",
    "many mutations": "mutation { "
    + " ".join(f'm{n}: castVote(input: {{ideaId: "x"}}) {{ consistencyToken }}' for n in range(55))
    + " }",
    "introspection of introspection": "{ __schema { types { fields { type { fields { type { fields { type { fields "
    "{ type { fields { type { name } } } } } } } } } } } } }",
}


#: These fit, and fail for what they say.
SMALL = {"lists to no end", "introspection of introspection"}


@pytest.mark.parametrize("query", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_at_once(documents: Documents, query: str) -> None:
    began = time.process_time()
    code = refusal(documents, query)
    assert time.process_time() - began < 0.25
    assert code in {"QUERY_TOO_COMPLEX", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - SMALL))
def test_most_attacks_are_refused_for_their_size(documents: Documents, name: str) -> None:
    assert refusal(documents, ATTACKS[name]) == "QUERY_TOO_COMPLEX"


def test_a_cycle_of_fragments_is_named_by_validation(documents: Documents) -> None:
    query = '{ brand(slug: "x") { ...A } } fragment A on Brand { slug ...B } fragment B on Brand { ...A }'
    with pytest.raises(Refused) as caught:
        documents.ready(query, None, {})
    assert any("itself" in error.message for error in caught.value.errors)


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        "{ __typename }",
        '{ brand(slug: "x") { posts(first: 20) { edges { cursor node { id title author { displayName } '
        "reactions { emoji count } replies(first: 5) { nodes { body author { displayName } } } } } } } }",
        'query($n: Int) { brand(slug: "x") { members(first: $n) { nodes { displayName } } } }',
    ],
)
def test_what_clients_ask_for_passes(documents: Documents, query: str) -> None:
    documents.ready(query, None, {})


def test_a_variable_page_size_is_weighed_each_time(documents: Documents) -> None:
    query = """query($n: Int!) { brand(slug: "x") { posts(first: $n) { nodes { replies(first: $n) { nodes {
      number body } } } } } }"""
    documents.ready(query, None, {"n": 10})
    assert refusal(documents, query, n=100) == "QUERY_TOO_COMPLEX"
    documents.ready(query, None, {"n": 10})


@pytest.mark.parametrize("size", [None, "100", True, -5, 10**30, 1.5])
def test_a_page_size_of_another_kind_is_no_way_around(documents: Documents, size: object) -> None:
    query = """query($n: Int!) { brand(slug: "x") { posts(first: $n) { nodes { replies(first: 100) { nodes {
      number body } } } } } }"""
    if size is True or size == -5:
        documents.ready(query, None, {"n": size})  # taken for one; execution refuses it
    else:
        assert refusal(documents, query, n=size) == "QUERY_TOO_COMPLEX"


def test_the_dearest_operation_counts(documents: Documents) -> None:
    query = "query A { __typename } query B { " + ATTACKS["pages in pages"][1:]
    with pytest.raises(Refused):
        documents.ready(query, "A", {})


def test_the_operation_has_to_be_named_among_several(documents: Documents) -> None:
    query = "query A { __typename } query B { me { identity } }"
    for name in (None, "C"):
        with pytest.raises(Refused) as caught:
            documents.ready(query, name, {})
        assert (caught.value.errors[0].extensions or {})["code"] == "OPERATION_NOT_FOUND"
    assert documents.ready(query, "B", {})[1].name.value == "B"  # type: ignore[union-attr]


def test_a_document_is_prepared_once(documents: Documents) -> None:
    first, _ = documents.ready("{ __typename }", None, {})
    again, _ = documents.ready("{ __typename }", None, {})
    assert first is again


def test_the_cache_is_bounded(documents: Documents) -> None:
    for number in range(1_000):
        documents.ready(f"{{ a{number}: __typename }} # {'x' * 1_000}", None, {})
    assert documents._known.currsize <= documents._known.maxsize


def test_sizes_are_read_off_the_schema() -> None:
    sizes = limits.Sizes.of(SCHEMA)
    assert {"posts", "replies", "members", "attendees"} <= sizes.connections
    assert {"reactions", "sessions", "memberships"} <= sizes.lists
    assert not {"nodes", "edges", "node"} & (sizes.lists | sizes.connections)
