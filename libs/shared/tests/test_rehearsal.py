"""A rehearsal says what a command would come to, and stores nothing."""

from collections import Counter
from typing import ClassVar

import pytest

from libs.shared.authority import Authority
from libs.shared.commands import CommandHandler, OpenSetHandler
from libs.shared.domain import Command, DomainError, Forbidden, Unavailable
from libs.shared.rehearsal import Rehearsal, Rehearsals
from libs.shared.tests.hall import HALL, NOW, OpenHall, TakeSeat, open_hall, take_seat
from libs.shared.tests.recording import Halls, Recording


class Asked:
    """An authority that counts how often it is asked, and what about."""

    def __init__(self) -> None:
        self.roles_of: Counter[str] = Counter()
        self.admitted: Counter[type[Command]] = Counter()
        self.refusal: DomainError | None = None

    async def roles(self, _: str, actor: str) -> frozenset[str]:
        self.roles_of[actor] += 1
        return frozenset() if actor == "stranger" else frozenset({"member"})

    async def admit(self, command: Command, _: frozenset[str]) -> None:
        self.admitted[type(command)] += 1
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def authority(asked: Asked) -> Authority:
    return Authority(asked.roles, {"member"}, asked.admit)


@pytest.fixture
def rehearsals(halls: Halls) -> Rehearsals:
    made = Rehearsals()
    for command in HALL.commands:
        made.add(command, Rehearsal(open_to_all=False, rehearse=halls.rehearse, aggregates=halls))
    return made


async def test_what_would_change_something_and_what_would_not(
    rehearsals: Rehearsals, authority: Authority, halls: Halls, store: Recording
) -> None:
    await halls.handle(open_hall("h1", 1))
    before = len(store.messages)
    commands = [take_seat("h1", "m1"), open_hall("h1", 2), open_hall("h2", 1), take_seat("h2", "m1")]
    assert await rehearsals.would(authority, commands) == [True, False, True, False]
    assert len(store.messages) == before
    await halls.handle(take_seat("h1", "m1"))
    full = [take_seat("h1", "m1"), take_seat("h1", "m2")]
    assert await rehearsals.would(authority, full) == [False, False], "it is so already, or refused"


async def test_it_rests_on_what_the_leader_has(
    rehearsals: Rehearsals, authority: Authority, halls: Halls, store: Recording
) -> None:
    await halls.handle(open_hall("h1", 1))
    elsewhere = CommandHandler(HALL, store, "halls")
    await elsewhere.handle(take_seat("h1", "m1"))
    assert await rehearsals.would(authority, [take_seat("h1", "m2")]) == [False]


async def test_roles_are_asked_once_a_kind_of_command_and_each_aggregate_is_read_once(
    rehearsals: Rehearsals, authority: Authority, asked: Asked, halls: Halls, store: Recording
) -> None:
    await halls.handle(open_hall("h1", 9))
    store.calls.clear()
    commands = [take_seat("h1", "m1") for _ in range(5)] + [open_hall("h1", 1)] * 3
    assert await rehearsals.would(authority, commands) == [True] * 5 + [False] * 3
    assert asked.roles_of == {"m1": 2}
    assert asked.admitted == {TakeSeat: 1, OpenHall: 1}
    assert store.calls["head"] == 1


async def test_who_is_refused_whatever_they_say(
    rehearsals: Rehearsals, authority: Authority, asked: Asked, halls: Halls
) -> None:
    await halls.handle(open_hall("h1", 9))
    assert await rehearsals.would(authority, [take_seat("h1", "stranger"), take_seat("h1", "m1")]) == [False, True]
    asked.refusal = Forbidden()
    assert await rehearsals.would(authority, [take_seat("h1", "m1")]) == [False]


async def test_what_cannot_be_known_is_not_answered(
    rehearsals: Rehearsals, authority: Authority, asked: Asked, halls: Halls
) -> None:
    asked.refusal = Unavailable()
    with pytest.raises(Unavailable):
        await rehearsals.would(authority, [take_seat("h1", "m1")])


async def test_a_set_is_rehearsed_without_a_state_and_a_function_as_it_says(
    authority: Authority, store: Recording
) -> None:
    class Ask(Command, frozen=True, kw_only=True):
        wire_name: ClassVar[str] = "ask"

        answer: bool

    async def answer(command: Ask) -> bool:
        if command.roles != {"member"}:
            raise Forbidden
        return command.answer

    made = Rehearsals()
    open_set = OpenSetHandler(HALL, store, "halls")
    made.add(OpenHall, Rehearsal(open_to_all=False, rehearse=open_set.rehearse))
    made.add(Ask, Rehearsal(open_to_all=False, rehearse=answer))
    asking = [Ask(command_id="c", brand="b1", actor="m1", now=NOW, answer=answer) for answer in (True, False)]
    assert await made.would(authority, [*asking, open_hall("h1", 1)]) == [True, False, True]
    assert store.messages == []
