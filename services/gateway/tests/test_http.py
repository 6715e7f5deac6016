"""Whatever a client sends over HTTP is answered as documented: with a typed error and its status, never with a 500."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest

from libs.shared.domain import DomainError, Unavailable
from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.security import MAX_TOKEN_BYTES
from services.gateway.tests.world import World

JSON = {"Content-Type": "application/json"}
QUERY = b'{"query": "{ __typename }"}'
LEGACY = {**JSON, "Accept": "application/json"}
STRICT = {**JSON, "Accept": "application/graphql-response+json"}


class Bad(NamedTuple):
    """A request and what it must be answered with."""

    status: int
    code: str
    body: bytes = QUERY
    method: str = "POST"
    headers: dict[str, str] = JSON
    path: str = "/graphql"


def gql(query: str, **members: Any) -> bytes:
    return json.dumps({"query": query, **members}).encode()


BRAND = "query($slug: String!) { brand(slug: $slug) { id } }"

MATRIX = {
    # What is no JSON
    "no body": Bad(400, "BAD_REQUEST", b""),
    "malformed JSON": Bad(400, "BAD_REQUEST", b'{"query": '),
    "JSON with a trailing comma": Bad(400, "BAD_REQUEST", b'{"query": "{ __typename }",}'),
    "two JSON documents": Bad(400, "BAD_REQUEST", QUERY + QUERY),
    "invalid UTF-8": Bad(400, "BAD_REQUEST", b'{"query": "\xff\xfe"}'),
    "UTF-16": Bad(400, "BAD_REQUEST", QUERY.decode().encode("utf-16")),
    "a lone surrogate": Bad(400, "BAD_REQUEST", rb'{"query": "{ __typename }", "operationName": "\ud800"}'),
    "20,000 lists deep": Bad(400, "BAD_REQUEST", b"[" * 20_000 + b"]" * 20_000),
    "20,000 objects deep": Bad(
        400, "BAD_REQUEST", b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001
    ),
    "NaN": Bad(400, "BAD_REQUEST", b'{"query": "{ __typename }", "variables": {"a": NaN}}'),
    "a control character in a string": Bad(400, "BAD_REQUEST", b'{"query": "{ \x00 __typename }"}'),
    # JSON that is no request
    "a number": Bad(400, "BAD_REQUEST", b"1"),
    "a string": Bad(400, "BAD_REQUEST", b'"{ __typename }"'),
    "null": Bad(400, "BAD_REQUEST", b"null"),
    "true": Bad(400, "BAD_REQUEST", b"true"),
    "a list": Bad(400, "BAD_REQUEST", b"[1]"),
    "a batch": Bad(400, "BAD_REQUEST", b"[" + QUERY + b"]"),
    "an empty object": Bad(400, "BAD_REQUEST", b"{}"),
    "no query": Bad(400, "BAD_REQUEST", b'{"variables": {}}'),
    "query is null": Bad(400, "BAD_REQUEST", b'{"query": null}'),
    "query is a number": Bad(400, "BAD_REQUEST", b'{"query": 7}'),
    "query is an object": Bad(400, "BAD_REQUEST", b'{"query": {}}'),
    "query is blank": Bad(400, "BAD_REQUEST", b'{"query": " \\n"}'),
    "variables are a list": Bad(400, "BAD_REQUEST", gql("{ __typename }", variables=[1])),
    "variables are text": Bad(400, "BAD_REQUEST", gql("{ __typename }", variables="{}")),
    "operationName is a number": Bad(400, "BAD_REQUEST", gql("{ __typename }", operationName=1)),
    "extensions are a list": Bad(400, "BAD_REQUEST", gql("{ __typename }", extensions=[])),
    "an empty documentId": Bad(400, "BAD_REQUEST", b'{"documentId": null}'),
    "documentId is a number": Bad(400, "BAD_REQUEST", b'{"documentId": 7}'),
    "both query and documentId": Bad(400, "BAD_REQUEST", gql("{ __typename }", documentId="sha256:0")),
    "a documentId that nobody registered": Bad(404, "DOCUMENT_NOT_FOUND", b'{"documentId": "sha256:%s"}' % (b"0" * 64)),
    "a documentId of another kind": Bad(404, "DOCUMENT_NOT_FOUND", b'{"documentId": "x"}'),
    # Documents that cannot run
    "a syntax error": Bad(400, "GRAPHQL_PARSE_FAILED", gql("{")),
    "a control character in the document": Bad(400, "GRAPHQL_PARSE_FAILED", gql("{ \x07 }")),
    "an unknown field": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql("{ nope }")),
    "an unknown argument": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql('{ node(id: "x", nope: 1) { id } }')),
    "an answer that is to be deferred": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql("{ ... @defer { __typename } }")),
    "a list that is to be streamed": Bad(
        400, "GRAPHQL_VALIDATION_FAILED", gql('{ nodes(ids: ["x"]) @stream { id } }')
    ),
    "a literal of the wrong type": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql("{ brand(slug: 7) { id } }")),
    "only a fragment": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql("fragment F on Brand { id }")),
    "only a schema": Bad(400, "GRAPHQL_VALIDATION_FAILED", gql("type T { a: Int }")),
    "an unknown operation": Bad(400, "OPERATION_NOT_FOUND", gql("query A { __typename }", operationName="B")),
    "two operations and no name": Bad(400, "OPERATION_NOT_FOUND", gql("query A { __typename } query B { __typename }")),
    "a subscription": Bad(
        400, "SUBSCRIPTION_NEEDS_STREAM", gql('subscription { brandActivity(brandSlug: "x") { __typename } }')
    ),
    "a missing variable": Bad(400, "BAD_USER_INPUT", gql(BRAND)),
    "a variable of the wrong type": Bad(400, "BAD_USER_INPUT", gql(BRAND, variables={"slug": {"a": 1}})),
    "a variable that is too big a number": Bad(
        400,
        "BAD_USER_INPUT",
        gql('query($n: Int) { brand(slug: "x") { posts(first: $n) { totalCount } } }', variables={"n": 2**40}),
    ),
    "an unknown input field": Bad(
        400,
        "BAD_USER_INPUT",
        gql("mutation($i: VoteInput!) { castVote(input: $i) { errors { code } } }", variables={"i": {"nope": 1}}),
    ),
    "too much at once": Bad(400, "QUERY_TOO_COMPLEX", gql("{ " + "__typename " * 2_000 + "}")),
    # Tokens
    "another scheme": Bad(401, "UNAUTHENTICATED", headers={**JSON, "Authorization": "Basic YTpi"}),
    "an empty header": Bad(401, "UNAUTHENTICATED", headers={**JSON, "Authorization": ""}),
    "no token in it": Bad(401, "UNAUTHENTICATED", headers={**JSON, "Authorization": "Bearer"}),
    "a forged token": Bad(401, "UNAUTHENTICATED", headers={**JSON, "Authorization": "Bearer e30.e30.e30"}),
    "an oversized token": Bad(
        401, "UNAUTHENTICATED", headers={**JSON, "Authorization": "Bearer " + "x" * (MAX_TOKEN_BYTES + 1)}
    ),
    "no consistency token": Bad(400, "INVALID", headers={**JSON, "Archipel-Consistency-Token": "!"}),
    # Methods, paths and types
    "PUT": Bad(405, "METHOD_NOT_ALLOWED", method="PUT"),
    "DELETE": Bad(405, "METHOD_NOT_ALLOWED", method="DELETE"),
    "a mutation by GET": Bad(
        405, "METHOD_NOT_ALLOWED", b"", "GET", {}, "/graphql?query=mutation{castVote(input:{ideaId:1}){errors{code}}}"
    ),
    "GET without a query": Bad(400, "BAD_REQUEST", b"", "GET", {}),
    "GET with variables that are no JSON": Bad(
        400, "BAD_REQUEST", b"", "GET", {}, "/graphql?query={__typename}&variables=%7B"
    ),
    "GET with a parameter twice": Bad(
        400, "BAD_REQUEST", b"", "GET", {}, "/graphql?query={__typename}&query={__typename}"
    ),
    "GET with invalid UTF-8": Bad(400, "BAD_REQUEST", b"", "GET", {}, "/graphql?query=%FF"),
    "GET with a hundred parameters": Bad(400, "BAD_REQUEST", b"", "GET", {}, "/graphql?" + "&a=1" * 100),
    "another path": Bad(404, "NOT_FOUND", path="/nope"),
    "out of the static folder": Bad(404, "NOT_FOUND", b"", "GET", {}, "/static/%2e%2e/service.py"),
    "another type wanted": Bad(406, "NOT_ACCEPTABLE", headers={**JSON, "Accept": "text/plain"}),
    "parts of an answer wanted one by one": Bad(
        406, "NOT_ACCEPTABLE", headers={**JSON, "Accept": "multipart/mixed; deferSpec=20220824"}
    ),
    "everything refused": Bad(406, "NOT_ACCEPTABLE", headers={**JSON, "Accept": "application/json;q=0"}),
    "a body over the limit": Bad(413, "BODY_TOO_LARGE", gql("{ __typename } #" + "x" * MAX_BODY_BYTES)),
    "no content type": Bad(415, "UNSUPPORTED_MEDIA_TYPE", headers={}),
    "a form": Bad(415, "UNSUPPORTED_MEDIA_TYPE", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    "multipart": Bad(415, "UNSUPPORTED_MEDIA_TYPE", headers={"Content-Type": "multipart/form-data; boundary=x"}),
    "text": Bad(415, "UNSUPPORTED_MEDIA_TYPE", headers={"Content-Type": "text/plain"}),
    "another charset": Bad(
        415, "UNSUPPORTED_MEDIA_TYPE", headers={"Content-Type": "application/json; charset=utf-16"}
    ),
    "a compressed body": Bad(415, "UNSUPPORTED_MEDIA_TYPE", headers={**JSON, "Content-Encoding": "gzip"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRIX)
async def test_a_bad_request_is_answered_with_its_status_and_code(gateway: World, name: str) -> None:
    bad = MATRIX[name]
    response = await gateway.client.request(bad.method, bad.path, content=bad.body, headers=bad.headers)
    assert response.status_code == bad.status, response.text
    answer = response.json()
    assert set(answer) == {"errors"}
    for error in answer["errors"]:
        assert error["extensions"]["code"] == bad.code
        assert error["message"]
        assert set(error) <= {"message", "locations", "path", "extensions"}
    assert "Traceback" not in response.text
    assert not gateway.bus.asked and not gateway.bus.sent


async def test_a_401_says_how_to_authenticate_and_a_405_what_is_allowed(gateway: World) -> None:
    refused = await gateway.client.post("/graphql", json={"query": "{a}"}, headers={"Authorization": "Bearer x"})
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "POST" in (await gateway.client.put("/graphql")).headers["allow"]


async def test_two_authorization_headers_prove_nothing(gateway: World) -> None:
    token = gateway.headers()["Authorization"]
    headers = [("Content-Type", "application/json"), ("Authorization", token), ("Authorization", token)]
    response = await gateway.client.post("/graphql", content=QUERY, headers=headers)
    assert response.status_code == 401


async def test_a_body_without_a_length_is_cut_off_at_the_limit(gateway: World) -> None:
    async def endless() -> Any:
        for _ in range(1_000):
            yield b"x" * 10_000

    response = await gateway.client.post("/graphql", content=endless(), headers=JSON)
    assert response.status_code == 413


async def test_a_client_that_goes_away_does_no_harm(gateway: World) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await gateway.client.post("/graphql", content=QUERY, headers=JSON)).status_code == 200


ACCEPTS = {
    "": ("application/json", "application/graphql-response+json", 400),
    "*/*": ("application/json", "application/graphql-response+json", 400),
    "application/*": ("application/json", "application/graphql-response+json", 400),
    "text/html, */*;q=0.8": ("application/json", "application/graphql-response+json", 400),
    "application/json": ("application/json", "application/json", 200),
    "application/json;charset=utf-8": ("application/json", "application/json", 200),
    "application/graphql-response+json": ("application/graphql-response+json",) * 2 + (400,),
    "application/json, application/graphql-response+json": ("application/graphql-response+json",) * 2 + (400,),
    "application/graphql-response+json;q=0.1, application/json": ("application/json", "application/json", 200),
    "application/json;q=bad, */*;q=0.1": ("application/json", "application/graphql-response+json", 400),
}


@pytest.mark.parametrize("accept", ACCEPTS)
async def test_the_answer_has_the_type_that_was_asked_for(gateway: World, accept: str) -> None:
    good, bad, status = ACCEPTS[accept]
    headers = {**JSON, "Accept": accept}
    answered = await gateway.client.post("/graphql", content=QUERY, headers=headers)
    assert (answered.status_code, answered.headers["content-type"]) == (200, good)
    refused = await gateway.client.post("/graphql", content=gql("{ nope }"), headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (status, bad)


async def test_get_reads(gateway: World) -> None:
    query = {"query": BRAND, "variables": '{"slug": "acme"}', "operationName": ""}
    response = await gateway.client.get("/graphql", params=query)
    assert response.status_code == 200
    assert response.json()["data"]["brand"]["id"]


async def test_an_error_that_nobody_foresaw_is_masked(gateway: World) -> None:
    def fail(_: dict[str, Any]) -> Any:
        raise ZeroDivisionError("the secret of the house")

    gateway.bus.answers["members.brand_by_slug"] = fail
    answer = await gateway.graphql('{ brand(slug: "acme") { id } }')
    (error,) = answer["errors"]
    assert answer["data"] == {"brand": None}
    assert error["extensions"]["code"] == "INTERNAL"
    assert len(error["extensions"]["id"]) == 32
    assert "secret" not in str(answer)


async def test_an_internal_error_of_a_service_is_masked_too(gateway: World) -> None:
    gateway.bus.refuse = DomainError("INTERNAL", "the secret of the house")
    mutation = 'mutation { castVote(input: {ideaId: "SWRlYTpiMTppMQ"}) { errors { code } } }'
    answer = await gateway.graphql(mutation)
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(answer)


async def test_a_service_that_does_not_answer_shows_as_unavailable(gateway: World) -> None:
    def away(_: dict[str, Any]) -> Any:
        raise Unavailable("nobody listens")

    gateway.bus.answers["members.brand_by_slug"] = away
    answer = await gateway.graphql('{ brand(slug: "acme") { id } }')
    assert answer["data"] == {"brand": None}
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}


@pytest.mark.parametrize("path", ["/", "/graphql?query={__typename}", "/healthz", "/static/console.js", "/nope"])
async def test_every_answer_carries_the_security_headers(gateway: World, path: str) -> None:
    headers = (await gateway.client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


async def test_the_console_is_served_without_any_outside_address(gateway: World) -> None:
    page = await gateway.client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for address in [part.split('"')[0] for part in page.text.replace("href=", "src=").split('src="')[1:]]:
        assert address.startswith("/static/"), address
        assert (await gateway.client.get(address)).status_code == 200
    browser = await gateway.client.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/")


async def test_health(gateway: World) -> None:
    for path in ("/healthz", "/readyz"):
        response = await gateway.client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})
