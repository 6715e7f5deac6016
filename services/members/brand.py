"""A brand: one community of a network, with its address, kind and language."""

from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.shared.domain import NO_BRAND, Command, Decider, DomainError, Event, Id, Invalid
from libs.shared.text import Line, Slug

#: A language tag of BCP 47: language, optional script, optional region: `fr`, `en-GB`, `zh-Hant-TW`.
Locale = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z")]


class BrandKind(StrEnum):
    """Whom a brand gathers."""

    CUSTOMERS = "customers"
    STAFF = "staff"
    PARTNERS = "partners"
    RESELLERS = "resellers"
    FRANCHISEES = "franchisees"
    INVESTORS = "investors"
    ALUMNI = "alumni"
    CLUB = "club"
    INTEREST = "interest"


# Events


class BrandCreated(Event, frozen=True, kw_only=True):
    """A network opened a community."""

    wire_name: ClassVar[str] = "brand_created"

    network_id: str
    slug: str
    name: str
    kind: BrandKind
    locale: str


BrandEvent = BrandCreated

# State


class Brand(Struct, frozen=True, kw_only=True):
    """What a brand must remember to decide."""

    network_id: str = ""
    slug: str = ""

    @property
    def exists(self) -> bool:
        """Whether it was created."""
        return bool(self.slug)


def evolve(state: Brand, event: BrandEvent) -> Brand:
    """The brand after `event`."""
    match event:
        case BrandCreated():
            return structs.replace(state, network_id=event.network_id, slug=event.slug)
        case _:
            assert_never(event)


# Commands


class CreateBrand(Command, frozen=True, kw_only=True):
    """Open a brand in a network.  Envelope: brand = `brand_id`, actor an identity.

    `founder` is the identity that joins at once as `founder_name` with the role owner; an import has none.
    Whether the actor may do it is the network's rule (`network.admit_brand`).
    """

    wire_name: ClassVar[str] = "create_brand"

    brand_id: Id
    network_id: Id
    slug: Slug
    name: Line
    kind: BrandKind
    locale: Locale
    founder: Id | None = None
    founder_name: Line | None = None


BrandCommand = CreateBrand

# Decisions


def decide(state: Brand, command: BrandCommand) -> list[BrandEvent]:
    """The facts that `command` makes true.  Raises INVALID, ID_TAKEN."""
    match command:
        case CreateBrand():
            return _create(state, command)
        case _:
            assert_never(command)


def _create(state: Brand, command: CreateBrand) -> list[BrandEvent]:
    if command.brand_id != command.brand or command.brand_id == NO_BRAND:
        raise Invalid("the brand of the envelope must be the new brand's id", ("brand_id",))
    if command.founder is not None and command.founder_name is None:
        raise Invalid("a founder needs a name", ("founder_name",))
    if not state.exists:
        return [
            BrandCreated(
                network_id=command.network_id,
                slug=command.slug,
                name=command.name,
                kind=command.kind,
                locale=command.locale,
            )
        ]
    if (state.network_id, state.slug) != (command.network_id, command.slug):
        raise DomainError("ID_TAKEN", "another brand has this id", ("brand_id",))
    return []


DECIDER: Decider[Brand, BrandCommand, BrandEvent] = Decider(
    aggregate="brand",
    initial=Brand(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(CreateBrand,),
    events=(BrandCreated,),
)
