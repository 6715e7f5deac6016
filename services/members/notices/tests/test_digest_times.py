"""When digests are due, on every calendar and whatever clocks do."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.members.notices.digest_times import AT, Digest, Period, due, next_due

ZONES = [
    "UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham",
    "Pacific/Apia", "America/Sao_Paulo",
]  # fmt: skip
moments = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_a_day_and_a_week() -> None:
    # Monday, 2 March 2026, in Paris: eight o'clock is seven in UTC.
    assert due("Europe/Paris", utc(2026, 3, 2, 6, 59), utc(2026, 3, 2, 7)) == [
        Digest(Period.DAILY, date(2026, 3, 2), utc(2026, 3, 1, 7), utc(2026, 3, 2, 7)),
        Digest(Period.WEEKLY, date(2026, 3, 2), utc(2026, 2, 23, 7), utc(2026, 3, 2, 7)),
    ]
    assert due("Europe/Paris", utc(2026, 3, 2, 7), utc(2026, 3, 3, 6, 59)) == []
    [daily] = due("Europe/Paris", utc(2026, 3, 2, 7), utc(2026, 3, 3, 7))
    assert (daily.period, daily.after) == (Period.DAILY, utc(2026, 3, 2, 7))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_the_days_on_which_clocks_change(day: date, hours: int) -> None:
    eight = datetime.combine(day, AT, ZoneInfo("Europe/Paris")).astimezone(UTC)
    [daily] = due("Europe/Paris", eight - timedelta(hours=1), eight)
    assert daily.until - daily.after == timedelta(hours=hours)


def test_who_was_away_gets_one_for_all() -> None:
    daily, weekly = due("UTC", utc(2026, 3, 1, 12), utc(2026, 3, 20, 12))
    assert (daily.after, daily.until) == (utc(2026, 3, 1, 8), utc(2026, 3, 20, 8))
    assert (weekly.after, weekly.until) == (utc(2026, 2, 23, 8), utc(2026, 3, 16, 8))


@given(zone=st.sampled_from(ZONES), start=moments, steps=st.lists(st.integers(1, 5_000), min_size=1, max_size=30))
def test_digests_follow_on_each_other_without_gap_or_overlap(zone: str, start: datetime, steps: list[int]) -> None:
    times = [start]
    for minutes in steps:
        times.append(times[-1] + timedelta(minutes=minutes))
    found = [digest for since, now in pairwise(times) for digest in due(zone, since, now)]
    for period in Period:
        mine = [digest for digest in found if digest.period is period]
        assert all(one.until == other.after for one, other in pairwise(mine))
        assert all(one.day < other.day for one, other in pairwise(mine)), "one a day of the calendar"
        for digest in mine:
            local = digest.until.astimezone(ZoneInfo(zone))
            assert (local.time(), local.date()) == (AT, digest.day)
            assert period is Period.DAILY or local.weekday() == 0
    # However it is looked at, what is due in the end is the same.
    assert {(one.period, one.until) for one in due(zone, times[0], times[-1])} == {
        (period, max(digest.until for digest in found if digest.period is period))
        for period in {digest.period for digest in found}
    }


@given(zones=st.lists(st.sampled_from(ZONES), min_size=1), now=moments)
def test_nothing_is_due_before_the_next_moment_and_something_is_then(zones: list[str], now: datetime) -> None:
    at = next_due(zones, now)
    assert now < at <= now + timedelta(hours=50)
    assert not any(due(zone, now, at - timedelta(seconds=1)) for zone in zones)
    assert any(due(zone, now, at) for zone in zones)
