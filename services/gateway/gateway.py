"""What every request of this process shares."""

from dataclasses import dataclass, field

from services.gateway.admission import Admission
from services.gateway.deadline import TimedBus
from services.gateway.drain import Drain
from services.gateway.execution import Engine
from services.gateway.feed import Feed
from services.gateway.origins import Origins
from services.gateway.principals import Principals
from services.gateway.rates import Rates
from services.gateway.trusted import Trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The schema, the way to the services, who may use them, and how much at once.

    `trusted` are the registered documents; `origins` are those of web pages that may ask beside our own; a query or
    mutation has `operation_seconds`.
    """

    engine: Engine
    bus: TimedBus
    principals: Principals
    identity_key: bytes
    feed: Feed
    rates: Rates
    origins: Origins
    trusted: Trusted = field(default_factory=Trusted)
    operation_seconds: float = 10.0
    admission: Admission = field(default_factory=Admission)
    drain: Drain = field(default_factory=Drain)
