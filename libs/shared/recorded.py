"""What a projection reads: one event with everything the log knows about it.  Pure."""

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

from libs.shared.domain import BrandId, Event

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Recorded(Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event as stored.  `time` is when it happened, `recorded_at` when the stream took it (an import differs)."""

    event: E_co
    id: str
    brand: BrandId
    aggregate: str
    aggregate_id: str
    actor: str
    time: datetime
    recorded_at: datetime
    causation_id: str
    correlation_id: str
    stream: str
    sequence: int
    index: int = 0
