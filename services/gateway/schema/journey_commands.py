"""Commands on the journey of a brand, on one's way through it, and on nudges."""

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.schema.brands import BrandPayload
from services.gateway.schema.common import CommandId, Payload, command, field, optional
from services.gateway.schema.journeys import JourneyStepKind, MemberJourney, StepCompleter, load_member_journey


@strawberry.input
class StepWordingInput:
    """A step in one language."""

    locale: str = strawberry.field(description="BCP 47.")
    title: str
    text: str = strawberry.field(default="", description="Markdown, at most 2,000 characters.")


@strawberry.input
class JourneyStepInput:
    """A step of a journey."""

    step_id: str = strawberry.field(
        description="A slug, the same in all versions: who has done the step of this id need not do it again."
    )
    kind: JourneyStepKind
    after_days: int = strawberry.field(default=0, description="Due so many days, and `afterHours`, after joining.")
    after_hours: int = strawberry.field(default=0, description="Due so many hours, and `afterDays`, after joining.")
    wordings: list[StepWordingInput] = strawberry.field(
        description="Each locale once; the first is for who speaks none of them."
    )
    space_id: ID | None = strawberry.field(default=None, description="Where an INTRODUCE step wants the first post.")
    completed_by: StepCompleter | None = strawberry.field(
        default=None, description="Of a CUSTOM step, and of no other, who says that it is done."
    )


@strawberry.input
class PublishJourneyInput:
    """A new version of a journey."""

    brand_id: ID
    steps: list[JourneyStepInput] = strawberry.field(description="At most 30, in their order; none ends the journey.")
    command_id: CommandId = None


@strawberry.input
class SetNudgeRuleInput:
    """When to nudge."""

    brand_id: ID
    after_days: int | None = strawberry.field(description="1–366 days without a contribution; null for never.")
    command_id: CommandId = None


@strawberry.input
class BeginJourneyInput:
    """A journey to set out on."""

    brand_id: ID
    command_id: CommandId = None


@strawberry.input
class CompleteJourneyStepInput:
    """A custom step that is done."""

    brand_id: ID
    step_id: str = strawberry.field(description="`stepId` of the step.")
    member_id: ID | None = strawberry.field(default=None, description="Who did it; the sender when nothing is said.")
    command_id: CommandId = None


@strawberry.input
class SkipJourneyStepInput:
    """A step to go on without."""

    brand_id: ID
    step_id: str = strawberry.field(description="`stepId` of the step.")
    command_id: CommandId = None


@strawberry.input
class ChooseNudgesInput:
    """Whether to be nudged."""

    brand_id: ID
    on: bool = strawberry.field(description="Whether the sender wants nudges.")
    command_id: CommandId = None


@strawberry.type
class MemberJourneyPayload(Payload):
    """The journey that went on."""

    @field
    async def journey(self) -> MemberJourney | None:
        """The member's journey as changed; null when refused."""
        return await load_member_journey(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class JourneyMutation:
    """Commands on journeys and nudges."""

    @command
    async def publish_journey(self, info: Info, input: PublishJourneyInput) -> BrandPayload:  # noqa: A002
        """Give a brand a journey, or its next version.  Owners and builders.

        Who joins from then on is led through it.  Who is on the way goes on in the new version and keeps what they have
        done; who has finished is not asked again.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        steps = [_step(step, brand) for step in input.steps]
        done = await info.context.act(
            brand, "members.journey.publish_journey", input.command_id, brand_id=brand, steps=steps
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def set_nudge_rule(self, info: Info, input: SetNudgeRuleInput) -> BrandPayload:  # noqa: A002
        """Say when a brand nudges who has fallen silent, or that it never does.  Owners and builders."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.nudge_rule.set_nudge_rule",
            input.command_id,
            brand_id=brand,
            after_days=input.after_days,
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def begin_journey(self, info: Info, input: BeginJourneyInput) -> MemberJourneyPayload:  # noqa: A002
        """Set out on the journey of a brand by oneself, as somebody who was there before it."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        return MemberJourneyPayload(done=await _act(info, brand, "begin_journey", input.command_id))

    @command
    async def complete_journey_step(self, info: Info, input: CompleteJourneyStepInput) -> MemberJourneyPayload:  # noqa: A002
        """Say that a CUSTOM step is done: the member, where the step leaves it to them, or an owner or builder."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        member = ids.key_if_given(input.member_id, "memberId", "Member", brand=brand)
        done = await _act(info, brand, "complete_step", input.command_id, member=member, step_id=input.step_id)
        return MemberJourneyPayload(done=done)

    @command
    async def skip_journey_step(self, info: Info, input: SkipJourneyStepInput) -> MemberJourneyPayload:  # noqa: A002
        """Go on without a step, whatever its kind but ACCEPT_RULES."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        return MemberJourneyPayload(done=await _act(info, brand, "skip_step", input.command_id, step_id=input.step_id))

    @command
    async def choose_nudges(self, info: Info, input: ChooseNudgesInput) -> BrandPayload:  # noqa: A002
        """Say whether one wants to be nudged in a brand."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.nudge.choose_nudges",
            input.command_id,
            member_id=info.context.member(brand),
            on=input.on,
        )
        return BrandPayload(done=done, key=brand)


async def _act(
    info: Info, brand: str, name: str, command_id: str | None, *, member: str | None = None, **fields: str
) -> Done:
    member_id = member or info.context.member(brand)
    return await info.context.act(brand, f"members.progress.{name}", command_id, member_id=member_id, **fields)


def _step(step: JourneyStepInput, brand: str) -> dict[str, object]:
    space = ids.key_if_given(step.space_id, "spaceId", "Space", brand=brand)
    return {
        "id": step.step_id,
        "kind": step.kind.value,
        "after_hours": step.after_days * 24 + step.after_hours,
        "wordings": [{"locale": one.locale, "title": one.title, "text": one.text} for one in step.wordings],
        **optional(space_id=space, completed_by=step.completed_by and step.completed_by.value),
    }
