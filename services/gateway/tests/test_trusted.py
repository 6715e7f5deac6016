"""Trusted documents: how manifests are read, and what runs by id, over each transport."""

import hashlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from libs.shared.settings import Settings, SettingsError
from libs.shared.testing.issuer import Issuer
from services.gateway import limits
from services.gateway.documents import Policy
from services.gateway.execution import Engine
from services.gateway.feed import PostPublished
from services.gateway.service import assemble
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.test_sse import STREAM, events
from services.gateway.tests.test_websocket import ACTIVITY, listening, opened, receive, send
from services.gateway.tests.world import IDENTITY_KEY, World, world
from services.gateway.trusted import ManifestError, Trusted

STRICT = {"Accept": "application/graphql-response+json"}

BRAND = "query Brand($slug: String!) { brand(slug: $slug) { id name } }"
VOTE = 'mutation Vote { castVote(input: {ideaId: "x"}) { errors { code } } }'
SCHEMA = "query Schema { __schema { queryType { name } } }"
# More than ad-hoc documents may have, but no more than its review allowed.
GREAT = "query Great { " + " ".join(f'a{n}: brand(slug: "acme") {{ id }}' for n in range(100)) + " }"
PAGES = """query Pages($posts: Int = 100, $replies: Int = 5) { brand(slug: "acme") { posts(first: $posts) { nodes {
  id replies(first: $replies) { nodes { id number body } } } } } }"""
REGISTERED = (BRAND, VOTE, SCHEMA, GREAT, PAGES, ACTIVITY)


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(*texts: str) -> bytes:
    return json.dumps({key(text): text for text in texts}).encode()


def registered(*texts: str) -> Trusted:
    trusted = Trusted()
    trusted.add("app.json", manifest(*texts))
    return trusted


def test_a_manifest_may_name_the_algorithm_as_graphql_codegen_does() -> None:
    trusted = Trusted()
    trusted.add("app.json", json.dumps({f"sha256:{key(BRAND)}": BRAND}).encode())
    assert trusted.text(f"sha256:{key(BRAND)}") == BRAND


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(
        registered(BRAND, VOTE, SCHEMA, GREAT, PAGES, ACTIVITY), Policy(trusted_only=True, introspection=False)
    )


@pytest.fixture
async def closed(issuer: Issuer, engine: Engine) -> AsyncGenerator[World, None]:
    """A gateway that runs trusted documents only."""
    async with world(issuer, engine=engine, trusted=registered(*REGISTERED)) as started:
        yield started


async def ask(world: World, text: str, status: int = 200, **members: Any) -> dict[str, Any]:
    body = {"documentId": f"sha256:{key(text)}", **members}
    response = await world.client.post("/graphql", json=body, headers={**STRICT, **world.headers()})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_registered_document_runs_by_its_id(closed: World) -> None:
    assert (await ask(closed, BRAND, variables={"slug": "acme"}))["data"]["brand"]["name"] == "Acme"
    answer = await ask(closed, VOTE)
    assert answer["data"]["castVote"]["errors"] == [{"code": "NOT_FOUND"}]


async def test_by_get_too_but_not_to_write(closed: World) -> None:
    parameters = {"documentId": f"sha256:{key(BRAND)}", "variables": '{"slug":"acme"}'}
    response = await closed.client.get("/graphql", params=parameters, headers=STRICT)
    assert response.json()["data"]["brand"]["name"] == "Acme"
    response = await closed.client.get("/graphql", params={"documentId": f"sha256:{key(VOTE)}"}, headers=STRICT)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_over_websocket_an_unknown_id_ends_its_operation_only(closed: World) -> None:
    async with opened(closed) as socket:
        payload: dict[str, Any] = {"documentId": f"sha256:{key(BRAND)}", "variables": {"slug": "acme"}}
        await send(socket, type="subscribe", id="1", payload={**payload, "documentId": "sha256:nope"})
        refused = await receive(socket)
        assert (refused["type"], refused["payload"][0]["extensions"]) == ("error", {"code": "DOCUMENT_NOT_FOUND"})
        await send(socket, type="subscribe", id="2", payload=payload)
        assert (await receive(socket))["payload"]["data"]["brand"]["name"] == "Acme"


async def test_as_a_stream_of_events_by_post_and_get(closed: World) -> None:
    asked = {"documentId": f"sha256:{key(BRAND)}", "variables": {"slug": "acme"}}
    by_get = {"documentId": f"sha256:{key(BRAND)}", "variables": '{"slug":"acme"}'}
    for response in (
        await closed.client.post("/graphql", json=asked, headers=STREAM),
        await closed.client.get("/graphql", params=by_get, headers=STREAM),
    ):
        assert response.text.startswith("event: next\n")
        assert '"name":"Acme"' in response.text
    refused = await closed.client.post("/graphql", json={"query": "{ __typename }"}, headers=STREAM)
    assert "DOCUMENT_NOT_TRUSTED" in refused.text


async def test_a_registered_subscription_runs_over_both_transports(closed: World) -> None:
    asked = {"documentId": f"sha256:{key(ACTIVITY)}"}
    headers = {**STREAM, **closed.headers()}
    async with (
        opened(closed, "alice") as socket,
        closed.client.stream("POST", "/graphql", json=asked, headers=headers) as stream,
    ):
        await send(socket, type="subscribe", id="1", payload=asked)
        await listening(closed, 2)
        closed.gateway.feed.offer([recorded(PostPublished())])
        told = [(await receive(socket))["payload"], (await anext(events(stream)))[1]]
    assert [one["data"]["brandActivity"]["__typename"] for one in told] == ["Post", "Post"]


@pytest.mark.parametrize(
    "document_id", [f"sha256:{key(BRAND).upper()}", key(BRAND), f"md5:{key(BRAND)}", "sha256:", ""]
)
async def test_an_unknown_id_is_not_found(closed: World, document_id: str) -> None:
    for headers, status in ((STRICT, 404), ({"Accept": "application/json"}, 200)):
        response = await closed.client.post("/graphql", json={"documentId": document_id}, headers=headers)
        assert response.status_code == status
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["DOCUMENT_NOT_FOUND"]


async def test_other_documents_are_not_trusted(closed: World) -> None:
    for headers, status in ((STRICT, 403), ({"Accept": "application/json"}, 200)):
        response = await closed.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert response.status_code == status
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["DOCUMENT_NOT_TRUSTED"]
    async with opened(closed) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "{ __typename }"})
        assert (await receive(socket))["payload"][0]["extensions"] == {"code": "DOCUMENT_NOT_TRUSTED"}


async def test_the_text_of_a_registered_document_is_as_good_as_its_id(closed: World) -> None:
    body = {"query": BRAND, "variables": {"slug": "acme"}}
    response = await closed.client.post("/graphql", json=body, headers=STRICT)
    assert response.json() == await ask(closed, BRAND, variables={"slug": "acme"})


async def test_the_limits_of_others_do_not_bind_what_was_reviewed(closed: World) -> None:
    assert len((await ask(closed, GREAT))["data"]) == 100
    assert (await ask(closed, SCHEMA))["data"]["__schema"]["queryType"]["name"] == "Query"
    assert "extensions" not in await ask(closed, SCHEMA)


async def test_variables_do_not_make_a_document_dearer_than_its_review(closed: World) -> None:
    assert "errors" not in await ask(closed, PAGES)
    assert "errors" not in await ask(closed, PAGES, variables={"posts": 20, "replies": 20})
    answer = await ask(closed, PAGES, 400, variables={"replies": 100})
    assert answer["errors"][0]["extensions"] == {"code": "QUERY_TOO_COMPLEX", "limit": limits.MAX_COST, "of": "cost"}


async def test_trusted_documents_run_beside_others(issuer: Issuer) -> None:
    trusted = registered(BRAND)
    async with world(issuer, engine=Engine(trusted), trusted=trusted) as open_world:
        assert (await ask(open_world, BRAND, variables={"slug": "acme"}))["data"]["brand"]["name"] == "Acme"
        assert await open_world.graphql("{ __typename }") == {"data": {"__typename": "Query"}}


def test_manifests_of_several_clients_are_read(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_bytes(manifest(BRAND))
    (tmp_path / "web.json").write_bytes(manifest(BRAND, VOTE))
    (tmp_path / "README.md").write_text("not one")
    trusted = Trusted.load(str(tmp_path))
    assert dict(trusted) == {BRAND: f"app.json: {key(BRAND)}", VOTE: f"web.json: {key(VOTE)}"}


WRONG = {
    "no JSON": b"{",
    "no UTF-8": b'{"\xff": "{ a }"}',
    "a list": b"[]",
    "a document that is none": b'{"0": 1}',
    "another hash": json.dumps({"0" * 64: BRAND}).encode(),
    "upper case": json.dumps({key(BRAND).upper(): BRAND}).encode(),
    "a syntax error": manifest("{"),
    "an unknown field": manifest("{ nope }"),
    "a fragment alone": manifest("fragment F on Brand { id }"),
    "20,000 lists deep": b"[" * 20_000,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_manifest_stops_the_start_with_a_line_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.json").write_bytes(WRONG[name])
    with pytest.raises(ManifestError) as caught:
        Engine(Trusted.load(str(tmp_path)))
    assert "app.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("folder", "documents"), [("nope", "any"), ("", "trusted"), (".", "trusted")])
def test_a_gateway_that_could_answer_nothing_does_not_start(tmp_path: Path, folder: str, documents: Any) -> None:
    settings = Settings.model_construct(
        documents=documents, trusted_documents=folder and str(tmp_path / folder), identity_key=IDENTITY_KEY
    )
    with pytest.raises(SettingsError):
        assemble(settings, None, None, None)  # type: ignore[arg-type]
