"""Who has which roles in a brand, and what it is open for: every service's own view of the members stream."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.gate import Gate, Stage
from libs.access.roles import Role
from libs.access.scopes import roles_in
from libs.shared.domain import Event
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded


class MemberJoined(Event, frozen=True, kw_only=True):
    """Someone became a member, or came back; what the members service stores beyond that is not read."""

    wire_name: ClassVar[str] = "member_joined"


class MemberLeft(Event, frozen=True, kw_only=True):
    """Someone is no longer a member."""

    wire_name: ClassVar[str] = "member_left"


class RoleGranted(Event, frozen=True, kw_only=True):
    """A member has a role more."""

    wire_name: ClassVar[str] = "role_granted"

    role: str


class RoleRevoked(Event, frozen=True, kw_only=True):
    """A member has a role less."""

    wire_name: ClassVar[str] = "role_revoked"

    role: str


class BrandCreated(Event, frozen=True, kw_only=True):
    """A brand began; one from before there were stages was open from its first day."""

    wire_name: ClassVar[str] = "brand_created"

    stage: Stage = Stage.OPEN


class StageEntered(Event, frozen=True, kw_only=True):
    """A brand is in another stage."""

    wire_name: ClassVar[str] = "stage_entered"

    stage: Stage


class ModuleSwitchedOff(Event, frozen=True, kw_only=True):
    """A part of the brand takes no more writes."""

    wire_name: ClassVar[str] = "module_switched_off"

    module: str


class ModuleSwitchedOn(Event, frozen=True, kw_only=True):
    """A part of the brand takes writes again."""

    wire_name: ClassVar[str] = "module_switched_on"

    module: str


class RulesPublished(Event, frozen=True, kw_only=True):
    """A brand has new rules; their text is not read."""

    wire_name: ClassVar[str] = "rules_published"

    edition: int


class ServiceAccountCreated(Event, frozen=True, kw_only=True):
    """A program may act in the brand, within its scopes."""

    wire_name: ClassVar[str] = "service_account_created"

    scopes: list[str]


class ServiceAccountClosed(Event, frozen=True, kw_only=True):
    """The program may do nothing any more."""

    wire_name: ClassVar[str] = "service_account_closed"


class AccessView(View):
    """What authorisation needs.

    `roles`: a document an actor of a brand, `_id` brand:actor.  A member's has `granted`, the roles beside member; a
    service account's has `scopes`.  `brands`: a document a brand: its `stage`, the modules that are `off`, the version
    of its `rules`.  `area` is the service that asks: scopes of other areas give no roles here.
    """

    name = "access"
    version = 2
    stream = "MEMBERS"
    foreign = True
    subjects = (
        "evt.members.*.member.*",
        "evt.members.*.service_account.*",
        "evt.members.*.brand.*",
        "evt.members.*.charter.*",
    )
    events: ClassVar[tuple[type[Event], ...]] = (
        MemberJoined,
        MemberLeft,
        RoleGranted,
        RoleRevoked,
        ServiceAccountCreated,
        ServiceAccountClosed,
        BrandCreated,
        StageEntered,
        ModuleSwitchedOff,
        ModuleSwitchedOn,
        RulesPublished,
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"roles": (), "brands": ()}

    def __init__(self, area: str) -> None:
        self.area = area

    def project(self, recorded: Recorded[Event]) -> Iterable[Change]:
        """Return what one event changes.  Leaving takes all roles; who comes back starts as a member."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberJoined():
                yield Write("roles", ReplaceOne(who, {**who, "granted": []}, upsert=True))
            case ServiceAccountCreated(scopes=scopes):
                yield Write("roles", ReplaceOne(who, {**who, "scopes": sorted(scopes)}, upsert=True))
            case MemberLeft() | ServiceAccountClosed():
                yield Write("roles", DeleteOne(who))
            case RoleGranted(role=role):
                yield Write("roles", UpdateOne(who, {"$addToSet": {"granted": role}}))
            case RoleRevoked(role=role):
                yield Write("roles", UpdateOne(who, {"$pull": {"granted": role}}))
            case _:
                yield from _gate_changes(recorded)

    async def roles(self, brand: str, actor: str) -> frozenset[str]:
        """Return the roles of a member or service account in a brand, as far as the view has come; none for others.

        An account that may only read has the role `READER` alone.
        """
        document = await self.collection("roles").find_one({"_id": f"{brand}:{actor}"})
        if document is None:
            return frozenset()
        if "scopes" in document:
            return roles_in(self.area, frozenset(document["scopes"]))
        return frozenset({Role.MEMBER.value, *document["granted"]})

    async def gate(self, brand: str) -> Gate:
        """Return what a brand is open for, as far as the view has come; one it has not met is open."""
        document = await self.collection("brands").find_one({"_id": brand})
        if document is None:
            return Gate()
        return Gate(
            stage=Stage(document["stage"]),
            modules_off=frozenset(document["off"]),
            rules_version=document["rules"],
        )


def _gate_changes(recorded: Recorded[Event]) -> Iterable[Change]:
    brand = {"_id": recorded.brand}
    match recorded.event:
        case BrandCreated(stage=stage):
            yield Write(
                "brands", ReplaceOne(brand, {**brand, "stage": stage.value, "off": [], "rules": 0}, upsert=True)
            )
        case StageEntered(stage=stage):
            yield Write("brands", UpdateOne(brand, {"$set": {"stage": stage.value}}))
        case ModuleSwitchedOff(module=module):
            yield Write("brands", UpdateOne(brand, {"$addToSet": {"off": module}}))
        case ModuleSwitchedOn(module=module):
            yield Write("brands", UpdateOne(brand, {"$pull": {"off": module}}))
        case RulesPublished(edition=version):
            yield Write("brands", UpdateOne(brand, {"$set": {"rules": version}}))
