"""Roles of actors with a real stream and a real view: who has just joined is never refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import ClassVar, NamedTuple

import nats
import pytest
from nats.aio.client import Client as Nats
from nats.js.api import StreamConfig

from libs.access.authorizer import Authorizer
from libs.access.gate import Module, Stage
from libs.access.roles import ALL_ROLES, Role
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
    ServiceAccountClosed,
    ServiceAccountCreated,
    StageEntered,
)
from libs.shared.codec import Codec
from libs.shared.domain import SYSTEM, Command, DomainError, Event, Forbidden, Query, Unavailable
from libs.shared.event_store import Pending
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, connect
from libs.shared.positions import STALE_VIEW, Positions
from libs.shared.projector import Projector
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.servers import NatsServer
from libs.shared.testing.streams import fresh_stream
from libs.shared.testing.tasks import end
from libs.shared.testing.views import NOON


class Write(Command, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "write"


class Anything(Query, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "anything"


class World(NamedTuple):
    """The members stream, and a service that keeps its view of it."""

    nats: Nats
    database: Database
    view: AccessView
    positions: Positions
    authorizer: Authorizer

    async def write(self, id_: str, *events: Event, brand: str = "b1", aggregate: str = "member") -> int:
        aggregate = "service_account" if id_.startswith("sa_") else aggregate
        codec = Codec("members", AccessView.events)
        commit = [
            Pending(
                event=event,
                id=uuid7(),
                brand=brand,
                aggregate=aggregate,
                aggregate_id=id_,
                actor="m1",
                time=NOON,
                causation_id="c",
                correlation_id="c",
            )
            for event in events
        ]
        subject = f"evt.members.{brand}.{aggregate}.{id_}"
        return (await self.nats.jetstream().publish(subject, codec.encode(commit))).seq

    async def of_brand(self, *events: Event) -> int:
        return await self.write("b1", *events, aggregate="brand")

    def guard(self, module: Module | None = None, *exempt: type[Command]) -> Authorizer:
        return Authorizer(self.view, self.positions, self.nats, module=module, exempt=exempt)

    async def shown(self, sequence: int) -> None:
        await self.positions.wait(self.view, {"MEMBERS": sequence})


@pytest.fixture(scope="module")
def members_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server of its own: the stream MEMBERS of the session's may be in use."""
    with NatsServer(tmp_path_factory.mktemp("members")) as server:
        yield server


@pytest.fixture
async def idle(members_log: NatsServer, mongo_url: str) -> AsyncIterator[World]:
    """The view is not projected yet."""
    bus, client = await nats.connect(members_log.url), connect(mongo_url)
    js, database = bus.jetstream(), client[f"test_{uuid7()}"]
    await fresh_stream(js, StreamConfig(name="MEMBERS", subjects=["evt.members.>"]))
    positions, view = Positions("tests", bus, database), AccessView("feedback")
    await positions.start()
    yield World(bus, database, view, positions, Authorizer(view, positions, bus))
    await positions.stop()
    await client.drop_database(database.name)
    client.close()
    await bus.close()


@pytest.fixture
async def world(idle: World) -> AsyncIterator[World]:
    projector = Projector(idle.view, nats=idle.nats, database=idle.database, positions=idle.positions)
    running = asyncio.create_task(projector.run())
    await asyncio.wait_for(projector.caught_up.wait(), 10)
    yield idle
    await end(running)


async def test_who_has_just_joined_is_a_member(world: World) -> None:
    for number in range(10):
        await world.write(f"m{number}", MemberJoined())
        assert await world.authorizer.roles("b1", f"m{number}") == {"member"}
        assert await world.authorizer.roles("b2", f"m{number}") == frozenset()


async def test_roles_are_current_once_the_view_shows_them(world: World) -> None:
    await world.write("ada", MemberJoined())
    assert await world.authorizer.roles("b1", "ada") == {"member"}
    await world.shown(await world.write("ada", RoleGranted(role="owner")))
    assert await world.authorizer.roles("b1", "ada") == {"member", "owner"}
    await world.shown(await world.write("ada", RoleRevoked(role="owner")))
    assert await world.authorizer.roles("b1", "ada") == {"member"}
    await world.shown(await world.write("ada", MemberLeft()))
    assert await world.authorizer.roles("b1", "ada") == frozenset()


async def test_answers_are_kept_until_the_brand_changes(world: World) -> None:
    await world.write("ada", MemberJoined(), brand="b1")
    await world.shown(await world.write("bob", MemberJoined(), brand="b2"))
    assert await world.authorizer.roles("b1", "ada") == {"member"}
    assert await world.authorizer.roles("b2", "bob") == {"member"}
    await world.view.collection("roles").update_many({}, {"$set": {"granted": {"behind the view": None}}})
    assert await world.authorizer.roles("b1", "ada") == {"member"}
    await world.shown(await world.write("eve", MemberJoined(), brand="b1"))
    assert await world.authorizer.roles("b1", "ada") == {"member", "behind the view"}
    assert await world.authorizer.roles("b2", "bob") == {"member"}


async def test_the_platform_has_all_roles_everywhere(world: World) -> None:
    assert await world.authorizer.roles("b1", SYSTEM) == ALL_ROLES
    await world.authorizer.member_only(Anything(brand="nowhere", viewer=SYSTEM))


async def test_queries_of_members_only(world: World) -> None:
    await world.write("ada", MemberJoined())
    await world.authorizer.member_only(Anything(brand="b1", viewer="ada"))
    for brand, viewer in (("b2", "ada"), ("b1", "bob"), ("b1", ""), ("b1", "*"), ("b1", ">"), ("*", "ada")):
        with pytest.raises(Forbidden):
            await world.authorizer.member_only(Anything(brand=brand, viewer=viewer))


async def test_who_is_suspended_reads_and_does_not_act(world: World) -> None:
    await world.write("ada", MemberJoined(), RoleGranted(role="owner"))
    assert await world.authorizer.to_act("b1", "ada") == {"member", "owner"}
    await world.shown(await world.write("ada", MemberSuspended()))
    for _ in range(2):
        with pytest.raises(DomainError) as refused:
            await world.authorizer.to_act("b1", "ada")
        assert refused.value.code == "SUSPENDED"
    assert await world.authorizer.roles("b1", "ada") == frozenset()
    await world.authorizer.member_only(Anything(brand="b1", viewer="ada"))
    with pytest.raises(Forbidden):
        await world.authorizer.people_with(Anything(brand="b1", viewer="ada"), Role.OWNER)


async def test_who_was_just_reinstated_is_not_refused(world: World) -> None:
    await world.write("ada", MemberJoined())
    for _ in range(5):
        await world.shown(await world.write("ada", MemberSuspended()))
        with pytest.raises(DomainError):
            await world.authorizer.to_act("b1", "ada")
        await world.write("ada", MemberReinstated())  # nobody waits for the view
        assert await world.authorizer.to_act("b1", "ada") == {"member"}


async def test_who_left_or_was_never_there_acts_as_nobody(world: World) -> None:
    await world.shown(await world.write("ada", MemberJoined(), MemberSuspended(), MemberLeft()))
    for actor in ("ada", "eve"):
        assert await world.authorizer.to_act("b1", actor) == frozenset()


async def test_a_role_that_is_remembered_ends_at_its_time(world: World) -> None:
    clock = FakeClock(NOON)
    authorizer = Authorizer(world.view, world.positions, world.nats, clock=clock)
    end = NOON + timedelta(days=1)
    await world.shown(await world.write("ada", MemberJoined(), RoleGranted(role="moderator", expires_at=end)))
    assert await authorizer.roles("b1", "ada") == {"member", "moderator"}
    await clock.advance(timedelta(days=1))
    assert await authorizer.roles("b1", "ada") == {"member"}


async def refusal(authorizer: Authorizer, actor: str, *roles: str) -> str | None:
    command = Write(command_id="c", brand="b1", actor=actor, now=NOON)
    try:
        await authorizer.admit(command, frozenset(roles))
    except DomainError as refused:
        return refused.code
    return None


async def test_a_brand_that_never_said_anything_is_open(world: World) -> None:
    assert await refusal(world.guard(Module.EVENTS), "ada", "member") is None


async def test_a_refusal_rests_on_the_last_event_of_the_brand(world: World) -> None:
    guard = world.guard()
    for _ in range(5):
        await world.shown(await world.of_brand(StageEntered(stage=Stage.ARCHIVED)))
        await world.shown(await world.of_brand(BrandCreated(stage=Stage.ARCHIVED)))
        assert await refusal(guard, "ada", "member") == "BRAND_ARCHIVED"
        await world.of_brand(StageEntered(stage=Stage.OPEN))  # nobody waits for the view
        assert await refusal(guard, "ada", "member") is None


async def test_in_a_draft_a_refusal_rests_on_the_last_event_of_the_member_too(world: World) -> None:
    guard = world.guard()
    await world.of_brand(BrandCreated(stage=Stage.DRAFT))
    await world.shown(await world.write("ada", MemberJoined()))
    assert await refusal(guard, "ada", "member") == "BRAND_NOT_OPEN"
    assert await refusal(guard, "eve") == "BRAND_NOT_OPEN"
    await world.write("ada", RoleGranted(role="builder"))
    assert await refusal(guard, "ada", "member") is None
    assert await refusal(guard, "ada") is None  # a command that is open to all comes without roles


async def test_a_module_is_off_in_its_own_service_only(world: World) -> None:
    events, feedback = world.guard(Module.EVENTS), world.guard(Module.FEEDBACK)
    await world.of_brand(BrandCreated())
    await world.shown(await world.of_brand(ModuleSwitchedOff(module="events")))
    assert await refusal(events, "ada", "member", "owner") == "MODULE_OFF"
    assert await refusal(feedback, "ada", "member") is None
    await world.of_brand(ModuleSwitchedOn(module="events"))
    assert await refusal(events, "ada", "member") is None


async def test_exempt_commands_are_not_asked_about(world: World) -> None:
    await world.shown(await world.of_brand(BrandCreated(stage=Stage.ARCHIVED)))
    assert await refusal(world.guard(None, Write), "ada", "member") is None


async def test_the_gate_is_kept_until_the_brand_changes(world: World) -> None:
    guard = world.guard()
    await world.shown(await world.of_brand(BrandCreated()))
    assert await refusal(guard, "ada", "member") is None
    await world.view.collection("brands").update_many({}, {"$set": {"stage": "archived"}})
    assert await refusal(guard, "ada", "member") is None
    await world.shown(await world.write("ada", MemberJoined()))
    assert await refusal(guard, "ada", "member") == "BRAND_ARCHIVED"


async def test_an_account_that_reads_asks_and_decides_nothing(world: World) -> None:
    await world.write("sa_r", ServiceAccountCreated(scopes=["feedback:read"]))
    await world.authorizer.member_only(Anything(brand="b1", viewer="sa_r"))
    assert await world.authorizer.roles("b1", "sa_r") == frozenset()
    await world.write("sa_w", ServiceAccountCreated(scopes=["feedback:write"]))
    assert await world.authorizer.roles("b1", "sa_w") == {"member"}
    await world.authorizer.member_only(Anything(brand="b1", viewer="sa_w"))


async def test_an_account_of_another_area_or_brand_may_nothing(world: World) -> None:
    await world.write("sa_e", ServiceAccountCreated(scopes=["events:manage"]))
    await world.write("sa_f", ServiceAccountCreated(scopes=["feedback:manage"]), brand="b2")
    for actor in ("sa_e", "sa_f", "sa_nobody"):
        assert await world.authorizer.roles("b1", actor) == frozenset()
        with pytest.raises(Forbidden):
            await world.authorizer.member_only(Anything(brand="b1", viewer=actor))


async def test_a_closed_account_may_nothing_once_the_view_shows_it(world: World) -> None:
    await world.write("sa_c", ServiceAccountCreated(scopes=["feedback:manage"]))
    assert await world.authorizer.roles("b1", "sa_c") == {"member", "builder"}
    await world.shown(await world.write("sa_c", ServiceAccountClosed()))
    assert await world.authorizer.roles("b1", "sa_c") == frozenset()


async def test_what_is_for_people_with_a_role(world: World) -> None:
    await world.write("ada", MemberJoined(), RoleGranted(role="builder"))
    await world.write("bob", MemberJoined())
    await world.write("sa_m", ServiceAccountCreated(scopes=["feedback:manage"]))
    await world.authorizer.people_with(Anything(brand="b1", viewer="ada"), Role.OWNER, Role.BUILDER)
    await world.authorizer.people_with(Anything(brand="b1", viewer=SYSTEM), Role.OWNER)
    for viewer, role in (("ada", Role.OWNER), ("bob", Role.BUILDER), ("sa_m", Role.BUILDER), ("eve", Role.MEMBER)):
        with pytest.raises(Forbidden):
            await world.authorizer.people_with(Anything(brand="b1", viewer=viewer), role)


async def test_what_cannot_be_known_is_not_refused(idle: World) -> None:
    await idle.write("ada", MemberJoined())
    projector = Projector(idle.view, nats=idle.nats, database=idle.database, positions=idle.positions)
    running = asyncio.create_task(projector.run())
    await asyncio.wait_for(projector.caught_up.wait(), 10)
    await end(running)
    await idle.write("bob", MemberJoined())  # nobody projects it
    with pytest.raises(DomainError) as refused:
        await Authorizer(idle.view, idle.positions, idle.nats, timeout_seconds=0.3).roles("b1", "bob")
    assert refused.value.code == STALE_VIEW
    await idle.nats.close()
    with pytest.raises(Unavailable):
        await idle.authorizer.roles("b1", "eve")
