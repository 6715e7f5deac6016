"""Boards, ideas and votes, with their mutations."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from services.gateway import ids, replies
from services.gateway.context import Done, Info, Scope
from services.gateway.loaders import BOARDS, IDEA_PAGES, IDEAS, VOTER_PAGES, VOTES
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    Payload,
    command,
    connection,
    field,
    optional,
    page_arguments,
    unless_missing,
)
from services.gateway.schema.followable import Followable
from services.gateway.schema.members import Member, load_members
from services.gateway.schema.permissions import Permission, permissions


@strawberry.enum(description="What a board collects ideas about.")
class BoardKind(Enum):
    """Kinds of boards, as services name them."""

    PRODUCT = "product"
    COMMUNITY = "community"


@strawberry.enum(description="How far an idea has come.")
class IdeaStatus(Enum):
    """States of an idea, as services name them."""

    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    SHIPPED = "shipped"
    DECLINED = "declined"


@strawberry.type(description="A member who voted for an idea.")
class Voter:
    """A vote."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    voted_at: datetime

    @batch
    @staticmethod
    async def member(those: list["Voter"]) -> Answers[Member | None]:
        """Who voted."""
        return await load_members((one.scope, one.key) for one in those)


@strawberry.type(description="Something that a member proposes.")
class Idea(Followable):
    """An idea."""

    scope: strawberry.Private[Scope]
    row: strawberry.Private[replies.IdeaReply]
    title: str
    body: str = strawberry.field(description="Markdown.")
    status: IdeaStatus
    status_note: str | None = strawberry.field(description="Why it has this status.")
    status_changed_at: datetime | None
    submitted_at: datetime
    vote_count: int

    @staticmethod
    def of(row: replies.IdeaReply, scope: Scope) -> "Idea":
        """An idea as a service sees it."""
        return Idea(
            id=ids.encode("Idea", scope.brand, row.id),
            scope=scope,
            row=row,
            title=row.title,
            body=row.body,
            status=IdeaStatus(row.status),
            status_note=row.status_note,
            status_changed_at=row.status_changed_at,
            submitted_at=row.submitted_at,
            vote_count=row.vote_count,
        )

    @batch
    @staticmethod
    async def author(those: list["Idea"]) -> Answers[Member | None]:
        """Null for what the platform itself wrote."""
        return await load_members((one.scope, one.row.submitted_by) for one in those)

    @batch
    @staticmethod
    async def board(those: list["Idea"]) -> Answers["Board | None"]:
        """The board it stands on."""
        return await BOARDS.objects(((one.scope, one.row.board_id) for one in those), Board.of)

    @batch
    @staticmethod
    async def viewer_voted(those: list["Idea"]) -> Answers[bool]:
        """Whether the sender voted for it."""
        return await VOTES.present(((one.scope, one.row.id) for one in those), _voted)

    @batch
    @staticmethod
    async def viewer_can(those: list["Idea"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("idea", ((one.scope, one.row.id) for one in those), "feedback", "members")

    @batch
    @staticmethod
    async def voters(
        those: list["Idea"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[Voter]]:
        """Who voted for it, oldest vote first."""
        page = page_arguments(first, after, last, before)
        return await VOTER_PAGES.present(((one.scope, one.row.id) for one in those), _voters, page=page)


@strawberry.type(description="A board that collects ideas.")
class Board(Followable):
    """A feedback board."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]
    slug: str
    name: str
    kind: BoardKind
    opened_at: datetime
    idea_count: int

    @staticmethod
    def of(row: replies.BoardReply, scope: Scope) -> "Board":
        """A board as a service sees it."""
        return Board(
            id=ids.encode("Board", scope.brand, row.id),
            scope=scope,
            key=row.id,
            slug=row.slug,
            name=row.name,
            kind=BoardKind(row.kind),
            opened_at=row.opened_at,
            idea_count=row.idea_count,
        )

    @batch
    @staticmethod
    async def ideas(
        those: list["Board"], first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Answers[Connection[Idea]]:
        """The ideas of this board, newest first."""
        page = page_arguments(first, after, last, before)
        return await IDEA_PAGES.present(((one.scope, one.key) for one in those), _ideas, page=page)

    @batch
    @staticmethod
    async def viewer_can(those: list["Board"]) -> Answers[list[Permission]]:
        """What the sender may do with it right now."""
        return await permissions("board", ((one.scope, one.key) for one in those), "feedback", "members")


def _voters(page: replies.PageReply[replies.VoterReply], scope: Scope) -> Connection[Voter]:
    return connection(page, lambda row: Voter(scope=scope, key=row.member_id, voted_at=row.voted_at))


def _ideas(page: replies.PageReply[replies.IdeaReply], scope: Scope) -> Connection[Idea]:
    return connection(page, lambda row: Idea.of(row, scope))


def _voted(voted: bool, _: Scope) -> bool:
    return voted


async def load_idea(scope: Scope, key: str) -> Idea | None:
    """An idea by id."""
    return await IDEAS.object(scope, key, Idea.of)


async def load_board(scope: Scope, key: str) -> Board | None:
    """A board by id."""
    return await BOARDS.object(scope, key, Board.of)


@strawberry.type
class BrandFeedback(BrandPart):
    """The part of a brand that the feedback service answers."""

    @field
    async def boards(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Board] | None:
        """The boards of the brand, oldest first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        found = await scope.ask("feedback", "board_page", replies.PageReply[replies.BoardReply], page=page)
        return connection(found, lambda row: Board.of(row, scope))

    @field
    async def board(self, info: Info, slug: str) -> Board | None:
        """One board by its slug.  Members only."""
        scope = self.inside(info)
        row = await unless_missing(scope.ask("feedback", "board_by_slug", replies.BoardReply, slug=slug))
        return Board.of(row, scope) if row else None

    @field
    async def ideas(
        self,
        info: Info,
        *,
        board: ID | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Idea] | None:
        """Ideas, newest first: of one board, or of the whole brand.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        key = ids.key_if_given(board, "board", "Board", brand=scope.brand)
        reply = replies.PageReply[replies.IdeaReply]
        return _ideas(await scope.ask("feedback", "idea_page", reply, board_id=key, page=page), scope)


@strawberry.type
class BoardPayload(Payload):
    """The board that was opened."""

    @field
    async def board(self) -> Board | None:
        """The board, read at the command's position."""
        return await load_board(self.done.scope, self.done.id) if self.done else None


@strawberry.type
class IdeaPayload(Payload):
    """The idea that was submitted or changed."""

    @field
    async def idea(self) -> Idea | None:
        """The idea, read at the command's position."""
        return await load_idea(self.done.scope, self.done.id) if self.done else None


@strawberry.input
class OpenBoardInput:
    """A new board."""

    brand_id: ID
    slug: str
    name: str
    kind: BoardKind
    command_id: CommandId = None


@strawberry.input
class SubmitIdeaInput:
    """A new idea."""

    board_id: ID
    title: str
    body: str = ""
    command_id: CommandId = None


@strawberry.input
class ChangeIdeaStatusInput:
    """A new status, and why."""

    idea_id: ID
    status: IdeaStatus
    note: str | None = None
    command_id: CommandId = None


@strawberry.input
class VoteInput:
    """The sender's vote for an idea."""

    idea_id: ID
    command_id: CommandId = None


@strawberry.type
class FeedbackMutation:
    """Commands on boards, ideas and votes."""

    @command
    async def open_board(self, info: Info, input: OpenBoardInput) -> BoardPayload:  # noqa: A002
        """Open a board.  Owners and builders only."""
        done = await info.context.act(
            ids.expect(input.brand_id, "brandId", "Brand").key,
            "feedback.board.open_board",
            input.command_id,
            creates="board_id",
            slug=input.slug,
            name=input.name,
            kind=input.kind.value,
        )
        return BoardPayload(done=done)

    @command
    async def submit_idea(self, info: Info, input: SubmitIdeaInput) -> IdeaPayload:  # noqa: A002
        """Propose an idea on a board."""
        board = ids.expect(input.board_id, "boardId", "Board")
        done = await info.context.act(
            board.brand,
            "feedback.idea.submit_idea",
            input.command_id,
            creates="idea_id",
            board_id=board.key,
            title=input.title,
            body=input.body,
        )
        return IdeaPayload(done=done)

    @command
    async def change_idea_status(self, info: Info, input: ChangeIdeaStatusInput) -> IdeaPayload:  # noqa: A002
        """Say how far an idea has come.  Stewards only."""
        idea = ids.expect(input.idea_id, "ideaId", "Idea")
        done = await info.context.act(
            idea.brand,
            "feedback.idea.change_idea_status",
            input.command_id,
            idea_id=idea.key,
            status=input.status.value,
            **optional(note=input.note),
        )
        return IdeaPayload(done=done)

    @command
    async def cast_vote(self, info: Info, input: VoteInput) -> IdeaPayload:  # noqa: A002
        """Vote for an idea; one vote a member."""
        return IdeaPayload(done=await _vote(info, "cast_vote", input))

    @command
    async def withdraw_vote(self, info: Info, input: VoteInput) -> IdeaPayload:  # noqa: A002
        """Take a vote back."""
        return IdeaPayload(done=await _vote(info, "withdraw_vote", input))


async def _vote(info: Info, name: str, given: VoteInput) -> Done:
    idea = ids.expect(given.idea_id, "ideaId", "Idea")
    return await info.context.act(idea.brand, f"feedback.vote.{name}", given.command_id, idea_id=idea.key)
