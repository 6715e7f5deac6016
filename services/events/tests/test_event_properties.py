"""What holds for an event after any sequence of commands."""

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.domain import DomainError
from services.events.decisions import DECIDER, EventCommand
from services.events.event import (
    CommunityEvent,
    EventEvent,
    EventScheduled,
    Format,
    Mode,
    RsvpCancelled,
    RsvpConfirmed,
    RsvpPromoted,
    RsvpStatus,
    RsvpWaitlisted,
)
from services.events.tests.builders import (
    END,
    LONG_BEFORE,
    MODERATOR,
    START,
    cancel_event,
    cancel_rsvp,
    change_audience,
    check_in,
    invite,
    release,
    rsvp,
    schedule,
    withdraw,
)

members = st.sampled_from([f"m{n}" for n in range(8)])
capacities = st.one_of(st.none(), st.integers(1, 3))
instants = st.sampled_from([LONG_BEFORE, LONG_BEFORE, LONG_BEFORE, START, END])

audiences = st.sampled_from([None, Audience(), Audience(roles=(Role.MEMBER,)), Audience(segments=("jury",))])
some = st.lists(members, min_size=1, max_size=4)

schedules = st.one_of(
    st.builds(
        lambda i, o, audience: schedule(form=Format.HYBRID, in_person_seats=i, online_seats=o, audience=audience),
        capacities,
        capacities,
        audiences,
    ),
    st.builds(lambda i: schedule(form=Format.IN_PERSON, in_person_seats=i), capacities),
    st.builds(lambda o: schedule(form=Format.ONLINE, online_seats=o), capacities),
)
commands: st.SearchStrategy[EventCommand] = st.one_of(
    st.builds(lambda m, mode, now: rsvp(m, mode, now=now), members, st.sampled_from(Mode), instants),
    st.builds(rsvp, members, st.sampled_from(Mode)),
    st.builds(lambda m, now: cancel_rsvp(m, now=now), members, instants),
    st.builds(lambda m, now: check_in("mod", m, now=now, roles=MODERATOR), members, instants),
    st.builds(change_audience, audiences),
    st.builds(lambda those, now: invite(*those, now=now), some, instants),
    st.builds(lambda those, now: withdraw(*those, now=now), some, instants),
    st.builds(lambda m, left, now: release(m, left_brand=left, now=now), members, st.booleans(), instants),
)
sequences = st.tuples(schedules, st.lists(commands, max_size=60), st.booleans()).map(
    lambda parts: [parts[0], *parts[1], *([cancel_event()] if parts[2] else []), *parts[1][:5]]
)


def outcome(state: CommunityEvent, command: EventCommand) -> list[EventEvent] | str:
    try:
        return DECIDER.decide(state, command)
    except DomainError as refusal:
        return refusal.code


def assert_valid(state: CommunityEvent) -> None:
    """Seats and queue agree with what each member holds; nobody waits beside a free seat; the head is the lowest."""
    for mode, seats in state.seating.seats.items():
        held = {m: a for m, a in state.seating.attendances.items() if a.mode is mode}
        waiting = {a.number: m for m, a in held.items() if a.status is RsvpStatus.WAITLISTED}
        assert dict(seats.queue.items()) == waiting
        assert seats.taken == len(held) - len(waiting)
        assert seats.next_in_queue == (waiting[min(waiting)] if waiting else None)
        if seats.capacity is not None:
            assert seats.taken <= seats.capacity
        if waiting:
            assert seats.taken == seats.capacity
    numbers = [a.number for a in state.seating.attendances.values()]
    assert len(numbers) == len(set(numbers))
    assert max(numbers, default=0) <= state.seating.drawn


@settings(max_examples=150, deadline=None)
@given(sequences)
def test_every_prefix_is_valid_and_a_repeat_changes_nothing(sequence: list[EventCommand]) -> None:
    state = DECIDER.initial
    for command in sequence:
        decided = outcome(state, command)
        events = [] if isinstance(decided, str) else decided
        for event in events:
            state = DECIDER.evolve(state, event)
        assert_valid(state)
        again = outcome(state, command)
        assert again == (decided if isinstance(decided, str) else [])


class Model:
    """The rules once more, naively: a list of those who sit and a list of those who wait, by mode."""

    def __init__(self, scheduled: EventScheduled) -> None:
        self.capacity = {Mode.IN_PERSON: scheduled.in_person_seats, Mode.ONLINE: scheduled.online_seats}
        self.seated: dict[Mode, list[str]] = {mode: [] for mode in Mode}
        self.waiting: dict[Mode, list[str]] = {mode: [] for mode in Mode}

    def apply(self, event: EventEvent) -> None:
        match event:
            case RsvpConfirmed():
                assert not self.waiting[event.mode], "nobody gets a seat past the queue"
                self.seated[event.mode].append(event.member_id)
            case RsvpWaitlisted():
                assert len(self.seated[event.mode]) == self.capacity[event.mode], "nobody waits beside a free seat"
                self.waiting[event.mode].append(event.member_id)
            case RsvpCancelled():
                held = self.seated if event.was is RsvpStatus.CONFIRMED else self.waiting
                held[event.mode].remove(event.member_id)
            case RsvpPromoted():
                assert self.waiting[event.mode].pop(0) == event.member_id, "the queue is served in order"
                self.seated[event.mode].append(event.member_id)
            case _:
                pass
        for mode, capacity in self.capacity.items():
            assert capacity is None or len(self.seated[mode]) <= capacity


@settings(max_examples=150, deadline=None)
@given(sequences)
def test_the_queue_is_served_in_order_and_no_capacity_is_exceeded(sequence: list[EventCommand]) -> None:
    (scheduled, *_rest) = DECIDER.decide(DECIDER.initial, sequence[0])
    assert isinstance(scheduled, EventScheduled)
    model, state = Model(scheduled), DECIDER.initial
    for command in sequence:
        decided = outcome(state, command)
        for event in [] if isinstance(decided, str) else decided:
            model.apply(event)
            state = DECIDER.evolve(state, event)
    for mode, seats in state.seating.seats.items():
        in_order = [member for _, member in sorted(seats.queue.items())]
        assert in_order == model.waiting[mode]


@settings(max_examples=50, deadline=None)
@given(sequences)
def test_a_fold_from_the_start_gives_the_same_state(sequence: list[EventCommand]) -> None:
    state, history = DECIDER.initial, []
    for command in sequence:
        decided = outcome(state, command)
        for event in [] if isinstance(decided, str) else decided:
            state = DECIDER.evolve(state, event)
            history.append(event)
    assert reduce(DECIDER.evolve, history, DECIDER.initial) == state
