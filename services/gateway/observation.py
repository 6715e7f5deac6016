"""What is told of operations: a span, measurements of bounded cardinality, and a line for each that was slow.

Names come from clients, so only known ones become attributes of measurements; all others are `other`.  Variables are
never told.
"""

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar

from opentelemetry.metrics import Meter
from opentelemetry.trace import SpanKind

from libs.shared import telemetry
from libs.shared.domain import Accepted, DomainError
from libs.shared.logs import logger

T = TypeVar("T")

#: What operations are called that are not known by name.
OTHER: Final = "other"
#: What stands for a code where there was no error.
OK: Final = "OK"

#: Codes are ours, so there are few; should a service invent them, the rest are `OTHER_CODE`.
_MAX_CODES: Final = 200
_MAX_SUBJECTS: Final = 20

log = logger(__name__)


class Call(NamedTuple):
    """One request to a service: `members.brand_by_slug`, how long it took and how it ended."""

    subject: str
    seconds: float
    code: str


_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


class ObservedBus:
    """A way to the services that notes for the running operation how long each of its requests took."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    async def command(
        self, service: str, aggregate: str, name: str, payload: Mapping[str, Any], **options: Any
    ) -> Accepted:
        """Send a command; raises `DomainError`."""
        with _noted(f"{service}.{aggregate}.{name}"):
            accepted: Accepted = await self._bus.command(service, aggregate, name, payload, **options)
            return accepted

    async def query(self, service: str, name: str, payload: Mapping[str, Any], reply: type[T], **options: Any) -> T:
        """Ask a query; raises `DomainError`."""
        with _noted(f"{service}.{name}"):
            answer: T = await self._bus.query(service, name, payload, reply, **options)
            return answer


class Observed:
    """The operation under observation; `codes` are those of its errors."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def answered(self, errors: Iterable[Mapping[str, Any]]) -> None:
        """Note the errors of the response."""
        self.codes = [str(error.get("extensions", {}).get("code", OTHER)) for error in errors]


class Observer:
    """Tells of operations.  `known` are the names that measurements may carry; 0 `slow_seconds` logs none as slow."""

    def __init__(self, known: Collection[str] = (), slow_seconds: float = 0.0, meter: Meter | None = None) -> None:
        self._known = set(known)
        self._slow_seconds = slow_seconds
        self._codes: set[str] = set()
        instruments = meter or telemetry.meter()
        self._duration = instruments.create_histogram(
            "archipel.graphql.duration",
            unit="s",
            description="How long queries and mutations took, by their first code.",
        )
        self._errors = instruments.create_counter(
            "archipel.graphql.errors", description="Errors in responses, by code."
        )
        self._refused = instruments.create_counter(
            "archipel.graphql.refused", description="Requests of which nothing was executed, by code."
        )
        self._in_flight = instruments.create_up_down_counter(
            "archipel.graphql.in_flight", description="Operations that are running, by kind."
        )

    def know(self, names: Iterable[str]) -> None:
        """Let measurements carry these names too."""
        self._known.update(names)

    @contextmanager
    def operation(
        self, kind: str, name: str, document: str, cost: int, parent: str | None = None
    ) -> Iterator[Observed]:
        """Run a query or mutation as one span and measure it."""
        observed, calls = Observed(), list[Call]()
        token = _calls.set(calls)
        attributes: dict[str, str | int] = {"graphql.operation.name": name, "archipel.cost": cost}
        began = time.perf_counter()
        self._in_flight.add(1, {"kind": kind})
        try:
            with telemetry.span(f"graphql.{kind}", parent=parent, kind=SpanKind.SERVER, attributes=attributes):
                yield observed
                if observed.codes:
                    telemetry.annotate("archipel.errors", len(observed.codes))
        except BaseException as error:
            observed.codes = [error.code if isinstance(error, DomainError) else type(error).__name__]
            raise
        finally:
            _calls.reset(token)
            self._in_flight.add(-1, {"kind": kind})
            self._measure(kind, name, time.perf_counter() - began, observed.codes)
            if 0 < self._slow_seconds <= time.perf_counter() - began:
                log.warning(
                    "slow_operation",
                    kind=kind,
                    operation=self._label(name),
                    document=hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest(),
                    cost=cost,
                    duration_ms=round((time.perf_counter() - began) * 1000),
                    calls=_summary(calls),
                )

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Run a subscription: it is only counted while it lasts."""
        self._in_flight.add(1, {"kind": "subscription"})
        try:
            yield
        finally:
            self._in_flight.add(-1, {"kind": "subscription"})

    def refused(self, code: str) -> None:
        """Count a request of which nothing was executed: it was malformed, limited, shed or not proven."""
        self._refused.add(1, {"code": self._bounded(code)})

    def _measure(self, kind: str, name: str, seconds: float, codes: list[str]) -> None:
        first = self._bounded(codes[0]) if codes else OK
        self._duration.record(seconds, {"operation": self._label(name), "kind": kind, "code": first})
        for code in codes:
            self._errors.add(1, {"code": self._bounded(code)})

    def _label(self, name: str) -> str:
        return name if name in self._known else OTHER

    def _bounded(self, code: str) -> str:
        if code not in self._codes:
            if len(self._codes) >= _MAX_CODES:
                return "OTHER_CODE"
            self._codes.add(code)
        return code


@contextmanager
def _noted(subject: str) -> Iterator[None]:
    calls = _calls.get()
    if calls is None:
        yield
        return
    began = time.perf_counter()
    code = OK
    try:
        yield
    except DomainError as error:
        code = error.code
        raise
    except BaseException as error:
        code = type(error).__name__
        raise
    finally:
        calls.append(Call(subject, time.perf_counter() - began, code))


def _summary(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """The requests by subject, those that took longest first."""
    found: dict[str, dict[str, Any]] = {}
    for call in calls:
        entry = found.setdefault(call.subject, {"subject": call.subject, "count": 0, "slowest_ms": 0.0, "codes": []})
        entry["count"] += 1
        entry["slowest_ms"] = max(entry["slowest_ms"], round(call.seconds * 1000, 1))
        if call.code not in entry["codes"]:
            entry["codes"].append(call.code)
    return sorted(found.values(), key=lambda entry: -entry["slowest_ms"])[:_MAX_SUBJECTS]
