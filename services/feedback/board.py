"""A board: a named place of a brand where members leave ideas about its products or about the community itself."""

from enum import StrEnum
from typing import ClassVar, assert_never

from msgspec import Struct, structs

from libs.access.roles import LEADERS, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id
from libs.shared.text import Line, Slug


class BoardKind(StrEnum):
    """What the ideas of a board are about."""

    PRODUCT = "product"
    COMMUNITY = "community"


# Events


class BoardOpened(Event, frozen=True, kw_only=True):
    """A leader opened a board."""

    wire_name: ClassVar[str] = "board_opened"

    slug: str
    name: str
    kind: BoardKind


BoardEvent = BoardOpened

# State


class Board(Struct, frozen=True, kw_only=True):
    """What a board must remember to decide.  A missing board has no `slug`."""

    slug: str = ""

    @property
    def exists(self) -> bool:
        """Whether it was opened."""
        return bool(self.slug)


def evolve(state: Board, event: BoardEvent) -> Board:
    """The board after `event`."""
    match event:
        case BoardOpened():
            return structs.replace(state, slug=event.slug)
        case _:
            assert_never(event)


# Commands


class OpenBoard(Command, frozen=True, kw_only=True):
    """Open a board under a slug of its own in the brand.  Leaders."""

    wire_name: ClassVar[str] = "open_board"

    board_id: Id
    slug: Slug
    name: Line
    kind: BoardKind


BoardCommand = OpenBoard

# Decisions


def decide(state: Board, command: BoardCommand) -> list[BoardEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, ID_TAKEN."""
    match command:
        case OpenBoard():
            return _open(state, command)
        case _:
            assert_never(command)


def _open(state: Board, command: OpenBoard) -> list[BoardEvent]:
    require(command.roles, *LEADERS)
    if not state.exists:
        return [BoardOpened(slug=command.slug, name=command.name, kind=command.kind)]
    if state.slug != command.slug:
        raise DomainError("ID_TAKEN", "another board has this id", ("board_id",))
    return []


DECIDER: Decider[Board, BoardCommand, BoardEvent] = Decider(
    aggregate="board",
    initial=Board(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.board_id,
    commands=(OpenBoard,),
    events=(BoardOpened,),
)
