"""Puts the feedback service together: its aggregates, their rules over several of them, its read models and queries."""

from dataclasses import replace

from libs.access.authorizer import Authorizer
from libs.access.erasing import compose_erasing
from libs.access.export import Source, compose_export, within
from libs.access.gate import Module
from libs.access.permissions import compose_permissions
from libs.access.roles import ALL_ROLES
from libs.access.view import AccessView
from libs.shared.claims import Claim, claims
from libs.shared.commands import handle_together
from libs.shared.domain import Accepted, DomainError
from libs.shared.service import App, anybody
from services.feedback import board, idea, vote
from services.feedback.board import OpenBoard
from services.feedback.idea import SubmitIdea, admit_idea
from services.feedback.permissions import EXAMPLES
from services.feedback.views.boards import (
    BoardBySlug,
    BoardPage,
    BoardPageResult,
    BoardsGetMany,
    BoardsView,
    BoardView,
)
from services.feedback.views.ideas import IdeaPage, IdeaPageResult, IdeaPages, IdeasGetMany, IdeasView, IdeaView
from services.feedback.views.votes import ViewerVotes, VoterPage, VoterPageResult, VoterPages
from services.feedback.vote import CastVote, VoteCommand, WithdrawVote, admit_vote


def compose(app: App) -> None:
    """Register what the service answers."""
    access = app.view(AccessView("feedback"))
    authorizer = Authorizer(access, app.positions, app.nats, module=Module.FEEDBACK)
    app.authorise(authorizer.to_act, ALL_ROLES, authorizer.admit)
    _compose_commands(app)
    compose_permissions(app, access, EXAMPLES)
    compose_erasing(app)

    allow = authorizer.member_only
    boards = app.view(BoardsView())
    app.query(BoardBySlug, BoardView, boards.board_by_slug, view=boards, allow=allow, same_for=anybody)
    app.query(BoardsGetMany, list[BoardView | None], boards.boards_get_many, view=boards, allow=allow, same_for=anybody)
    app.query(BoardPage, BoardPageResult, boards.board_page, view=boards, allow=allow, same_for=anybody)

    ideas = app.view(IdeasView())
    app.query(IdeaPage, IdeaPageResult, ideas.idea_page, view=ideas, allow=allow, same_for=anybody)
    app.query(IdeaPages, list[IdeaPageResult], ideas.idea_pages, view=ideas, allow=allow, same_for=anybody)
    app.query(IdeasGetMany, list[IdeaView | None], ideas.ideas_get_many, view=ideas, allow=allow, same_for=anybody)
    app.query(VoterPage, VoterPageResult, ideas.voter_page, view=ideas, allow=allow, same_for=anybody)
    app.query(VoterPages, list[VoterPageResult], ideas.voter_pages, view=ideas, allow=allow, same_for=anybody)
    app.query(ViewerVotes, list[bool], ideas.viewer_votes, view=ideas, allow=allow)
    compose_export(
        app,
        [
            Source("idea", ideas, "ideas", lambda brand, member: {"brand": brand, "submitted_by": member}),
            Source("vote", ideas, "votes", lambda brand, member: {"member": member, "idea": within(brand)}),
        ],
    )


def _compose_commands(app: App) -> None:
    # Boards and slugs are decided together, so neither answers commands of its own.
    boards = app.aggregate(replace(board.DECIDER, commands=()))
    slugs = app.aggregate(replace(claims("board_slug"), commands=()))

    async def open_board(command: OpenBoard) -> Accepted:
        claim = Claim(
            command_id=command.command_id,
            brand=command.brand,
            actor=command.actor,
            now=command.now,
            name=command.slug,
            holder=command.board_id,
        )
        try:
            return await handle_together((boards, command), (slugs, claim))
        except DomainError as refusal:
            if refusal.code == "NAME_TAKEN":  # the claim's `name` is the caller's `slug`
                raise DomainError(refusal.code, refusal.message, ("slug",)) from None
            raise

    async def admit_to_board(command: SubmitIdea) -> None:
        admit_idea(await boards.state(command.brand, command.board_id, fresh=True), command.roles)

    async def admit_to_idea(command: VoteCommand) -> None:
        admit_vote(await ideas.state(command.brand, command.idea_id, fresh=True), command)

    app.command("board", OpenBoard, open_board, rehearse=boards)
    ideas = app.aggregate(idea.DECIDER, guards={SubmitIdea: admit_to_board})
    app.aggregate(vote.DECIDER, open_set=True, guards={CastVote: admit_to_idea, WithdrawVote: admit_to_idea})
