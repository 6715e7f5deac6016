"""An idea: what a member proposes on a board, and how far the brand has come with it."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import STEWARDS, Role, require
from libs.shared.domain import Command, Decider, DomainError, Event, Id, NotFound, Owner
from libs.shared.text import Body, Line
from services.feedback.board import Board


class Status(StrEnum):
    """How far an idea has come.  A steward may set any of them at any time."""

    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    SHIPPED = "shipped"
    DECLINED = "declined"

    @property
    def is_open(self) -> bool:
        """Whether members may still vote."""
        return self not in (Status.SHIPPED, Status.DECLINED)


# Events


class IdeaSubmitted(Event, frozen=True, kw_only=True):
    """The event's actor proposed something."""

    wire_name: ClassVar[str] = "idea_submitted"
    personal: ClassVar[frozenset[str]] = frozenset({"title", "body"})
    owner: ClassVar[Owner] = Owner.ACTOR

    board_id: str
    title: str
    body: str


class IdeaStatusChanged(Event, frozen=True, kw_only=True):
    """The event's actor told how far the idea has come; `note` explains it to those who voted."""

    wire_name: ClassVar[str] = "idea_status_changed"

    status: Status
    note: str | None = None


IdeaEvent = IdeaSubmitted | IdeaStatusChanged

# State


class Idea(Struct, frozen=True, kw_only=True):
    """What an idea must remember to decide.  A missing idea has no `board_id`."""

    board_id: str = ""
    status: Status = Status.SUBMITTED
    note: str | None = None

    @property
    def exists(self) -> bool:
        """Whether it was submitted."""
        return bool(self.board_id)


def evolve(state: Idea, event: IdeaEvent) -> Idea:
    """The idea after `event`."""
    match event:
        case IdeaSubmitted():
            return structs.replace(state, board_id=event.board_id)
        case IdeaStatusChanged():
            return structs.replace(state, status=event.status, note=event.note)
        case _:
            assert_never(event)


# Commands

#: A few words in Markdown, with the characters of a Body.
Note = Annotated[str, Meta(max_length=2_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]


class SubmitIdea(Command, frozen=True, kw_only=True):
    """Propose something on a board.  Members; whether the board takes it is the board's rule (`admit_idea`)."""

    wire_name: ClassVar[str] = "submit_idea"

    idea_id: Id
    board_id: Id
    title: Line
    body: Body = ""


class ChangeIdeaStatus(Command, frozen=True, kw_only=True):
    """Tell how far an idea has come.  Stewards; from any status to any other, since plans change.

    The same status with another note is a change too.
    """

    wire_name: ClassVar[str] = "change_idea_status"

    idea_id: Id
    status: Status
    note: Note | None = None


IdeaCommand = SubmitIdea | ChangeIdeaStatus

# Decisions


def decide(state: Idea, command: IdeaCommand) -> list[IdeaEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, NOT_FOUND, ID_TAKEN."""
    match command:
        case SubmitIdea():
            return _submit(state, command)
        case ChangeIdeaStatus():
            return _change_status(state, command)
        case _:
            assert_never(command)


def _submit(state: Idea, command: SubmitIdea) -> list[IdeaEvent]:
    require(command.roles, Role.MEMBER)
    if not state.exists:
        return [IdeaSubmitted(board_id=command.board_id, title=command.title, body=command.body)]
    if state.board_id != command.board_id:
        raise DomainError("ID_TAKEN", "another idea has this id", ("idea_id",))
    return []


def _change_status(state: Idea, command: ChangeIdeaStatus) -> list[IdeaEvent]:
    require(command.roles, *STEWARDS)
    if not state.exists:
        raise NotFound("there is no such idea", ("idea_id",))
    if state.status is command.status and (command.note is None or command.note == state.note):
        return []
    return [IdeaStatusChanged(status=command.status, note=command.note)]


def admit_idea(board: Board, roles: AbstractSet[str]) -> None:
    """Whether someone with `roles` may propose on `board`.  Raises FORBIDDEN (strangers, before all), NOT_FOUND."""
    require(roles, Role.MEMBER)
    if not board.exists:
        raise NotFound("there is no such board", ("board_id",))


DECIDER: Decider[Idea, IdeaCommand, IdeaEvent] = Decider(
    aggregate="idea",
    initial=Idea(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.idea_id,
    commands=(SubmitIdea, ChangeIdeaStatus),
    events=(IdeaSubmitted, IdeaStatusChanged),
)
