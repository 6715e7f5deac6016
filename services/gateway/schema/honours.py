"""What a brand recognises in a member: points and the facts behind them, badges, a spotlight."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Scope
from services.gateway.loaders import BADGES, SCORE_ENTRIES, SCORES, SPOTLIGHTS
from services.gateway.schema.common import (
    After,
    Before,
    Connection,
    First,
    Last,
    connection,
    known,
    page_arguments,
)


@strawberry.enum(description="What members can have points for.  Nobody has any for what they do to their own things.")
class RecognizedFact(Enum):
    """Kinds of facts, as services name them."""

    POST_PUBLISHED = strawberry.enum_value("post_published", description="Opened a thread.")
    REPLY_PUBLISHED = strawberry.enum_value("reply_published", description="Replied in somebody else's thread.")
    POST_REACTION_RECEIVED = strawberry.enum_value(
        "post_reaction_received", description="Another member reacted to a post; once a member, not with 👎."
    )
    REPLY_REACTION_RECEIVED = strawberry.enum_value(
        "reply_reaction_received", description="Another member reacted to a reply; once a member, not with 👎."
    )
    IDEA_SUBMITTED = strawberry.enum_value("idea_submitted", description="Submitted an idea.")
    VOTE_RECEIVED = strawberry.enum_value("vote_received", description="Another member voted for an idea; once.")
    IDEA_SHIPPED = strawberry.enum_value("idea_shipped", description="Somebody else shipped an idea; once.")
    EVENT_ATTENDED = strawberry.enum_value("event_attended", description="Was checked in at an event; once.")
    MEMBER_REFERRED = strawberry.enum_value("member_referred", description="Brought a member; once each.")


#: What a fact is about, by the type of its global id.
_ABOUT: Final = {
    "post_published": "Post",
    "reply_published": "Reply",
    "post_reaction_received": "Post",
    "reply_reaction_received": "Reply",
    "idea_submitted": "Idea",
    "vote_received": "Idea",
    "idea_shipped": "Idea",
    "event_attended": "Event",
    "member_referred": "Member",
}


@strawberry.type(description="What a member is called from so many points on.")
class RecognitionLevel:
    """A level."""

    name: str
    points: int = strawberry.field(description="Where it begins.")

    @staticmethod
    def of(row: replies.LevelReply | None) -> "RecognitionLevel | None":
        """A level as a service sees it."""
        return RecognitionLevel(name=row.name, points=row.points) if row else None


@strawberry.type(description="A member's points of all time, which their `scoreEntries` add up to.")
class Score:
    """A score."""

    points: int = strawberry.field(description="All of them.")
    level: RecognitionLevel | None = strawberry.field(description="By today's rules; null below the first.")
    next_level: RecognitionLevel | None = strawberry.field(description="The one after it; null on the highest.")
    on_leaderboard: bool = strawberry.field(description="Whether the member wants to be on leaderboards.")


@strawberry.type(description="A fact that counts in a score.")
class ScoreEntry:
    """A fact and its points."""

    number: int = strawberry.field(description="Its place among the member's facts, from 1.")
    fact: RecognizedFact | None = strawberry.field(description="What it was; null for a kind that is new.")
    about_id: ID | None = strawberry.field(description="The post, reply, idea, event or member; found by `node(id:)`.")
    happened_at: datetime = strawberry.field(description="When it happened.")
    points: int = strawberry.field(description="What it gave; 0 beyond the daily cap of its kind.")
    rules_version: int = strawberry.field(description="The version of the rules that gave it.")
    source_id: str = strawberry.field(description="The id of the event in the log.")

    @staticmethod
    def of(row: replies.EntryReply, scope: Scope) -> "ScoreEntry":
        """An entry as a service sees it."""
        kind = _ABOUT.get(row.fact)
        return ScoreEntry(
            number=row.number,
            fact=next(iter(known([row.fact], RecognizedFact)), None),
            about_id=ids.encode(kind, scope.brand, *row.about) if kind else None,
            happened_at=row.happened_at,
            points=row.points,
            rules_version=row.edition,
            source_id=row.source_id,
        )


@strawberry.type(description="What a rule saw when it gave a badge: `scoreEntries(fact:, through:)` lists it.")
class BadgeEvidence:
    """The facts behind a badge."""

    fact: RecognizedFact | None = strawberry.field(description="The kind that it counts; null when it counts points.")
    reached: int = strawberry.field(description="How many facts, or points, there were.")
    through: int = strawberry.field(description="The number of the entry that completed them.")


@strawberry.type(description="A badge that a member has: by a rule with `evidence`, or by hand with a `reason`.")
class Badge:
    """A badge."""

    badge: str = strawberry.field(description="Which one, as the rules call it.")
    name: str = strawberry.field(description="What it was called when it was given.")
    awarded_at: datetime = strawberry.field(description="When it was given; by a rule: when it was earned.")
    rules_version: int = strawberry.field(description="The version of the rules that it is of.")
    evidence: BadgeEvidence | None = strawberry.field(description="What earned it; null for one by hand.")
    reason: str | None = strawberry.field(description="Why somebody gave it, in Markdown; null for one by a rule.")
    awarded_by_id: ID | None = strawberry.field(description="The member who gave it; null for a rule and the platform.")


@strawberry.type(description="What a leader says of a member, for all to see, for a time.")
class Spotlight:
    """A spotlight."""

    text: str = strawberry.field(description="Markdown.")
    since: datetime = strawberry.field(description="When it began.")
    until: datetime = strawberry.field(description="When it ends by itself.")
    by_id: ID | None = strawberry.field(description="The member who put them in the light; null for the platform.")

    @staticmethod
    def of(row: replies.SpotlightReply, scope: Scope) -> "Spotlight":
        """A spotlight as a service sees it."""
        by = ids.encode("Member", scope.brand, row.by) if row.by else None
        return Spotlight(text=row.text, since=row.since, until=row.until, by_id=by)


@strawberry.type
class MemberHonours:
    """The part of a member that says what the brand recognises in them."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def score(those: list["MemberHonours"]) -> Answers[Score | None]:
        """Points and level; null for who is not on leaderboards, but for themselves, owners and builders."""
        return await SCORES.objects(_asked(those), _score, day=datetime.now(UTC).date())

    @batch
    @staticmethod
    async def badges(those: list["MemberHonours"]) -> Answers[list[Badge]]:
        """The badges, oldest first."""
        return await BADGES.present(_asked(those), _badges)

    @batch
    @staticmethod
    async def spotlight(those: list["MemberHonours"]) -> Answers[Spotlight | None]:
        """What the brand says of the member now; null for who stands in no light."""
        return await SPOTLIGHTS.objects(_asked(those), Spotlight.of, at=datetime.now(UTC))

    @batch
    @staticmethod
    async def score_entries(
        those: list["MemberHonours"],
        fact: RecognizedFact | None = None,
        through: int | None = None,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Answers[Connection[ScoreEntry] | None]:
        """The facts that the score adds up, newest first.  The member, owners and builders."""
        wanted = {"fact": fact and fact.value, "through": through}
        page = page_arguments(first, after, last, before)
        return await SCORE_ENTRIES.shown(_asked(those), _entries, page=page, **wanted)


def _asked(those: Sequence[MemberHonours]) -> list[tuple[Scope, str]]:
    return [(one.scope, one.key) for one in those]


def _entries(page: replies.PageReply[replies.EntryReply], scope: Scope) -> Connection[ScoreEntry]:
    return connection(page, lambda row: ScoreEntry.of(row, scope))


def _score(row: replies.ScoreReply, _: Scope) -> Score:
    return Score(
        points=row.points,
        level=RecognitionLevel.of(row.level),
        next_level=RecognitionLevel.of(row.next_level),
        on_leaderboard=not row.opted_out,
    )


def _badges(found: list[replies.BadgeReply], scope: Scope) -> list[Badge]:
    return [
        Badge(
            badge=row.badge,
            name=row.name,
            awarded_at=row.awarded_at,
            rules_version=row.edition,
            evidence=_evidence(row.evidence) if row.evidence else None,
            reason=row.reason,
            awarded_by_id=ids.encode("Member", scope.brand, row.awarded_by) if row.awarded_by else None,
        )
        for row in found
    ]


def _evidence(row: replies.EvidenceReply) -> BadgeEvidence:
    fact = next(iter(known([row.fact] if row.fact else [], RecognizedFact)), None)
    return BadgeEvidence(fact=fact, reached=row.reached, through=row.through)
