"""What a fact gives a member, when a badge is earned, and who is honoured by hand: the decisions on `score.py`."""

from datetime import date
from typing import assert_never

from libs.access.roles import LEADERS, require
from libs.shared.domain import SYSTEM, Command, Decider, DomainError, Forbidden, NotFound
from services.members.recognition.facts import Place, Window, day_of
from services.members.recognition.rules import MAX_SCORE, Award, Rulebook
from services.members.recognition.score import (
    Absence,
    BadgeAwarded,
    BadgeRevoked,
    Evidence,
    FactScored,
    GrantBadge,
    LeaderboardEntered,
    LeaderboardLeft,
    NoteAbsence,
    RevokeBadge,
    Score,
    ScoreCommand,
    ScoreEvent,
    ScoreFact,
    ShowOnLeaderboard,
    evolve,
)


def decide(state: Score, command: ScoreCommand) -> list[ScoreEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_A_MEMBER, NOT_FOUND."""
    match command:
        case ScoreFact():
            return _record(state, command)
        case NoteAbsence():
            _only_the_platform(command)
            if state.has_read(command.place) or (command.reason in state.absent) is command.absent:
                return []
            return [_absence(state, command)]
        case ShowOnLeaderboard():
            if command.actor not in (command.member_id, SYSTEM):
                raise Forbidden("only the member does this")
            return [_absence(state, command)] if (Absence.OPTED_OUT in state.absent) is command.on else []
        case GrantBadge():
            return _grant(state, command)
        case RevokeBadge():
            require(command.roles, LEADERS)
            held = state.badges.get(command.badge, False)
            return [BadgeRevoked(badge=command.badge, reason=command.reason)] if held else []
        case _:
            assert_never(command)


def _record(state: Score, command: ScoreFact) -> list[ScoreEvent]:
    _only_the_platform(command)
    if state.has_read(command.place) or command.erased:
        return []
    day = day_of(command.now)
    edition = command.rulebook.on(day)
    points = _points(state, edition.rules.award(command.fact), day)
    scored = FactScored(
        fact=command.fact,
        about=command.about,
        place=command.place,
        number=state.number + 1,
        day=day,
        edition=edition.number,
        points=points,
        windows={(key := window.key(day)): state.windows.get(key, 0) + points for window in Window},
        shown=not state.absent,
    )
    since = min(day, state.last_day) if state.number else day
    return [scored, *_earned(evolve(state, scored), scored, since, command.rulebook)]


def _points(state: Score, award: Award, day: date) -> int:
    if award.daily_cap is not None and state.counted_on(day, award.fact) >= award.daily_cap:
        return 0
    return min(award.points, MAX_SCORE - 1 - state.windows.get(Window.ALL, 0))


def _earned(state: Score, scored: FactScored, since: date, rulebook: Rulebook) -> list[BadgeAwarded]:
    """The badges whose condition is met now, each once; `since` is the fact's day, or that of the last one before it.

    An edition looks at the facts of all days up to its last one.  Asked is every edition that the fact can matter to,
    and every one that has passed without a fact: so the badges of a member are the same in whatever order they came.
    """
    awarded: dict[str, BadgeAwarded] = {}
    for edition in rulebook.between(since, state.last_day):
        for rule in edition.rules.badges:
            if rule.condition is None or rule.badge in state.badges or rule.badge in awarded:
                continue
            reached = state.tally(rule.condition.fact, edition.number)
            if reached >= rule.condition.at_least:
                evidence = Evidence(fact=rule.condition.fact, reached=reached, through=scored.number)
                awarded[rule.badge] = BadgeAwarded(
                    badge=rule.badge, name=rule.name, edition=edition.number, evidence=evidence
                )
    return list(awarded.values())


def _absence(state: Score, command: NoteAbsence | ShowOnLeaderboard) -> ScoreEvent:
    reason: Absence
    place: Place | None
    if isinstance(command, ShowOnLeaderboard):
        reason, place = Absence.OPTED_OUT, None
    else:
        reason, place = command.reason, command.place
    others = state.absent - {reason}
    # With another reason beside this one, leaderboards change nothing.
    windows = {} if others else {key: points for key, points in state.windows.items() if points}
    kind = LeaderboardEntered if reason in state.absent else LeaderboardLeft
    return kind(reason=reason, windows=windows, place=place)


def _grant(state: Score, command: GrantBadge) -> list[ScoreEvent]:
    require(command.roles, LEADERS)
    if command.actor == command.member_id:
        raise Forbidden("nobody honours themselves", ("member_id",))
    if not command.joined:
        raise DomainError("NOT_A_MEMBER", "this is not a member of the brand", ("member_id",))
    edition = command.rulebook.on(day_of(command.now))
    rule = edition.rules.badge(command.badge)
    if rule is None:
        raise NotFound("the rules have no such badge", ("badge",))
    if state.badges.get(command.badge, False):
        return []
    return [BadgeAwarded(badge=rule.badge, name=rule.name, edition=edition.number, reason=command.reason)]


def _only_the_platform(command: Command) -> None:
    if command.actor != SYSTEM:
        raise Forbidden("only the platform says what counts")


#: `RecordFact` and `AwardBadge` reach it as `ScoreFact` and `GrantBadge`, once the rules are added (`composition.py`).
DECIDER: Decider[Score, ScoreCommand, ScoreEvent] = Decider(
    aggregate="score",
    initial=Score(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(NoteAbsence, ShowOnLeaderboard, RevokeBadge),
    events=(FactScored, LeaderboardLeft, LeaderboardEntered, BadgeAwarded, BadgeRevoked),
)
