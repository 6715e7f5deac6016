"""A network: an organisation that opens brands, and who may open them."""

from typing import ClassVar, Final, assert_never

from msgspec import Struct, structs

from libs.access.scopes import is_account
from libs.shared.domain import NO_BRAND, SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from libs.shared.text import Line, Slug

#: The role of an identity that runs the whole installation; no brand grants it, the settings do.
OPERATOR = "operator"

#: Admins that a network has at a time.
MOST_ADMINS: Final = 100

# Events


class NetworkCreated(Event, frozen=True, kw_only=True):
    """An operator opened a network and became its first admin: the event's actor, an identity."""

    wire_name: ClassVar[str] = "network_created"

    name: str
    slug: str
    admin: str


class AdminAppointed(Event, frozen=True, kw_only=True):
    """The event's actor, an identity, made another one an admin: it opens brands and appoints others."""

    wire_name: ClassVar[str] = "admin_appointed"

    identity: str


class AdminDismissed(Event, frozen=True, kw_only=True):
    """The event's actor, an identity, ended that another one, or they themselves, is an admin."""

    wire_name: ClassVar[str] = "admin_dismissed"

    identity: str


NetworkEvent = NetworkCreated | AdminAppointed | AdminDismissed

# State


class Network(Struct, frozen=True, kw_only=True):
    """What a network must remember to decide.  `admins` are identities; the platform is above them."""

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
            return structs.replace(state, slug=event.slug, admins=frozenset({event.admin}) - {SYSTEM})
        case AdminAppointed():
            return structs.replace(state, admins=state.admins | {event.identity})
        case AdminDismissed():
            return structs.replace(state, admins=state.admins - {event.identity})
        case _:
            assert_never(event)


# Commands


class CreateNetwork(Command, frozen=True, kw_only=True):
    """Open a network.  Envelope: brand `NO_BRAND`, actor an identity."""

    wire_name: ClassVar[str] = "create_network"

    network_id: Id
    name: Line
    slug: Slug


class AppointAdmin(Command, frozen=True, kw_only=True):
    """Make an identity an admin of the network.  Its admins and operators.

    Envelope: brand `NO_BRAND`, actor an identity.
    """

    wire_name: ClassVar[str] = "appoint_admin"

    network_id: Id
    identity: Id


class DismissAdmin(Command, frozen=True, kw_only=True):
    """End that an identity is an admin; the last one stays.  Its admins and operators.  Envelope as above."""

    wire_name: ClassVar[str] = "dismiss_admin"

    network_id: Id
    identity: Id


NetworkCommand = CreateNetwork | AppointAdmin | DismissAdmin

# Decisions


def decide(state: Network, command: NetworkCommand) -> list[NetworkEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, ID_TAKEN, NOT_FOUND, LAST_ADMIN, TOO_MANY_ADMINS, INVALID.
    """
    match command:
        case CreateNetwork():
            return _create(state, command)
        case AppointAdmin():
            return _appoint(state, command)
        case DismissAdmin():
            return _dismiss(state, command)
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


def _appoint(state: Network, command: AppointAdmin) -> list[NetworkEvent]:
    _must_run(state, command)
    if is_account(command.identity):
        raise Invalid("a service account stays in its brand", ("identity",))
    if command.identity in state.admins:
        return []
    if len(state.admins) >= MOST_ADMINS:
        raise DomainError("TOO_MANY_ADMINS", f"a network has at most {MOST_ADMINS} admins", ("identity",))
    return [AdminAppointed(identity=command.identity)]


def _dismiss(state: Network, command: DismissAdmin) -> list[NetworkEvent]:
    _must_run(state, command)
    if command.identity not in state.admins:
        return []
    if len(state.admins) == 1:
        raise DomainError("LAST_ADMIN", "appoint another admin first", ("identity",))
    return [AdminDismissed(identity=command.identity)]


def _must_run(state: Network, command: AppointAdmin | DismissAdmin) -> None:
    """Raise FORBIDDEN for who is neither admin nor operator, NOT_FOUND."""
    if command.actor != SYSTEM and OPERATOR not in command.roles and command.actor not in state.admins:
        raise Forbidden("only an admin of the network or an operator does this")
    if not state.exists:
        raise NotFound("there is no such network", ("network_id",))


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
    commands=(CreateNetwork, AppointAdmin, DismissAdmin),
    events=(NetworkCreated, AdminAppointed, AdminDismissed),
)
