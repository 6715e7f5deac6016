"""What every request of this process shares."""

from dataclasses import dataclass

from services.gateway.context import Bus
from services.gateway.execution import Engine
from services.gateway.feed import Feed
from services.gateway.principals import Principals
from services.gateway.rates import Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The schema, the way to the services, who may use them, and how much."""

    engine: Engine
    bus: Bus
    principals: Principals
    identity_key: bytes
    feed: Feed
    rates: Rates
