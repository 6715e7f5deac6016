"""GraphQL over HTTP (draft of the GraphQL Foundation): what the audit suite of graphql-http does not ask.

https://graphql.github.io/graphql-over-http/draft/
"""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
BOTH = pytest.mark.parametrize("accept", [JSON, GRAPHQL])

TYPENAME = {"query": "{ __typename }"}
ECHO = "query Echo($name: String!) { __type(name: $name) { name } }"


async def post(client: httpx.AsyncClient, body: object, accept: str = GRAPHQL, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/graphql", content=content, headers={"Content-Type": JSON, "Accept": accept, **headers})


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


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
async def test_a_post_of_another_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(client, TYPENAME, **{"Content-Type": content_type})).status_code == 415


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    for body in (b"{", b'{"query": "{ __typename }"', b"\xff", b"null", b"[]", b'"{ __typename }"'):
        assert (await post(client, body)).status_code == 400, body


# Parameters


@BOTH
async def test_the_operation_name_chooses(client: httpx.AsyncClient, accept: str) -> None:
    body = {"query": "query A { a: __typename } query B { b: __typename }", "operationName": "B"}
    assert data_of(await post(client, body, accept)) == {"b": "Query"}


@BOTH
async def test_variables_are_used(client: httpx.AsyncClient, accept: str) -> None:
    body = {"query": ECHO, "variables": {"name": "Query"}}
    assert data_of(await post(client, body, accept)) == {"__type": {"name": "Query"}}


@BOTH
async def test_variables_of_a_get_are_json(client: httpx.AsyncClient, accept: str) -> None:
    response = await get(client, accept, query=ECHO, variables='{"name": "Query"}')
    assert data_of(response) == {"__type": {"name": "Query"}}


async def test_variables_of_a_get_that_are_no_json_are_refused(client: httpx.AsyncClient) -> None:
    assert (await get(client, query=ECHO, variables="{")).status_code == 400


# Documents that cannot run

CANNOT_RUN = pytest.mark.parametrize(
    "body",
    [
        {"query": "query A { __typename } query B { __typename }"},
        {"query": "query A { __typename }", "operationName": "B"},
        {"query": ECHO, "variables": {"name": None}},
        {"query": ECHO, "variables": {"name": ["a"]}},
        {"query": ECHO},
    ],
    ids=["which", "unknown operation", "null", "coercion", "missing variable"],
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
