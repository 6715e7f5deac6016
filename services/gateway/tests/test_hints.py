"""What a document misspelt is answered with the names that it may have meant."""

import pytest

from services.gateway.documents import Documents, Refused
from services.gateway.schema import build

DOCUMENTS = Documents(build()._schema)

HINTS = {
    "{ brandd { id } }": "'brand'",
    '{ BRAND(slug: "x") { id } }': "'brand'",
    '{ brand(slugg: "x") { id } }': "'slug'",
    '{ brand(slug: "x") { id ... { members { nodes { displayname } } } } }': "'displayName'",
    "{ __typename @skip(iff: true) }": "'if'",
    "{ ... on Qery { __typename } }": "'Query'",
    "query($page: Imt) { __typename @skip(if: $page) }": "'Int'",
    'mutation { castVote(input: {ideaID: "x"}) { consistencyToken } }': "'ideaId'",
    "query($kinds: [BrandKind!] = [STAFF, PARNTERS]) { __typename }": "'PARTNERS'",
    "fragment F on Brand { nmae } { __typename }": "'name'",
    '{ node(id: "x") { title } }': "to use an inline fragment on 'Post', 'Event', or 'Idea'",
    '{ node(id: "x") { idd } }': "'id'",
}


def messages(query: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        DOCUMENTS.ready(query, None, {})
    return [error.message for error in caught.value.errors]


@pytest.mark.parametrize("query", HINTS)
def test_similar_names_of_the_same_place_are_told(query: str) -> None:
    assert any(message.endswith(f" Did you mean {HINTS[query]}?") for message in messages(query))


@pytest.mark.parametrize(
    "query",
    [
        "{ somethingElseEntirely }",
        "{ brand { id } }",
        "{ brand(slug: [{nope: NOPE}]) { id } }",
        "{ __typename { id } }",
        "query($a: Int) { __typename }",
        "query($a: Brand) { __typename }",
        "{ me { identity } } fragment A on Brand { ...A }",
        "{ nothing(nope: [{nope: NOPE}]) { nope } }",
        "{ brand(slug: NOPE) { id } }",
        '{ brand(slug: {nope: "x"}) { id } }',
        "{ __typename @nope(nope: 1) }",
    ],
)
def test_other_errors_get_no_hint(query: str) -> None:
    assert not any("Did you mean" in message for message in messages(query))


def test_every_error_gets_its_own() -> None:
    told = messages('{ brand(slug: "x") { nmae slgu } }')
    assert [message.partition(" Did you mean ")[2] for message in told] == ["'name'?", "'slug'?"]
