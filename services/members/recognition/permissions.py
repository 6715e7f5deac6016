"""What a viewer could send about the rules of recognition and who is honoured: examples to rehearse, no rules."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from libs.shared.commands import CommandHandler
from services.members.recognition.facts import day_of
from services.members.recognition.rules import Level, PublishRecognitionRules, Rulebook, Rules
from services.members.recognition.score import (
    AwardBadge,
    RevokeBadge,
    Score,
    ScoreCommand,
    ScoreEvent,
    ShowOnLeaderboard,
)
from services.members.recognition.spotlight import EndSpotlight, SpotlightMember

_A_DAY: Final = timedelta(days=1)


def examples(
    scores: CommandHandler[Score, ScoreCommand, ScoreEvent], rulebook_of: Callable[[str], Awaitable[Rulebook]]
) -> Mapping[str, Examples]:
    """The examples for each kind of thing; `rulebook_of` knows the rules of a brand."""

    async def member(asked: Asked) -> list[Example]:
        one = {"member_id": asked.id}
        badges = (await scores.state(asked.brand, asked.id, fresh=True)).badges
        rules = (await rulebook_of(asked.brand)).on(day_of(asked.now)).rules
        held = [badge for badge, is_held in badges.items() if is_held]
        others = [rule.badge for rule in rules.badges if rule.badge not in held]
        return named(
            *(asked.example(AwardBadge, **one, badge=badge, reason=NEW) for badge in others[:1]),
            *(asked.example(RevokeBadge, **one, badge=badge, reason=NEW) for badge in held[:1]),
            asked.example(SpotlightMember, **one, spotlight_id=NEW, text=NEW, until=asked.now + _A_DAY),
            asked.example(EndSpotlight, **one),
        )

    return {"brand": _brand, "member": member}


async def _brand(asked: Asked) -> list[Example]:
    return named(
        *(
            asked.example(PublishRecognitionRules, brand_id=asked.id, rules=Rules(levels=levels))
            for levels in ((), (Level(name=NEW, points=0),))
        ),
        *(asked.example(ShowOnLeaderboard, member_id=asked.viewer, on=on) for on in (True, False)),
    )
