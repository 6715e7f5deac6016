"""The specification of a member's way through the journey."""

from datetime import timedelta
from typing import Any

from msgspec import structs

from libs.access.gate import Module
from libs.shared.testing.bdd import given
from services.members.journeys.journey import StepKind
from services.members.journeys.progress import (
    Absence,
    CompleteStep,
    JourneyFinished,
    JourneyPaused,
    JourneyResumed,
    JourneyRevised,
    JourneyStarted,
    PauseJourney,
    ProgressEvent,
    RecordFact,
    RemindMember,
    ResumeJourney,
    ReviseJourney,
    SkipStep,
    StepCompleted,
    StepReminded,
    StepSkipped,
    planned,
)
from services.members.journeys.progress_decisions import DECIDER
from services.members.journeys.tests.builders import (
    AGAIN,
    CHAT,
    COFFEE,
    HELLO,
    HELP,
    LEADER,
    NOW,
    RULES,
    STEPS,
    day,
    envelope,
    reminders,
    start,
)

STARTED = JourneyStarted(edition=1, steps=planned(STEPS), origin=NOW, fact=10)
HOUR, DAY = 3600, 86_400
LEFT = JourneyPaused(reason=Absence.LEFT, since=day(2), fact=20)
SUSPENDED = JourneyPaused(reason=Absence.SUSPENDED, since=day(2), fact=20)


def record(kind: StepKind, days: float = 1, **changes: Any) -> RecordFact:
    fields = {"member_id": "m1", "kind": kind, "fact": "it_happened", "fact_id": "e1", "now": day(days), **changes}
    return RecordFact(**envelope(**fields))


def done(step_id: str, days: float = 1, *, by_fact: bool = True) -> StepCompleted:
    fact, fact_id = ("it_happened", "e1") if by_fact else (None, None)
    return StepCompleted(step_id=step_id, after_seconds=int(days * DAY), fact=fact, fact_id=fact_id)


def remind(days: float, **changes: Any) -> RemindMember:
    return RemindMember(**envelope(member_id="m1", now=day(days), **changes))


def pause(reason: Absence, fact: int, days: float = 2) -> PauseJourney:
    return PauseJourney(**envelope(member_id="m1", reason=reason, fact=fact, now=day(days)))


def resume(*reasons: Absence, fact: int, days: float) -> ResumeJourney:
    return ResumeJourney(**envelope(member_id="m1", reasons=frozenset(reasons), fact=fact, now=day(days)))


def complete(step_id: str, **changes: Any) -> CompleteStep:
    return CompleteStep(**envelope(**{"member_id": "m1", "step_id": step_id, "now": day(1), **changes}))


def skip(step_id: str, **changes: Any) -> SkipStep:
    return SkipStep(**envelope(**{"member_id": "m1", "step_id": step_id, **changes}))


def closed(*steps: Any) -> list[StepCompleted]:
    return [done(step.id) for step in steps]


def test_a_newcomer_sets_out_once() -> None:
    given(DECIDER).when(start()).then(STARTED)
    given(DECIDER, STARTED).when(start()).then_nothing()
    given(DECIDER, STARTED).when(start(fact=30)).then_nothing()


def test_who_joined_before_the_journey_is_no_newcomer() -> None:
    given(DECIDER).when(start(newcomers_from=day(0.1))).then_nothing()
    given(DECIDER).when(start(newcomers_from=None)).then_nothing()
    given(DECIDER).when(start(steps=())).then_nothing()


def test_each_step_is_reminded_of_once_when_it_is_due() -> None:
    rules = StepReminded(step_id="rules", due_at=NOW)
    hello = StepReminded(step_id="hello", due_at=day(3))
    given(DECIDER, STARTED).when(remind(0)).then(rules)
    given(DECIDER, STARTED).when(remind(3)).then(rules, hello)
    given(DECIDER, STARTED, rules).when(remind(3)).then(hello)
    given(DECIDER, STARTED, rules, hello).when(remind(6.9)).then_nothing()


def test_nobody_is_reminded_of_what_is_done_or_skipped() -> None:
    history = (STARTED, done("rules"), StepSkipped(step_id="hello"))
    given(DECIDER, *history).when(remind(6)).then_nothing()


def test_nobody_is_reminded_of_what_the_brand_has_switched_off() -> None:
    shut = frozenset({Module.DISCUSSIONS.value})
    given(DECIDER, STARTED).when(remind(7, shut=shut)).then(StepReminded(step_id="rules", due_at=NOW))
    state = given(DECIDER, STARTED).state
    assert [step.id for _, step in state.to_remind(shut)] == ["rules", "coffee", "chat"]


def test_a_fact_completes_the_first_step_of_its_kind_that_is_left() -> None:
    given(DECIDER, STARTED).when(record(StepKind.REPLY)).then(done("help"))
    given(DECIDER, STARTED, done("help")).when(record(StepKind.REPLY, 1.5)).then(done("again", 1.5))
    given(DECIDER, STARTED, *closed(HELP, AGAIN)).when(record(StepKind.REPLY)).then_nothing()
    given(DECIDER, STARTED).when(record(StepKind.RSVP)).then_nothing()


def test_an_introduction_counts_in_its_space() -> None:
    given(DECIDER, STARTED).when(record(StepKind.INTRODUCE, space_id="s2")).then_nothing()
    given(DECIDER, STARTED).when(record(StepKind.INTRODUCE, space_id="s1")).then(done("hello"))
    anywhere = structs.replace(STARTED, steps=planned((structs.replace(HELLO, space_id=None), RULES)))
    given(DECIDER, anywhere).when(record(StepKind.INTRODUCE, space_id="s2")).then(done("hello"))


def test_what_was_done_before_setting_out_does_not_count() -> None:
    given(DECIDER, STARTED).when(record(StepKind.REPLY, -0.1)).then_nothing()
    given(DECIDER).when(record(StepKind.REPLY)).then_nothing()


def test_the_last_step_finishes_the_journey_for_good() -> None:
    history: list[ProgressEvent] = [STARTED, *closed(RULES, HELLO, HELP, COFFEE, CHAT)]
    given(DECIDER, *history).when(record(StepKind.REPLY)).then(done("again"), JourneyFinished())
    given(DECIDER, *history).when(skip("again")).then(StepSkipped(step_id="again"), JourneyFinished())
    over = [*history, done("again"), JourneyFinished()]
    given(DECIDER, *over).when(start(fact=90)).then_nothing()
    given(DECIDER, *over).when(pause(Absence.LEFT, 90)).then_nothing()
    given(DECIDER, *over).when(remind(99)).then_nothing()
    later = ReviseJourney(**envelope(member_id="m1", edition=2, steps=planned(STEPS)))
    given(DECIDER, *over).when(later).then_nothing()


def test_a_custom_step_is_completed_by_whom_it_names() -> None:
    given(DECIDER, STARTED).when(complete("coffee")).then(done("coffee", by_fact=False))
    given(DECIDER, STARTED).when(complete("coffee", actor="m2", roles=LEADER)).then(done("coffee", by_fact=False))
    given(DECIDER, STARTED).when(complete("chat", actor="m2", roles=LEADER)).then(done("chat", by_fact=False))
    given(DECIDER, STARTED).when(complete("chat")).then_raises("FORBIDDEN")
    given(DECIDER, STARTED).when(complete("coffee", actor="m2")).then_raises("FORBIDDEN")
    given(DECIDER, STARTED).when(complete("coffee", roles=frozenset())).then_raises("FORBIDDEN")
    given(DECIDER, STARTED, done("coffee")).when(complete("coffee")).then_nothing()


def test_what_nobody_completes_by_saying_so() -> None:
    given(DECIDER, STARTED).when(complete("help")).then_raises("INVALID", ("step_id",))
    given(DECIDER, STARTED).when(complete("nowhere")).then_raises("NOT_FOUND", ("step_id",))
    given(DECIDER).when(complete("coffee")).then_raises("NOT_FOUND", ("member_id",))


def test_a_member_goes_on_without_a_step() -> None:
    given(DECIDER, STARTED).when(skip("help")).then(StepSkipped(step_id="help"))
    given(DECIDER, STARTED, StepSkipped(step_id="help")).when(skip("help")).then_nothing()
    given(DECIDER, STARTED).when(skip("rules")).then_raises("INVALID", ("step_id",))
    given(DECIDER, STARTED).when(skip("help", actor="m2", roles=LEADER)).then_raises("FORBIDDEN")
    given(DECIDER, STARTED).when(skip("help", roles=frozenset())).then_raises("FORBIDDEN")


def test_while_a_member_is_away_nothing_happens() -> None:
    given(DECIDER, STARTED).when(pause(Absence.LEFT, 20)).then(LEFT)
    given(DECIDER, STARTED, LEFT).when(remind(99)).then_nothing()
    given(DECIDER, STARTED, LEFT).when(record(StepKind.REPLY, 3)).then_nothing()
    given(DECIDER, STARTED, LEFT).when(pause(Absence.LEFT, 21)).then_nothing()
    given(DECIDER).when(pause(Absence.LEFT, 20)).then_nothing()


def test_who_comes_back_goes_on_and_the_time_away_does_not_count() -> None:
    back = JourneyResumed(reasons=(Absence.LEFT,), origin=day(30), fact=30)
    given(DECIDER, STARTED, LEFT).when(start(fact=30, now=day(32))).then(back)
    history = (STARTED, StepReminded(step_id="rules", due_at=NOW), done("hello"), LEFT, back)
    state = given(DECIDER, *history).state
    assert reminders(state) == ["help", "again", "coffee", "chat"]
    assert state.to_remind(())[0][0] == day(37), "30 days later than it would have been"
    assert state.started_at == NOW


def test_a_member_is_back_when_no_reason_is_left() -> None:
    both = (STARTED, SUSPENDED, JourneyPaused(reason=Absence.LEFT, since=day(3), fact=21))
    still = JourneyResumed(reasons=(Absence.LEFT,), origin=None, fact=30)
    given(DECIDER, *both).when(start(fact=30, now=day(4))).then(still)
    assert not given(DECIDER, *both, still).state.under_way
    lifted = resume(Absence.SUSPENDED, Absence.BANNED, fact=31, days=12)
    back = JourneyResumed(reasons=(Absence.SUSPENDED,), origin=day(10), fact=31)
    given(DECIDER, *both, still).when(lifted).then(back)
    given(DECIDER, STARTED).when(lifted).then_nothing()


def test_facts_that_come_again_change_nothing() -> None:
    back = JourneyResumed(reasons=(Absence.LEFT,), origin=day(30), fact=30)
    history = (STARTED, LEFT, back)
    for again in (start(), pause(Absence.LEFT, 20), start(fact=30, now=day(32))):
        given(DECIDER, *history).when(again).then_nothing()


def test_who_is_on_the_way_goes_on_in_the_newer_edition() -> None:
    newer = planned((RULES, HELLO, COFFEE))
    revise = ReviseJourney(**envelope(member_id="m1", edition=2, steps=newer))
    revised = JourneyRevised(edition=2, steps=newer)
    given(DECIDER, STARTED).when(revise).then(revised)
    given(DECIDER, STARTED, revised).when(revise).then_nothing()
    given(DECIDER).when(revise).then_nothing()
    given(DECIDER, STARTED, LEFT).when(revise).then(revised)
    history = (STARTED, done("rules"), StepReminded(step_id="hello", due_at=day(3)), revised)
    assert reminders(given(DECIDER, *history).state) == ["coffee"]
    given(DECIDER, STARTED, *closed(RULES, HELLO, COFFEE)).when(revise).then(revised, JourneyFinished())


def test_who_has_nothing_left_when_they_come_back_has_finished() -> None:
    revised = JourneyRevised(edition=2, steps=planned((RULES,)))
    history = (STARTED, done("rules"), LEFT, revised)
    back = JourneyResumed(reasons=(Absence.LEFT,), origin=day(1), fact=30)
    given(DECIDER, *history).when(start(fact=30, now=day(3))).then(back, JourneyFinished())


def test_a_journey_without_steps_is_not_finished() -> None:
    none = ReviseJourney(**envelope(member_id="m1", edition=2, steps=()))
    given(DECIDER, STARTED).when(none).then(JourneyRevised(edition=2, steps=()))


def test_a_clock_that_goes_back_shortens_nothing() -> None:
    early = StepCompleted(step_id="coffee", after_seconds=0)
    history = (STARTED, LEFT, JourneyResumed(reasons=(Absence.LEFT,), origin=day(30), fact=30))
    given(DECIDER, *history).when(complete("coffee", now=day(30) - timedelta(hours=1))).then(early)
    given(DECIDER, STARTED, LEFT).when(start(fact=30, now=day(1))).then(
        JourneyResumed(reasons=(Absence.LEFT,), origin=NOW, fact=30)
    )
