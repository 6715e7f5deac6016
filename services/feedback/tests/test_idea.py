"""What an idea decides, and what holds after any sequence of commands."""

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.feedback.board import Board
from services.feedback.idea import DECIDER, IdeaCommand, IdeaStatusChanged, IdeaSubmitted, Status, admit_idea
from services.feedback.tests.builders import MEMBER, MODERATOR, STRANGER, change_status, submit_idea

SUBMITTED = IdeaSubmitted(board_id="p1", title="Dark mode", body="For the night owls.")


class TestSubmit:
    def test_a_member_proposes(self) -> None:
        given(DECIDER).when(submit_idea()).then(SUBMITTED)

    def test_a_stranger_does_not(self) -> None:
        given(DECIDER).when(submit_idea(roles=STRANGER)).then_raises("FORBIDDEN")

    def test_repeated_it_changes_nothing(self) -> None:
        given(DECIDER, SUBMITTED, IdeaStatusChanged(status=Status.SHIPPED)).when(submit_idea()).then_nothing()

    def test_an_id_stands_for_one_idea(self) -> None:
        given(DECIDER, SUBMITTED).when(submit_idea(board_id="p2")).then_raises("ID_TAKEN", ("idea_id",))

    def test_the_board_must_exist_but_a_stranger_learns_nothing_of_it(self) -> None:
        admit_idea(Board(slug="ideas"), MEMBER)
        for board, roles, code in ((Board(), MEMBER, "NOT_FOUND"), (Board(), STRANGER, "FORBIDDEN")):
            with pytest.raises(DomainError) as refusal:
                admit_idea(board, roles)
            assert refusal.value.code == code


class TestChangeStatus:
    @pytest.mark.parametrize("before", Status)
    @pytest.mark.parametrize("after", Status)
    def test_from_any_to_any_other(self, before: Status, after: Status) -> None:
        history = given(DECIDER, SUBMITTED, IdeaStatusChanged(status=before))
        if before is after:
            history.when(change_status(after)).then_nothing()
        else:
            history.when(change_status(after, "soon")).then(IdeaStatusChanged(status=after, note="soon"))

    def test_another_note_is_a_change(self) -> None:
        history = given(DECIDER, SUBMITTED, IdeaStatusChanged(status=Status.PLANNED, note="soon"))
        history.when(change_status(Status.PLANNED, "soon")).then_nothing()
        later = IdeaStatusChanged(status=Status.PLANNED, note="later")
        history.when(change_status(Status.PLANNED, "later")).then(later)

    @pytest.mark.parametrize("roles", [STRANGER, MEMBER])
    def test_only_stewards_do(self, roles: frozenset[str]) -> None:
        given(DECIDER, SUBMITTED).when(change_status(Status.PLANNED, roles=roles)).then_raises("FORBIDDEN")

    def test_the_idea_must_exist(self) -> None:
        given(DECIDER).when(change_status(Status.PLANNED, roles=MODERATOR)).then_raises("NOT_FOUND", ("idea_id",))


commands: st.SearchStrategy[IdeaCommand] = st.one_of(
    st.builds(lambda board: submit_idea(board_id=board), st.sampled_from(["p1", "p2"])),
    st.builds(change_status, st.sampled_from(Status), st.sampled_from([None, "soon", "later"])),
)


@examples(st.lists(commands, max_size=20))
def test_every_prefix_is_valid_and_a_repeat_changes_nothing(sequence: list[IdeaCommand]) -> None:
    state = DECIDER.initial
    for command in sequence:
        board = state.board_id
        try:
            events = DECIDER.decide(state, command)
        except DomainError as refusal:
            assert refusal.code in {"NOT_FOUND", "ID_TAKEN"}
            continue
        for event in events:
            state = DECIDER.evolve(state, event)
        assert state.exists
        assert board in ("", state.board_id)
        assert DECIDER.decide(state, command) == []
