"""What a mutation sends, and how it answers a refusal."""

from typing import Any

import pytest

from libs.shared.domain import DomainError, Forbidden, Invalid, Unavailable
from libs.shared.ids import derived_id
from libs.shared.testing.issuer import Issuer
from services.gateway import consistency
from services.gateway.ids import encode
from services.gateway.limits import MAIL_COST
from services.gateway.rates import Rates
from services.gateway.tests.world import BRAND, IDENTITY_KEY, World, world

PUBLISH = """mutation($input: PublishPostInput!) { publishPost(input: $input) {
  post { id title author { displayName } } consistencyToken errors { code message path } } }"""
HERE = encode("Brand", "_", BRAND)
SPACE, MEMBER, POST = encode("Space", BRAND, "s1"), encode("Member", BRAND, "m1"), encode("Post", BRAND, "t1")
GIVEN = {"spaceId": SPACE, "title": "Hello", "body": "First", "commandId": "c1"}


async def test_a_command_is_sent_as_the_senders_member_with_derived_ids(gateway: World) -> None:
    await gateway.graphql(PUBLISH, input=GIVEN)
    ((name, sent),) = gateway.bus.sent
    command_id = derived_id(BRAND, gateway.member(), "discussions.thread.publish_post", "c1")
    assert name == "discussions.thread.publish_post"
    assert sent.pop("now").tzinfo is not None
    assert sent == {
        "command_id": command_id,
        "brand": BRAND,
        "actor": gateway.member(),
        "thread_id": derived_id("thread", command_id),
        "space_id": "s1",
        "title": "Hello",
        "body": "First",
        "tags": [],
        "official": False,
    }


async def test_a_command_id_means_something_to_its_sender_only(gateway: World) -> None:
    for subject in ("alice", "alice", "bob"):
        await gateway.graphql(PUBLISH, subject, input=GIVEN)
    await gateway.graphql(PUBLISH, input={**GIVEN, "commandId": None})
    await gateway.graphql(PUBLISH, input={**GIVEN, "commandId": None})
    first, second, other, fresh, fresher = (sent["command_id"] for _, sent in gateway.bus.sent)
    assert first == second
    assert len({first, other, fresh, fresher}) == 4


async def test_fields_below_a_payload_read_what_was_written(gateway: World) -> None:
    answer = await gateway.graphql(PUBLISH, input=GIVEN)
    payload = answer["data"]["publishPost"]
    assert payload["post"]["title"] == "Title t1"
    assert consistency.decode(payload["consistencyToken"]) == {"DISCUSSIONS": 7}
    for name, asked in gateway.bus.asked:
        assert asked["at_least"] == {"DISCUSSIONS": 7}, name
    assert gateway.bus.names() == ["discussions.posts_get_many", "members.members_get_many"]


async def test_the_token_holds_what_the_request_brought(gateway: World) -> None:
    headers = {**gateway.headers(), consistency.HEADER: consistency.encode({"MEMBERS": 3, "DISCUSSIONS": 99})}
    body = {"query": PUBLISH, "variables": {"input": GIVEN}}
    payload = (await gateway.client.post("/graphql", json=body, headers=headers)).json()["data"]["publishPost"]
    assert consistency.decode(payload["consistencyToken"]) == {"MEMBERS": 3, "DISCUSSIONS": 99}


@pytest.mark.parametrize(
    ("refusal", "code", "path"),
    [
        (Forbidden(), "FORBIDDEN", []),
        (DomainError("NAME_TAKEN", "taken", ("slug",)), "NAME_TAKEN", ["slug"]),
        (Invalid("too long", ("display_name",)), "INVALID", ["displayName"]),
        (Invalid("no", ("sessions", 3, "duration_seconds")), "INVALID", ["sessions", "3", "durationSeconds"]),
        (Invalid("no", ("thread_id",)), "INVALID", ["postId"]),
        (Unavailable(), "UNAVAILABLE", []),
    ],
)
async def test_a_refusal_is_answered_in_the_payload(
    gateway: World, refusal: DomainError, code: str, path: list[str]
) -> None:
    gateway.bus.refuse = refusal
    answer = await gateway.graphql(PUBLISH, input=GIVEN)
    errors = [{"code": code, "message": refusal.message, "path": path}]
    assert answer == {"data": {"publishPost": {"post": None, "consistencyToken": None, "errors": errors}}}


async def test_an_object_that_cannot_be_read_back_is_no_refusal(gateway: World) -> None:
    def stale(_: object) -> object:
        raise DomainError("STALE_VIEW", "not yet")

    gateway.bus.answers["discussions.posts_get_many"] = stale
    answer = await gateway.graphql(PUBLISH, input=GIVEN)
    payload = answer["data"]["publishPost"]
    assert (payload["post"], payload["errors"]) == (None, [])
    assert payload["consistencyToken"]
    assert answer["errors"][0]["extensions"] == {"code": "STALE_VIEW"}


@pytest.mark.parametrize("given", ["x", encode("Post", BRAND, "t1"), encode("Space", BRAND, "a b"), ""])
async def test_an_id_of_something_else_is_not_found(gateway: World, given: str) -> None:
    answer = await gateway.graphql(PUBLISH, input={**GIVEN, "spaceId": given})
    (error,) = answer["data"]["publishPost"]["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["spaceId"])
    assert not gateway.bus.sent


@pytest.mark.parametrize(
    ("mutation", "kind", "given"),
    [
        ("joinBrand", "JoinBrandInput", {"brandId": HERE, "displayName": "Ada", "referrerId": ""}),
        ("grantRole", "MemberRoleInput", {"memberId": MEMBER, "role": "MODERATOR", "spaceId": ""}),
        ("revokeRole", "MemberRoleInput", {"memberId": MEMBER, "role": "MODERATOR", "spaceId": ""}),
        ("publishReply", "PublishReplyInput", {"postId": POST, "body": "Hi", "replyToId": ""}),
        ("completeJourneyStep", "CompleteJourneyStepInput", {"brandId": HERE, "stepId": "talk", "memberId": ""}),
    ],
)
async def test_an_empty_id_is_not_one_that_was_left_out(
    gateway: World, mutation: str, kind: str, given: dict[str, str]
) -> None:
    query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code path }} }} }}"
    answer = await gateway.graphql(query, input=given)
    (empty,) = (name for name, value in given.items() if not value)
    assert answer["data"][mutation]["errors"] == [{"code": "NOT_FOUND", "path": [empty]}]
    assert not gateway.bus.sent


async def test_ids_of_two_brands_do_not_mix(gateway: World) -> None:
    query = "mutation($input: PublishReplyInput!) { publishReply(input: $input) { errors { code path } } }"
    given = {"postId": encode("Post", BRAND, "t1"), "body": "Hi"}
    for foreign in (encode("Reply", "b2", "t1", "r1"), encode("Reply", BRAND, "t2", "r1")):
        answer = await gateway.graphql(query, input={**given, "replyToId": foreign})
        assert answer["data"]["publishReply"]["errors"] == [{"code": "NOT_FOUND", "path": ["replyToId"]}]
    assert not gateway.bus.sent


async def test_an_anonymous_sender_sends_nothing(gateway: World) -> None:
    answer = await gateway.graphql(PUBLISH, None, input={**GIVEN, "spaceId": "x"})
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert not gateway.bus.sent


async def test_mutations_of_one_request_run_one_after_the_other(gateway: World) -> None:
    idea = encode("Idea", BRAND, "i1")
    query = f"""mutation {{ a: castVote(input: {{ideaId: "{idea}"}}) {{ errors {{ code }} }}
      b: withdrawVote(input: {{ideaId: "{idea}"}}) {{ errors {{ code }} }} }}"""
    await gateway.graphql(query)
    assert [name for name, _ in gateway.bus.sent] == ["feedback.vote.cast_vote", "feedback.vote.withdraw_vote"]


INVITE = """mutation($input: InviteMembersInput!) { inviteMembers(input: $input) {
  results { number invited errors { code path } } errors { code path } } }"""


def contacts(count: int) -> dict[str, Any]:
    many: list[dict[str, str]] = [{"address": f"c{number}@example.org"} for number in range(count)]
    return {"brandId": encode("Brand", "_", BRAND), "contacts": many, "role": "BUILDER", "commandId": "c1"}


async def test_each_contact_of_a_list_is_a_command_of_its_own(gateway: World) -> None:
    two = contacts(2)
    two["contacts"][1] |= {"role": "MEMBER", "language": "fr", "name": "Zoë"}
    answer = await gateway.graphql(INVITE, input=two)
    results: list[dict[str, Any]] = [{"number": number, "invited": True, "errors": []} for number in (1, 2)]
    assert answer["data"]["inviteMembers"] == {"results": results, "errors": []}
    first, second = (sent for _, sent in gateway.bus.sent)
    assert (first["address"], first["role"]) == ("c0@example.org", "builder") and "language" not in first
    assert {key: second[key] for key in ("address", "role", "language", "name")} == {
        "address": "c1@example.org", "role": "member", "language": "fr", "name": "Zoë",
    }  # fmt: skip
    assert len({first["command_id"], second["command_id"]}) == 2
    await gateway.graphql(INVITE, input=two)
    assert [sent["command_id"] for _, sent in gateway.bus.sent[2:]] == [first["command_id"], second["command_id"]]


@pytest.mark.parametrize(
    ("refusal", "whole"), [(Forbidden(), True), (Unavailable(), True), (Invalid("no", ("address",)), False)]
)
async def test_what_all_contacts_are_refused_with_is_what_the_list_is(
    gateway: World, refusal: DomainError, whole: bool
) -> None:
    gateway.bus.refuse = refusal
    payload = (await gateway.graphql(INVITE, input=contacts(2)))["data"]["inviteMembers"]
    error = {"code": refusal.code, "path": list(refusal.path)}
    results = [{"number": number, "invited": False, "errors": [error]} for number in (1, 2)]
    assert payload == {"results": None if whole else results, "errors": [error] if whole else []}


async def test_a_fault_at_one_contact_is_no_refusal(gateway: World) -> None:
    gateway.bus.refuse = RuntimeError("a secret")
    answer = await gateway.graphql(INVITE, input=contacts(2))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INTERNAL"]
    assert "secret" not in str(answer)


async def test_a_list_costs_what_its_contacts_cost(issuer: Issuer) -> None:
    async with world(issuer, rates=Rates(principal=10 * MAIL_COST, secret=IDENTITY_KEY)) as gateway:
        too_many = (await gateway.graphql(INVITE, input=contacts(11)))["data"]["inviteMembers"]
        assert too_many == {"results": None, "errors": [{"code": "RATE_LIMITED", "path": []}]}
        assert gateway.bus.sent == []
    async with world(issuer, rates=Rates(principal=12 * MAIL_COST, secret=IDENTITY_KEY)) as gateway:
        assert (await gateway.graphql(INVITE, input=contacts(11)))["data"]["inviteMembers"]["errors"] == []
        assert len(gateway.bus.sent) == 11
