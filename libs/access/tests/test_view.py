"""Who has which roles after which events."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from libs.access.gate import Gate, Stage
from libs.access.view import (
    AccessView,
    BrandCreated,
    MemberJoined,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
    ModuleSwitchedOff,
    ModuleSwitchedOn,
    RoleGranted,
    RoleRevoked,
    RulesPublished,
    ServiceAccountClosed,
    ServiceAccountCreated,
    StageEntered,
)
from libs.shared.codec import Codec
from libs.shared.event_store import StoredMessage
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from libs.shared.times import to_ms

Bench = ViewBench[AccessView]


async def roles(access: Bench, brand: str, actor: str, after: timedelta = timedelta()) -> frozenset[str]:
    """The roles of an actor, some time after noon."""
    return (await access.view.rights(brand, actor)).roles(to_ms(NOON + after))


@pytest.fixture
async def access(mongo_url: str) -> AsyncIterator[Bench]:
    async with view_bench(AccessView("feedback"), mongo_url) as bench:
        yield bench


async def test_who_joins_is_a_member_of_that_brand_only(access: Bench) -> None:
    await access.given(MemberJoined(), aggregate="member", id="ada", brand="b1")
    assert await roles(access, "b1", "ada") == {"member"}
    assert await roles(access, "b2", "ada") == frozenset()
    assert await roles(access, "b1", "bob") == frozenset()


async def test_many_are_asked_for_at_once(access: Bench) -> None:
    await access.given(MemberJoined(), RoleGranted(role="owner"), id="ada", aggregate="member")
    await access.given(MemberJoined(), id="bob", aggregate="member")
    await access.given(MemberJoined(), MemberLeft(), id="cy", aggregate="member")
    await access.given(MemberJoined(), id="dan", aggregate="member", brand="b2")
    found = await access.view.rights_of_many("b1", ["ada", "bob", "cy", "dan"])
    assert found == {one: await access.view.rights("b1", one) for one in ("ada", "bob")}


async def test_roles_come_and_go(access: Bench) -> None:
    await access.given(
        MemberJoined(), RoleGranted(role="owner"), RoleGranted(role="builder"), RoleGranted(role="owner"), id="ada"
    )
    assert await roles(access, "b1", "ada") == {"member", "owner", "builder"}
    await access.given(RoleRevoked(role="owner"), RoleRevoked(role="member"), RoleRevoked(role="moderator"), id="ada")
    assert await roles(access, "b1", "ada") == {"member", "builder"}


async def test_who_left_has_none_and_comes_back_without_the_old_ones(access: Bench) -> None:
    await access.given(MemberJoined(), RoleGranted(role="owner"), MemberLeft(), id="ada")
    assert await roles(access, "b1", "ada") == frozenset()
    assert await access.documents("roles") == []
    await access.given(MemberJoined(), id="ada")
    assert await roles(access, "b1", "ada") == {"member"}


async def test_a_role_may_be_for_one_space_only(access: Bench) -> None:
    await access.given(MemberJoined(), RoleGranted(role="moderator", space_id="s1"), id="ada")
    await access.given(RoleGranted(role="builder", space_id="s2"), RoleGranted(role="ambassador"), id="ada")
    assert await roles(access, "b1", "ada") == {"member", "ambassador", "moderator@s1", "builder@s2"}
    await access.given(RoleRevoked(role="moderator"), RoleRevoked(role="builder", space_id="s2"), id="ada")
    assert await roles(access, "b1", "ada") == {"member", "ambassador", "moderator@s1"}


async def test_a_role_ends_at_its_time_also_when_nobody_records_it(access: Bench) -> None:
    day = timedelta(days=1)
    await access.given(MemberJoined(), RoleGranted(role="moderator", expires_at=NOON + day), id="ada")
    assert await roles(access, "b1", "ada") == {"member", "moderator"}
    assert await roles(access, "b1", "ada", day - timedelta(milliseconds=1)) == {"member", "moderator"}
    assert await roles(access, "b1", "ada", day) == {"member"}
    await access.given(RoleGranted(role="moderator", expires_at=NOON + 2 * day), id="ada")
    assert await roles(access, "b1", "ada", day) == {"member", "moderator"}
    await access.given(RoleGranted(role="moderator"), id="ada")
    assert await roles(access, "b1", "ada", 900 * day) == {"member", "moderator"}


async def test_who_is_suspended_reads_and_keeps_the_roles_for_later(access: Bench) -> None:
    await access.given(MemberJoined(), RoleGranted(role="builder"), MemberSuspended(), id="ada")
    assert await roles(access, "b1", "ada") == {"reader"}
    await access.given(RoleRevoked(role="builder"), RoleGranted(role="ambassador"), id="ada")
    assert await roles(access, "b1", "ada") == {"reader"}
    await access.given(MemberReinstated(), id="ada")
    assert await roles(access, "b1", "ada") == {"member", "ambassador"}


async def test_what_befalls_who_has_left_gives_them_nothing(access: Bench) -> None:
    await access.given(MemberJoined(), MemberSuspended(), MemberLeft(), MemberReinstated(), id="ada")
    assert await access.documents("roles") == []


async def test_a_brand_is_open_for_what_it_says(access: Bench) -> None:
    assert await access.view.gate("b1") == Gate()
    await access.given(BrandCreated(stage=Stage.DRAFT), aggregate="brand", id="b1")
    assert await access.view.gate("b1") == Gate(stage=Stage.DRAFT)
    await access.given(StageEntered(stage=Stage.BETA), ModuleSwitchedOff(module="events"), aggregate="brand", id="b1")
    await access.given(ModuleSwitchedOff(module="feedback"), ModuleSwitchedOn(module="events"), id="b1")
    await access.given(RulesPublished(edition=3), aggregate="charter", id="b1")
    shown = Gate(stage=Stage.BETA, modules_off=frozenset({"feedback"}), rules_version=3)
    assert await access.view.gate("b1") == shown
    assert await access.view.gate("b2") == Gate()


def test_a_brand_from_before_there_were_stages_is_open() -> None:
    golden = Path(__file__).parents[3] / "services/members/tests/golden/brand_created.v1.json"
    codec = Codec("members", AccessView.events, skip_unknown=True)
    message = StoredMessage("evt.members.b1.brand.b1", "MEMBERS", 1, NOON, golden.read_bytes())
    assert [recorded.event for recorded in codec.decode(message)] == [BrandCreated(stage=Stage.OPEN)]


async def test_a_service_account_has_the_roles_of_its_scopes_in_this_area_until_it_is_closed(access: Bench) -> None:
    created = ServiceAccountCreated(scopes=["feedback:write", "events:manage", "a:scope_of_tomorrow"])
    await access.given(created, aggregate="service_account", id="sa_1")
    assert await roles(access, "b1", "sa_1") == {"reader", "member"}
    assert await roles(access, "b2", "sa_1") == frozenset()
    await access.given(ServiceAccountClosed(), aggregate="service_account", id="sa_1")
    assert await roles(access, "b1", "sa_1") == frozenset()


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    events = (MemberJoined(), RoleGranted(role="owner"), MemberLeft(), MemberJoined(), RoleGranted(role="builder"))
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(AccessView("feedback"), mongo_url) as bench:
            for part in parts:
                await bench.given(*part, id="ada")
            contents.add(await canonical(bench.view))
    assert contents == {b'{"brands":[],"roles":[{"_id":"b1:ada","granted":{"builder":null},"suspended":false}]}'}


def test_events_of_the_members_service_are_read_as_far_as_they_matter() -> None:
    codec = Codec("members", AccessView.events, skip_unknown=True)

    def envelope(wire_name: str, version: int, data: dict[str, object]) -> dict[str, object]:
        return {
            "specversion": "1.0",
            "id": "1",
            "source": "/archipel/members",
            "type": wire_name,
            "datacontenttype": "application/json",
            "dataschema": f"urn:archipel:members:{wire_name}:{version}",
            "time": NOON,
            "subject": "member/ada",
            "brand": "b1",
            "actor": "ada",
            "causationid": "c",
            "correlationid": "c",
            "data": data,
        }

    batch = [
        envelope("member_joined", 3, {"identity": "i", "display_name": "Ada", "email": None, "news": 1}),
        envelope("service_account_created", 1, {"name": "Bot", "scopes": ["feedback:read"]}),
        envelope("api_key_issued", 1, {"key_id": "k"}),
        envelope("profile_changed", 1, {"display_name": "Ada", "bio": ""}),
        envelope("role_granted", 1, {"role": "a_role_of_tomorrow"}),
    ]
    message = StoredMessage("evt.members.b1.member.ada", "MEMBERS", 1, NOON, msgspec.json.encode(batch))
    assert [recorded.event for recorded in codec.decode(message)] == [
        MemberJoined(),
        ServiceAccountCreated(scopes=["feedback:read"]),
        RoleGranted(role="a_role_of_tomorrow"),
    ]
