"""GraphQL over HTTP (draft of the GraphQL Foundation), requirement by requirement, SHOULDs included.

https://graphql.github.io/graphql-over-http/draft/  The order follows the server audit of the package graphql-http,
so that both can be laid side by side.
"""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
BOTH = pytest.mark.parametrize("accept", [JSON, GRAPHQL])
NOT_TEXT = pytest.mark.parametrize("wrong", [{"a": 1}, 0, False, ["a"]], ids=["object", "number", "boolean", "array"])
NOT_MAP = pytest.mark.parametrize("wrong", ["text", 0, False, ["a"]], ids=["string", "number", "boolean", "array"])

TYPENAME = {"query": "{ __typename }"}
ECHO = "query Echo($name: String!) { __type(name: $name) { name } }"


async def post(client: httpx.AsyncClient, body: object, accept: str | None = GRAPHQL, **headers: str) -> httpx.Response:
    """Sends JSON; `accept` None sends no such header at all."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = client.build_request("POST", "/graphql", content=content, headers={"Content-Type": JSON, **headers})
    del request.headers["accept"]
    if accept is not None:
        request.headers["Accept"] = accept
    return await client.send(request)


async def get(client: httpx.AsyncClient, accept: str = GRAPHQL, **parameters: str) -> httpx.Response:
    return await client.get(f"/graphql?{urlencode(parameters)}", headers={"Accept": accept})


def data_of(response: httpx.Response) -> dict[str, Any]:
    """The data of a request that was executed without errors."""
    assert response.status_code == 200, response.text
    answer = response.json()
    assert "errors" not in answer
    data: dict[str, Any] = answer["data"]
    return data


def media_type(response: httpx.Response) -> str:
    return response.headers["content-type"].partition(";")[0].strip()


# Media types and encoding


@BOTH
async def test_the_response_has_the_accepted_type(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, TYPENAME, accept)
    assert data_of(response) == {"__typename": "Query"}
    assert media_type(response) == accept


@pytest.mark.parametrize("accept", ["*/*", None], ids=["any", "missing"])
async def test_without_a_wish_the_response_is_plain_json(client: httpx.AsyncClient, accept: str | None) -> None:
    response = await post(client, TYPENAME, accept)
    assert data_of(response) == {"__typename": "Query"}
    assert media_type(response) == JSON


@BOTH
async def test_responses_are_utf_8(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, {"query": "{ Ünïcødé }"}, accept)
    _, _, parameters = response.headers["content-type"].partition(";")
    assert parameters.strip().lower() in {"", "charset=utf-8"}
    response.content.decode("utf-8")


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8"])
async def test_requests_are_utf_8_said_or_not(client: httpx.AsyncClient, content_type: str) -> None:
    body = json.dumps({"query": ECHO, "variables": {"name": "Пост 🌊"}}, ensure_ascii=False).encode()
    assert data_of(await post(client, body, **{"Content-Type": content_type})) == {"__type": None}


# Methods


async def test_a_query_may_be_sent_by_get(client: httpx.AsyncClient) -> None:
    assert data_of(await get(client, query="{ __typename }")) == {"__typename": "Query"}


@BOTH
async def test_a_mutation_may_not_be_sent_by_get(client: httpx.AsyncClient, accept: str) -> None:
    response = await get(client, accept, query="mutation { __typename }")
    assert response.status_code == 405
    assert "data" not in response.json()


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        response = await client.request(method, "/graphql", json=TYPENAME)
        assert response.status_code == 405
        assert {"GET", "POST"} <= {allowed.strip() for allowed in response.headers["allow"].split(",")}


async def test_a_post_without_a_content_type_is_refused(client: httpx.AsyncClient) -> None:
    request = client.build_request("POST", "/graphql", content=json.dumps(TYPENAME).encode())
    assert "content-type" not in request.headers
    assert 400 <= (await client.send(request)).status_code < 500


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
async def test_a_post_of_another_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(client, TYPENAME, **{"Content-Type": content_type})).status_code == 415


async def test_a_post_needs_a_body(client: httpx.AsyncClient) -> None:
    assert (await post(client, b"")).status_code == 400


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    for body in (b"{", b'{"query": "{ __typename }"', b"\xff", b"null", b"[]", b'"{ __typename }"'):
        assert (await post(client, body)).status_code == 400, body


# Parameters


@BOTH
async def test_the_query_is_required(client: httpx.AsyncClient, accept: str) -> None:
    assert (await post(client, {"notquery": "{ __typename }"}, accept)).status_code == 400


@BOTH
@NOT_TEXT
async def test_the_query_is_text(client: httpx.AsyncClient, wrong: object, accept: str) -> None:
    assert (await post(client, {"query": wrong}, accept)).status_code == 400


@NOT_TEXT
async def test_the_operation_name_is_text(client: httpx.AsyncClient, wrong: object) -> None:
    assert (await post(client, {**TYPENAME, "operationName": wrong})).status_code == 400


@BOTH
async def test_the_operation_name_chooses(client: httpx.AsyncClient, accept: str) -> None:
    body = {"query": "query A { a: __typename } query B { b: __typename }", "operationName": "B"}
    assert data_of(await post(client, body, accept)) == {"b": "Query"}


@BOTH
@pytest.mark.parametrize("parameter", ["variables", "operationName", "extensions"])
async def test_null_is_as_good_as_nothing(client: httpx.AsyncClient, parameter: str, accept: str) -> None:
    assert data_of(await post(client, {**TYPENAME, parameter: None}, accept)) == {"__typename": "Query"}


@NOT_MAP
@pytest.mark.parametrize("parameter", ["variables", "extensions"])
async def test_variables_and_extensions_are_maps(client: httpx.AsyncClient, parameter: str, wrong: object) -> None:
    assert (await post(client, {**TYPENAME, parameter: wrong})).status_code == 400


@BOTH
async def test_variables_are_used(client: httpx.AsyncClient, accept: str) -> None:
    body = {"query": ECHO, "variables": {"name": "Query"}}
    assert data_of(await post(client, body, accept)) == {"__type": {"name": "Query"}}


@BOTH
async def test_variables_of_a_get_are_json(client: httpx.AsyncClient, accept: str) -> None:
    response = await get(client, accept, query=ECHO, variables='{"name": "Query"}')
    assert data_of(response) == {"__type": {"name": "Query"}}
    assert (await get(client, GRAPHQL, query=ECHO, variables="{")).status_code == 400


@BOTH
async def test_extensions_may_be_sent(client: httpx.AsyncClient, accept: str) -> None:
    assert data_of(await post(client, {**TYPENAME, "extensions": {"some": "value"}}, accept)) == {"__typename": "Query"}


# Documents that cannot run

CANNOT_RUN = pytest.mark.parametrize(
    "body",
    [
        {"query": "{"},
        {"query": "{ 8f31403dfe404bccbb0e835f2629c6a7 }"},
        {"query": "{ noSuchField }"},
        {"query": "query A { __typename } query B { __typename }"},
        {"query": "query A { __typename }", "operationName": "B"},
        {"query": ECHO, "variables": {"name": None}},
        {"query": ECHO, "variables": {"name": ["a"]}},
        {"query": ECHO},
    ],
    ids=["empty", "parsing", "validation", "which", "unknown operation", "null", "coercion", "missing variable"],
)


@CANNOT_RUN
async def test_a_document_that_cannot_run_is_400_without_data(client: httpx.AsyncClient, body: object) -> None:
    response = await post(client, body, GRAPHQL)
    assert response.status_code == 400
    assert media_type(response) == GRAPHQL
    answer = response.json()
    assert "data" not in answer
    assert answer["errors"]
    assert all(isinstance(error["message"], str) for error in answer["errors"])


@CANNOT_RUN
async def test_for_older_clients_it_is_200_without_data(client: httpx.AsyncClient, body: object) -> None:
    response = await post(client, body, JSON)
    assert response.status_code == 200
    assert media_type(response) == JSON
    assert "data" not in response.json()
    assert response.json()["errors"]


@BOTH
async def test_a_field_that_fails_is_a_partial_success(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, {"query": "{ __typename me { identity } }"}, accept)
    assert response.status_code == 200
    answer = response.json()
    assert answer["data"] == {"__typename": "Query", "me": None}
    assert answer["errors"][0]["path"] == ["me"]
