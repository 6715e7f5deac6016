"""How does a member stand, with which roles, and who did what about it, when and why?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from pymongo import IndexModel, ReplaceOne, UpdateMany, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role, held_as
from libs.shared.domain import ERASED, Id, Query
from libs.shared.paging import Page, PageRequest, page, page_index
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.times import from_ms, to_ms
from services.members import member, member_decisions
from services.members.member import MemberErasureRequested, MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from services.members.standing.facts import (
    MemberBanned,
    MemberReinstated,
    MemberSuspended,
    StandingEvent,
    VerifiedMarkGranted,
    VerifiedMarkRevoked,
)


class Action(StrEnum):
    """What was done about a member's standing."""

    SUSPENDED = "suspended"
    BANNED = "banned"
    REINSTATED = "reinstated"
    VERIFIED = "verified"
    MARK_REVOKED = "mark_revoked"


class RoleChange(StrEnum):
    """What became of a role."""

    GRANTED = "granted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class GrantView(Struct, frozen=True, kw_only=True):
    """A role beside member that is held: in one space or (None) in the whole brand, until a time or for good."""

    role: Role
    space_id: str | None
    expires_at: datetime | None
    granted_at: datetime
    granted_by: str


class ExclusionView(Struct, frozen=True, kw_only=True):
    """That a member is suspended (`until` a time, or None: until reinstated) or banned, and why."""

    banned: bool
    reason: str
    since: datetime
    until: datetime | None
    by: str


class StandingView(Struct, frozen=True, kw_only=True):
    """How a member stands.  `exclusion` is None also for who may not know of it."""

    verified: bool = False
    grants: list[GrantView] = []
    exclusion: ExclusionView | None = None


class ActionView(Struct, frozen=True, kw_only=True):
    """Who did what to a member's standing, when and why; `by` the platform when a time came."""

    action: Action
    member_id: str
    by: str
    at: datetime
    reason: str | None
    until: datetime | None


class RoleChangeView(Struct, frozen=True, kw_only=True):
    """Who gave or took which role, when, where and until when."""

    change: RoleChange
    role: Role
    space_id: str | None
    expires_at: datetime | None
    by: str
    at: datetime


class ActionPageResult(Page[ActionView], frozen=True, kw_only=True):
    """A page of actions."""


class RoleChangePageResult(Page[RoleChangeView], frozen=True, kw_only=True):
    """A page of changes."""


class ExcludedPageResult(Page[str], frozen=True, kw_only=True):
    """A page of members, by their ids."""


class StandingsGetMany(Query, frozen=True, kw_only=True):
    """How members stand, in the order of `ids`.  Members; of an exclusion: owners, moderators, the member."""

    wire_name: ClassVar[str] = "standings_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class StandingActions(Query, frozen=True, kw_only=True):
    """What was done about the standing of a member, or of all, the newest first.

    Owners and moderators; members about themselves.
    """

    wire_name: ClassVar[str] = "standing_actions"

    member_id: Id | None = None
    page: PageRequest = PageRequest()


class RoleHistory(Query, frozen=True, kw_only=True):
    """Which roles a member was given and lost, the newest first.  The member, owners, builders and moderators."""

    wire_name: ClassVar[str] = "role_history"

    member_id: Id
    page: PageRequest = PageRequest()


class ExcludedMembers(Query, frozen=True, kw_only=True):
    """Who is suspended or banned now, the newest first.  Owners and moderators."""

    wire_name: ClassVar[str] = "excluded_members"

    page: PageRequest = PageRequest()


class StandingsView(View):
    """Three collections.

    `standings`: a document a member with something to tell, `_id` brand:member: whether they are `verified`, their
    `grants` by `held_as`, and how they are `excluded`.  `actions` and `role_changes`: a document each time.
    """

    name = "standings"
    version = 1
    stream = "MEMBERS"
    events = (*member_decisions.DECIDER.events, ErasureRecorded)
    upcasters = member.UPCASTERS
    subjects = ("evt.members.*.member.>", "evt.members.*.erasure.>")
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "standings": (page_index("brand", "is_excluded", "since_ms"),),
        "actions": (page_index("brand", "at_ms"), page_index("who", "at_ms")),
        "role_changes": (page_index("who", "at_ms"),),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = f"{recorded.brand}:{recorded.aggregate_id}"
        match recorded.event:
            case RoleGranted() | RoleRevoked() as event:
                yield from _role_changes(recorded, who, event)
            case MemberJoined() | MemberLeft() | MemberErasureRequested():
                yield Write("standings", UpdateOne({"_id": who}, {"$set": {"verified": False, "grants": {}}}))
            case VerifiedMarkGranted() | VerifiedMarkRevoked() as event:
                verified = isinstance(event, VerifiedMarkGranted)
                yield _standing(recorded, who, {"verified": verified})
                yield _action(recorded, who, Action.VERIFIED if verified else Action.MARK_REVOKED)
            case MemberSuspended() | MemberBanned() | MemberReinstated() as event:
                yield from _exclusions(recorded, who, event)
            case ErasureRecorded():
                nothing: dict[str, Any] = {"is_excluded": False, "excluded": None, "since_ms": 0}
                nothing |= {"verified": False, "grants": {}}
                yield Write("standings", UpdateOne({"_id": who}, {"$set": nothing}))
                # As the log reads from here on: a reason that need not be given is none.
                lifted = {"who": who, "action": Action.REINSTATED.value}
                yield Write("actions", UpdateMany(lifted, {"$set": {"reason": None}}))
                reasoned = {"who": who, "reason": {"$ne": None}}
                yield Write("actions", UpdateMany(reasoned, {"$set": {"reason": ERASED}}))

    async def standings_get_many(self, query: StandingsGetMany, *, see_all: bool) -> list[StandingView]:
        """How the members of `ids` stand, in that order; of exclusions only the viewer's own unless `see_all`."""
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {
            document["_id"]: _standing_view(document, see_all or document["member"] == query.viewer)
            async for document in self.collection("standings").find({"_id": {"$in": keys}})
        }
        return [found.get(key, StandingView()) for key in keys]

    async def standing_actions(self, query: StandingActions) -> ActionPageResult:
        """A page of actions."""
        one = query.member_id
        prefix = {"brand": query.brand} if one is None else {"who": f"{query.brand}:{one}"}
        found = await page(self.collection("actions"), prefix=prefix, key="at_ms", request=query.page, descending=True)
        shown = found.map(_action_view)
        return ActionPageResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def role_history(self, query: RoleHistory) -> RoleChangePageResult:
        """A page of what became of a member's roles."""
        found = await page(
            self.collection("role_changes"),
            prefix={"who": f"{query.brand}:{query.member_id}"},
            key="at_ms",
            request=query.page,
            descending=True,
        )
        shown = found.map(_role_change_view)
        return RoleChangePageResult(
            items=shown.items, cursors=shown.cursors, has_next=shown.has_next, has_previous=shown.has_previous
        )

    async def excluded_members(self, query: ExcludedMembers) -> ExcludedPageResult:
        """A page of members who are suspended or banned."""
        found = await page(
            self.collection("standings"),
            prefix={"brand": query.brand, "is_excluded": True},
            key="since_ms",
            request=query.page,
            descending=True,
        )
        ids: list[str] = [document["member"] for document in found.items]
        return ExcludedPageResult(
            items=ids, cursors=found.cursors, has_next=found.has_next, has_previous=found.has_previous
        )


def _role_changes(recorded: Recorded[Any], who: str, event: RoleGranted | RoleRevoked) -> Iterable[Change]:
    held, expires_at_ms, change = f"grants.{held_as(event.role, event.space_id)}", None, RoleChange.REVOKED
    if isinstance(event, RoleGranted):
        change = RoleChange.GRANTED
        expires_at_ms = None if event.expires_at is None else to_ms(event.expires_at)
        grant = {
            "role": event.role.value,
            "space": event.space_id,
            "expires_at_ms": expires_at_ms,
            "granted_at_ms": to_ms(recorded.time),
            "granted_by": recorded.actor,
        }
        yield _standing(recorded, who, {held: grant})
    else:
        change = RoleChange.EXPIRED if event.expired else change
        yield Write("standings", UpdateOne({"_id": who}, {"$unset": {held: ""}}))
    noted = {"change": change.value, "role": event.role.value, "space": event.space_id, "expires_at_ms": expires_at_ms}
    yield _note("role_changes", recorded, who, noted)


def _exclusions(
    recorded: Recorded[Any], who: str, event: MemberSuspended | MemberBanned | MemberReinstated
) -> Iterable[Change]:
    if isinstance(event, MemberReinstated):
        yield _standing(recorded, who, {"is_excluded": False, "excluded": None, "since_ms": 0})
        yield _action(recorded, who, Action.REINSTATED, event)
        return
    until = event.until if isinstance(event, MemberSuspended) else None
    excluded = {
        "banned": isinstance(event, MemberBanned),
        "reason": event.reason,
        "until_ms": None if until is None else to_ms(until),
        "by": recorded.actor,
    }
    yield _standing(recorded, who, {"is_excluded": True, "excluded": excluded, "since_ms": to_ms(recorded.time)})
    yield _action(recorded, who, Action.BANNED if excluded["banned"] else Action.SUSPENDED, event)


def _standing(recorded: Recorded[Any], who: str, changed: Mapping[str, Any]) -> Write:
    """Change a member's standing, and begin with a plain one."""
    plain: dict[str, Any] = {"verified": False, "grants": {}, "is_excluded": False, "excluded": None, "since_ms": 0}
    names = {name.partition(".")[0] for name in changed}
    begin = {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        **{name: value for name, value in plain.items() if name not in names},
    }
    return Write("standings", UpdateOne({"_id": who}, {"$set": changed, "$setOnInsert": begin}, upsert=True))


def _action(recorded: Recorded[Any], who: str, action: Action, event: StandingEvent | None = None) -> Write:
    until = event.until if isinstance(event, MemberSuspended) else None
    noted = {
        "action": action.value,
        "reason": getattr(event, "reason", None),
        "until_ms": None if until is None else to_ms(until),
    }
    return _note("actions", recorded, who, noted)


def _note(collection: str, recorded: Recorded[Any], who: str, noted: Mapping[str, Any]) -> Write:
    id_ = f"{who}:{recorded.sequence:020}:{recorded.index}"
    document = {
        "_id": id_,
        "brand": recorded.brand,
        "who": who,
        "member": recorded.aggregate_id,
        "by": recorded.actor,
        "at_ms": to_ms(recorded.time),
        **noted,
    }
    return Write(collection, ReplaceOne({"_id": id_}, document, upsert=True))


def _standing_view(document: Mapping[str, Any], sees_exclusion: bool) -> StandingView:
    excluded = document["excluded"] if sees_exclusion else None
    return StandingView(
        verified=document["verified"],
        grants=[
            GrantView(
                role=Role(grant["role"]),
                space_id=grant["space"],
                expires_at=_instant(grant["expires_at_ms"]),
                granted_at=from_ms(grant["granted_at_ms"]),
                granted_by=grant["granted_by"],
            )
            for _, grant in sorted(document["grants"].items())
        ],
        exclusion=excluded
        and ExclusionView(
            banned=excluded["banned"],
            reason=excluded["reason"],
            since=from_ms(document["since_ms"]),
            until=_instant(excluded["until_ms"]),
            by=excluded["by"],
        ),
    )


def _action_view(document: Mapping[str, Any]) -> ActionView:
    return ActionView(
        action=Action(document["action"]),
        member_id=document["member"],
        by=document["by"],
        at=from_ms(document["at_ms"]),
        reason=document["reason"],
        until=_instant(document["until_ms"]),
    )


def _role_change_view(document: Mapping[str, Any]) -> RoleChangeView:
    return RoleChangeView(
        change=RoleChange(document["change"]),
        role=Role(document["role"]),
        space_id=document["space"],
        expires_at=_instant(document["expires_at_ms"]),
        by=document["by"],
        at=from_ms(document["at_ms"]),
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
