"""Instants as documents keep them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from libs.shared.times import from_ms, to_ms


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_document_keeps_whole_milliseconds(instant: datetime) -> None:
    kept = from_ms(to_ms(instant))
    assert timedelta(0) <= instant - kept < timedelta(milliseconds=1)
    assert to_ms(kept) == to_ms(instant)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_they_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    if to_ms(one) < to_ms(other):
        assert one < other


def test_every_offset_is_the_same_instant_and_the_years_before_1970_are_negative() -> None:
    there = datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert to_ms(there) == 0
    assert to_ms(there - timedelta(milliseconds=1)) == -1
    assert from_ms(-1).tzinfo is UTC
