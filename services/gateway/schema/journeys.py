"""The journey that newcomers of a brand are led through, and the nudges for who has fallen silent."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.loaders import SPACES
from services.gateway.schema.common import BrandPart, field, known
from services.gateway.schema.discussions import Space
from services.gateway.schema.members import Member, load_members

Locale = Annotated[
    str | None,
    strawberry.argument(description="BCP 47.  Where the step does not speak it, and when nothing is said: its first."),
]


@strawberry.enum(description="What completes a step.  All but CUSTOM are completed by what the member does.")
class JourneyStepKind(Enum):
    """Kinds of steps, as services name them."""

    ACCEPT_RULES = "accept_rules"
    COMPLETE_PROFILE = "complete_profile"
    INTRODUCE = "introduce"
    REPLY = "reply"
    RSVP = "rsvp"
    ATTEND = "attend"
    IDEA = "idea"
    CUSTOM = "custom"


@strawberry.enum(description="Who says that a custom step is done.")
class StepCompleter(Enum):
    """Completers, as services name them."""

    MEMBER = "member"
    LEADER = "leader"


@strawberry.enum(description="Where a member's journey stands.")
class JourneyState(Enum):
    """States, as services name them."""

    UNDER_WAY = "under_way"
    PAUSED = "paused"
    FINISHED = "finished"


@strawberry.type(description="A step in one language.")
class StepWording:
    """A wording."""

    locale: str = strawberry.field(description="BCP 47.")
    title: str
    text: str = strawberry.field(description="Markdown, at most 2,000 characters; may be empty.")


@strawberry.type(description="Something that newcomers are to do.")
class JourneyStep:
    """A step of a brand's journey."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.StepReply]
    step_id: str = strawberry.field(description="Stays the same over the versions: who has done it need not again.")
    kind: JourneyStepKind | None = strawberry.field(description="What completes it.")
    completed_by: StepCompleter | None = strawberry.field(description="Of a CUSTOM step, who says that it is done.")
    after_days: int = strawberry.field(description="Due so many days, and `afterHours`, after joining.")
    after_hours: int = strawberry.field(description="Due so many hours, 0–23, and `afterDays`, after joining.")

    @staticmethod
    def of(row: replies.StepReply, scope: Scope) -> "JourneyStep":
        """A step as a service sees it."""
        days, hours = divmod(row.after_hours, 24)
        return JourneyStep(
            scope=scope,
            row=row,
            step_id=row.id,
            kind=next(iter(known([row.kind], JourneyStepKind)), None),
            completed_by=next(iter(known([row.completed_by or ""], StepCompleter)), None),
            after_days=days,
            after_hours=hours,
        )

    @field
    def title(self, locale: Locale = None) -> str:
        """What to do, one line."""
        return _spoken(self.row.wordings, locale).title

    @field
    def text(self, locale: Locale = None) -> str:
        """More about it, Markdown; may be empty."""
        return _spoken(self.row.wordings, locale).text

    @field
    def wordings(self) -> list[StepWording]:
        """All languages that it speaks."""
        return [StepWording(locale=one.locale, title=one.title, text=one.text) for one in self.row.wordings]

    @batch
    @staticmethod
    async def space(those: list["JourneyStep"]) -> Answers[Space | None]:
        """Where an INTRODUCE step wants the first post; null for anywhere."""
        return await SPACES.objects(
            ((one.scope, one.row.space_id) if one.row.space_id else None for one in those), Space.of
        )


@strawberry.type(description="The journey of a brand in its newest version.")
class Journey:
    """A journey; who joins is led through it."""

    version: int = strawberry.field(description="From 1.")
    published_at: datetime
    steps: list[JourneyStep] = strawberry.field(description="In their order; without any nobody is led.")


@strawberry.type(description="A step of one member's journey.")
class MemberJourneyStep:
    """What became of a step."""

    step: JourneyStep = strawberry.field(description="What is to be done.")
    due_at: datetime = strawberry.field(description="From when on the member is reminded; time away does not count.")
    reminded_at: datetime | None = strawberry.field(description="When the member was reminded, once; null before.")
    completed_at: datetime | None = strawberry.field(description="When it was done; null before.")
    skipped_at: datetime | None = strawberry.field(description="When the member went on without it; null before.")


@strawberry.type(description="A member's way through the journey, in the version that they are on.")
class MemberJourney:
    """A member's journey."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    version: int = strawberry.field(description="Of the journey, from 1.")
    state: JourneyState = strawberry.field(description="Where it stands.")
    started_at: datetime = strawberry.field(description="When the member set out: by joining, as a rule.")
    finished_at: datetime | None = strawberry.field(description="When the last step was done; null before.")
    steps: list[MemberJourneyStep] = strawberry.field(description="In their order.")

    @staticmethod
    def of(row: replies.MemberJourneyReply, scope: Scope) -> "MemberJourney":
        """A member's journey as a service sees it."""
        return MemberJourney(
            scope=scope,
            key=row.member_id,
            version=row.edition,
            state=JourneyState(row.state),
            started_at=row.started_at,
            finished_at=row.finished_at,
            steps=[
                MemberJourneyStep(
                    step=JourneyStep.of(one.step, scope),
                    due_at=one.due_at,
                    reminded_at=one.reminded_at,
                    completed_at=one.completed_at,
                    skipped_at=one.skipped_at,
                )
                for one in row.steps
            ],
        )

    @batch
    @staticmethod
    async def member(those: list["MemberJourney"]) -> Answers[Member | None]:
        """Whose it is."""
        return await load_members((one.scope, one.key) for one in those)

    @field
    def current_step(self) -> MemberJourneyStep | None:
        """What to do next: of the steps that are neither done nor skipped the one that is due first; null for none."""
        left = [one for one in self.steps if one.completed_at is None and one.skipped_at is None]
        return min(left, key=lambda one: one.due_at, default=None)


@strawberry.type(description="What became of a step: of how many members, in all versions.")
class JourneyStepReport:
    """A step in the report."""

    step: JourneyStep = strawberry.field(description="Which one.")
    completed: int = strawberry.field(description="How many have done it.")
    skipped: int = strawberry.field(description="How many went on without it.")
    reminded: int = strawberry.field(description="How many were reminded of it.")
    median_hours: int | None = strawberry.field(
        description="How long after joining it was done: whole hours, from two days on whole days; null before anybody "
        "did it."
    )


@strawberry.type(description="How far members come on the journey: who started is under way, paused or finished.")
class JourneyReport:
    """A report."""

    started: int = strawberry.field(description="How many have set out.")
    under_way: int = strawberry.field(description="How many are on it now.")
    paused: int = strawberry.field(description="How many have left or are suspended.")
    finished: int = strawberry.field(description="How many have done or skipped every step.")
    steps: list[JourneyStepReport] = strawberry.field(description="Those of the newest version, in their order.")


@strawberry.type(description="The sender and nudges: invitations to contribute after a time of silence.")
class ViewerNudges:
    """A member's nudges."""

    on: bool = strawberry.field(description="Whether the sender wants them.")
    last_at: datetime | None = strawberry.field(description="When the last one came; null before any.")


async def load_member_journey(scope: Scope, member: str) -> MemberJourney | None:
    """A member's journey; None for who never set out."""
    row = await scope.ask("members", "member_journey", replies.JourneyOfMemberReply, member_id=member)
    return MemberJourney.of(row.journey, scope) if row.journey else None


@strawberry.type
class BrandJourneys(BrandPart):
    """The part of a brand that leads its members."""

    @field
    async def journey(self, info: Info) -> Journey | None:
        """What newcomers are led through; null before the first version.  Members only."""
        scope = self.inside(info)
        row = (await scope.ask("members", "journey_of_brand", replies.JourneyOfBrandReply)).journey
        if row is None:
            return None
        steps = [JourneyStep.of(step, scope) for step in row.steps]
        return Journey(version=row.edition, published_at=row.published_at, steps=steps)

    @field
    async def viewer_journey(self, info: Info) -> MemberJourney | None:
        """The sender's own way through the journey; null for who never set out.  Members only."""
        scope = self.inside(info)
        return await load_member_journey(scope, scope.viewer)

    @field
    async def member_journey(self, info: Info, member_id: ID) -> MemberJourney | None:
        """A member's way through the journey; null for who never set out.  For the member, owners and builders."""
        member = ids.expect(member_id, "memberId", "Member", brand=self.key).key
        return await load_member_journey(self.inside(info), member)

    @field
    async def journey_report(self, info: Info) -> JourneyReport | None:
        """How far members come.  Owners and builders."""
        scope = self.inside(info)
        row = await scope.ask("members", "journey_report", replies.JourneyReportReply)
        steps = [
            JourneyStepReport(
                step=JourneyStep.of(one.step, scope),
                completed=one.completed,
                skipped=one.skipped,
                reminded=one.reminded,
                median_hours=one.median_hours,
            )
            for one in row.steps
        ]
        return JourneyReport(
            started=row.started, under_way=row.under_way, paused=row.paused, finished=row.finished, steps=steps
        )

    @field
    async def nudge_after_days(self, info: Info) -> int | None:
        """After how many days without a post, a reply or an idea a member is nudged; null for never.  Members only."""
        row = await self.inside(info).ask("members", "nudge_rule_of_brand", replies.NudgeRuleReply)
        return row.after_days

    @field
    async def viewer_nudges(self, info: Info) -> ViewerNudges | None:
        """Whether the sender wants nudges.  Members only."""
        scope = self.inside(info)
        row = await scope.ask("members", "nudges_of_member", replies.MemberNudgesReply, member_id=scope.viewer)
        return ViewerNudges(on=row.on, last_at=row.last_at)


def _spoken(wordings: Sequence[replies.WordingReply], locale: str | None) -> replies.WordingReply:
    """The wording for a locale, else for its language anywhere, else the first."""

    def distance(wording: replies.WordingReply) -> int:
        if wording.locale == locale:
            return 0
        return 1 if wording.locale.split("-")[0] == (locale or "").split("-")[0] else 2

    return min(wordings, key=distance)
