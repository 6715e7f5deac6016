"""How much a sender and a brand may ask for: buckets of cost units, held to by all gateways together.

Every gateway fills and empties the buckets in its own memory, so no request waits for the network, and tells the others
a few times a second what was spent.  What others spent becomes debt when the bucket is empty: a burst at several
gateways at the same time is paid back before anything more is admitted.
"""

import asyncio
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from cachetools import LRUCache
from msgspec import Struct
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from libs.shared.domain import DomainError
from libs.shared.ids import uuid7
from libs.shared.logs import logger
from services.gateway.security import Principal

#: The time over which quotas are given, and in which an empty bucket is full again.
WINDOW_SECONDS: Final = 60
#: How often gateways tell each other what was spent.
EXCHANGE_SECONDS: Final = 0.25
#: What credentials that prove nothing cost their sender's address, and a document that cannot run its sender.
REFUSED_COST: Final = 50

_SUBJECT: Final = "rates.spent"
#: Buckets of one process; the one that was not used for longest is forgotten, and so full again.
_MAX_BUCKETS: Final = 100_000
_MAX_ADDRESSES: Final = 10_000
_MAX_TOLD: Final = 5_000
_SOON_SECONDS: Final = 1

log = logger(__name__)


class Quota(Struct, frozen=True):
    """A policy: `units` of cost in `WINDOW_SECONDS`, as many at once; 0 is without limit."""

    name: str
    units: int


class RateLimited(DomainError):
    """The quota is spent; `retry_after_seconds` says when there is enough for the same request.

    `headers` are those of the response when the whole request is refused.
    """

    def __init__(self, quota: Quota, retry_after_seconds: int, headers: dict[str, str]) -> None:
        super().__init__("RATE_LIMITED", f"the quota of {quota.units} cost units a minute ({quota.name}) is spent")
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers


class _Bucket:
    __slots__ = ("at", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class _Spent(Struct, frozen=True):
    sender: str
    units: dict[str, float]


class Rates:
    """The buckets of one gateway.  `timer` is monotonic, in seconds; addresses are hashed with `secret`."""

    def __init__(
        self,
        *,
        principal: int = 0,
        anonymous: int = 0,
        brand: int = 0,
        secret: bytes,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quotas = {
            "principal": Quota("principal", principal),
            "anonymous": Quota("anonymous", anonymous),
            "brand": Quota("brand", brand),
        }
        self._secret = secret
        self._timer = timer
        self._buckets: LRUCache[str, _Bucket] = LRUCache(_MAX_BUCKETS)
        self._addresses: LRUCache[str, str] = LRUCache(_MAX_ADDRESSES)
        self._spent: dict[str, float] = {}
        self.sender = uuid7()

    def of(self, principal: Principal | None, address: str) -> "Allowance":
        """What one operation of a sender draws on; an unknown sender is known by its address (IPv6: its /64)."""
        if principal is None:
            key = self._addresses.get(address)
            if key is None:
                digest = hmac.digest(self._secret, _network(address).encode(), "sha256").hex()[:32]
                key = self._addresses[address] = f"a:{digest}"
            return Allowance(self, self._quotas["anonymous"], key)
        allowance = Allowance(self, self._quotas["principal"], f"p:{principal.identity}")
        if principal.brand is not None:
            allowance.join(principal.brand)
        return allowance

    def brand(self, brand: str) -> tuple[Quota, str]:
        """The quota and bucket of a brand."""
        return self._quotas["brand"], f"b:{brand}"

    def level(self, quota: Quota, key: str) -> float:
        """What a bucket holds now; below zero is debt."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return float(quota.units)
        now = self._timer()
        gained = (now - bucket.at) * quota.units / WINDOW_SECONDS
        bucket.level, bucket.at = min(bucket.level + gained, quota.units), now
        return bucket.level

    def spend(self, quota: Quota, key: str, cost: float) -> None:
        """Take from a bucket, and let the others know."""
        self._take(quota, key, cost)
        self._spent[key] = self._spent.get(key, 0.0) + cost

    def told(self, units: Mapping[str, float]) -> None:
        """Take what another gateway spent."""
        for key, cost in units.items():
            quota = self._quotas[{"a": "anonymous", "p": "principal", "b": "brand"}.get(key[:1], "principal")]
            self._take(quota, key, cost)

    def untold(self) -> Iterable[dict[str, float]]:
        """What was spent here since this was last asked, in messages of a bounded size."""
        spent, self._spent = self._spent, {}
        items = list(spent.items())
        return [dict(items[start : start + _MAX_TOLD]) for start in range(0, len(items), _MAX_TOLD)]

    def _take(self, quota: Quota, key: str, cost: float) -> None:
        level = self.level(quota, key) - cost
        self._buckets[key] = _Bucket(level, self._timer())


class Allowance:
    """What one operation draws on: the bucket of its sender, and those of the brands that it reaches into."""

    def __init__(self, rates: Rates, quota: Quota, key: str) -> None:
        self._rates = rates
        self._drawn: dict[str, Quota] = {key: quota} if quota.units else {}
        self._cost: float | None = None

    def check(self) -> None:
        """Raise `RateLimited` when nothing is left, before anything is spent on reading the request."""
        self._refuse(self._drawn.items(), 1)

    def spend(self, cost: int) -> None:
        """Take the cost of the operation; raises `RateLimited`, and then nothing is taken."""
        self._refuse(self._drawn.items(), cost)
        for key, quota in self._drawn.items():
            self._rates.spend(quota, key, cost)
        self._cost = cost

    def fail(self) -> None:
        """Take what a request costs that proved nothing or could not run, whatever is left."""
        for key, quota in self._drawn.items():
            self._rates.spend(quota, key, REFUSED_COST)

    def join(self, brand: str) -> None:
        """Draw on a brand's bucket too; raises `RateLimited` when the operation runs and too little is left."""
        quota, key = self._rates.brand(brand)
        if not quota.units or key in self._drawn:
            return
        if self._cost is not None:
            self._refuse([(key, quota)], self._cost)
            self._rates.spend(quota, key, self._cost)
        self._drawn[key] = quota

    def headers(self, retry_after_seconds: int | None = None) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11); units are units of cost.

        Of the window only is said that so much is left for it: what a bucket gains meanwhile comes on top.
        """
        if not self._drawn:
            return {}
        policies, limits = [], []
        for key, quota in self._drawn.items():
            left = max(0, math.floor(self._rates.level(quota, key)))
            policies.append(f'"{quota.name}";q={quota.units};w={WINDOW_SECONDS}')
            limits.append(f'"{quota.name}";r={left};t={retry_after_seconds or WINDOW_SECONDS}')
        found = {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(limits)}
        return found if retry_after_seconds is None else {**found, "Retry-After": str(retry_after_seconds)}

    def _refuse(self, drawn: Iterable[tuple[str, Quota]], cost: float) -> None:
        for key, quota in drawn:
            # What costs more than a full bucket is admitted at a full one, and the rest is debt.
            missing = min(cost, quota.units) - self._rates.level(quota, key)
            if missing > 0:
                seconds = max(_SOON_SECONDS, math.ceil(missing * WINDOW_SECONDS / quota.units))
                raise RateLimited(quota, seconds, self.headers(seconds))


async def exchange(nats: Nats, rates: Rates) -> None:
    """Tell the other gateways what was spent here, and hear from them, for as long as the process runs.

    Without NATS every gateway goes on with its own buckets, and tells what it can when NATS is back.
    """

    async def hear(message: Msg) -> None:
        try:
            spent = msgspec.json.decode(message.data, type=_Spent)
        except msgspec.DecodeError:
            log.warning("spending_not_understood")
            return
        if spent.sender != rates.sender:
            rates.told(spent.units)

    hearing = False
    while True:
        try:
            if nats.is_connected and not hearing:
                await nats.subscribe(_SUBJECT, cb=hear)
                hearing = True
            await asyncio.sleep(EXCHANGE_SECONDS)
            for units in rates.untold() if nats.is_connected else ():
                await nats.publish(_SUBJECT, msgspec.json.encode(_Spent(rates.sender, units)))
        except (NatsError, OSError) as error:
            log.info("spending_not_exchanged", reason=repr(error))
            await asyncio.sleep(EXCHANGE_SECONDS)


def _network(address: str) -> str:
    """The address, of an IPv6 address its /64: that is what one subscriber has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
