"""A small aggregate for tests of the kernel: a hall with a number of seats, one a member."""

from datetime import UTC, datetime
from typing import ClassVar, assert_never

from msgspec import Struct
from msgspec.structs import replace
from rpds import HashTrieMap

from libs.shared.domain import Command, Decider, DomainError, Event
from libs.shared.ids import uuid7

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


class HallOpened(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "hall_opened"

    seats: int


class SeatTaken(Event, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "seat_taken"
    version: ClassVar[int] = 2

    member: str
    number: int
    note: str = ""


HallEvent = HallOpened | SeatTaken


class Hall(Struct, frozen=True, kw_only=True):
    seats: int | None = None
    taken: HashTrieMap[str, int] = HashTrieMap()
    changes: int = 0


def evolve(state: Hall, event: HallEvent) -> Hall:
    match event:
        case HallOpened():
            return replace(state, seats=event.seats, changes=state.changes + 1)
        case SeatTaken():
            taken = state.taken.insert(event.member, event.number)
            return replace(state, taken=taken, changes=state.changes + 1)
        case _:
            assert_never(event)


class OpenHall(Command, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "open_hall"

    hall_id: str
    seats: int


class TakeSeat(Command, frozen=True, kw_only=True):
    wire_name: ClassVar[str] = "take_seat"

    hall_id: str
    member: str
    note: str = ""


HallCommand = OpenHall | TakeSeat


def decide(state: Hall, command: HallCommand) -> list[HallEvent]:
    match command:
        case OpenHall():
            if state.seats is not None:
                raise DomainError("OPEN", "the hall is open already")
            return [HallOpened(seats=command.seats)]
        case TakeSeat():
            if command.note == "defect":
                raise ZeroDivisionError
            if state.seats is None:
                raise DomainError("NO_HALL", "there is no such hall")
            if command.member in state.taken:
                return []
            if len(state.taken) >= state.seats:
                raise DomainError("FULL", "all seats are taken")
            return [SeatTaken(member=command.member, number=len(state.taken) + 1, note=command.note)]
        case _:
            assert_never(command)


HALL: Decider[Hall, HallCommand, HallEvent] = Decider(
    aggregate="hall",
    initial=Hall(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.hall_id,
    commands=(OpenHall, TakeSeat),
    events=(HallOpened, SeatTaken),
)


def open_hall(hall: str, seats: int, *, brand: str = "b1", command_id: str | None = None) -> OpenHall:
    return OpenHall(command_id=command_id or uuid7(), brand=brand, actor="m1", now=NOW, hall_id=hall, seats=seats)


def take_seat(hall: str, member: str, *, brand: str = "b1", note: str = "", command_id: str | None = None) -> TakeSeat:
    return TakeSeat(
        command_id=command_id or uuid7(), brand=brand, actor=member, now=NOW, hall_id=hall, member=member, note=note
    )
