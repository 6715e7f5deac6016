"""What a member's score is made of: facts with their points, badges, and whether leaderboards show it.

Its facts and what they add up to; the rules stand in `scoring.py`.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs
from rpds import HashTrieMap

from libs.shared.domain import Command, Event, Id
from libs.shared.text import Slug
from services.members.recognition.facts import Fact, Place
from services.members.recognition.rules import Rulebook

#: Why a leader honours somebody or takes it back: Markdown, not blank, at most 2,000 characters.
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2_000,
        pattern=r"^(?=[\s\S]*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z",
    ),
]


class Absence(StrEnum):
    """Why leaderboards do not show a member.  A ban ends a membership, so who is banned has left."""

    LEFT = "left"
    OPTED_OUT = "opted_out"


# Events


class FactScored(Event, frozen=True, kw_only=True):
    """A fact of the member counts; the event's time is when it happened.

    `about` is what it is about, by ids, the outermost first: thread and reply, idea, event or member.  `number` counts
    the member's facts from 1.  `points` are 0 beyond the daily cap.  `windows` are the scores that it leads to in the
    windows of its day, by their keys; `shown`: leaderboards show them.
    """

    wire_name: ClassVar[str] = "fact_scored"

    fact: Fact
    about: tuple[str, ...]
    place: Place
    number: int
    day: date
    edition: int
    points: int
    windows: dict[str, int]
    shown: bool


class LeaderboardLeft(Event, frozen=True, kw_only=True):
    """There is a reason why leaderboards do not show the member; `windows` are the scores that they showed before.

    `place` is where the reason stands in the log, None for the member's own wish.
    """

    wire_name: ClassVar[str] = "leaderboard_left"

    reason: Absence
    windows: dict[str, int]
    place: Place | None = None


class LeaderboardEntered(Event, frozen=True, kw_only=True):
    """A reason is gone; `windows` are the scores that leaderboards show again, none while another reason is left."""

    wire_name: ClassVar[str] = "leaderboard_entered"

    reason: Absence
    windows: dict[str, int]
    place: Place | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """What a rule saw: `reached` facts of a kind (or points, without `fact`) in the member's facts 1 to `through`."""

    reached: int
    through: int
    fact: Fact | None = None


class BadgeAwarded(Event, frozen=True, kw_only=True):
    """The member has a badge: by the rules of `edition` with `evidence`, or from the event's actor with a `reason`."""

    wire_name: ClassVar[str] = "badge_awarded"
    personal: ClassVar[frozenset[str]] = frozenset({"reason"})

    badge: str
    name: str
    edition: int
    evidence: Evidence | None = None
    reason: str | None = None


class BadgeRevoked(Event, frozen=True, kw_only=True):
    """The event's actor took a badge back.  No rule gives it again; a leader may."""

    wire_name: ClassVar[str] = "badge_revoked"
    personal: ClassVar[frozenset[str]] = frozenset({"reason"})

    badge: str
    reason: str


ScoreEvent = FactScored | LeaderboardLeft | LeaderboardEntered | BadgeAwarded | BadgeRevoked

# State


class Tally(Struct, frozen=True, kw_only=True):
    """The facts of the days of one edition: how many of each kind, and their points."""

    facts: dict[Fact, int] = {}
    points: int = 0


class Score(Struct, frozen=True, kw_only=True):
    """What a score must remember to decide.

    `read`: the last place of each stream, so that what comes again is known.  `number`: how many facts there are.
    `windows`: the score by window.  `counted`: how many facts of a kind gave points on a day.  `tallies`: by edition.
    `badges`: those that were ever awarded, and whether they are held.
    """

    read: dict[str, tuple[int, int]] = {}
    number: int = 0
    last_day: date = date.min
    windows: HashTrieMap[str, int] = HashTrieMap()
    counted: HashTrieMap[str, int] = HashTrieMap()
    tallies: dict[int, Tally] = {}
    absent: frozenset[Absence] = frozenset()
    badges: dict[str, bool] = {}

    def has_read(self, place: Place) -> bool:
        """Whether what stands there was dealt with: a stream is read in its order."""
        return self.read.get(place.stream, (0, 0)) >= (place.sequence, place.index)

    def counted_on(self, day: date, fact: Fact) -> int:
        """How many facts of a kind gave points on a day."""
        return self.counted.get(f"{day} {fact}", 0)

    def tally(self, fact: Fact | None, edition: int) -> int:
        """How many facts of a kind (or points) there are of the days up to the last one of an edition."""
        tallies = [tally for number, tally in self.tallies.items() if number <= edition]
        return sum(tally.points if fact is None else tally.facts.get(fact, 0) for tally in tallies)


def evolve(state: Score, event: ScoreEvent) -> Score:
    """The score after `event`."""
    match event:
        case FactScored():
            return _scored(_read(state, event.place), event)
        case LeaderboardLeft():
            return structs.replace(_read(state, event.place), absent=state.absent | {event.reason})
        case LeaderboardEntered():
            return structs.replace(_read(state, event.place), absent=state.absent - {event.reason})
        case BadgeAwarded():
            return structs.replace(state, badges={**state.badges, event.badge: True})
        case BadgeRevoked():
            return structs.replace(state, badges={**state.badges, event.badge: False})
        case _:
            assert_never(event)


def _read(state: Score, place: Place | None) -> Score:
    if place is None:
        return state
    return structs.replace(state, read={**state.read, place.stream: (place.sequence, place.index)})


def _scored(state: Score, event: FactScored) -> Score:
    windows, counted = state.windows, state.counted
    for key, points in event.windows.items():
        windows = windows.insert(key, points)
    if event.points:
        counted = counted.insert(f"{event.day} {event.fact}", state.counted_on(event.day, event.fact) + 1)
    tally = state.tallies.get(event.edition, Tally())
    facts = {**tally.facts, event.fact: tally.facts.get(event.fact, 0) + 1}
    return structs.replace(
        state,
        number=event.number,
        last_day=max(state.last_day, event.day),
        windows=windows,
        counted=counted,
        tallies={**state.tallies, event.edition: Tally(facts=facts, points=tally.points + event.points)},
    )


# Commands


class RecordFact(Command, frozen=True, kw_only=True):
    """Let a fact count for a member; `now` is when it happened.  The platform only, once for each place of a stream."""

    wire_name: ClassVar[str] = "record_fact"

    member_id: Id
    fact: Fact
    about: tuple[Id, ...]
    place: Place


class ScoreFact(RecordFact, frozen=True, kw_only=True):
    """Let a fact count by the rules of the brand; the service makes it of what was sent.

    `erased`: nothing about the member is kept any more.
    """

    rulebook: Rulebook
    erased: bool


class NoteAbsence(Command, frozen=True, kw_only=True):
    """Show a member on leaderboards no longer, or again.  The platform only, once for each place of a stream."""

    wire_name: ClassVar[str] = "note_absence"

    member_id: Id
    reason: Absence
    absent: bool
    place: Place


class ShowOnLeaderboard(Command, frozen=True, kw_only=True):
    """Say whether leaderboards show oneself."""

    wire_name: ClassVar[str] = "show_on_leaderboard"

    member_id: Id
    on: bool


class AwardBadge(Command, frozen=True, kw_only=True):
    """Give a member a badge of the rules that hold now.  Leaders, to others; members only have badges."""

    wire_name: ClassVar[str] = "award_badge"

    member_id: Id
    badge: Slug
    reason: Reason


class GrantBadge(AwardBadge, frozen=True, kw_only=True):
    """Give a badge by the rules of the brand to who is a member or not; the service makes it of what was sent."""

    rulebook: Rulebook
    joined: bool


class RevokeBadge(Command, frozen=True, kw_only=True):
    """Take a badge back.  Leaders only."""

    wire_name: ClassVar[str] = "revoke_badge"

    member_id: Id
    badge: Slug
    reason: Reason


ScoreCommand = ScoreFact | NoteAbsence | ShowOnLeaderboard | GrantBadge | RevokeBadge
