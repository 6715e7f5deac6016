"""A tiny service for tests of the runtime: counters that members of a brand increase, and a view of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import IndexModel, UpdateOne

from libs.shared.domain import Accepted, Command, Decider, DomainError, Event, Id, NotFound, Query
from libs.shared.ids import uuid7
from libs.shared.projection import View, Write
from libs.shared.recorded import Recorded
from libs.shared.service import App

BRAND = "b1"
MEMBER = "m1"
STRANGER = "m2"
LIMIT = 1_000


class Increased(Event, frozen=True, kw_only=True):
    """A counter went up."""

    wire_name = "increased"

    by: int
    roles: list[str]


class Joined(Event, frozen=True, kw_only=True):
    """Somebody takes part."""

    wire_name = "joined"

    member_id: str


class Increase(Command, frozen=True, kw_only=True):
    """Let a counter go up."""

    wire_name = "increase"

    counter_id: Id
    by: int = 1


class Join(Command, frozen=True, kw_only=True):
    """Take part; open to those who are no members."""

    wire_name = "join"

    counter_id: Id


CounterCommand = Increase | Join
CounterEvent = Increased | Joined


def decide(state: int, command: CounterCommand) -> list[CounterEvent]:
    match command:
        case Increase():
            if state + command.by > LIMIT:
                raise DomainError("COUNTER_FULL", f"a counter goes up to {LIMIT}", ("by",))
            return [Increased(by=command.by, roles=sorted(command.roles))]
        case Join():
            return [Joined(member_id=command.actor)]


def evolve(state: int, event: CounterEvent) -> int:
    match event:
        case Increased():
            return state + event.by
        case Joined():
            return state


COUNTER: Decider[int, CounterCommand, CounterEvent] = Decider(
    aggregate="counter",
    initial=0,
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.counter_id,
    commands=(Increase, Join),
    events=(Increased, Joined),
)


class CounterById(Query, frozen=True, kw_only=True):
    """One counter."""

    wire_name = "counter_by_id"

    counter_id: Id


class CounterReply(Struct, frozen=True, kw_only=True):
    """A counter as it stands."""

    id: str
    total: int
    roles: list[str] = []
    members: list[str] = []


class CountersView(View):
    """One document a counter."""

    name: ClassVar[str] = "counters"
    events: ClassVar[tuple[type[Event], ...]] = (Increased, Joined)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"counters": ()}

    def __init__(self, stream: str) -> None:
        self.stream = stream  # type: ignore[misc]  # each test has a stream of its own

    def project(self, recorded: Recorded[Any]) -> Iterable[Write]:
        id_ = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case Increased():
                change: dict[str, Any] = {"$inc": {"total": recorded.event.by}, "$set": {"roles": recorded.event.roles}}
            case _:
                change = {"$inc": {"total": 0}, "$addToSet": {"members": recorded.event.member_id}}
        yield Write("counters", UpdateOne({"_id": id_}, change, upsert=True))

    async def counter_by_id(self, query: CounterById) -> CounterReply:
        found = await self.collection("counters").find_one({"_id": f"{query.brand}:{query.counter_id}"})
        if found is None:
            raise NotFound("no such counter")
        return CounterReply(
            id=query.counter_id,
            total=found["total"],
            roles=found.get("roles", []),
            members=found.get("members", []),
        )


async def roles_of(brand: str, member: str) -> frozenset[str]:
    return frozenset({"member"}) if (brand, member) == (BRAND, MEMBER) else frozenset()


async def no_thirteen(command: Increase) -> Increase | None:
    if command.by == 13:
        raise NotFound("there is no 13 here", ("by",))
    return None


def compose(app: App) -> None:
    app.authorise(roles_of, {"member", "owner"})
    app.aggregate(COUNTER, guards={Increase: no_thirteen}, open_to_all={Join})
    view = app.view(CountersView(app.name.upper()))
    app.query(CounterById, CounterReply, view.counter_by_id, view=view, allow=_members_only)


async def _members_only(query: CounterById) -> None:
    if query.viewer == "banned":
        raise DomainError("FORBIDDEN", "not you")


def increase(counter: str, by: int = 1, *, actor: str = MEMBER) -> Increase:
    return Increase(command_id=uuid7(), brand=BRAND, actor=actor, now=datetime.now(UTC), counter_id=counter, by=by)


def ask(counter: str, accepted: Accepted | None = None, *, viewer: str = MEMBER) -> CounterById:
    at_least = accepted.position if accepted else {}
    return CounterById(brand=BRAND, viewer=viewer, counter_id=counter, at_least=dict(at_least))
