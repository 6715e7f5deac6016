import pytest

from libs.shared.testing.bdd import given
from libs.shared.tests.hall import HALL, Hall, HallOpened, SeatTaken, open_hall, take_seat

OPENED = HallOpened(seats=1)
TAKEN = SeatTaken(member="m1", number=1)


def test_it_accepts_what_is_true() -> None:
    given(HALL).when(open_hall("h1", 1)).then(OPENED)
    given(HALL, OPENED).when(take_seat("h1", "m1")).then(TAKEN)
    given(HALL, OPENED, TAKEN).when(take_seat("h1", "m1")).then_nothing()
    assert given(HALL, OPENED, TAKEN).when(take_seat("h1", "m2")).then_raises("FULL", ()).code == "FULL"
    assert given(HALL, OPENED).state == Hall(seats=1, changes=1)


def test_it_refuses_other_events() -> None:
    with pytest.raises(AssertionError):
        given(HALL).when(open_hall("h1", 2)).then(OPENED)
    with pytest.raises(AssertionError):
        given(HALL).when(open_hall("h1", 1)).then(OPENED, OPENED)
    with pytest.raises(AssertionError):
        given(HALL).when(open_hall("h1", 1)).then_nothing()
    with pytest.raises(AssertionError, match="then_nothing"):
        given(HALL, OPENED, TAKEN).when(take_seat("h1", "m1")).then()


def test_it_refuses_other_refusals() -> None:
    refused = given(HALL, OPENED, TAKEN).when(take_seat("h1", "m2"))
    with pytest.raises(AssertionError, match="FULL"):
        refused.then_raises("NO_HALL")
    with pytest.raises(AssertionError, match="path"):
        refused.then_raises("FULL", ("member",))
    with pytest.raises(AssertionError, match="FULL"):
        refused.then(TAKEN)
    with pytest.raises(AssertionError, match="FULL"):
        refused.then_nothing()
    with pytest.raises(AssertionError, match="expected a refusal"):
        given(HALL).when(open_hall("h1", 1)).then_raises("FULL")


def test_a_defect_is_not_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        given(HALL).when(take_seat("h1", "m1", note="defect"))
