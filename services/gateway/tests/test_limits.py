"""Documents that ask for too much are refused in time that is linear in their length."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from graphql import get_introspection_query

from services.gateway import limits, scan
from services.gateway.context import Context
from services.gateway.documents import Documents, Policy, Refused
from services.gateway.execution import Operation
from services.gateway.schema import build
from services.gateway.tests.test_sse import STREAM
from services.gateway.tests.test_websocket import opened, receive, send
from services.gateway.tests.world import IDENTITY_KEY, FakeBus, World, engine

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
}


#: As long as an attacker may write it.
LENGTH = 100_000


def filled(part: str, before: str = "{ ", after: str = " }") -> str:
    """A document of about `LENGTH` characters that repeats a part."""
    return before + part * (LENGTH // len(part)) + after


def fitting(part: str, before: str = "{ ", after: str = " }") -> str:
    """The same, no longer than documents may be."""
    return before + part * ((scan.MAX_CHARACTERS - len(before) - len(after)) // len(part)) + after


def together(fields: int, levels: int) -> str:
    """Fields of one name, `fields` of them on each of `levels`: pairs without end."""
    inner = "id"
    for _ in range(levels):
        inner = " ".join([f"replyTo {{ {inner} }}"] * fields)
    return f'{{ node(id: "x") {{ ... on Reply {{ {inner} }} }} }}'


def spreads(number: int) -> str:
    """Fragments beside each other, each of which has to agree with each."""
    fragments = " ".join(f"fragment F{n} on Query {{ a: __typename }}" for n in range(number))
    return "{ " + " ".join(f"...F{n}" for n in range(number)) + " } " + fragments


def floods(kind: Callable[..., str]) -> dict[str, str]:
    """All floods at one length."""
    return {
        "fields": kind("__typename "),
        "short fields": kind("a "),
        "braces": kind("{a", "", ""),
        "lists": kind("[", "{ node(id: ", ""),
        "aliases": kind("a:__typename "),
        "directives": kind("@skip(if:true)", "{ __typename"),
        "bare directives": kind("@a", "{ __typename"),
        "fragments": kind("...F ", "{ ", " } fragment F on Query { __typename }"),
        "inline fragments": kind("...{a}"),
        "definitions": kind("query{a}", "", ""),
        "variables": kind("$a:Int ", "query(", ") { __typename }"),
        "comments": kind("#\n"),
        "one comment": kind("x", "{ nope # ", "\n}"),
        "spaces": kind(" ", "{", "__typeName }"),
        "lines": kind("\n", "{", "__typeName }"),
        "commas": kind(",", "{", "__typeName }"),
        "byte order marks": kind("\ufeff", "", "{ __typeName }"),
        "a name": kind("a"),
        "names of other scripts": kind("é"),
        "emoji": kind("🌊", '{ node(id: "', '") { nope } }'),
        "a string": kind("x", '{ node(id: "', '") { nope } }'),
        "escapes": kind("\\u0041", '{ node(id: "', '") { nope } }'),
        "an open string": kind('\\"', '{ node(id: "', ""),
        "open strings": kind('"\n', "{ node(id: ", ""),
        "a block string": kind(" \n", '{ node(id: """', '""") { nope } }'),
        "an open block string": kind('\\"""', '{ node(id: """', ""),
        "quotes": kind('"', "{ node(id: ", ""),
        "an integer": kind("9", '{ brand(slug: "x") { posts(first: ', ") { totalCount nope } } }"),
        "a float": kind("9", '{ brand(slug: "x") { posts(first: 1.', ") { totalCount } } }"),
        "integers": kind("9 ", "{ node(id: [", "]) { id } }"),
        "input fields": kind("a:1 ", "mutation { castVote(input: {", "}) { errors { code } } }"),
        "control characters": kind("\x00"),
        "nothing that is a token": kind("?"),
    }


#: Names that are like many of the schema's.
MISSPELT = {
    "types": "{ " + " ".join(f"... on InvitationOfferStat{n} {{ a }}" for n in range(20)) + " }",
    "types of variables": f"query($a: W{'x' * 20}1, $b: W{'x' * 20}2, $c: W{'x' * 20}3) {{ __typename }}",
    "mutations": "mutation { " + " ".join(f"enterBrandStage{n}" for n in range(20)) + " }",
    "fields": '{ brand(slug: "x") { ' + " ".join(f"viewerMustAcceptRule{n}" for n in range(20)) + " } }",
    "values": "query($a: [Permission] = [" + " ".join(f"ENTER_BRAND_STAG{n}" for n in range(20)) + "]) { __typename }",
}


OVERLAPS = {
    "equal fields": "{ " + "__typename " * 100 + "}",
    "equal fields below equal fields": together(7, 2),
    "equal fields three levels deep": together(4, 3),
    "fragments beside each other": spreads(60),
    "equal fields in a fragment that nobody spreads": "{ __typename } fragment U on Query { "
    + "__typename " * 100
    + "}",
    "fragments that double through fields": '{ node(id: "x") { ...F0 } } '
    + " ".join(
        f"fragment F{n} on Reply {{ a: replyTo {{ ...F{n + 1} }} b: replyTo {{ ...F{n + 1} }} }}" for n in range(12)
    )
    + " fragment F12 on Reply { id }",
}


def cpu_seconds(query: str) -> tuple[float, str]:
    """The least time of several in which a document is refused, by gateways that have not seen it, and its code."""
    best, code = 1.0, ""
    for _ in range(5):
        documents = Documents(SCHEMA)
        began = time.process_time()
        code = refusal(documents, query)
        best = min(best, time.process_time() - began)
    return best, code


@pytest.mark.parametrize("name", floods(filled))
def test_a_flood_is_refused_in_less_than_5_ms(name: str) -> None:
    seconds, code = cpu_seconds(floods(filled)[name])
    assert code == "QUERY_TOO_COMPLEX"
    assert seconds < 0.005


@pytest.mark.parametrize("name", floods(fitting))
def test_what_is_as_long_as_a_document_may_be_costs_no_more_than_any(name: str) -> None:
    # Most are refused at sight; the rest has to be read, a character at a time, to be refused for what it says.
    seconds, code = cpu_seconds(floods(fitting)[name])
    assert code in {"QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert seconds < (0.005 if code == "QUERY_TOO_COMPLEX" else 0.03)


@pytest.mark.parametrize("query", MISSPELT.values(), ids=MISSPELT)
def test_misspelt_names_are_refused_in_less_than_5_ms(query: str) -> None:
    seconds, code = cpu_seconds(query)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert seconds < 0.005


@pytest.mark.parametrize(
    ("query", "variable"),
    [
        (
            "mutation($v: ScheduleEventInput!) { scheduleEvent(input: $v) { consistencyToken } }",
            {f"inPersonSeat{n}": 1 for n in range(4_000)},
        ),
        (
            "mutation($v: [ServiceAccountScope!]!) { createServiceAccount("
            'input: {brandId: "x", name: "x", scopes: $v}) { consistencyToken } }',
            [f"FEEDBACK_MANAG{n}" for n in range(4_000)],
        ),
    ],
    ids=["fields", "values"],
)
async def test_misspelt_variables_are_refused_in_less_than_5_ms(query: str, variable: object) -> None:
    context, best = Context(FakeBus(), IDENTITY_KEY), 1.0
    for _ in range(6):  # the first readies the document
        began = time.process_time()
        result = await engine().execute(Operation(query, {"v": variable}), context)
        best = min(best, time.process_time() - began)
        assert not result.executed
    assert best < 0.005


def test_introspection_of_introspection_is_refused(documents: Documents) -> None:
    query = "{ __schema { types { " + "fields { type { " * 6 + "name" + " } }" * 6 + " } } }"
    with pytest.raises(Refused):
        documents.ready(query, None, {})


@pytest.mark.parametrize("query", {**ATTACKS, **OVERLAPS}.values(), ids=[*ATTACKS, *OVERLAPS])
def test_an_attack_is_refused_before_it_is_validated(query: str) -> None:
    # Up to 1,000 tokens have to be parsed to see what they mean.
    seconds, code = cpu_seconds(query)
    assert code == "QUERY_TOO_COMPLEX"
    assert seconds < 0.005


@pytest.mark.parametrize("query", [doubling(2), spreads(20), together(2, 3), "{ " + "__typename " * 20 + "}"])
def test_what_overlaps_a_little_passes(documents: Documents, query: str) -> None:
    documents.ready(query, None, {})


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


@pytest.mark.parametrize("size", ["100", True, -5, 10**30, 1.5])
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


def cost(documents: Documents, query: str) -> int:
    return documents.ready(query, None, {}).measure.cost


def test_a_mutation_costs_the_same_wherever_it_stands(documents: Documents) -> None:
    vote = 'castVote(input: {ideaId: "x"}) { consistencyToken }'
    plain = cost(documents, f"mutation {{ {vote} }}")
    assert plain > limits.MUTATION_COST
    assert cost(documents, f"mutation {{ ... {{ {vote} }} }}") == plain
    assert cost(documents, f"mutation {{ ... on Mutation {{ ... {{ {vote} }} }} }}") == plain
    assert (
        cost(documents, f"mutation {{ ...F }} fragment F on Mutation {{ ...G }} fragment G on Mutation {{ {vote} }}")
        == plain
    )
    many = " ".join(f"m{number}: {vote}" for number in range(55))
    assert refusal(documents, f"mutation {{ ...F }} fragment F on Mutation {{ {many} }}") == "QUERY_TOO_COMPLEX"


def test_what_sends_mail_or_looks_at_many_things_is_dear(documents: Documents) -> None:
    invite = 'inviteMember(input: {brandId: "x", address: "a@b.c"}) { consistencyToken }'
    assert cost(documents, f"mutation {{ {invite} }}") > limits.DEAR["inviteMember"]
    look = "segmentPreview(rule: {hasRole: MEMBER}) { count }"
    previews = " ".join(f"p{number}: {look}" for number in range(6))
    assert refusal(documents, f'{{ brand(slug: "x") {{ {previews} }} }}') == "QUERY_TOO_COMPLEX"


def test_every_dear_field_is_in_the_schema() -> None:
    fields = {name for kind in SCHEMA.type_map.values() for name in getattr(kind, "fields", ())}
    assert limits.DEAR.keys() <= fields


def rule_of(levels: int) -> Any:
    rule: dict[str, Any] = {"hasRole": "MEMBER"}
    for _ in range(levels):
        rule = {"all": [rule]}
    return rule


def test_a_variable_is_nested_so_deeply_and_no_deeper(documents: Documents) -> None:
    """Coercion reads it recursively: Python's limit would answer with a fault of the server."""
    query = 'query($r: SegmentRuleInput!) { brand(slug: "x") { segmentPreview(rule: $r) { count } } }'
    assert documents.ready(query, None, {"r": rule_of(31)})
    for levels in (32, 400):
        with pytest.raises(Refused) as caught:
            documents.ready(query, None, {"r": rule_of(levels)})
        assert (caught.value.errors[0].extensions or {})["of"] == "levels of a variable"


def test_the_operation_has_to_be_named_among_several(documents: Documents) -> None:
    query = "query A { __typename } query B { me { identity } }"
    for name in (None, "C"):
        with pytest.raises(Refused) as caught:
            documents.ready(query, name, {})
        assert (caught.value.errors[0].extensions or {})["code"] == "OPERATION_NOT_FOUND"
    assert documents.ready(query, "B", {}).name == "B"


def test_sizes_that_are_not_given_are_the_defaults_of_the_variables(documents: Documents) -> None:
    query = """query($n: Int%s) { brand(slug: "x") { posts(first: $n) { nodes { replies(first: 50) { nodes {
      number body } } } } } }"""
    cheap, plain, dear = query % " = 5", query % "", query % " = 100"
    assert documents.ready(cheap, None, {}).measure.cost < documents.ready(plain, None, {}).measure.cost < 5_000
    assert refusal(documents, dear) == "QUERY_TOO_COMPLEX"
    documents.ready(dear, None, {"n": 5})
    assert documents.ready(plain, None, {"n": None}).measure == documents.ready(plain, None, {}).measure


def test_the_dearer_of_two_sizes_counts(documents: Documents) -> None:
    query = '{ brand(slug: "x") { posts(%s) { nodes { id } } } }'
    both = documents.ready(query % "first: 1, last: 100", None, {}).measure
    assert (
        both
        == documents.ready(query % "last: 100, first: 1", None, {}).measure
        == documents.ready(query % "last: 100", None, {}).measure
    )


@pytest.mark.parametrize("query", ["{ __schema { queryType { name } } }", '{ a: __type(name: "Query") { name } }'])
def test_the_schema_is_shown_only_where_the_policy_says_so(documents: Documents, query: str) -> None:
    documents.ready(query, None, {})
    closed = Documents(SCHEMA, policy=Policy(introspection=False))
    assert refusal(closed, query) == "INTROSPECTION_DISABLED"
    closed.ready("{ __typename }", None, {})
    closed.ready('{ brand(slug: "__schema") { name } }', None, {})


def test_names_of_the_schema_are_not_suggested_either(documents: Documents) -> None:
    for policy, tells in ((Policy(), True), (Policy(introspection=False), False)):
        with pytest.raises(Refused) as caught:
            Documents(SCHEMA, policy=policy).ready("{ brandd }", None, {})
        assert ("Did you mean" in str(caught.value)) is tells


@pytest.mark.parametrize(
    ("query", "variable"),
    [
        (
            'query($v: SegmentRuleInput!) { brand(slug: "acme") { segmentPreview(rule: $v) { count } } }',
            {"hasRol": "MEMBER"},
        ),
        ("mutation($v: VoteInput!) { castVote(input: $v) { consistencyToken } }", {"ideaaId": "x"}),
        (
            'subscription($v: RecognizedFact) { brandActivity(brandSlug: "acme") '
            "{ ... on Post { author { scoreEntries(fact: $v) { totalCount } } } } }",
            "POST_PUBLISHT",
        ),
    ],
    ids=["query", "mutation", "subscription"],
)
async def test_nor_are_they_for_variables(gateway: World, query: str, variable: object) -> None:
    body = {"query": query, "variables": {"v": variable}}
    answers = [await gateway.client.post("/graphql", json=body, headers={**STREAM, **gateway.headers()})]
    if not query.startswith("subscription"):
        answers += [await gateway.client.post("/graphql", json=body, headers=gateway.headers())]
    async with opened(gateway, "alice") as socket:
        await send(socket, type="subscribe", id="1", payload=body)
        told = [*(answer.text for answer in answers), str(await receive(socket))]
    for text in told:
        assert "has invalid value" in text
        assert "Did you mean" not in text


def test_a_document_is_prepared_once(documents: Documents) -> None:
    first = documents.ready("{ __typename }", None, {}).document
    again = documents.ready("{ __typename }", None, {}).document
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
