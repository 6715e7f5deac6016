"""Who may vote for what, and whose vote it is."""

import pytest

from libs.shared.domain import SYSTEM, DomainError
from libs.shared.testing.bdd import given
from services.feedback.idea import Idea, Status
from services.feedback.tests.builders import STRANGER, cast, withdraw
from services.feedback.vote import DECIDER, VoteCast, VoteCommand, VoteWithdrawn, admit_vote

OPEN = [Status.SUBMITTED, Status.UNDER_REVIEW, Status.PLANNED, Status.IN_PROGRESS]


class TestDecide:
    def test_a_member_votes_and_withdraws(self) -> None:
        given(DECIDER).when(cast("m1")).then(VoteCast(member_id="m1"))
        given(DECIDER, VoteCast(member_id="m1")).when(withdraw("m1")).then(VoteWithdrawn(member_id="m1"))

    def test_a_repeat_is_said_again_and_counted_once_by_the_view(self) -> None:
        given(DECIDER, VoteCast(member_id="m1")).when(cast("m1")).then(VoteCast(member_id="m1"))

    def test_naming_oneself_is_allowed_naming_another_is_not(self) -> None:
        given(DECIDER).when(cast("m1", member_id="m1")).then(VoteCast(member_id="m1"))
        given(DECIDER).when(cast("m1", member_id="m2")).then_raises("FORBIDDEN", ("member_id",))
        given(DECIDER).when(withdraw("m1", member_id="m2")).then_raises("FORBIDDEN", ("member_id",))

    def test_the_platform_names_whose_vote_it_is(self) -> None:
        given(DECIDER).when(cast(SYSTEM, member_id="m1")).then(VoteCast(member_id="m1"))
        given(DECIDER).when(withdraw(SYSTEM, member_id="m1")).then(VoteWithdrawn(member_id="m1"))

    @pytest.mark.parametrize("member_id", [None, SYSTEM])
    def test_the_platform_has_no_vote_of_its_own(self, member_id: str | None) -> None:
        given(DECIDER).when(cast(SYSTEM, member_id=member_id)).then_raises("INVALID", ("member_id",))

    def test_a_stranger_does_not_vote(self) -> None:
        given(DECIDER).when(cast(roles=STRANGER)).then_raises("FORBIDDEN")
        given(DECIDER).when(withdraw(roles=STRANGER)).then_raises("FORBIDDEN")


class TestAdmit:
    @pytest.mark.parametrize("status", OPEN)
    @pytest.mark.parametrize("command", [cast(), withdraw()])
    def test_open_ideas(self, status: Status, command: VoteCommand) -> None:
        admit_vote(Idea(board_id="p1", status=status), command)

    @pytest.mark.parametrize("status", [status for status in Status if status not in OPEN])
    @pytest.mark.parametrize("command", [cast(), withdraw()])
    def test_closed_ideas_are_for_the_platform_alone(self, status: Status, command: VoteCommand) -> None:
        closed = Idea(board_id="p1", status=status)
        with pytest.raises(DomainError) as refusal:
            admit_vote(closed, command)
        assert refusal.value.code == "IDEA_CLOSED"
        admit_vote(closed, cast(SYSTEM, member_id="m1"))

    def test_missing_ideas_are_for_nobody_and_a_stranger_learns_nothing_of_them(self) -> None:
        for command, code in (
            (cast(), "NOT_FOUND"),
            (cast(SYSTEM, member_id="m1"), "NOT_FOUND"),
            (cast(roles=STRANGER), "FORBIDDEN"),
        ):
            with pytest.raises(DomainError) as refusal:
                admit_vote(Idea(), command)
            assert refusal.value.code == code
