"""Segments: groups of members by rules that are kept true, or as lists; for those who lead a brand."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry import ID, UNSET
from strawberry.scalars import JSON

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import Invalid
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import SEGMENT_MEMBERS, SEGMENT_PROGRESS, SEGMENTS
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    Node,
    Payload,
    command,
    connection,
    field,
    optional,
    page_arguments,
)
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.schema.roles import Role

#: What a rule of a segment may be nested; the service that owns it allows less.
_MAX_DEPTH: Final = 20


@strawberry.enum(description="What members do that segments can ask about.  Each is counted once, also if taken back.")
class MemberAct(Enum):
    """Acts, as services name them."""

    POSTED = "posted"
    REPLIED = "replied"
    REACTED = "reacted"
    SUBMITTED_IDEA = "submitted_idea"
    VOTED = "voted"
    CHECKED_IN = "checked_in"


@strawberry.input
class DidInput:
    """The member did something, so often and so recently."""

    act: MemberAct
    at_least: int = strawberry.field(default=1, description="How often: 1–1,000,000.")
    within_days: int | None = strawberry.field(
        default=None, description="Within the last days, today (UTC) among them: 1–366; ever when nothing is said."
    )


@strawberry.input
class BroughtByInput:
    """The member was brought by another one."""

    member_id: ID | None = strawberry.field(default=None, description="By this one; by anybody when nothing is said.")


@strawberry.input(one_of=True)
class SegmentRuleInput:
    """Exactly one condition, or a combination of rules: at most 50 parts and 6 levels."""

    all: list["SegmentRuleInput"] | None = strawberry.field(default=UNSET, description="All of these hold.")
    any: list["SegmentRuleInput"] | None = strawberry.field(default=UNSET, description="At least one of these holds.")
    not_: "SegmentRuleInput | None" = strawberry.field(default=UNSET, name="not", description="This does not hold.")
    has_role: Role | None = strawberry.field(default=UNSET, description="The member has this role.")
    joined_within_days: int | None = strawberry.field(
        default=UNSET, description="The member joined within the last days, today (UTC) among them: 1–366."
    )
    came_by: str | None = strawberry.field(default=UNSET, description="The source that the member joined by, a slug.")
    brought_by: BroughtByInput | None = strawberry.field(default=UNSET, description="Another member brought them.")
    did: DidInput | None = strawberry.field(default=UNSET, description="The member did something.")


def rule_of(given: SegmentRuleInput, brand: str, depth: int = 1) -> dict[str, Any]:
    """A rule as the service takes it.  Raises `Invalid`, `NotFound` for a member of another brand."""
    if depth > _MAX_DEPTH:
        raise Invalid(f"a rule has at most {_MAX_DEPTH} levels", ("rule",))
    if given.all:
        return {"is": "all", "rules": [rule_of(one, brand, depth + 1) for one in given.all]}
    if given.any:
        return {"is": "any", "rules": [rule_of(one, brand, depth + 1) for one in given.any]}
    if given.not_:
        return {"is": "not", "rule": rule_of(given.not_, brand, depth + 1)}
    if given.has_role:
        return {"is": "has_role", "role": given.has_role.value}
    if given.joined_within_days is not UNSET:
        return {"is": "joined_within", "days": given.joined_within_days}
    if given.came_by is not UNSET:
        return {"is": "came_by", "source": given.came_by}
    if given.brought_by:
        referrer = ids.key_if_given(given.brought_by.member_id, "memberId", "Member", brand=brand)
        return {"is": "brought_by", **optional(referrer=referrer)}
    if given.did:
        did = given.did
        return {
            "is": "did",
            "act": did.act.value,
            "at_least": did.at_least,
            **optional(within_days=did.within_days),
        }
    raise Invalid("a combination has at least one rule", ("rule",))


def shown(rule: Mapping[str, Any], brand: str) -> dict[str, Any]:
    """A rule of the service in the shape of `SegmentRuleInput`; what this release does not know is empty."""
    match rule:
        case {"is": "all" | "any" as how, "rules": rules}:
            return {how: [shown(one, brand) for one in rules]}
        case {"is": "not", "rule": inner}:
            return {"not": shown(inner, brand)}
        case {"is": "has_role", "role": role}:
            return {"hasRole": role.upper()}
        case {"is": "joined_within", "days": days}:
            return {"joinedWithinDays": days}
        case {"is": "came_by", "source": source}:
            return {"cameBy": source}
        case {"is": "brought_by"}:
            referrer = rule.get("referrer")
            return {"broughtBy": {"memberId": ids.encode("Member", brand, referrer)} if referrer else {}}
        case {"is": "did", "act": act}:
            within = optional(withinDays=rule.get("within_days"))
            return {"did": {"act": act.upper(), "atLeast": rule.get("at_least", 1), **within}}
        case _:
            return {}


@strawberry.type(description="A member who is in a segment.")
class SegmentMember:
    """A membership of a segment."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.InSegmentReply]
    entered_at: datetime = strawberry.field(description="Since when.")

    @batch
    @staticmethod
    async def member(those: list["SegmentMember"]) -> Answers[Member | None]:
        """Who."""
        return await load_members((one.scope, one.row.member_id) for one in those)


@strawberry.type(description="A group of members: by a rule that is kept true for them, or as a list.")
class Segment(Node):
    """A segment; owners and builders see it."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.SegmentReply]
    name: str
    rule: JSON | None = strawberry.field(description="In the shape of `SegmentRuleInput`; null for a list.")
    member_count: int = strawberry.field(description="How many are in it now.")
    created_at: datetime
    settled_at: datetime | None = strawberry.field(
        description="When all members had been held against the rule as it is; null while that goes on."
    )

    @staticmethod
    def of(row: replies.SegmentReply, scope: Scope) -> "Segment":
        """A segment as a service sees it."""
        return Segment(
            id=ids.encode("Segment", scope.brand, row.id),
            scope=scope,
            row=row,
            name=row.name,
            rule=None if row.rule is None else JSON(shown(row.rule, scope.brand)),
            member_count=row.member_count,
            created_at=row.created_at,
            settled_at=row.settled_at,
        )

    @batch
    @staticmethod
    async def progress(those: list["Segment"]) -> Answers[float]:
        """How much of the brand was held against the rule as it is: from 0 to 1."""
        return await SEGMENT_PROGRESS.present(((one.scope, one.row.id) for one in those), lambda part, _: part)

    @batch
    @staticmethod
    async def created_by(those: list["Segment"]) -> Answers[Member | None]:
        """The member who made it; null for the platform itself."""
        return await load_members((one.scope, one.row.created_by) for one in those)

    @batch
    @staticmethod
    async def viewer_can(those: list["Segment"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("segment", ((one.scope, one.row.id) for one in those), "members")

    @batch
    @staticmethod
    async def members(
        those: list["Segment"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[SegmentMember]]:
        """Who is in it, who entered last first."""
        page = page_arguments(first, after, last, before)
        return await SEGMENT_MEMBERS.present(((one.scope, one.row.id) for one in those), _members, page=page)


def _members(page: replies.PageReply[replies.InSegmentReply], scope: Scope) -> Connection[SegmentMember]:
    return connection(page, lambda row: SegmentMember(scope=scope, row=row, entered_at=row.entered_at))


@strawberry.type(description="What a rule would come to, before it is saved.")
class SegmentPreview:
    """A preview."""

    scope: strawberry.Private[Scope]
    sample_ids: strawberry.Private[list[str]]
    count: int = strawberry.field(description="For how many members it holds.")
    exact: bool = strawberry.field(description="Whether all members were looked at; else the count is an estimate.")

    @field
    async def sample(self) -> list[Member]:
        """Some of those for whom it holds, at most 10."""
        found = await load_members((self.scope, id_) for id_ in self.sample_ids)
        return [one for one in found if isinstance(one, Member)]


async def load_segment(scope: Scope, key: str) -> Segment | None:
    """A segment by id."""
    return await SEGMENTS.object(scope, key, Segment.of)


@strawberry.type
class BrandSegments(BrandPart):
    """The part of a brand that is about groups of its members."""

    @field
    async def segments(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Segment] | None:
        """The segments, oldest first.  Owners and builders only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("members", "segment_page", replies.PageReply[replies.SegmentReply], page=page)
        return connection(found, lambda row: Segment.of(row, scope))

    @field
    async def segment_preview(self, info: Info, rule: SegmentRuleInput) -> SegmentPreview | None:
        """What a rule would come to now.  Owners and builders only."""
        scope = self.inside(info)
        asked = rule_of(rule, scope.brand)
        row = await scope.ask("members", "segment_preview", replies.SegmentPreviewReply, rule=asked)
        return SegmentPreview(scope=scope, sample_ids=row.sample_ids, count=row.count, exact=row.exact)

    @field
    async def segments_of_member(self, info: Info, member_id: ID) -> list[Segment] | None:
        """The segments that a member is in, by name.  Owners and builders only."""
        scope = self.inside(info)
        member = ids.expect(member_id, "memberId", "Member", brand=scope.brand).key
        [found] = await scope.ask("members", "segments_of_members", list[list[replies.SegmentReply]], ids=[member])
        return [Segment.of(row, scope) for row in found]


@strawberry.type
class SegmentPayload(Payload):
    """The segment that was made or changed."""

    @field
    async def segment(self) -> Segment | None:
        """The segment as changed; null when refused, and for one that was deleted."""
        return await load_segment(self.done.scope, self.done.id) if self.done else None


@strawberry.input
class CreateSegmentInput:
    """A new segment."""

    brand_id: ID
    name: str
    rule: SegmentRuleInput | None = strawberry.field(default=None, description="Nothing for a list that leaders keep.")
    command_id: CommandId = None


@strawberry.input
class ChangeSegmentInput:
    """Another name or rule; what is left out stays."""

    segment_id: ID
    name: str | None = None
    rule: SegmentRuleInput | None = strawberry.field(default=None, description="Who is to be in it from now on.")
    command_id: CommandId = None


@strawberry.input
class SegmentInput:
    """A segment."""

    segment_id: ID
    command_id: CommandId = None


@strawberry.input
class SegmentMembersInput:
    """Members of a list."""

    segment_id: ID
    member_ids: list[ID] = strawberry.field(description="1–100 members of the brand.")
    command_id: CommandId = None


@strawberry.type
class SegmentMutation:
    """Commands on segments."""

    @command
    async def create_segment(self, info: Info, input: CreateSegmentInput) -> SegmentPayload:  # noqa: A002
        """Make a segment: by a rule, or as a list.  Owners and builders only.

        By a rule, members are held against it in the background: `progress` says how far that is.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.segment.create_segment",
            input.command_id,
            creates="segment_id",
            name=input.name,
            **optional(rule=rule_of(input.rule, brand) if input.rule else None),
        )
        return SegmentPayload(done=done)

    @command
    async def change_segment(self, info: Info, input: ChangeSegmentInput) -> SegmentPayload:  # noqa: A002
        """Give a segment another name or rule.  Owners and builders only."""
        segment = ids.expect(input.segment_id, "segmentId", "Segment")
        rule = rule_of(input.rule, segment.brand) if input.rule else None
        return await _change(info, "change_segment", input, **optional(name=input.name, rule=rule))

    @command
    async def delete_segment(self, info: Info, input: SegmentInput) -> SegmentPayload:  # noqa: A002
        """Give a segment up, for good; what is exclusive to it stays so, for nobody.  Owners and builders only."""
        return await _change(info, "delete_segment", input)

    @command
    async def add_to_segment(self, info: Info, input: SegmentMembersInput) -> SegmentPayload:  # noqa: A002
        """Put members on the list of a segment.  Owners and builders only."""
        return await _change(info, "add_to_segment", input, member_ids=_keys(input))

    @command
    async def take_from_segment(self, info: Info, input: SegmentMembersInput) -> SegmentPayload:  # noqa: A002
        """Take members off the list of a segment.  Owners and builders only."""
        return await _change(info, "take_from_segment", input, member_ids=_keys(input))


async def _change(
    info: Info, name: str, given: ChangeSegmentInput | SegmentInput | SegmentMembersInput, /, **fields: Any
) -> SegmentPayload:
    segment = ids.expect(given.segment_id, "segmentId", "Segment")
    to = f"members.segment.{name}"
    done = await info.context.act(segment.brand, to, given.command_id, segment_id=segment.key, **fields)
    return SegmentPayload(done=done)


def _keys(given: SegmentMembersInput) -> list[str]:
    brand = ids.expect(given.segment_id, "segmentId", "Segment").brand
    return [ids.expect(one, "memberIds", "Member", brand=brand).key for one in given.member_ids]
