"""When digests are due: at eight in the morning where the member lives, daily, and on Mondays weekly.  Pure.

Days are those of the member's calendar, so a day of 23 or 25 hours, when clocks change, has one digest as any other.
Clocks are changed at night; were they at eight, the first of two moments would count, and the one after a gap.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

#: When digests come.
AT: Final = time(8)
_MONDAY: Final = 0


class Period(StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Digest(NamedTuple):
    """A digest that is due: what happened in (`after`, `until`], on a day of the zone's calendar."""

    period: Period
    day: date
    after: datetime
    until: datetime


def due(zone: str, since: datetime, now: datetime) -> list[Digest]:
    """The digests that came due in (`since`, `now`], at most one of each period: who was away gets one for all.

    Each begins where the last one ended that was due until `since`.
    """
    found = []
    for period in Period:
        until, before = _last(zone, now, period), _last(zone, since, period)
        if until > before:
            found.append(Digest(period, until.astimezone(ZoneInfo(zone)).date(), before, until))
    return found


def next_due(zones: Iterable[str], now: datetime) -> datetime:
    """The first moment after `now` when a digest is due in one of these zones (at least one)."""
    return min(_after(zone, now) for zone in zones)


def _last(zone: str, now: datetime, period: Period) -> datetime:
    """The last moment until `now` when a digest of the period was due."""
    day = now.astimezone(ZoneInfo(zone)).date()
    if period is Period.WEEKLY:
        day -= timedelta(days=(day.weekday() - _MONDAY) % 7)
    step = timedelta(days=7 if period is Period.WEEKLY else 1)
    at = _moment(zone, day)
    return at if at <= now else _moment(zone, day - step)


def _after(zone: str, now: datetime) -> datetime:
    day = now.astimezone(ZoneInfo(zone)).date()
    at = _moment(zone, day)
    return at if at > now else _moment(zone, day + timedelta(days=1))


def _moment(zone: str, day: date) -> datetime:
    return datetime.combine(day, AT, ZoneInfo(zone)).astimezone(UTC)
