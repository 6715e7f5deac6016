"""What holds for a member's journey after any sequence of commands."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from libs.shared.domain import DomainError
from services.members.journeys.journey import StepKind
from services.members.journeys.progress import (
    Absence,
    CompleteStep,
    JourneyFinished,
    JourneyPaused,
    JourneyStarted,
    PauseJourney,
    Progress,
    ProgressCommand,
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
from services.members.journeys.tests.builders import LEADER, STEPS, day, envelope, start

days = some.integers(0, 60)
ids = some.sampled_from([step.id for step in STEPS])
absences = some.sampled_from(Absence)
editions = some.integers(2, 5)

#: A command that happens on a day, as the follower of a stream meets them: `fact` grows, and so does the day.
commands: some.SearchStrategy[ProgressCommand] = some.one_of(
    some.builds(lambda at: start(now=day(at)), days),
    some.builds(lambda why: PauseJourney(**envelope(member_id="m1", reason=why, fact=0)), absences),
    some.builds(lambda why: ResumeJourney(**envelope(member_id="m1", reasons=frozenset(why), fact=0)),
                some.sets(absences, min_size=1)),
    some.builds(lambda edition, steps: ReviseJourney(**envelope(member_id="m1", edition=edition, steps=planned(steps))),
                editions, some.lists(some.sampled_from(STEPS), unique=True)),
    some.just(RemindMember(**envelope(member_id="m1"))),
    some.builds(lambda kind: RecordFact(**envelope(member_id="m1", kind=kind, fact="f", space_id="s1")),
                some.sampled_from(StepKind)),
    some.builds(lambda step: CompleteStep(**envelope(member_id="m1", step_id=step, roles=LEADER)), ids),
    some.builds(lambda step: SkipStep(**envelope(member_id="m1", step_id=step)), ids),
)  # fmt: skip


def in_order(sent: list[ProgressCommand]) -> list[ProgressCommand]:
    """The same commands, each with an id, a place in the log and half a day of its own, after those before it."""
    told = []
    for number, command in enumerate(sent):
        fields = {name: getattr(command, name) for name in command.__struct_fields__}
        fields |= {"command_id": f"c{number}", "now": day(number / 2)}
        if "fact" in fields and not isinstance(command, RecordFact):
            fields["fact"] = 100 + number
        told.append(type(command)(**fields))
    return told


histories = some.lists(commands, max_size=60).map(in_order)


def run(state: Progress, command: ProgressCommand) -> tuple[Progress, list[ProgressEvent]]:
    try:
        events = DECIDER.decide(state, command)
    except DomainError:
        return state, []
    for event in events:
        state = DECIDER.evolve(state, event)
    return state, events


def tell(sent: list[ProgressCommand]) -> tuple[Progress, list[ProgressEvent]]:
    state, told = DECIDER.initial, list[ProgressEvent]()
    for command in sent:
        state, events = run(state, command)
        told += events
    return state, told


@given(histories)
def test_nothing_happens_twice(sent: list[ProgressCommand]) -> None:
    _, told = tell(sent)
    kinds = {StepCompleted: "closed", StepSkipped: "closed", StepReminded: "reminded", JourneyStarted: "started"}
    once = Counter(
        (kinds.get(type(event), "finished"), getattr(event, "step_id", ""))
        for event in told
        if isinstance(event, StepCompleted | StepSkipped | StepReminded | JourneyStarted | JourneyFinished)
    )
    assert set(once.values()) <= {1}


@given(histories)
def test_a_repeat_changes_nothing(sent: list[ProgressCommand]) -> None:
    state = DECIDER.initial
    for command in sent:
        state, events = run(state, command)
        if not isinstance(command, RecordFact):  # that one is known by its id alone: each fact completes one step
            assert run(state, command) == (state, []), (command, events)


@given(histories)
def test_who_is_away_or_has_finished_is_not_reminded(sent: list[ProgressCommand]) -> None:
    state = DECIDER.initial
    for command in sent:
        before = state
        state, events = run(state, command)
        if any(isinstance(event, StepReminded) for event in events):
            assert before.under_way
        if before.finished:
            assert not events


@given(histories)
def test_all_facts_told_again_change_nothing(sent: list[ProgressCommand]) -> None:
    """A follower that begins from the start of the stream, because its checkpoint was lost."""
    state, _ = tell(sent)
    again = state
    for command in sent:
        if isinstance(command, PauseJourney | ResumeJourney) or command.now == state.started_at:
            again, _ = run(again, command)
    assert again == state


@given(histories)
def test_time_away_moves_what_is_due_and_nothing_else_does(sent: list[ProgressCommand]) -> None:
    state, away, gone = DECIDER.initial, timedelta(), None
    for command in sent:
        was_away = bool(state.absences)
        state, events = run(state, command)
        if state.absences and not was_away:
            assert any(isinstance(event, JourneyPaused) for event in events)
            gone = command.now
        if was_away and not state.absences and gone is not None:
            away += command.now - gone
    if state.origin is not None and state.started_at is not None:
        assert state.origin - state.started_at == away
        assert all(state.due_at(step) >= state.origin for step in state.steps)
