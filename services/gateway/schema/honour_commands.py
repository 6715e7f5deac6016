"""Commands on what a brand recognises: its rules, badges by hand, spotlights, and one's own place on leaderboards."""

from datetime import datetime

import strawberry
from strawberry import ID

from libs.shared.domain import Invalid
from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.schema.common import CommandId, Payload, command, field
from services.gateway.schema.honours import RecognizedFact
from services.gateway.schema.members import MemberPayload
from services.gateway.schema.recognition import BrandRecognitionRules, load_rules


@strawberry.type
class RecognitionRulesPayload(Payload):
    """The rules of recognition."""

    @field
    async def recognition_rules(self) -> BrandRecognitionRules | None:
        """The rules of today, and those that were published for a day to come; null when refused."""
        return await load_rules(self.done.scope) if self.done else None


@strawberry.input
class RecognitionAwardInput:
    """Points for a fact."""

    fact: RecognizedFact = strawberry.field(description="What it is for.")
    points: int = strawberry.field(description="What it gives: 0–1,000.")
    daily_cap: int | None = strawberry.field(
        default=None, description="How many of a day give points: 1–1,000; null when all do."
    )


@strawberry.input
class RecognitionBadgeInput:
    """A badge, and how it is earned."""

    badge: str = strawberry.field(description="Its name for programs.")
    name: str
    description: str = strawberry.field(description="What it is for, one line.")
    fact: RecognizedFact | None = strawberry.field(
        default=None, description="The kind of facts that count; null for points."
    )
    at_least: int | None = strawberry.field(
        default=None, description="How many; null for one that is given by hand alone."
    )


@strawberry.input
class RecognitionLevelInput:
    """A level."""

    name: str
    points: int = strawberry.field(description="Where it begins.")


@strawberry.input
class PublishRecognitionRulesInput:
    """A new edition of the rules of recognition."""

    brand_id: ID
    awards: list[RecognitionAwardInput] = strawberry.field(description="Each fact once; others give nothing.")
    badges: list[RecognitionBadgeInput] = strawberry.field(description="At most 50; the given ones stay.")
    levels: list[RecognitionLevelInput] = strawberry.field(description="At most 20, lowest first.")
    command_id: CommandId = None


@strawberry.input
class AwardBadgeInput:
    """A badge for a member."""

    member_id: ID
    badge: str = strawberry.field(description="One of today's rules.")
    reason: str = strawberry.field(description="Why, for all members to read: Markdown, at most 2,000 characters.")
    command_id: CommandId = None


@strawberry.input
class RevokeBadgeInput:
    """A badge of a member."""

    member_id: ID
    badge: str = strawberry.field(description="Which one.")
    reason: str = strawberry.field(description="Why, kept for the member: Markdown, at most 2,000 characters.")
    command_id: CommandId = None


@strawberry.input
class SpotlightMemberInput:
    """A member to put in the light."""

    member_id: ID
    text: str = strawberry.field(description="What the brand says of them: Markdown, at most 2,000 characters.")
    until: datetime = strawberry.field(description="When it ends by itself, within 92 days.")
    command_id: CommandId = None


@strawberry.input
class EndSpotlightInput:
    """A member in the light."""

    member_id: ID
    command_id: CommandId = None


@strawberry.input
class ShowOnLeaderboardInput:
    """Whether leaderboards show the sender."""

    brand_id: ID
    on: bool = strawberry.field(description="Whether they do from now on.")
    command_id: CommandId = None


@strawberry.type
class HonourMutation:
    """Commands on recognition."""

    @command
    async def publish_recognition_rules(
        self,
        info: Info,
        input: PublishRecognitionRulesInput,  # noqa: A002
    ) -> RecognitionRulesPayload:
        """Publish a new edition, which holds from tomorrow on (UTC) and changes no points given before.

        Within the last hour of a day it holds from the day after tomorrow.  Owners and builders only.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        rules = {
            "awards": [
                {"fact": award.fact.value, "points": award.points, "daily_cap": award.daily_cap}
                for award in input.awards
            ],
            "badges": [_badge(badge) for badge in input.badges],
            "levels": [{"name": level.name, "points": level.points} for level in input.levels],
        }
        to = "members.recognition_rules.publish_recognition_rules"
        done = await info.context.act(brand, to, input.command_id, brand_id=brand, rules=rules)
        return RecognitionRulesPayload(done=done)

    @command
    async def award_badge(self, info: Info, input: AwardBadgeInput) -> MemberPayload:  # noqa: A002
        """Give another member a badge of today's rules.  Owners and builders only."""
        member, given = (
            ids.expect(input.member_id, "memberId", "Member"),
            {"badge": input.badge, "reason": input.reason},
        )
        done = await info.context.act(
            member.brand, "members.score.award_badge", input.command_id, member_id=member.key, **given
        )
        return MemberPayload(done=done)

    @command
    async def revoke_badge(self, info: Info, input: RevokeBadgeInput) -> MemberPayload:  # noqa: A002
        """Take a badge back.  No rule gives it again.  Owners and builders only."""
        member, given = (
            ids.expect(input.member_id, "memberId", "Member"),
            {"badge": input.badge, "reason": input.reason},
        )
        done = await info.context.act(
            member.brand, "members.score.revoke_badge", input.command_id, member_id=member.key, **given
        )
        return MemberPayload(done=done)

    @command
    async def spotlight_member(self, info: Info, input: SpotlightMemberInput) -> MemberPayload:  # noqa: A002
        """Put another member in the light for a time; what the brand says of them already is replaced.

        Owners and builders only.
        """
        member = ids.expect(input.member_id, "memberId", "Member")
        done = await info.context.act(
            member.brand,
            "members.spotlight.spotlight_member",
            input.command_id,
            creates="spotlight_id",
            member_id=member.key,
            text=input.text,
            until=input.until,
        )
        return MemberPayload(done=done)

    @command
    async def end_spotlight(self, info: Info, input: EndSpotlightInput) -> MemberPayload:  # noqa: A002
        """Take a member out of the light.  Owners and builders, and who stands in it."""
        member = ids.expect(input.member_id, "memberId", "Member")
        done = await info.context.act(
            member.brand, "members.spotlight.end_spotlight", input.command_id, member_id=member.key
        )
        return MemberPayload(done=done)

    @command
    async def show_on_leaderboard(self, info: Info, input: ShowOnLeaderboardInput) -> MemberPayload:  # noqa: A002
        """Say whether leaderboards show the sender, and others their score.  Points go on either way."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        member = info.context.member(brand)
        done = await info.context.act(
            brand, "members.score.show_on_leaderboard", input.command_id, member_id=member, on=input.on
        )
        return MemberPayload(done=done)


async def _honour(info: Info, name: str, given: AwardBadgeInput | RevokeBadgeInput) -> Done:
    member = ids.expect(given.member_id, "memberId", "Member")
    fields = {"member_id": member.key, "badge": given.badge, "reason": given.reason}
    return await info.context.act(member.brand, f"members.score.{name}", given.command_id, **fields)


def _badge(given: RecognitionBadgeInput) -> dict[str, object]:
    if given.fact is not None and given.at_least is None:
        raise Invalid("say how many of them earn it", ("badges",))
    fact = given.fact and given.fact.value
    return {
        "badge": given.badge,
        "name": given.name,
        "description": given.description,
        "condition": {"fact": fact, "at_least": given.at_least} if given.at_least is not None else None,
    }
