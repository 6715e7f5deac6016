"""What a viewer could send about the journey of a brand, nudges, and a member's way: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from libs.shared.commands import CommandHandler
from services.members.journeys.journey import Completer, PublishJourney, Step, StepKind, Wording
from services.members.journeys.nudge import ChooseNudges
from services.members.journeys.nudge_rule import SetNudgeRule
from services.members.journeys.progress import (
    BeginJourney,
    CompleteStep,
    PlannedStep,
    Progress,
    ProgressCommand,
    ProgressEvent,
    SkipStep,
)

_STEP: Final = Step(
    id=NEW,
    kind=StepKind.CUSTOM,
    after_hours=0,
    wordings=(Wording(locale="en", title=NEW),),
    completed_by=Completer.MEMBER,
)


def examples(progress: CommandHandler[Progress, ProgressCommand, ProgressEvent]) -> Mapping[str, Examples]:
    """The examples for each kind of thing."""

    async def left(asked: Asked, member: str) -> list[PlannedStep]:
        """Of the steps that a member has neither done nor skipped, one of each sort."""
        state = await progress.state(asked.brand, member, fresh=True)
        sorts = {(step.kind, step.completed_by): step for step in state.steps if step.id not in state.closed}
        return list(sorts.values())

    async def brand(asked: Asked) -> list[Example]:
        one, me = {"brand_id": asked.id}, {"member_id": asked.viewer}
        steps = await left(asked, asked.viewer)
        return named(
            *(asked.example(PublishJourney, **one, steps=steps) for steps in ((), (_STEP,))),
            *(asked.example(SetNudgeRule, **one, after_days=days) for days in (None, 1)),
            *(asked.example(ChooseNudges, **me, on=on) for on in (True, False)),
            asked.example(BeginJourney, **me),
            *(asked.example(CompleteStep, **me, step_id=step.id) for step in steps),
            *(asked.example(SkipStep, **me, step_id=step.id) for step in steps),
        )

    async def member(asked: Asked) -> list[Example]:
        steps = await left(asked, asked.id)
        return named(*(asked.example(CompleteStep, member_id=asked.id, step_id=step.id) for step in steps))

    return {"brand": brand, "member": member}
