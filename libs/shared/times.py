"""Instants as documents keep them: whole milliseconds since 1970 in UTC, exact and sortable."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970, rounded down; `instant` has an offset.  Before 1970 it is negative."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The instant in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND
