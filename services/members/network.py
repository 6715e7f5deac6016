"""A network: an organisation that opens brands, and who may open them."""

from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.shared.domain import NO_BRAND, SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from libs.shared.text import Line, Slug

#: The role of an identity that runs the whole installation; no brand grants it, the settings do.
OPERATOR = "operator"

# Events


class NetworkCreated(Event, frozen=True, kw_only=True):
    """An operator opened a network and became its first admin: the event's actor, an identity."""

    wire_name: ClassVar[str] = "network_created"

    name: str
    slug: str
    admin: str


NetworkEvent = NetworkCreated

# State


class Network(Struct, frozen=True, kw_only=True):
    """What a network must remember to decide.  `admins` are identities."""

    slug: str = ""
    admins: frozenset[str] = frozenset()

    @property
    def exists(self) -> bool:
        """Whether it was created."""
        return bool(self.slug)


def evolve(state: Network, event: NetworkEvent) -> Network:
    """The network after `event`."""
    match event:
        case NetworkCreated():
            return structs.replace(state, slug=event.slug, admins=state.admins | {event.admin})
        case _:
            assert_never(event)


# Commands


class CreateNetwork(Command, frozen=True, kw_only=True):
    """Open a network.  Envelope: brand `NO_BRAND`, actor an identity."""

    wire_name: ClassVar[str] = "create_network"

    network_id: Id
    name: Line
    slug: Slug


NetworkCommand = CreateNetwork

# Decisions


def decide(state: Network, command: NetworkCommand) -> list[NetworkEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, ID_TAKEN, INVALID."""
    match command:
        case CreateNetwork():
            return _create(state, command)
        case _:
            assert_never(command)


def _create(state: Network, command: CreateNetwork) -> list[NetworkEvent]:
    if command.actor != SYSTEM and OPERATOR not in command.roles:
        raise Forbidden("only an operator creates networks")
    if command.brand != NO_BRAND:
        raise Invalid("a network stands above brands", ("brand",))
    if not state.exists:
        return [NetworkCreated(name=command.name, slug=command.slug, admin=command.actor)]
    if state.slug != command.slug:
        raise DomainError("ID_TAKEN", "another network has this id", ("network_id",))
    return []


def admit_brand(network: Network, actor: str) -> None:
    """Whether `actor`, an identity, may open a brand in `network`.  Raises NOT_FOUND, FORBIDDEN."""
    if not network.exists:
        raise NotFound("there is no such network", ("network_id",))
    if actor != SYSTEM and actor not in network.admins:
        raise Forbidden("only an admin of the network opens brands in it")


DECIDER: Decider[Network, NetworkCommand, NetworkEvent] = Decider(
    aggregate="network",
    initial=Network(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.network_id,
    commands=(CreateNetwork,),
    events=(NetworkCreated,),
)
