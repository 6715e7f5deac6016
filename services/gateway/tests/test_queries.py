"""What a query asks of the services: few questions, each for many things, no older than the client may read."""

from typing import Any

import pytest

from libs.shared.domain import Forbidden
from services.gateway import consistency
from services.gateway.tests.world import BRAND, World

PAGE = """{ brand(slug: "acme") { name memberCount posts(first: 20) { totalCount pageInfo { hasNextPage endCursor }
  edges { cursor node { id title body publishedAt replyCount locked author { id displayName roles } } } } } }"""

DEEP = """{ brand(slug: "acme") { posts(first: 20) { nodes { title author { displayName } space { name }
  reactions { emoji count viewerReacted }
  replies(first: 2) { nodes { number author { displayName } replyTo { number } reactions { count } } } } } } }"""


async def test_a_page_of_posts_with_authors_takes_three_questions(gateway: World) -> None:
    answer = await gateway.graphql(PAGE)
    assert "errors" not in answer
    assert gateway.bus.names() == ["members.brand_by_slug", "discussions.post_page", "members.members_get_many"]
    page = answer["data"]["brand"]["posts"]
    assert page["totalCount"] == 99
    assert page["pageInfo"] == {"hasNextPage": True, "endCursor": "c19"}
    assert len(page["edges"]) == 20
    assert page["edges"][3]["cursor"] == "c3"
    assert page["edges"][3]["node"]["author"]["displayName"] == "Name of mt3"


async def test_what_hangs_below_a_page_is_asked_for_level_by_level(gateway: World) -> None:
    answer = await gateway.graphql(DEEP)
    assert "errors" not in answer
    names = gateway.bus.names()
    assert names.count("discussions.reply_pages") == 1
    assert names.count("discussions.replies_get_many") == 1
    assert names.count("discussions.spaces_get_many") == 1
    assert names.count("discussions.reactions_get_many") == 2  # of the posts, then of their replies
    assert names.count("members.members_get_many") == 2  # authors of the posts, then of their replies
    asked = dict(gateway.bus.asked)["discussions.reply_pages"]
    assert asked["page"] == {"first": 2}
    assert len(asked["thread_ids"]) == 20
    post = answer["data"]["brand"]["posts"]["nodes"][0]
    assert post["reactions"] == [{"emoji": "HEART", "count": 2, "viewerReacted": True}]
    assert post["replies"]["nodes"][1]["replyTo"] == {"number": 1}


async def test_every_question_is_asked_as_the_senders_member(gateway: World) -> None:
    await gateway.graphql(PAGE)
    asked = dict(gateway.bus.asked)
    assert asked["members.brand_by_slug"]["viewer"] == gateway.identity()
    assert asked["discussions.post_page"]["viewer"] == gateway.member()
    assert asked["discussions.post_page"]["brand"] == BRAND


async def test_an_anonymous_sender_sees_what_is_public_and_no_more(gateway: World) -> None:
    answer = await gateway.graphql(
        '{ me { identity } node(id: "UG9zdDpiMTp0MQ") { id } '
        'brand(slug: "acme") { name viewer { id } posts { totalCount } } }',
        None,
    )
    assert answer["data"] == {"me": None, "node": None, "brand": {"name": "Acme", "viewer": None, "posts": None}}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UNAUTHENTICATED"}
    assert sorted(".".join(error["path"]) for error in answer["errors"]) == ["brand.posts", "me", "node"]
    assert gateway.bus.names() == ["members.brand_by_slug"]


async def test_a_refusal_of_one_field_leaves_the_others(gateway: World) -> None:
    def refuse(_: dict[str, Any]) -> Any:
        raise Forbidden

    gateway.bus.answers["discussions.post_page"] = refuse
    answer = await gateway.graphql(
        '{ brand(slug: "acme") { name posts { totalCount } space(slug: "general") { name } } }'
    )
    assert answer["data"]["brand"] == {"name": "Acme", "posts": None, "space": {"name": "General"}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


async def test_the_consistency_token_reaches_every_question(gateway: World) -> None:
    headers = {**gateway.headers(), consistency.HEADER: consistency.encode({"MEMBERS": 5, "DISCUSSIONS": 7})}
    token = consistency.encode({"DISCUSSIONS": 9})
    query = PAGE.replace('slug: "acme"', f'slug: "acme", consistencyToken: "{token}"')
    response = await gateway.client.post("/graphql", json={"query": query}, headers=headers)
    assert "errors" not in response.json()
    for _, asked in gateway.bus.asked:
        assert asked["at_least"] == {"MEMBERS": 5, "DISCUSSIONS": 9}


@pytest.mark.parametrize(
    "arguments",
    ["first: 0", "first: 101", "first: -1", "last: 0", "last: 101", "first: 1, last: 1"],
)
async def test_a_page_has_one_to_a_hundred_items(gateway: World, arguments: str) -> None:
    answer = await gateway.graphql(f'{{ brand(slug: "acme") {{ posts({arguments}) {{ totalCount }} }} }}')
    assert answer["data"]["brand"] == {"posts": None}
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_page_holds_twenty_when_nothing_is_said(gateway: World) -> None:
    await gateway.graphql('{ brand(slug: "acme") { posts { totalCount } } }')
    assert dict(gateway.bus.asked)["discussions.post_page"]["page"] == {"first": 20}


@pytest.mark.parametrize(
    "given", ["", "x", "UG9zdDpiMTp0MQ==x", "Tm9wZTpiMTp4", "UG9zdDpiMQ", "é", "x" * 500, "UG9zdDpiMTou"]
)
async def test_what_is_no_id_leads_to_nothing(gateway: World, given: str) -> None:
    answer = await gateway.graphql("query($id: ID!) { node(id: $id) { id } }", id=given)
    assert answer == {"data": {"node": None}}
    assert not gateway.bus.asked


async def test_at_most_a_hundred_nodes_at_once(gateway: World) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    answer = await gateway.graphql(query, ids=["x"] * 101)
    assert answer["errors"][0]["extensions"] == {"code": "INVALID", "field": ["ids"]}
    assert (await gateway.graphql(query, ids=["x"] * 100))["data"]["nodes"] == [None] * 100
