"""Who has which roles in a brand, and what it is open for: every service's own view of the members stream."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct
from pymongo import DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.gate import Gate, Stage
from libs.access.roles import Role, held_as
from libs.access.scopes import READER, roles_in
from libs.shared.domain import Event
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import to_ms


class MemberJoined(Event, frozen=True, kw_only=True):
    """Someone became a member, or came back; what the members service stores beyond that is not read."""

    wire_name: ClassVar[str] = "member_joined"


class MemberLeft(Event, frozen=True, kw_only=True):
    """Someone is no longer a member."""

    wire_name: ClassVar[str] = "member_left"


class RoleGranted(Event, frozen=True, kw_only=True):
    """A member has a role, in the whole brand or in one space, until it is revoked or ends."""

    wire_name: ClassVar[str] = "role_granted"

    role: str
    space_id: str | None = None
    expires_at: datetime | None = None


class RoleRevoked(Event, frozen=True, kw_only=True):
    """A member has a role less, in the whole brand or in one space."""

    wire_name: ClassVar[str] = "role_revoked"

    role: str
    space_id: str | None = None


class MemberSuspended(Event, frozen=True, kw_only=True):
    """A member reads, and writes nothing; why and until when is not read."""

    wire_name: ClassVar[str] = "member_suspended"


class MemberReinstated(Event, frozen=True, kw_only=True):
    """A member writes again."""

    wire_name: ClassVar[str] = "member_reinstated"


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


class Rights(Struct, frozen=True, kw_only=True):
    """What an actor has in a brand: roles without an end, and `terms`, those that end: each with its last moment (ms).

    Who is suspended keeps them all and may use none.
    """

    lasting: frozenset[str] = frozenset()
    terms: tuple[tuple[str, int], ...] = ()
    suspended: bool = False

    def roles(self, now_ms: int) -> frozenset[str]:
        """The roles at a time, as `held_as` writes them: none for strangers, `READER` alone for who only reads.

        A role ends at its time, also while nobody is there to record that it did.
        """
        if self.suspended:
            return frozenset({READER})
        if not self.terms:
            return self.lasting
        return self.lasting.union(role for role, ends_at in self.terms if now_ms < ends_at)


class AccessView(View):
    """What authorisation needs.

    `roles`: a document an actor of a brand, `_id` brand:actor.  A member's has `granted`, the roles beside member, each
    with its end, and whether they are `suspended`; a service account's has `scopes`.  `brands`: a document a brand: its
    `stage`, the modules that are `off`, the version of its `rules`.  `area` is the service that asks: scopes of other
    areas give no roles here.
    """

    name = "access"
    version = 3
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
        MemberSuspended,
        MemberReinstated,
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
                joined = {**who, "granted": {}, "suspended": False}
                yield Write("roles", ReplaceOne(who, joined, upsert=True))
            case ServiceAccountCreated(scopes=scopes):
                yield Write("roles", ReplaceOne(who, {**who, "scopes": sorted(scopes)}, upsert=True))
            case MemberLeft() | ServiceAccountClosed():
                yield Write("roles", DeleteOne(who))
            case RoleGranted(role=role, space_id=space, expires_at=ends_at):
                ends_at_ms = None if ends_at is None else to_ms(ends_at)
                yield Write("roles", UpdateOne(who, {"$set": {f"granted.{held_as(role, space)}": ends_at_ms}}))
            case RoleRevoked(role=role, space_id=space):
                yield Write("roles", UpdateOne(who, {"$unset": {f"granted.{held_as(role, space)}": ""}}))
            case MemberSuspended() | MemberReinstated():
                suspended = isinstance(recorded.event, MemberSuspended)
                yield Write("roles", UpdateOne(who, {"$set": {"suspended": suspended}}))
            case _:
                yield from _gate_changes(recorded)

    async def rights(self, brand: str, actor: str) -> Rights:
        """Return what a member or service account has in a brand, as far as the view has come; nothing for others.

        An account that may only read has the role `READER` alone.
        """
        document = await self.collection("roles").find_one({"_id": f"{brand}:{actor}"})
        return Rights() if document is None else self._rights(document)

    async def rights_of_many(self, brand: str, actors: Collection[str]) -> dict[str, Rights]:
        """Return what those of the actors have who are in a brand, as `rights` does."""
        keys = [f"{brand}:{actor}" for actor in actors]
        found = self.collection("roles").find({"_id": {"$in": keys}})
        return {document["_id"].removeprefix(f"{brand}:"): self._rights(document) async for document in found}

    def _rights(self, document: Mapping[str, Any]) -> Rights:
        if "scopes" in document:
            return Rights(lasting=roles_in(self.area, frozenset(document["scopes"])))
        granted: dict[str, int | None] = document["granted"]
        return Rights(
            lasting=frozenset({Role.MEMBER.value, *(role for role, ends_at in granted.items() if ends_at is None)}),
            terms=tuple((role, ends_at) for role, ends_at in granted.items() if ends_at is not None),
            suspended=document["suspended"],
        )

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
