"""A brand: one community of a network, with its address, what it is for, its launch stage and its modules."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.gate import Module, Stage
from libs.access.roles import Role, require
from libs.shared.codec import Upcaster
from libs.shared.domain import NO_BRAND, SYSTEM, Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from libs.shared.text import Line, Name, Slug
from services.members.locale import Locale, check_locale

#: What a brand is about, in plain text: at most 500 characters on any number of lines.
Summary = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]


class BrandKind(StrEnum):
    """Whom a brand gathers; staff are the employees of the organisation."""

    CUSTOMERS = "customers"
    STAFF = "staff"
    PARTNERS = "partners"
    RESELLERS = "resellers"
    FRANCHISEES = "franchisees"
    INVESTORS = "investors"
    ALUMNI = "alumni"
    CLUB = "club"
    INTEREST = "interest"
    OTHER = "other"


class BrandType(StrEnum):
    """What draws people to a community (Hagel and Armstrong, Net Gain, 1997; theirs is fantasy for virtual world)."""

    INTEREST = "interest"
    RELATION = "relation"
    TRANSACTION = "transaction"
    VIRTUAL_WORLD = "virtual_world"


# Events


class BrandCreated(Event, frozen=True, kw_only=True):
    """A network opened a community, in a stage that is not ARCHIVED.

    `furnished` asks for what the template of its `type` and `kind` brings; that is done after this event.
    """

    wire_name: ClassVar[str] = "brand_created"
    version: ClassVar[int] = 2

    network_id: str
    slug: str
    name: str
    kind: BrandKind
    locale: str
    type: BrandType | None = None
    description: str = ""
    stage: Stage = Stage.OPEN
    furnished: bool = False


class StageEntered(Event, frozen=True, kw_only=True):
    """An owner took the brand to another launch stage."""

    wire_name: ClassVar[str] = "stage_entered"

    stage: Stage


class ModuleSwitchedOff(Event, frozen=True, kw_only=True):
    """An owner closed a part of the brand to writes; what it holds stays."""

    wire_name: ClassVar[str] = "module_switched_off"

    module: Module


class ModuleSwitchedOn(Event, frozen=True, kw_only=True):
    """An owner opened a part of the brand to writes again."""

    wire_name: ClassVar[str] = "module_switched_on"

    module: Module


class BrandFurnished(Event, frozen=True, kw_only=True):
    """The platform carried out the brand's template; `left_out` are the commands that were refused."""

    wire_name: ClassVar[str] = "brand_furnished"

    left_out: tuple[str, ...] = ()


BrandEvent = BrandCreated | StageEntered | ModuleSwitchedOff | ModuleSwitchedOn | BrandFurnished


def _created_v1(data: dict[str, Any]) -> dict[str, Any]:
    """Brands from before there were stages were open from their first day."""
    return {**data, "type": None, "description": "", "stage": Stage.OPEN.value, "furnished": False}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {(BrandCreated.wire_name, 1): _created_v1}

# State


class Brand(Struct, frozen=True, kw_only=True):
    """What a brand must remember to decide."""

    network_id: str = ""
    slug: str = ""
    type: BrandType | None = None
    kind: BrandKind = BrandKind.OTHER
    locale: str = "en"
    stage: Stage = Stage.OPEN
    modules_off: frozenset[Module] = frozenset()
    furnished: bool = False

    @property
    def exists(self) -> bool:
        """Whether it was created."""
        return bool(self.slug)


def evolve(state: Brand, event: BrandEvent) -> Brand:
    """The brand after `event`."""
    match event:
        case BrandCreated():
            return structs.replace(
                state,
                network_id=event.network_id,
                slug=event.slug,
                type=event.type,
                kind=event.kind,
                locale=event.locale,
                stage=event.stage,
            )
        case StageEntered():
            return structs.replace(state, stage=event.stage)
        case ModuleSwitchedOff():
            return structs.replace(state, modules_off=state.modules_off | {event.module})
        case ModuleSwitchedOn():
            return structs.replace(state, modules_off=state.modules_off - {event.module})
        case BrandFurnished():
            return structs.replace(state, furnished=True)
        case _:
            assert_never(event)


# Commands


class CreateBrand(Command, frozen=True, kw_only=True):
    """Open a brand in a network.  Envelope: brand = `brand_id`, actor an identity.

    `founder` is the identity that joins at once as `founder_name` with the role owner; an import has none.
    `furnished` needs a `type`.  Whether the actor may do it is the network's rule (`network.admit_brand`).
    """

    wire_name: ClassVar[str] = "create_brand"

    brand_id: Id
    network_id: Id
    slug: Slug
    name: Line
    kind: BrandKind
    locale: Locale
    type: BrandType | None = None
    description: Summary = ""
    stage: Stage = Stage.OPEN
    furnished: bool = False
    founder: Id | None = None
    founder_name: Name | None = None


class EnterStage(Command, frozen=True, kw_only=True):
    """Take the brand to a later stage, or back from ARCHIVED to OPEN.  Owners only.  Envelope: brand = `brand_id`."""

    wire_name: ClassVar[str] = "enter_stage"

    brand_id: Id
    stage: Stage


class SwitchModule(Command, frozen=True, kw_only=True):
    """Close a part of the brand to writes, or open it again.  Owners only.  Envelope: brand = `brand_id`."""

    wire_name: ClassVar[str] = "switch_module"

    brand_id: Id
    module: Module
    on: bool


class CompleteFurnishing(Command, frozen=True, kw_only=True):
    """Say that the brand's template was carried out, but for what was refused.  The platform only."""

    wire_name: ClassVar[str] = "complete_furnishing"

    brand_id: Id
    left_out: tuple[str, ...] = ()


BrandCommand = CreateBrand | EnterStage | SwitchModule | CompleteFurnishing

# Decisions

_ORDER = tuple(Stage)


def decide(state: Brand, command: BrandCommand) -> list[BrandEvent]:
    """The facts that `command` makes true.  Raises INVALID, ID_TAKEN, FORBIDDEN, NOT_FOUND, STAGE_BACKWARD."""
    match command:
        case CreateBrand():
            return _create(state, command)
        case EnterStage():
            return _enter_stage(state, command)
        case SwitchModule():
            return _switch_module(state, command)
        case CompleteFurnishing():
            return _complete_furnishing(state, command)
        case _:
            assert_never(command)


def _create(state: Brand, command: CreateBrand) -> list[BrandEvent]:
    if command.brand_id != command.brand or command.brand_id == NO_BRAND:
        raise Invalid("the brand of the envelope must be the new brand's id", ("brand_id",))
    if command.founder is not None and command.founder_name is None:
        raise Invalid("a founder needs a name", ("founder_name",))
    check_locale(command.locale)
    if command.stage is Stage.ARCHIVED:
        raise Invalid("no brand begins archived", ("stage",))
    if command.furnished and command.type is None:
        raise Invalid("what furnishes a brand is found by its type", ("type",))
    if not state.exists:
        return [
            BrandCreated(
                network_id=command.network_id,
                slug=command.slug,
                name=command.name,
                kind=command.kind,
                locale=command.locale,
                type=command.type,
                description=command.description,
                stage=command.stage,
                furnished=command.furnished,
            )
        ]
    if (state.network_id, state.slug) != (command.network_id, command.slug):
        raise DomainError("ID_TAKEN", "another brand has this id", ("brand_id",))
    return []


def _enter_stage(state: Brand, command: EnterStage) -> list[BrandEvent]:
    require(command.roles, Role.OWNER)
    _must_be(state, command)
    if command.stage is state.stage:
        return []
    reopened = (state.stage, command.stage) == (Stage.ARCHIVED, Stage.OPEN)
    if not reopened and _ORDER.index(command.stage) < _ORDER.index(state.stage):
        raise DomainError("STAGE_BACKWARD", f"a brand does not go from {state.stage} to {command.stage}", ("stage",))
    return [StageEntered(stage=command.stage)]


def _switch_module(state: Brand, command: SwitchModule) -> list[BrandEvent]:
    require(command.roles, Role.OWNER)
    _must_be(state, command)
    if command.on is (command.module not in state.modules_off):
        return []
    return [ModuleSwitchedOn(module=command.module) if command.on else ModuleSwitchedOff(module=command.module)]


def _complete_furnishing(state: Brand, command: CompleteFurnishing) -> list[BrandEvent]:
    if command.actor != SYSTEM:
        raise Forbidden("the platform furnishes brands")
    _must_be(state, command)
    return [] if state.furnished else [BrandFurnished(left_out=command.left_out)]


def _must_be(state: Brand, command: EnterStage | SwitchModule | CompleteFurnishing) -> None:
    if command.brand_id != command.brand or not state.exists:
        raise NotFound("there is no such brand", ("brand_id",))


DECIDER: Decider[Brand, BrandCommand, BrandEvent] = Decider(
    aggregate="brand",
    initial=Brand(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(CreateBrand, EnterStage, SwitchModule, CompleteFurnishing),
    events=(BrandCreated, StageEntered, ModuleSwitchedOff, ModuleSwitchedOn, BrandFurnished),
)
