"""Slices of an audience: together they are everybody, each once."""

from hypothesis import given
from hypothesis import strategies as st

from services.members.notices.places import PLACES, SLICE_MEMBERS, nth_slice, place, slices_for


@given(member=st.text(min_size=1), slices=st.integers(1, PLACES))
def test_each_member_is_in_one_slice(member: str, slices: int) -> None:
    here = [
        number for number in range(slices) for low, high in [nth_slice(number, slices)] if low <= place(member) < high
    ]
    assert len(here) == 1


@given(members=st.integers(0, 10_000_000))
def test_slices_stay_small_while_there_are_places(members: int) -> None:
    slices = slices_for(members)
    assert 1 <= slices <= PLACES
    assert members / slices <= SLICE_MEMBERS or slices == PLACES


def test_members_are_spread_evenly() -> None:
    slices = slices_for(10_000)
    sizes = [0] * slices
    for number in range(10_000):
        at = place(f"member{number}")
        sizes[next(n for n in range(slices) if nth_slice(n, slices).low <= at < nth_slice(n, slices).high)] += 1
    assert max(sizes) < 1.3 * SLICE_MEMBERS
